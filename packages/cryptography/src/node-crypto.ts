/**
 * Verifying by `node:crypto`: OpenSSL in Node, BoringSSL in Bun, and what Deno has.
 *
 * All of them compute [S]B − [k]A and compare its encoding with R, as the rule asks, and differ in what they look at before. So everything
 * before is looked at here, in bytes: the rule's points 1 to 3 (spec/encoding.md). Nothing is signed by it: it leaves copies of private
 * keys in memory that it has freed (docs/decisions/0007-two-kinds-of-cryptography.md).
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { publicKeyBytes, sameBytes, signatureBytes, toLatin1 } from '@coppice/wire';
import { ed25519 as curve } from '@noble/curves/ed25519.js';
import type { Verifier } from './verifier.ts';

/** DER of an Ed25519 SubjectPublicKeyInfo, up to the key (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** p = 2^255 − 19 and L, the order of B's subgroup, in little-endian bytes. */
const fieldPrime = Buffer.from('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'hex');
const groupOrder = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex');
/** y of the points of small order. */
const smallOrder = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => Buffer.from(hex, 'hex'));

/** Of integers in 32 little-endian bytes. */
function less(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return false;
}

/** Point 2: the integer y, without the sign of x, is less than p and none of the five. */
function acceptable(encoding: Uint8Array): boolean {
  // Not `slice`: that of a Buffer is the same bytes.
  const y = new Uint8Array(encoding);
  y[31]! &= 0x7f;
  return less(y, fieldPrime) && !smallOrder.some((one) => sameBytes(one, y));
}

/** Public keys that are remembered: members, clients and seats sign again and again. */
const keysMax = 4096;
const keys = new Map<string, KeyObject>();

function keyOf(publicKey: Uint8Array): KeyObject {
  const id = toLatin1(publicKey);
  let key = keys.get(id);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
    if (keys.size >= keysMax) keys.delete(keys.keys().next().value!);
    keys.set(id, key);
  }
  return key;
}

export const nodeCrypto: Verifier = {
  verify(publicKey, message, signature) {
    if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
    const [commitment, scalar] = [signature.subarray(0, 32), signature.subarray(32)];
    if (!acceptable(publicKey) || !acceptable(commitment) || !less(scalar, groupOrder)) return false;
    try {
      return verify(null, message, keyOf(publicKey), signature);
    } catch {
      // Some refuse what is no point when it is imported.
      return false;
    }
  },

  validPublicKey(publicKey) {
    if (publicKey.length !== publicKeyBytes || !acceptable(publicKey)) return false;
    try {
      return curve.Point.fromBytes(publicKey).isTorsionFree();
    } catch {
      return false;
    }
  },
};
