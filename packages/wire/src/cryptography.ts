/**
 * The cryptography that everything else is given.
 *
 * Pure packages never choose a provider: they take a {@link Cryptography} as an argument. That keeps the trusted
 * primitives in one place, lets a browser, a replica and the simulator each bring their own, and makes it impossible
 * for a pure package to reach a clock or an entropy source through a crypto library.
 *
 * Every provider must accept exactly the same signatures (spec/encoding.md, "Signatures"). Runtimes do not agree on
 * the edge cases of Ed25519, and a signature that only some replicas accept would make certificates untransferable.
 */

/** A digest: 32 bytes, of whichever hash. */
export type Digest = Uint8Array;

export const digestBytes = 32;
/** Of Ed25519. */
export const publicKeyBytes = 32;
export const signatureBytes = 64;

export interface Cryptography {
  /** SHA-256 of `bytes`; of what {@link Cryptography.of} gives, the hash of that version. */
  readonly hash: (bytes: Uint8Array) => Digest;
  /** The same, hashing as what is of this version of the protocol is hashed (spec/algorithms.md); `of(1)`: by SHA-256. */
  of(protocol: number): Cryptography;
  /**
   * Whether `signature` is one of `message` under `publicKey`, by the scheme that the key's length says (scheme.ts): Ed25519
   * (RFC 8032) by the strict rule of spec/encoding.md, or that and ML-DSA. Total: wrong lengths are `false`, never an exception.
   */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * Whether `publicKey` is one: of Ed25519, a canonical encoding of a point of the prime-order subgroup. Slow (about a millisecond):
   * called once per key, when a key is admitted, never per signature.
   */
  validPublicKey(publicKey: Uint8Array): boolean;
}

/** The first version of the protocol that hashes with SHA3-256. */
export const rehashedFrom = 4;

/** Cryptography of all versions, from one that hashes with SHA-256, and a SHA3-256. */
export function ofAllVersions<C extends Omit<Cryptography, 'of'>>(
  first: C,
  sha3: Cryptography['hash'],
): C & Cryptography {
  const of = (protocol: number): C & Cryptography => (protocol < rehashedFrom ? before : after);
  const before = { ...first, of };
  const after = { ...first, hash: sha3, of };
  return before;
}

/** Signs with one private key that it never shows. */
export interface Signer {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}
