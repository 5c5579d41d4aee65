/**
 * Valid encodings of any codec, drawn: the codec reads from a reader that makes up what it is asked for, and remembers it.
 *
 * The reader does not know whether a number is a length, an alternative or a time. Small numbers serve all of them, and where
 * the codec refuses what it was given, everything is drawn again.
 */
import { type Codec, compareBytes, decodeUtf8, malformed, Reader, Writer } from '@coppice/wire';
import type { Random } from '../packages/simulator/src/random.ts';

const attempts = 100;
const bytesMax = 16 * 1024;

class TooLong extends Error {}

class DrawingReader extends Reader {
  readonly #random: Random;
  readonly #writer = new Writer(1024);
  /** Of the last 16-bit number: slots ascend in most lists that have them. */
  #slot = 0;

  constructor(random: Random) {
    super(new Uint8Array(0));
    this.#random = random;
  }

  finish(): Uint8Array {
    return this.#writer.finish();
  }

  override get offset(): number {
    return this.#writer.length;
  }

  override get remaining(): number {
    return bytesMax;
  }

  override u8(): number {
    const value = this.#random.percent(80) ? this.#random.below(2) : this.#random.below(20);
    this.#writer.u8(value);
    return value;
  }

  override u16(): number {
    this.#slot = this.#random.percent(90) ? (this.#slot + 1 + this.#random.below(3)) & 0xffff : 0;
    this.#writer.u16(this.#slot);
    return this.#slot;
  }

  override u32(): number {
    const random = this.#random;
    const value = random.percent(85) ? random.below(4) : random.below(random.percent(90) ? 40 : 400);
    this.#writer.u32(value);
    return value;
  }

  override u64(): number {
    const random = this.#random;
    const value = random.percent(70) ? random.below(100) : random.below(2 ** 32) * (random.percent(50) ? 1 : 2 ** 20);
    this.#writer.u64(value);
    return value;
  }

  override raw(length: number): Uint8Array {
    if (this.#writer.length + length > bytesMax) throw new TooLong();
    // Letters: bytes that are text as well.
    const bytes = this.#random.percent(50)
      ? this.#random.bytes(length)
      : new Uint8Array(length).fill(0x61 + (length & 15));
    const text = length < 32 ? new Uint8Array(length).fill(0x61 + this.#random.below(26)) : bytes;
    this.#writer.raw(text);
    return text;
  }

  override text(length: number): string {
    return decodeUtf8(this.raw(length)) ?? malformed('not UTF-8');
  }

  override compareSince(start: number, otherStart: number, otherEnd: number): number {
    const drawn = this.#writer.finish();
    return compareBytes(drawn.subarray(start), drawn.subarray(otherStart, otherEnd));
  }
}

/** The bytes of some value, unless the codec refused everything that was tried. */
export function drawn(codec: Codec<unknown>, random: Random): Uint8Array | undefined {
  for (let i = 0; i < attempts; i++) {
    const reader = new DrawingReader(random);
    try {
      codec.read(reader);
      return reader.finish();
    } catch {
      // Refused: drawn again. (What a codec may throw is judged where it is fuzzed.)
    }
  }
  return undefined;
}
