/**
 * The form in which private keys are kept.
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
