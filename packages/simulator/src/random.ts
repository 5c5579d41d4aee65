/**
 * Pseudo-random numbers from a label: sfc32 of Chris Doty-Humphrey's PractRand. Only operations on 32-bit integers, so
 * every engine draws the same.
 *
 * A simulation has one stream for each concern (network, faults, each client, …), so that one more draw here does not
 * change everything there.
 */
export class Random {
  readonly #label: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(label: string) {
    this.#label = label;
    // FNV-1a under three offsets: similar labels give similar words, which the rounds below part.
    const word = (offset: number): number => {
      let hash = offset;
      for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
      return hash | 0;
    };
    this.#a = word(0x811c9dc5);
    this.#b = word(0x9dc5811c);
    this.#c = word(0x1c9dc581);
    for (let i = 0; i < 15; i++) this.#next();
  }

  /** Another stream, by name. */
  fork(name: string): Random {
    return new Random(`${this.#label}/${name}`);
  }

  /** An integer in [0, bound), for bounds up to 2^32. */
  below(bound: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * bound);
  }

  /** An integer in [least, most]. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in so many of a hundred cases. */
  percent(share: number): boolean {
    return this.below(100) < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  shuffled<T>(from: readonly T[]): T[] {
    const list = [...from];
    for (let i = list.length - 1; i > 0; i--) {
      const k = this.below(i + 1);
      [list[i], list[k]] = [list[k]!, list[i]!];
    }
    return list;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#next() & 255);
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}
