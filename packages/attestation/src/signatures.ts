/**
 * The signatures that makers of hardware use. Coppice itself signs with nothing but Ed25519, so a provider of
 * `Cryptography` need not bring these: whoever verifies evidence of real platforms is given them as well.
 */
import type { Cryptography } from '@coppice/wire';

/** Of digests that are signed. */
type HashName = 'sha256' | 'sha384' | 'sha512';

/**
 * ECDSA (FIPS 186-5) by curve, RSASSA-PKCS1-v1_5, and RSASSA-PSS (RFC 8017) whose mask has the same hash; its salt is
 * as long as the digest, but for TPMs, which are free to choose.
 */
export type SignatureAlgorithm =
  `${'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa-pkcs1' | 'rsa-pss' | 'rsa-pss-any-salt'}-${HashName}`;

export interface X509Cryptography {
  /**
   * Whether `signature` is one of `message` under the key of a DER SubjectPublicKeyInfo. An ECDSA signature is r and s
   * one after the other, big-endian, each as long as the field (IEEE P1363). RSA keys have 2048 to 8192 bits. Total: a
   * key or a signature of another kind or length is `false`, never an exception.
   */
  verifySignature(algorithm: SignatureAlgorithm, spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** A digest as registers and event logs have them. */
  hash(algorithm: 'sha1' | HashName, bytes: Uint8Array): Uint8Array;
}

/** What evidence of every platform is verified with: whoever judges joins has all of it, or would judge otherwise than others. */
export interface EvidenceCryptography extends Cryptography {
  readonly x509: X509Cryptography;
}
