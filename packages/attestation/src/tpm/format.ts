/**
 * Evidence of a TPM in a bundle: one quote, with what it is a digest of.
 */
import { type CborValue, concatBytes, decodeCbor, type Decoded, encodeCbor } from '@coppice/wire';
import type { X509Cryptography } from '../signatures.ts';
import type { NamedHash } from './reader.ts';

export const tpmEvidenceType = 'application/vnd.coppice.tpm2+cbor';
/** SubjectPublicKeyInfo of an attestation key that nothing vouches for. */
export const publicKeyType = 'application/vnd.coppice.public-key';
export const eventLogType = 'application/vnd.coppice.tcg-event-log';

/** The register that the launcher extends with the launch data, before the instance runs. */
export const launchRegister = 8;

export interface TpmEvidence {
  /** TPMS_ATTEST, as the TPM gives it, without its length. */
  readonly quote: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
  /** Values of the quoted registers, one after the other, in the order of the quote. */
  readonly registers: Uint8Array;
  /** The launch digest that register 8 was extended with; `undefined` where evidence is not of an instance. */
  readonly launch: Uint8Array | undefined;
}

/** The bytes of the evidence's message. */
export function encodeTpmEvidence({ quote, signature, registers, launch }: TpmEvidence): Uint8Array {
  return encodeCbor({ quote, signature, registers, ...(launch === undefined ? {} : { launch }) });
}

/** The evidence whose encoding is exactly `bytes`, or why there is none. Its byte strings are views. */
export function decodeTpmEvidence(bytes: Uint8Array): Decoded<TpmEvidence> {
  const decoded = decodeCbor(bytes);
  return decoded.ok ? tpmEvidenceOf(decoded.value) : decoded;
}

/** The evidence that a decoded value is. */
export function tpmEvidenceOf(value: CborValue): Decoded<TpmEvidence> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Map)
    return { ok: false, reason: 'not evidence of a TPM' };
  const { quote, signature, registers, launch, ...others } = value as Readonly<Record<string, CborValue>>;
  if (
    !(quote instanceof Uint8Array) ||
    !(signature instanceof Uint8Array) ||
    !(registers instanceof Uint8Array) ||
    !(launch === undefined || (launch instanceof Uint8Array && launch.length === 32)) ||
    Object.keys(others).length > 0
  )
    return { ok: false, reason: 'not evidence of a TPM' };
  return { ok: true, value: { quote, signature, registers, launch } };
}

/** The value of the launch register after `TPM2_PCR_Event` with the launch digest, and nothing else. */
export function launchedRegister(launch: Uint8Array, hash: NamedHash, x509: X509Cryptography): Uint8Array {
  return x509.hash(hash.name, concatBytes(new Uint8Array(hash.bytes), x509.hash(hash.name, launch)));
}
