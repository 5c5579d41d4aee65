/**
 * Pseudo-random numbers from an agreed seed: xoshiro128** (Blackman & Vigna, "Scrambled linear pseudorandom number
 * generators", TOMS 2021). Only operations on 32-bit integers, so every engine gives the same sequence.
 */
export class Random {
  readonly #state = new Uint32Array(4);

  /** Of the seed's bytes: any number of them, all of which count. */
  constructor(seed: Uint8Array) {
    const state = this.#state;
    // FNV-1a into each word, so that a seed of any length leads somewhere, and no seed to the fixed point of zeros.
    state.set([0x811c9dc5, 0x9dc5811c, 0x1c9dc581, 0xc5811c9d]);
    for (let i = 0; i < seed.length; i++) state[i & 3] = Math.imul(state[i & 3]! ^ seed[i]!, 0x01000193);
    if (state.every((word) => word === 0)) state[0] = 1;
    // Similar seeds begin with similar words: a few rounds part them.
    for (let i = 0; i < 16; i++) this.#next();
  }

  /** In [0, 1): one of 2^53 equally likely values. */
  next(): number {
    const high = this.#next() >>> 5;
    const low = this.#next() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  #next(): number {
    const s = this.#state;
    const scrambled = Math.imul(rotate(Math.imul(s[1]!, 5), 7), 9);
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = rotate(s[3]!, 11);
    return scrambled >>> 0;
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
