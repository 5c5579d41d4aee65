/**
 * What files say that are no evidence by themselves: endorsements, and parts of a TPM's evidence. One document each.
 */
import {
  decodeFirmwareEndorsement,
  showCertificate,
  showCollateral,
  showEventLog,
  showFirmwareEndorsement,
  type ShownClaims,
  showRevocationList,
} from '@coppice/attestation';
import { nodeCryptography, nodeX509Cryptography } from '@coppice/cryptography';
import { toHex } from '@coppice/wire';
import { distinct, type Pool } from './pool.ts';
import { criticalExtensions } from './recognise.ts';

export function showPool(pool: Pool): readonly ShownClaims[] {
  return itemsOf(pool).map((claims) =>
    typeof claims['validFrom'] === 'number' && typeof claims['validUntil'] === 'number'
      ? { ...claims, validFrom: instant(claims['validFrom']), validUntil: instant(claims['validUntil']) }
      : claims,
  );
}

const instant = (ms: number): string => new Date(ms).toISOString();

function itemsOf(pool: Pool): readonly ShownClaims[] {
  const { certificates, enclaveIdentities, firmware, lists, parts, tcbInfos } = pool;
  const { eventLog, key, registers, signature } = parts;
  const shown = [
    ...distinct(certificates).map(
      (bytes) => showCertificate(bytes, criticalExtensions) ?? unread('certificate', bytes),
    ),
    ...lists.map((bytes) => showRevocationList(bytes) ?? unread('revocation-list', bytes)),
    ...tcbInfos.map((bytes) => showCollateral(bytes) ?? unread('tcb-info', bytes)),
    ...enclaveIdentities.map((bytes) => showCollateral(bytes) ?? unread('enclave-identity', bytes)),
    ...firmware.map(firmwareClaims),
  ];
  if (eventLog !== undefined) shown.push(showEventLog(eventLog, nodeX509Cryptography) ?? unread('event-log', eventLog));
  if (key !== undefined) shown.push({ kind: 'public-key', spki: toHex(key) });
  if (signature !== undefined) shown.push({ kind: 'tpm-signature', bytes: toHex(signature) });
  if (registers?.kind === 'banks') {
    const banks = [...registers.banks].map(([bank, values]) => [
      bank,
      Object.fromEntries([...values].map(([register, value]) => [register, toHex(value)])),
    ]);
    shown.push({ kind: 'tpm-registers', registers: Object.fromEntries(banks) as ShownClaims });
  }
  return shown;
}

/** Of a kind that its beginning shows, and in another form than that has. */
const unread = (kind: string, bytes: Uint8Array): ShownClaims => ({ kind, malformed: true, bytes: bytes.length });

function firmwareClaims(bytes: Uint8Array): ShownClaims {
  const decoded = decodeFirmwareEndorsement(bytes, nodeCryptography);
  return decoded.ok
    ? { kind: 'firmware-endorsement', ...showFirmwareEndorsement(decoded.value) }
    : unread('firmware-endorsement', bytes);
}
