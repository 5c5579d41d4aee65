/**
 * The private keys of one launch. They are made here, live in this process's memory, and are erased epoch by epoch;
 * nothing ever writes one down. spec/invariants.md, 2 and 6.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type EpochKeys, type Scheme } from '@coppice/wire';
import {
  type KeyedSigner,
  layout,
  newSigner,
  newTwofoldSigner,
  rawPublicKey,
  type TwofoldSigner,
} from '@coppice/cryptography';

interface PrivateKeys {
  readonly signer: KeyedSigner | TwofoldSigner;
  readonly sealing: KeyObject;
}

export class Keyring {
  readonly identity = newSigner();
  #firstEpoch = 0;
  #publicKeys: readonly EpochKeys[] = [];
  readonly #private = new Map<number, PrivateKeys>();

  /** Makes the keys of a term: one pair for each of `epochs` epochs from `firstEpoch` on. */
  generate(firstEpoch: number, epochs: number, scheme: Scheme): void {
    this.#firstEpoch = firstEpoch;
    this.#publicKeys = Array.from({ length: epochs }, (_, i) => {
      const signer = scheme === 1 ? newSigner() : newTwofoldSigner();
      const sealing = generateKeyPairSync('x25519');
      this.#private.set(firstEpoch + i, { signer, sealing: sealing.privateKey });
      return { signingKey: signer.publicKey, sealingKey: rawPublicKey(sealing.publicKey) };
    });
  }

  get firstEpoch(): number {
    return this.#firstEpoch;
  }

  /** Public halves, one pair for each epoch of the term, from `firstEpoch` on. */
  get publicKeys(): readonly EpochKeys[] {
    return this.#publicKeys;
  }

  /** The signer of an epoch; `undefined` once it is erased, or outside the term. */
  signer(epoch: number): KeyedSigner | TwofoldSigner | undefined {
    return this.#private.get(epoch)?.signer;
  }

  /** What is sealed to this instance for an epoch opens with it; `undefined` once it is erased, or outside the term. */
  sealingKey(epoch: number): KeyObject | undefined {
    return this.#private.get(epoch)?.sealing;
  }

  /** Overwrites the signing keys of this and every earlier epoch, and drops the others: what is dropped is not swapped or dumped in a TEE. */
  erase(epoch: number): void {
    for (const [known, { signer }] of this.#private) {
      if (known > epoch) continue;
      signer.erase();
      this.#private.delete(known);
    }
    // What the next epoch brings lies elsewhere than in another instance of the same variant.
    layout().stir();
  }

  /** Epochs whose keys are still here, ascending. */
  get epochs(): number[] {
    return [...this.#private.keys()];
  }
}
