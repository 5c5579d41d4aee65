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

/** A SHA-256 digest: 32 bytes. */
export type Digest = Uint8Array;

export const digestBytes = 32;
/** Of Ed25519. */
export const publicKeyBytes = 32;
export const signatureBytes = 64;

export interface Cryptography {
  /** SHA-256 of `bytes`. */
  hash(bytes: Uint8Array): Digest;
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

/** Signs with one private key that it never shows. */
export interface Signer {
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}
