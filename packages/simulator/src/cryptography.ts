/**
 * Signatures for simulations: deterministic, and quick by default.
 *
 * The quick ones are message authentication codes. Whoever verifies looks the secret up in a registry that no replica,
 * honest or faulty, can reach: without the signer there is no signature. Everything else is as in production; keys that
 * the registry does not know (the simulated platform's, whose root is published) are Ed25519.
 */
import type { EvidenceCryptography } from '@coppice/attestation';
import { nodeCryptography, signerFromSeed, TwofoldSigner } from '@coppice/cryptography';
import {
  concatBytes,
  type Cryptography,
  ofAllVersions,
  rehashedFrom,
  sameBytes,
  type Scheme,
  schemes,
  type Signer,
  toLatin1,
} from '@coppice/wire';

export interface CryptographyProvider {
  readonly cryptography: EvidenceCryptography;
  /** The signer of a seed of 32 bytes: always the same. By default of scheme 1. */
  readonly signerOf: (seed: Uint8Array, scheme?: Scheme) => Signer;
}

export function realProvider(): CryptographyProvider {
  return {
    cryptography: ofAllVersions({ ...nodeCryptography, verify: remembering() }, nodeCryptography.of(rehashedFrom).hash),
    signerOf(seed, scheme = 1) {
      const signer = signerFromSeed(seed);
      return scheme === 1 ? signer : new TwofoldSigner(signer, seed, { hedged: false });
    },
  };
}

/** All replicas of a cluster verify the same signatures, and what was good once is good. */
function remembering(): Cryptography['verify'] {
  const good = new Map<string, readonly [publicKey: Uint8Array, message: Uint8Array]>();
  return (publicKey, message, signature) => {
    const name = toLatin1(signature);
    const [key, text] = good.get(name) ?? [];
    if (key !== undefined && sameBytes(key, publicKey) && sameBytes(text!, message)) return true;
    if (!nodeCryptography.verify(publicKey, message, signature)) return false;
    good.set(name, [publicKey, message]);
    return true;
  };
}

interface Secret {
  readonly bytes: Uint8Array;
  readonly scheme: Scheme;
}

/** Of the length that its scheme asks for. */
function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  const long = new Uint8Array(length);
  long.set(bytes);
  return long;
}

export function quickProvider(): CryptographyProvider {
  const secrets = new Map<string, Secret>();
  const real = nodeCryptography;
  const verifyReal = remembering();
  const code = ({ bytes, scheme }: Secret, message: Uint8Array): Uint8Array => {
    const half = real.hash(concatBytes(bytes, message));
    return padded(concatBytes(half, half), schemes[scheme].signatureBytes);
  };
  return {
    cryptography: ofAllVersions(
      {
        x509: real.x509,
        hash: real.hash,
        verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
          const secret = secrets.get(toLatin1(publicKey));
          if (secret === undefined) return verifyReal(publicKey, message, signature);
          return sameBytes(code(secret, message), signature);
        },
        validPublicKey: (publicKey: Uint8Array) => secrets.has(toLatin1(publicKey)) || real.validPublicKey(publicKey),
      },
      real.of(rehashedFrom).hash,
    ),
    signerOf(seed, scheme = 1) {
      const secret: Secret = { bytes: Uint8Array.from(seed), scheme };
      const name = Uint8Array.from(real.hash(concatBytes(secret.bytes, Uint8Array.of(1))));
      const publicKey = padded(name, schemes[scheme].publicKeyBytes);
      secrets.set(toLatin1(publicKey), secret);
      return { publicKey, sign: (message) => code(secret, message) };
    },
  };
}
