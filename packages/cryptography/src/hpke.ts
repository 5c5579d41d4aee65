/**
 * Sealing bytes to the holder of an X25519 key: HPKE (RFC 9180), mode base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 *
 * Of the library `@hpke/core`, over WebCrypto, which all runtimes have. One message a sealing, so its nonce is that of a key
 * which nothing else is encrypted with.
 */
import { generateKeyPairSync, type KeyObject, createPrivateKey, createPublicKey } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { rawPublicKey } from './node.ts';

export const hpkeSuite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

const encapsulatedBytes = 32;
/** What sealing adds: the encapsulated key and the tag. */
export const sealedOverhead = encapsulatedBytes + 16;

/** What a sealing is for: both sides must name the same. */
export interface SealingContext {
  /** The purpose. */
  readonly info: Uint8Array;
  /** What the plaintext belongs to. */
  readonly associated: Uint8Array;
}

/** Encapsulated key ‖ ciphertext. Rejects where `recipient` is not a public key that something can be sealed to. */
export async function sealTo(
  recipient: Uint8Array,
  plaintext: Uint8Array,
  { associated, info }: SealingContext,
): Promise<Uint8Array> {
  const recipientPublicKey = await hpkeSuite.kem.deserializePublicKey(copied(recipient));
  const { ct, enc } = await hpkeSuite.seal(
    { recipientPublicKey, info: copied(info) },
    copied(plaintext),
    copied(associated),
  );
  const sealed = new Uint8Array(enc.byteLength + ct.byteLength);
  sealed.set(new Uint8Array(enc), 0);
  sealed.set(new Uint8Array(ct), enc.byteLength);
  return sealed;
}

/** What was sealed to the holder of this X25519 key; `undefined` where it was not, or is of another context. */
export async function openSealed(
  key: KeyObject,
  sealed: Uint8Array,
  { associated, info }: SealingContext,
): Promise<Uint8Array | undefined> {
  if (sealed.length < sealedOverhead) return undefined;
  const { d, x } = key.export({ format: 'jwk' });
  const { kem } = hpkeSuite;
  const recipientKey = {
    privateKey: await kem.deserializePrivateKey(copied(Buffer.from(d!, 'base64url'))),
    publicKey: await kem.deserializePublicKey(copied(Buffer.from(x!, 'base64url'))),
  };
  try {
    const opened = await hpkeSuite.open(
      { recipientKey, enc: copied(sealed.subarray(0, encapsulatedBytes)), info: copied(info) },
      copied(sealed.subarray(encapsulatedBytes)),
      copied(associated),
    );
    return new Uint8Array(opened);
  } catch {
    return undefined;
  }
}

/** An array of its own: some of the library's functions look at the buffer behind one. */
function copied(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

/** A pair of X25519 keys that exists nowhere else. */
export function newSealingKey(): { readonly publicKey: Uint8Array; readonly privateKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { privateKey, publicKey: rawPublicKey(publicKey) };
}

/** DER of an X25519 PrivateKeyInfo, up to the 32 bytes (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The X25519 key of 32 bytes: for keys that people keep in files. */
export function sealingKeyFromSeed(seed: Uint8Array): {
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
} {
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
  return { privateKey, publicKey: rawPublicKey(createPublicKey(privateKey)) };
}
