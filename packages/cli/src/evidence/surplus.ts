/**
 * What files brought, and no bundle of the evidence reads: a revocation list that nobody looked at must not look like one that was.
 *
 * Certificates are left out of it, since makers hand out more of them than a chain needs; but for Nitro, whose documents bring their own.
 */
import type { EvidenceBundle } from '@coppice/attestation';
import type { Parts, Pool } from './pool.ts';

type Several = 'firmware' | 'tcbInfos' | 'enclaveIdentities' | 'lists';

const tpm = ['quote', 'signature', 'registers', 'key', 'nonce'] as const;
const intel = ['tcbInfos', 'enclaveIdentities', 'lists'] as const;

/** What evidence of a platform may consist of, and be endorsed by. */
const readBy: Readonly<Record<string, readonly (keyof Parts | Several)[]>> = {
  'sev-snp': ['report', 'check', 'lists', 'firmware'],
  sgx: ['report', ...intel],
  tdx: ['report', 'eventLog', ...intel],
  nitro: ['report'],
  'azure-snp': ['hostReport', ...tpm, 'lists', 'firmware'],
  'azure-tdx': ['hostReport', 'report', 'eventLog', ...tpm, ...intel],
  tpm2: [...tpm, 'eventLog', 'lists'],
};

const names: Readonly<Record<keyof Parts | Several, string>> = {
  report: 'a report or quote of hardware',
  hostReport: 'a host report',
  quote: 'the quote of a TPM',
  signature: 'the signature of a TPM',
  registers: 'registers of a TPM',
  key: 'a public key',
  nonce: 'a nonce',
  eventLog: 'an event log',
  check: 'a signed statement',
  firmware: 'an endorsement of firmware',
  tcbInfos: 'TCB info',
  enclaveIdentities: 'the identity of a quoting enclave',
  lists: 'a revocation list',
};

/** What evidence of the platform has no use for; `undefined` if nothing. */
export function surplusKind(pool: Pool, platform: string): string | undefined {
  const { parts, ...several } = pool;
  const there = (Object.keys(names) as (keyof typeof names)[]).filter(
    (name) => parts[name as keyof Parts] !== undefined || (several[name as Several]?.length ?? 0) > 0,
  );
  const unread = there.find((name) => readBy[platform]?.includes(name) !== true);
  return unread === undefined ? undefined : `${names[unread]} beside evidence of ${platform}`;
}

export function twiceIn({ twice }: Pool): string | undefined {
  return twice === undefined ? undefined : `${names[twice]}, and there is one already`;
}

/** What could have been read, and is of somebody else; `undefined` if nothing. */
export function surplusOne(pool: Pool, bundles: readonly EvidenceBundle[]): string | undefined {
  const among = (bytes: Uint8Array): boolean =>
    bundles.some(({ endorsements }) => endorsements.some((one) => Buffer.compare(one.bytes, bytes) === 0));
  if (pool.lists.some((list) => !among(list))) return 'a revocation list of nobody in the chain';
  const { key, report } = pool.parts;
  if (key !== undefined && bundles[0]?.platform === 'tpm2' && !among(key)) return 'a public key beside certificates';
  if (report?.platform !== 'nitro') return undefined;
  const document = Buffer.from(report.bytes);
  const own = (bytes: Uint8Array): boolean => document.includes(bytes) || among(bytes);
  return pool.certificates.every(own) ? undefined : 'a certificate that the document does not name';
}
