/**
 * Signing by scheme 2 of seats. The Ed25519 half is drawn, used and erased as always; of the other, the library may leave copies in memory,
 * which sign nothing without the first.
 */
import { randomBytes } from 'node:crypto';
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { concatBytes, type Signer } from '@coppice/wire';
import { type KeyedSigner, newSigner } from './node.ts';
import { signedByBoth } from './two-schemes.ts';

const seedBytes = 32;

export class TwofoldSigner implements Signer {
  readonly publicKey: Uint8Array;
  readonly classical: KeyedSigner;
  readonly #seed: Uint8Array;
  readonly #hedged: boolean;
  /** What the seed expands to, once it has signed: larger by a hundred times. */
  #expanded: Uint8Array | undefined;

  /** `hedged`: with randomness in each signature of ML-DSA, so that faults of the machine betray less (FIPS 204, section 3.4). */
  constructor(classical: KeyedSigner, seed: Uint8Array, { hedged }: { readonly hedged: boolean } = { hedged: true }) {
    this.classical = classical;
    this.#seed = Uint8Array.from(seed);
    this.#hedged = hedged;
    const { publicKey, secretKey } = ml_dsa65.keygen(this.#seed);
    secretKey.fill(0);
    this.publicKey = concatBytes(classical.publicKey, publicKey);
  }

  sign(message: Uint8Array): Uint8Array {
    const signed = signedByBoth(message);
    // Throws, once it is erased.
    const first = this.classical.sign(signed);
    this.#expanded ??= ml_dsa65.keygen(this.#seed).secretKey;
    const second = ml_dsa65.sign(signed, this.#expanded, this.#hedged ? {} : { extraEntropy: false });
    return concatBytes(first, second);
  }

  /** A copy of what the second half comes from. */
  get seed(): Uint8Array {
    return Uint8Array.from(this.#seed);
  }

  /** Overwrites both private keys. It can sign nothing from then on. */
  erase(): void {
    this.classical.erase();
    this.#seed.fill(0);
    this.#expanded?.fill(0);
  }
}

/** A signer of scheme 2 with keys that exist nowhere else. */
export function newTwofoldSigner(): TwofoldSigner {
  const seed = randomBytes(seedBytes);
  const signer = new TwofoldSigner(newSigner(), seed);
  seed.fill(0);
  return signer;
}
