/**
 * The replica's cryptography: SHA-256 of `node:crypto`, Ed25519 of libsodium ({@link sodium}).
 */
import { createPrivateKey, hash as hashOnce, type KeyObject } from 'node:crypto';
import { type Cryptography, digestBytes, publicKeyBytes, signatureBytes, type Signer, toLatin1 } from '@coppice/wire';
import { sodium } from './sodium.ts';
import { nodeX509Cryptography } from './x509.ts';

const seedBytes = 32;
const secretKeyBytes = 64;
/** DER of an Ed25519 PrivateKeyInfo, up to the seed (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Keys whose validity is remembered: instances bring the same ones to every replica, and again at a retry. */
const keysMax = 4096;
const validKeys = new Map<string, boolean>();

const digestBuffer = Buffer.alloc(digestBytes);

/**
 * SHA-256. By way of a string, since an array that Node makes is allocated outside of the engine's heap: this takes a
 * third of the time, and leaves the garbage collector little to do.
 */
function sha256(bytes: Uint8Array): Uint8Array {
  digestBuffer.write(hashOnce('sha256', bytes, 'latin1'), 'latin1');
  return new Uint8Array(digestBuffer);
}

/** Also has what evidence of hardware is verified with: the shape of attestation's `EvidenceCryptography`. */
export const nodeCryptography: Cryptography & { readonly x509: typeof nodeX509Cryptography } = {
  x509: nodeX509Cryptography,

  hash: sha256,

  verify(publicKey, message, signature) {
    if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
    return sodium.crypto_sign_verify_detached(
      signature.buffer,
      signature.byteOffset,
      signature.length,
      message.buffer,
      message.byteOffset,
      message.length,
      publicKey.buffer,
      publicKey.byteOffset,
      publicKey.length,
    );
  },

  validPublicKey(publicKey) {
    if (publicKey.length !== publicKeyBytes) return false;
    const id = toLatin1(publicKey);
    let valid = validKeys.get(id);
    if (valid === undefined) {
      valid = sodium.crypto_core_ed25519_is_valid_point(publicKey);
      if (validKeys.size >= keysMax) validKeys.delete(validKeys.keys().next().value!);
      validKeys.set(id, valid);
    }
    return valid;
  },
};

/** The raw public key of an Ed25519 or X25519 key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'));
}

/** A signer whose private key this process holds. */
export class KeyedSigner implements Signer {
  readonly publicKey: Uint8Array;
  /** Seed and public key; zeros once it is erased. */
  readonly #secret: Uint8Array;
  #erased = false;

  constructor(publicKey: Uint8Array, secret: Uint8Array) {
    this.publicKey = publicKey;
    this.#secret = secret;
  }

  sign(message: Uint8Array): Uint8Array {
    if (this.#erased) throw new Error('the key is erased');
    const signature = new Uint8Array(signatureBytes);
    sodium.crypto_sign_detached(signature, message, this.#secret);
    return signature;
  }

  /** The private key as the runtime's TLS and files take it: a copy that {@link erase} does not reach. */
  get privateKey(): KeyObject {
    if (this.#erased) throw new Error('the key is erased');
    const key = Buffer.concat([pkcs8Prefix, this.#secret.subarray(0, seedBytes)]);
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  }

  /** Overwrites the private key. It can sign nothing from then on. */
  erase(): void {
    this.#erased = true;
    sodium.sodium_memzero(this.#secret);
  }
}

/** A signer with a key that exists nowhere else. */
export function newSigner(): KeyedSigner {
  const publicKey = new Uint8Array(publicKeyBytes);
  const secret = new Uint8Array(secretKeyBytes);
  sodium.crypto_sign_keypair(publicKey, secret);
  return new KeyedSigner(publicKey, secret);
}

export function signerOf(privateKey: KeyObject): KeyedSigner {
  return signerFromSeed(Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url'));
}

/** A signer of a 32-byte seed: for keys that people keep in files. */
export function signerFromSeed(seed: Uint8Array): KeyedSigner {
  const publicKey = new Uint8Array(publicKeyBytes);
  const secret = new Uint8Array(secretKeyBytes);
  sodium.crypto_sign_seed_keypair(publicKey, secret, seed);
  return new KeyedSigner(publicKey, secret);
}
