/**
 * What an implementation of Ed25519 gives, and the form of private keys that all of them take.
 */

/** Where the parts of a private key lie: a PrivateKeyInfo in DER (RFC 8410), which ends with the seed, and then the public key. */
export const secretLayout = { seed: 16, publicKey: 48, bytes: 80 } as const;

/** A private key, in bytes that can be overwritten: nobody keeps a copy. */
export type Secret = Uint8Array;

/** DER of an Ed25519 PrivateKeyInfo, up to the seed. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Writes what is the same in all keys. */
export function writeForm(secret: Secret): void {
  secret.set(pkcs8Prefix);
}

/** As `node:crypto` imports it: a view of the same bytes. */
export function privateKeyInfo({ buffer, byteOffset }: Secret): Buffer {
  return Buffer.from(buffer, byteOffset, secretLayout.publicKey);
}

export interface Ed25519 {
  /** Draws a key: writes seed and public key. */
  readonly generate: (secret: Secret) => void;
  /** Writes the public key of the seed that is there. */
  readonly derive: (secret: Secret) => void;
  readonly sign: (secret: Secret, message: Uint8Array) => Uint8Array;
  /** Anything else than 32 and 64 bytes is refused, too. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
  /** Whether this is a point of the prime-order subgroup other than the identity, in its one encoding. */
  readonly validPublicKey: (publicKey: Uint8Array) => boolean;
}
