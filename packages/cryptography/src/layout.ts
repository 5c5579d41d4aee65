/**
 * Where this process has its private keys, and what lies between other things in its memory: by a secret seed of its own.
 *
 * Two instances of one variant are the same program on the same engine, and without this have much of their memory in the same places,
 * seen from each other: what an exploit learned of one, it knew of the other. The seed is drawn when the first key is made, so after the
 * launch was measured; it stays in this object. Nothing that a replica computes, votes for or says depends on it.
 *
 * - Keys lie in places of one array that the engine never moves or copies, drawn from all of them. The others hold decoys: random
 *   bytes in the form of a key. A place is overwritten with a decoy when its key is erased.
 * - Between other allocations there are spacers of random sizes, and some are exchanged whenever the layout is stirred.
 */
import { hash, randomBytes, randomFillSync } from 'node:crypto';
import { type Secret, secretLayout, writeForm } from './secret.ts';

const seedBytes = 32;
/** Places of one array: about 40 KiB. */
const placesPerArray = 512;
/** At most one more than this before the first place of an array. */
const leadBytesMax = 4095;

/** Spacers outside of the engine's heap, and in it. Two MiB on average, of which the system provides what is written to: little. */
const spacersCount = 64;
const spacerBytesMax = 65_535;
const spacerElementsMax = 1023;
const stirredAtOnce = 8;

export class Layout {
  readonly #seed: Uint8Array;
  #drawn = 0;
  #words: number[] = [];
  readonly #free: Secret[] = [];
  readonly #spacers: object[] = [];

  /** `seed`: only tests know one. */
  constructor(seed: Uint8Array = randomBytes(seedBytes)) {
    this.#seed = seed;
    for (let i = 0; i < spacersCount; i++) this.#spacers.push(this.#spacer());
  }

  /** A place for a private key, of which only what is the same in all keys is written. */
  place(): Secret {
    if (this.#free.length === 0) this.#grow();
    const at = this.#below(this.#free.length);
    const place = this.#free[at]!;
    this.#free[at] = this.#free.at(-1)!;
    this.#free.pop();
    writeForm(place);
    return place;
  }

  /** Overwrites a key with a decoy. The place may be another's from now on. */
  clear(place: Secret): void {
    decoy(place);
    this.#free.push(place);
  }

  /** Exchanges some spacers, so that what is allocated from now on lies elsewhere than it would. */
  stir(): void {
    for (let i = 0; i < stirredAtOnce; i++) this.#spacers[this.#below(spacersCount)] = this.#spacer();
  }

  #spacer(): object {
    return this.#below(2) === 0
      ? new Uint8Array(1 + this.#below(spacerBytesMax))
      : Array.from({ length: 1 + this.#below(spacerElementsMax) }, (_, i) => i);
  }

  #grow(): void {
    const lead = this.#below(leadBytesMax + 1);
    const { bytes } = secretLayout;
    const array = randomFillSync(new Uint8Array(lead + placesPerArray * bytes));
    for (let i = 0; i < placesPerArray; i++) {
      const place = array.subarray(lead + i * bytes, lead + (i + 1) * bytes);
      writeForm(place);
      this.#free.push(place);
    }
  }

  /** A whole number below `bound`, which is small: the bias is beyond notice. */
  #below(bound: number): number {
    if (this.#words.length === 0) {
      const counter = new Uint8Array(8);
      new DataView(counter.buffer).setUint32(0, this.#drawn++);
      const block = hash('sha256', Buffer.concat([this.#seed, counter]), 'buffer');
      this.#words = Array.from({ length: 8 }, (_, i) => block.readUInt32LE(4 * i));
    }
    return this.#words.pop()! % bound;
  }
}

function decoy(place: Secret): void {
  randomFillSync(place);
  writeForm(place);
}

let own: Layout | undefined;

/** That of this process. */
export function layout(): Layout {
  own ??= new Layout();
  return own;
}
