/**
 * libsodium's Ed25519, by the native binding of the package sodium-native. It signs in every variant, and verifies where the variant says so.
 *
 * It refuses by itself what the strict rule of spec/encoding.md refuses (scalars and keys that are not canonical, points of small order),
 * and compares the commitment it computes with the signature's byte by byte; it takes a third of the time of OpenSSL.
 *
 * A release is one measured file, and a native library cannot be part of it: it lies beside the file, which has its digest
 * and loads nothing else (bundle.ts).
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { publicKeyBytes, signatureBytes } from '@coppice/wire';
import { bindingName, bindingPath } from './binding.ts';
import { type Secret, secretLayout } from './secret.ts';
import type { Verifier } from './verifier.ts';

interface Sodium {
  crypto_sign_keypair(publicKey: Uint8Array, secretKey: Uint8Array): number;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): number;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): number;
  /** Of each array its buffer, offset and length. */
  crypto_sign_verify_detached(
    ...of: readonly [ArrayBufferLike, number, number, ArrayBufferLike, number, number, ArrayBufferLike, number, number]
  ): boolean;
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
}

/** Hexadecimal SHA-256 of the library beside the bundle. The bundler puts it here; there is none in the sources. */
declare const COPPICE_SODIUM_SHA256: string | undefined;

function load(): Sodium {
  const require = createRequire(import.meta.url);
  if (typeof COPPICE_SODIUM_SHA256 === 'undefined') return require(bindingPath()) as Sodium;
  const path = fileURLToPath(new URL(bindingName, import.meta.url));
  if (hash('sha256', readFileSync(path), 'hex') !== COPPICE_SODIUM_SHA256)
    throw new Error(`${path} is not the library that this release was built with`);
  return require(path) as Sodium;
}

let loaded: Sodium | undefined;

/** Loaded when it is needed. */
function sodium(): Sodium {
  loaded ??= load();
  return loaded;
}

/** As libsodium has it: seed and public key. */
function secretKey(secret: Secret): Uint8Array {
  return secret.subarray(secretLayout.seed);
}

/** Draws a key: writes seed and public key. */
export function generate(secret: Secret): void {
  sodium().crypto_sign_keypair(secret.subarray(secretLayout.publicKey), secretKey(secret));
}

/** Writes the public key of the seed that is there. */
export function derive(secret: Secret): void {
  // A copy, since the library writes over the place before it has read all of the seed.
  const seed = new Uint8Array(secretKey(secret).subarray(0, secretLayout.publicKey - secretLayout.seed));
  sodium().crypto_sign_seed_keypair(secret.subarray(secretLayout.publicKey), secretKey(secret), seed);
  seed.fill(0);
}

export function sign(secret: Secret, message: Uint8Array): Uint8Array {
  const signature = new Uint8Array(signatureBytes);
  sodium().crypto_sign_detached(signature, message, secretKey(secret));
  return signature;
}

export const libsodium: Verifier = {
  verify(publicKey, message, signature) {
    if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
    return sodium().crypto_sign_verify_detached(
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
    return publicKey.length === publicKeyBytes && sodium().crypto_core_ed25519_is_valid_point(publicKey);
  },
};
