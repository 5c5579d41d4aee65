/**
 * The keys of one launch: as the node's, but drawn from the simulation's seed, and watched.
 */
import { type EpochKeys, type Scheme, type Signer } from '@coppice/wire';
import type { CryptographyProvider } from './cryptography.ts';
import type { Random } from './random.ts';

export class Keyring {
  readonly identity: Signer;
  firstEpoch = 0;
  publicKeys: readonly EpochKeys[] = [];
  readonly #provider: CryptographyProvider;
  readonly #random: Random;
  readonly #nonces: Random;
  readonly #signers = new Map<number, Signer>();

  /** Two with the same `random` have the same keys. */
  constructor(provider: CryptographyProvider, random: Random, nonces: Random) {
    this.#provider = provider;
    this.#random = random;
    this.#nonces = nonces;
    this.identity = provider.signerOf(random.bytes(32));
  }

  /** Makes the keys of a term: one pair for each of `epochs` epochs from `firstEpoch` on. */
  generate(firstEpoch: number, epochs: number, scheme: Scheme): void {
    this.firstEpoch = firstEpoch;
    this.publicKeys = Array.from({ length: epochs }, (_, i) => {
      const signer = this.#provider.signerOf(this.#random.bytes(32), scheme);
      this.#signers.set(firstEpoch + i, signer);
      return { signingKey: signer.publicKey, sealingKey: this.#random.bytes(32) };
    });
  }

  /** The signer of an epoch; `undefined` once it is erased, or outside the term. */
  signer(epoch: number): Signer | undefined {
    return this.#signers.get(epoch);
  }

  /** Everything that signs and is not erased. */
  get signers(): readonly Signer[] {
    return [...this.#signers.values()];
  }

  erase(epoch: number): void {
    for (const known of this.#signers.keys()) if (known <= epoch) this.#signers.delete(known);
  }

  nonce(): Uint8Array {
    return this.#nonces.bytes(32);
  }
}
