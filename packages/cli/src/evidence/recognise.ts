/**
 * Files of evidence and endorsements, in the forms in which hardware, clouds and makers hand them out. What a file is,
 * its content says; names count for nothing.
 */
import {
  decodeBundle,
  decodeCertificate,
  decodeCertificateTable,
  decodeEventLog,
  decodeFirmwareEndorsement,
  decodeHostReport,
  decodePem,
  decodeRevocationList,
  type EvidenceBundle,
  type EvidenceFault,
  readRuntimeClaims,
} from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { decodeCbor, fromHex, sameBytes } from '@coppice/wire';
import { bundlesOf } from './bundles.ts';
import { addCollateral } from './collateral-files.ts';
import { bytesOf, emptyPool, type EvidenceFile, type Fields, fieldsOf, jsonOf, type Pool, setPart } from './pool.ts';
import { addDocument } from './documents.ts';
import { addReport } from './reports.ts';
import { addStatement, type Mismatch } from './statements.ts';
import { surplusKind, surplusOne, twiceIn } from './surplus.ts';
import { addToQuote, addTpmFile } from './tpm-files.ts';

/** Bundles that may be meant, best first; or why the files are none. */
export type Recognised =
  | {
      readonly ok: true;
      readonly bundles: readonly EvidenceBundle[];
      /** Why verified evidence, by its report data, is not that of what it came with. */
      readonly check: (reportData: Uint8Array) => Mismatch | undefined;
    }
  | { readonly ok: false; readonly platform: string | null; readonly reason: EvidenceFault; readonly detail: string };

/** The bundles that a file of evidence makes with files of endorsements. */
export function recognise(evidence: EvidenceFile, endorsements: readonly EvidenceFile[]): Recognised {
  const refused = (platform: string | null, reason: EvidenceFault, detail: string): Recognised => ({
    ok: false,
    platform,
    reason,
    detail,
  });
  const bundle = decodeBundle(evidence.bytes);
  if (bundle.ok) {
    if (endorsements.length === 0) return { ok: true, bundles: [bundle.value], check: () => undefined };
    const detail = `${endorsements[0]!.name}: ${evidence.name} is a bundle, which brings its endorsements`;
    return refused(bundle.value.platform, 'endorsement-surplus', detail);
  }
  const pool = emptyPool();
  const known = addFile(documentIn(evidence.bytes) ?? evidence.bytes, pool);
  if (!known || !hasEvidence(pool))
    return refused(null, 'unknown-platform', `${evidence.name}: no evidence that is known`);
  const ambiguous = twiceIn(pool);
  if (ambiguous !== undefined) return refused(null, 'malformed', `${evidence.name}: ${ambiguous}`);
  const added = addEndorsements(evidence, endorsements, pool);
  const bundles = bundlesOf(pool);
  const platform = bundles[0]!.platform;
  if (added !== undefined) return refused(platform, ...added);
  const surplus = surplusKind(pool, platform);
  if (surplus !== undefined) return refused(platform, 'endorsement-surplus', surplus);
  return { ok: true, bundles, check: (reportData) => mismatchOf(pool, bundles, reportData) };
}

/** What a file holds that is no evidence, or not all of it; `undefined` if it is of no known kind. */
export function poolOf({ bytes }: EvidenceFile): Pool | undefined {
  const pool = emptyPool();
  return addFile(bytes, pool) ? pool : undefined;
}

/** Adds to the evidence what it lacks; why something is not that, if it is not. */
function addEndorsements(
  evidence: EvidenceFile,
  endorsements: readonly EvidenceFile[],
  pool: Pool,
): readonly [reason: EvidenceFault, detail: string] | undefined {
  const given = [evidence, ...endorsements];
  const distinct = endorsements.filter(
    ({ bytes }, i) => given.findIndex((other) => Buffer.compare(other.bytes, bytes) === 0) === i + 1,
  );
  // What only other files give a meaning comes last.
  const later: EvidenceFile[] = [];
  for (const one of distinct) {
    if (!addFile(one.bytes, pool)) later.push(one);
    const twice = twiceIn(pool);
    if (twice !== undefined) return ['endorsement-surplus', `${one.name}: ${twice}`];
  }
  for (const { bytes, name } of later) {
    if (!addToQuote(bytes, pool)) return ['malformed', `${name}: no endorsements that are known`];
    const twice = twiceIn(pool);
    if (twice !== undefined) return ['endorsement-surplus', `${name}: ${twice}`];
  }
  return undefined;
}

function mismatchOf(pool: Pool, bundles: readonly EvidenceBundle[], reportData: Uint8Array): Mismatch | undefined {
  const surplus = surplusOne(pool, bundles);
  if (surplus !== undefined) return { reason: 'endorsement-surplus', detail: surplus };
  const { check, hostReport, key, nonce } = pool.parts;
  if (hostReport !== undefined && key !== undefined && !namesKey(hostReport, key))
    return { reason: 'evidence-mismatch', detail: "the key is not that of the paravisor's claims" };
  if (nonce !== undefined && !sameBytes(nonce, reportData))
    return { reason: 'evidence-mismatch', detail: 'the quote is for another nonce' };
  return check?.(reportData);
}

function namesKey(hostReport: Uint8Array, key: Uint8Array): boolean {
  const host = decodeHostReport(hostReport);
  const claims = host.ok ? readRuntimeClaims(host.value.claims) : undefined;
  return claims?.ok === true && sameBytes(claims.value.attestationKey, key);
}

/** A document of a Nitro enclave in the names of a certificate, in hexadecimal, as enclaves prove their TLS keys. */
function documentIn(file: Uint8Array): Uint8Array | undefined {
  const pem = decodePem(Buffer.from(file).toString('latin1'));
  const bytes = pem.ok ? pem.value[0]!.bytes : file;
  if (!decodeCertificate(bytes, criticalExtensions).ok) return undefined;
  const [hex] = /8444a1013822a0([0-9a-f]{2})+/.exec(Buffer.from(bytes).toString('latin1')) ?? [];
  return hex === undefined ? undefined : fromHex(hex);
}

function hasEvidence({ parts }: Pool): boolean {
  return parts.report !== undefined || parts.hostReport !== undefined || parts.quote !== undefined;
}

/** What is less is a word, or a number. */
const encodedBytesMin = 48;

/** Whether the bytes, or what they are the hexadecimal or base64 of, are of a known kind; what they hold is then in the pool. */
function addFile(bytes: Uint8Array, pool: Pool): boolean {
  if (addBytes(bytes, pool)) return true;
  const text = bytesOf(Buffer.from(bytes).toString('latin1').trim().replace(/^0x/, ''));
  return text !== undefined && text.length >= encodedBytesMin && addBytes(text, pool);
}

function addBytes(bytes: Uint8Array, pool: Pool): boolean {
  if (addReport(bytes, pool) || addStatement(bytes, pool)) return true;
  if (decodeFirmwareEndorsement(bytes, nodeCryptography).ok) return pool.firmware.push(bytes) > 0;
  if (decodeCertificate(bytes, criticalExtensions).ok) return pool.certificates.push(bytes) > 0;
  if (decodeRevocationList(bytes).ok) return pool.lists.push(bytes) > 0;
  const document = jsonOf(bytes) ?? cborOf(bytes);
  if (document !== undefined)
    return addCollateral(Buffer.from(bytes).toString('utf8'), document, pool) || addDocument(document, pool);
  const pem = decodePem(Buffer.from(bytes).toString('latin1'));
  if (pem.ok) {
    for (const { label, bytes: der } of pem.value) (label === 'CERTIFICATE' ? pool.certificates : pool.lists).push(der);
    return true;
  }
  if (addTpmFile(bytes, pool)) return true;
  const table = decodeCertificateTable(bytes);
  if (table.ok) return pool.certificates.push(...table.value) > 0;
  if (decodeEventLog(bytes).ok) {
    setPart(pool, 'eventLog', bytes);
    return true;
  }
  return false;
}

/** A kernel's report in CBOR. */
function cborOf(bytes: Uint8Array): Fields | undefined {
  const decoded = decodeCbor(bytes);
  return decoded.ok && 'outblob' in fieldsOf(decoded.value) ? fieldsOf(decoded.value) : undefined;
}

/** Extended key usage and alternative names of the subject: what certificates of TPMs have, and must be understood. */
export const criticalExtensions = ['2.5.29.37', '2.5.29.17'];
