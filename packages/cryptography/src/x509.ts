/**
 * The signatures and hashes of hardware makers, on `node:crypto`: what a verifier of real platforms' evidence is given
 * besides. Has the shape of attestation's `X509Cryptography`.
 */
import { constants, createPublicKey, hash as hashOnce, type KeyObject, verify } from 'node:crypto';
import { toLatin1 } from '@coppice/wire';
import { readSpki } from './spki.ts';

/** By the algorithm's name: the kind of key, and bytes of r and s. */
const curves = {
  'ecdsa-p256': { curve: 'p256', bytes: 64 },
  'ecdsa-p384': { curve: 'p384', bytes: 96 },
  'ecdsa-p521': { curve: 'p521', bytes: 132 },
} as const;

const paddings = {
  'rsa-pkcs1': { padding: constants.RSA_PKCS1_PADDING },
  'rsa-pss': { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
  'rsa-pss-any-salt': { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO },
} as const;

/** Makers' authorities are few, and importing an RSA key costs as much as using it. */
const keysMax = 64;
const keys = new Map<string, KeyObject>();

function keyOf(spki: Uint8Array): KeyObject {
  const id = toLatin1(spki);
  let key = keys.get(id);
  if (key === undefined) {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    if (keys.size >= keysMax) keys.delete(keys.keys().next().value!);
    keys.set(id, key);
  }
  return key;
}

type HashName = 'sha256' | 'sha384' | 'sha512';

export const nodeX509Cryptography = {
  verifySignature(
    algorithm: `${keyof typeof curves | keyof typeof paddings}-${HashName}`,
    spki: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean {
    try {
      const [, scheme = '', hash = ''] = /^(.+)-(sha\d+)$/.exec(algorithm) ?? [];
      const found = readSpki(spki);
      const ec = curves[scheme as keyof typeof curves] as (typeof curves)[keyof typeof curves] | undefined;
      if (ec !== undefined) {
        if (found?.kind !== ec.curve || signature.length !== ec.bytes) return false;
        // Not every runtime shortens the curve's longest numbers to the shortest hash.
        if (ec.curve === 'p521' && hash === 'sha256') return false;
        return verify(hash, message, { key: keyOf(spki), dsaEncoding: 'ieee-p1363' }, signature);
      }
      if (found?.kind !== 'rsa' || signature.length !== found.modulusBytes) return false;
      return verify(hash, message, { key: keyOf(spki), ...paddings[scheme as keyof typeof paddings] }, signature);
    } catch {
      return false;
    }
  },

  hash(algorithm: 'sha1' | HashName, bytes: Uint8Array): Uint8Array {
    return new Uint8Array(hashOnce(algorithm, bytes, 'buffer'));
  },
};
