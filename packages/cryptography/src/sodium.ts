/**
 * libsodium's Ed25519, by the native binding of the package sodium-native: the one implementation of signatures, on every runtime.
 *
 * Runtimes disagree on the edge cases of Ed25519, so none of theirs is asked. libsodium refuses what the strict rule of
 * spec/encoding.md refuses (scalars and keys that are not canonical, points of small order), and compares the commitment it
 * computes with the signature's byte by byte; it takes a third of the time of OpenSSL, and its keys can be overwritten.
 *
 * A release is one measured file, and a native library cannot be part of it: it lies beside the file, which has its digest
 * and loads nothing else (bundle.ts).
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { bindingName, bindingPath } from './binding.ts';

interface Sodium {
  crypto_sign_keypair(publicKey: Uint8Array, secretKey: Uint8Array): number;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): number;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): number;
  /** Of each array its buffer, offset and length. */
  crypto_sign_verify_detached(
    ...of: readonly [ArrayBufferLike, number, number, ArrayBufferLike, number, number, ArrayBufferLike, number, number]
  ): boolean;
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
  sodium_memzero(bytes: Uint8Array): void;
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

export const sodium = load();
