/**
 * Choices that follow from a seed and nothing else: the same seed, the same choices, on every machine and runtime.
 */
import { hash } from 'node:crypto';

/** SHA-256 of the seed, the purpose and a counter, as a stream of 32-bit numbers. */
export class Choices {
  readonly #origin: string;
  #counter = 0;
  #words: number[] = [];

  /** Choices for one purpose do not depend on how many were made for another. */
  constructor(seed: string, purpose: string) {
    this.#origin = `coppice/diversify/1/${purpose}/${seed}/`;
  }

  #word(): number {
    if (this.#words.length === 0) {
      const block = Buffer.from(hash('sha256', `${this.#origin}${this.#counter++}`, 'buffer'));
      this.#words = Array.from({ length: 8 }, (_, i) => block.readUInt32LE(4 * i));
    }
    return this.#words.pop()!;
  }

  /** A whole number below `bound`, every one as likely. `bound`: 1 to 2³². */
  below(bound: number): number {
    const fair = 2 ** 32 - (2 ** 32 % bound);
    let word = this.#word();
    while (word >= fair) word = this.#word();
    return word % bound;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  /** In an order of its own. */
  shuffled<T>(values: readonly T[]): T[] {
    const result = [...values];
    for (let i = result.length - 1; i > 0; i--) {
      const k = this.below(i + 1);
      [result[i], result[k]] = [result[k]!, result[i]!];
    }
    return result;
  }

  /** Takes one out. */
  draw<T>(values: T[]): T {
    const at = this.below(values.length);
    const value = values[at]!;
    values[at] = values.at(-1)!;
    values.pop();
    return value;
  }
}
