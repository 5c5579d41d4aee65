/**
 * The replica's cryptography: SHA-256 and SHA3-256 of `node:crypto`, Ed25519 signed by libsodium and verified by what it was launched with ({@link verifier});
 * for keys of scheme 2 (two-schemes.ts) ML-DSA besides.
 */
import { createPrivateKey, hash as hashOnce, type KeyObject } from 'node:crypto';
import {
  type Cryptography,
  digestBytes,
  ofAllVersions,
  publicKeyBytes,
  schemes,
  type Signer,
  toLatin1,
} from '@coppice/wire';
import { layout } from './layout.ts';
import { verifyTwofold } from './two-schemes.ts';
import { privateKeyInfo, type Secret, secretLayout } from './secret.ts';
import { derive, generate, sign } from './sodium.ts';
import { verifier } from './verifier.ts';
import { nodeX509Cryptography } from './x509.ts';

/** Keys whose validity is remembered: instances bring the same ones to every replica, and again at a retry. */
const keysMax = 4096;
const validKeys = new Map<string, boolean>();

const digestBuffer = Buffer.alloc(digestBytes);

/**
 * By way of a string, since an array that Node makes is allocated outside of the engine's heap: this takes a
 * third of the time, and leaves the garbage collector little to do.
 */
function hashing(algorithm: 'sha256' | 'sha3-256'): Cryptography['hash'] {
  return (bytes) => {
    digestBuffer.write(hashOnce(algorithm, bytes, 'latin1'), 'latin1');
    return new Uint8Array(digestBuffer);
  };
}

const first = {
  x509: nodeX509Cryptography,

  hash: hashing('sha256'),

  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (publicKey.length === schemes[2].publicKeyBytes) return verifyTwofold(publicKey, message, signature);
    return verifier().verify(publicKey, message, signature);
  },

  validPublicKey(publicKey: Uint8Array): boolean {
    // Of scheme 2, any bytes are an ML-DSA key.
    if (publicKey.length !== publicKeyBytes && publicKey.length !== schemes[2].publicKeyBytes) return false;
    const point = publicKey.subarray(0, publicKeyBytes);
    const id = toLatin1(point);
    let valid = validKeys.get(id);
    if (valid === undefined) {
      valid = verifier().validPublicKey(point);
      if (validKeys.size >= keysMax) validKeys.delete(validKeys.keys().next().value!);
      validKeys.set(id, valid);
    }
    return valid;
  },
};

/** Also has what evidence of hardware is verified with: the shape of attestation's `EvidenceCryptography`. */
export const nodeCryptography: Cryptography & { readonly x509: typeof nodeX509Cryptography } = ofAllVersions(
  first,
  hashing('sha3-256'),
);

/** The raw public key of an Ed25519 or X25519 key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'));
}

/** A signer that nobody has any more is erased when the garbage collector finds it. */
const unused = new FinalizationRegistry<Secret>((secret) => layout().clear(secret));

/** A signer whose private key this process holds. */
export class KeyedSigner implements Signer {
  readonly publicKey: Uint8Array;
  /** Another's, once it is erased. */
  readonly #secret: Secret;
  #erased = false;

  constructor(secret: Secret) {
    this.publicKey = new Uint8Array(secret.subarray(secretLayout.publicKey));
    this.#secret = secret;
    unused.register(this, secret, this);
  }

  sign(message: Uint8Array): Uint8Array {
    if (this.#erased) throw new Error('the key is erased');
    return sign(this.#secret, message);
  }

  /** The private key as the runtime's TLS and files take it: a copy that {@link erase} does not reach. */
  get privateKey(): KeyObject {
    if (this.#erased) throw new Error('the key is erased');
    return createPrivateKey({ key: privateKeyInfo(this.#secret), format: 'der', type: 'pkcs8' });
  }

  /** Overwrites the private key. It can sign nothing from then on. */
  erase(): void {
    if (this.#erased) return;
    this.#erased = true;
    unused.unregister(this);
    layout().clear(this.#secret);
  }
}

/** A signer with a key that exists nowhere else. */
export function newSigner(): KeyedSigner {
  const secret = layout().place();
  generate(secret);
  return new KeyedSigner(secret);
}

export function signerOf(privateKey: KeyObject): KeyedSigner {
  return signerFromSeed(Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url'));
}

/** A signer of a 32-byte seed: for keys that people keep in files. */
export function signerFromSeed(seed: Uint8Array): KeyedSigner {
  const secret = layout().place();
  secret.set(seed, secretLayout.seed);
  derive(secret);
  return new KeyedSigner(secret);
}
