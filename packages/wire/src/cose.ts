/**
 * Messages with one signature that leave the ledger and are read by others: COSE_Sign1 of RFC 9052, EdDSA.
 *
 * Ours have one byte string each: tag 18, deterministic CBOR, nothing in the unprotected header, the payload inside. So a
 * digest of the message names it, and nobody can change a byte that the signature does not cover.
 */
import { concatBytes } from './bytes.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import type { Decoded } from './codec.ts';
import { signatureBytes } from './cryptography.ts';

export interface Sign1 {
  /** Encoded, as the signature covers it. */
  readonly protectedHeader: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Tag 18 in its shortest head. */
const tag = Uint8Array.of(0xd2);

/** What the signature covers: the Sig_structure of RFC 9052, section 4.4, without external data. */
export function sign1Structure({ protectedHeader, payload }: Omit<Sign1, 'signature'>): Uint8Array {
  return encodeCbor(['Signature1', protectedHeader, new Uint8Array(0), payload]);
}

export function encodeSign1({ protectedHeader, payload, signature }: Sign1): Uint8Array {
  return concatBytes(tag, encodeCbor([protectedHeader, {}, payload, signature]));
}

/** The message whose one encoding these bytes are, or why there is none. Never throws; byte strings in it are views. */
export function decodeCanonicalSign1(bytes: Uint8Array, bytesMax: number): Decoded<Sign1> {
  if (bytes[0] !== tag[0]) return { ok: false, reason: 'not tagged as a message with one signature' };
  const decoded = decodeCbor(bytes.subarray(1), { bytesMax });
  if (!decoded.ok) return decoded;
  const message = decoded.value;
  if (!Array.isArray(message) || message.length !== 4) return { ok: false, reason: 'not a message with one signature' };
  const [protectedHeader, unprotected, payload, signature] = message as unknown[];
  if (!(protectedHeader instanceof Uint8Array)) return { ok: false, reason: 'the protected header is no byte string' };
  const empty = typeof unprotected === 'object' && unprotected !== null && Object.keys(unprotected).length === 0;
  if (!empty || Array.isArray(unprotected) || unprotected instanceof Uint8Array || unprotected instanceof Map) {
    return { ok: false, reason: 'the unprotected header is not an empty map' };
  }
  if (!(payload instanceof Uint8Array)) return { ok: false, reason: 'the payload is not inside' };
  if (!(signature instanceof Uint8Array) || signature.length !== signatureBytes) {
    return { ok: false, reason: `the signature has not ${signatureBytes} bytes` };
  }
  return { ok: true, value: { protectedHeader, payload, signature } };
}
