/**
 * Signatures for simulations: deterministic, and quick by default.
 *
 * The quick ones are message authentication codes. Whoever verifies looks the secret up in a registry that no replica,
 * honest or faulty, can reach: without the signer there is no signature. Everything else is as in production; keys that
 * the registry does not know (the simulated platform's, whose root is published) are Ed25519.
 */
import type { EvidenceCryptography } from '@coppice/attestation';
import { nodeCryptography, signerFromSeed } from '@coppice/cryptography';
import { concatBytes, type Cryptography, sameBytes, type Signer, toLatin1 } from '@coppice/wire';

export interface CryptographyProvider {
  readonly cryptography: EvidenceCryptography;
  /** The signer of a seed of 32 bytes: always the same. */
  readonly signerOf: (seed: Uint8Array) => Signer;
}

export function realProvider(): CryptographyProvider {
  return { cryptography: { ...nodeCryptography, verify: remembering() }, signerOf: signerFromSeed };
}

/** Ed25519. All replicas of a cluster verify the same signatures, and what was good once is good. */
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

export function quickProvider(): CryptographyProvider {
  const secrets = new Map<string, Uint8Array>();
  const real = nodeCryptography;
  const verifyReal = remembering();
  const code = (secret: Uint8Array, message: Uint8Array): Uint8Array => {
    const half = real.hash(concatBytes(secret, message));
    return concatBytes(half, half);
  };
  return {
    cryptography: {
      x509: real.x509,
      hash: (bytes) => real.hash(bytes),
      verify(publicKey, message, signature) {
        const secret = secrets.get(toLatin1(publicKey));
        if (secret === undefined) return verifyReal(publicKey, message, signature);
        return sameBytes(code(secret, message), signature);
      },
      validPublicKey: (publicKey) => secrets.has(toLatin1(publicKey)) || real.validPublicKey(publicKey),
    },
    signerOf(seed) {
      const secret = Uint8Array.from(seed);
      const publicKey = Uint8Array.from(real.hash(concatBytes(secret, Uint8Array.of(1))));
      secrets.set(toLatin1(publicKey), secret);
      return { publicKey, sign: (message) => code(secret, message) };
    },
  };
}
