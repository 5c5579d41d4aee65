/**
 * The canonical binary encoding.
 *
 * One value has one byte string: integers are big-endian and of fixed width, lengths are explicit, lists are in a
 * stated order, options are one byte of 0 or 1, and a decoder that finds anything else, or a byte too many, refuses.
 * A codec is a pair of functions; combinators build the codec of a structure from those of its fields, so that a
 * format is read off its declaration. Every length has a bound, checked before anything is allocated.
 *
 * Decoding is the door through which hostile bytes come in: {@link decode} never throws.
 */
import { allocate, copyInto, decodeUtf8, encodeUtf8 } from './bytes.ts';

export interface Codec<T> {
  write(writer: Writer, value: T): void;
  read(reader: Reader): T;
}

export type Decoded<T> = { ok: true; value: T } | { ok: false; reason: string };

/** The type that a codec encodes. */
export type TypeOf<C> = C extends Codec<infer T> ? T : never;

/** Thrown inside a decoder, and caught by {@link decode}: never seen by a caller. */
class Malformed extends Error {}

/** Ends the decoding at hand: the bytes are not a value of the format. For codecs only. */
export function malformed(reason: string): never {
  throw new Malformed(reason);
}

export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(bytesExpected = 256) {
    this.#bytes = allocate(bytesExpected);
  }

  get length(): number {
    return this.#length;
  }

  #room(bytes: number): number {
    const start = this.#length;
    const end = start + bytes;
    if (end > this.#bytes.length) this.#grow(end);
    this.#length = end;
    return start;
  }

  #grow(length: number): void {
    const grown = allocate(Math.max(length, 2 * this.#bytes.length));
    copyInto(grown, this.#bytes.subarray(0, this.#length), 0);
    this.#bytes = grown;
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#room(2);
    const bytes = this.#bytes;
    bytes[at] = value >>> 8;
    bytes[at + 1] = value;
  }

  u32(value: number): void {
    const at = this.#room(4);
    const bytes = this.#bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  /** A safe integer (below 2^53) in eight bytes. */
  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    copyInto(this.#bytes, bytes, at);
  }

  /** What was written. The writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

export class Reader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  #take(bytes: number): number {
    const start = this.#offset;
    if (bytes > this.#bytes.length - start) malformed('truncated');
    this.#offset = start + bytes;
    return start;
  }

  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  u32(): number {
    return this.#u32At(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const high = this.#u32At(at);
    if (high > 0x1f_ffff) malformed('integer too large');
    return high * 0x1_0000_0000 + this.#u32At(at + 4);
  }

  #u32At(at: number): number {
    const bytes = this.#bytes;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  /** A view of the next `length` bytes: not a copy. */
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** The text of the next `length` bytes of UTF-8. */
  text(length: number): string {
    const at = this.#take(length);
    return decodeUtf8(this.#bytes, at, at + length) ?? malformed('not UTF-8');
  }

  /** Compares the bytes from `start` to where the reader stands, which were just decoded, with earlier ones. */
  compareSince(start: number, otherStart: number, otherEnd: number): number {
    const bytes = this.#bytes;
    const length = this.#offset - start;
    const otherLength = otherEnd - otherStart;
    for (let i = 0; i < length && i < otherLength; i++) {
      const difference = bytes[start + i]! - bytes[otherStart + i]!;
      if (difference !== 0) return difference;
    }
    return length - otherLength;
  }
}

/** The bytes of `value`. */
export function encode<T>(codec: Codec<T>, value: T, bytesExpected?: number): Uint8Array {
  const writer = new Writer(bytesExpected);
  codec.write(writer, value);
  return writer.finish();
}

/** The value whose bytes are exactly `bytes`, or why there is none. Byte strings in it are views of `bytes`. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): Decoded<T> {
  try {
    const reader = new Reader(bytes);
    const value = codec.read(reader);
    if (reader.remaining > 0) return { ok: false, reason: 'trailing bytes' };
    return { ok: true, value };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, reason: error.message };
    throw error;
  }
}

/** An integer from 0 to `max`. Others have no encoding: cut to the width, two numbers would share their bytes. */
function integer(max: number, write: (w: Writer, v: number) => void, read: (r: Reader) => number): Codec<number> {
  return {
    write(w, value) {
      if (!Number.isInteger(value) || value < 0 || value > max)
        throw new RangeError(`${value} is no integer up to ${max}`);
      write(w, value);
    },
    read,
  };
}

export const u8 = integer(
  0xff,
  (w, v) => w.u8(v),
  (r) => r.u8(),
);
export const u16 = integer(
  0xffff,
  (w, v) => w.u16(v),
  (r) => r.u16(),
);
export const u32 = integer(
  0xffff_ffff,
  (w, v) => w.u32(v),
  (r) => r.u32(),
);
/** A non-negative safe integer in eight bytes. */
export const u64 = integer(
  Number.MAX_SAFE_INTEGER,
  (w, v) => w.u64(v),
  (r) => r.u64(),
);

export const bool: Codec<boolean> = {
  write: (w, v) => w.u8(v ? 1 : 0),
  read: (r) => {
    const byte = r.u8();
    if (byte > 1) malformed('not a boolean');
    return byte === 1;
  },
};

/** Exactly `length` bytes. */
export function fixed(length: number): Codec<Uint8Array> {
  return {
    write(w, value) {
      if (value.length !== length) throw new RangeError(`expected ${length} bytes, got ${value.length}`);
      w.raw(value);
    },
    read: (r) => r.raw(length),
  };
}

export const digest = fixed(32);
export const publicKey = fixed(32);
export const signature = fixed(64);

/** At most `bytesMax` bytes, after their number. */
export function bytes(bytesMax: number): Codec<Uint8Array> {
  return {
    write(w, value) {
      if (value.length > bytesMax) throw new RangeError(`${value.length} bytes, at most ${bytesMax} allowed`);
      w.u32(value.length);
      w.raw(value);
    },
    read(r) {
      const length = r.u32();
      if (length > bytesMax) malformed('too long');
      return r.raw(length);
    },
  };
}

/** Well-formed text of at most `bytesMax` bytes of UTF-8. */
export function text(bytesMax: number): Codec<string> {
  const inner = bytes(bytesMax);
  return {
    write(w, value) {
      const utf8 = encodeUtf8(value);
      if (utf8 === undefined) throw new RangeError('text with a lone surrogate has no encoding');
      inner.write(w, utf8);
    },
    read(r) {
      const length = r.u32();
      if (length > bytesMax) malformed('too long');
      return r.text(length);
    },
  };
}

/** At most `countMax` values, after their number. */
export function list<T>(item: Codec<T>, countMax: number): Codec<readonly T[]> {
  return {
    write(w, values) {
      if (values.length > countMax) throw new RangeError(`${values.length} items, at most ${countMax} allowed`);
      w.u32(values.length);
      for (const value of values) item.write(w, value);
    },
    read(r) {
      const count = r.u32();
      // An item takes at least one byte, so a count beyond what remains cannot be honest: nothing is allocated for it.
      if (count > countMax || count > r.remaining) malformed('too many items');
      const values: T[] = [];
      for (let i = 0; i < count; i++) values.push(item.read(r));
      return values;
    },
  };
}

/** A list whose items are in strictly ascending order of `key`: a set, in its one order. */
export function ascending<T>(item: Codec<T>, countMax: number, key: (value: T) => number): Codec<readonly T[]> {
  const inner = list(item, countMax);
  const ordered = (values: readonly T[]): boolean =>
    values.every((value, i) => i === 0 || key(values[i - 1]!) < key(value));
  return {
    write(w, values) {
      if (!ordered(values)) throw new RangeError('items are not in ascending order');
      inner.write(w, values);
    },
    read(r) {
      const values = inner.read(r);
      if (!ordered(values)) malformed('not in ascending order');
      return values;
    },
  };
}

export function optional<T>(item: Codec<T>): Codec<T | undefined> {
  return {
    write(w, value) {
      w.u8(value === undefined ? 0 : 1);
      if (value !== undefined) item.write(w, value);
    },
    read: (r) => (bool.read(r) ? item.read(r) : undefined),
  };
}

/** The fields of a structure, one after the other, in the order of their declaration. */
export function struct<F extends Record<string, Codec<never> | Codec<any>>>(
  fields: F,
): Codec<{ readonly [K in keyof F]: TypeOf<F[K]> }> {
  type Value = { readonly [K in keyof F]: TypeOf<F[K]> };
  const entries = Object.entries(fields) as [keyof F, Codec<unknown>][];
  return {
    write(w, value) {
      for (const [name, codec] of entries) codec.write(w, value[name]);
    },
    read(r) {
      const value: Partial<Record<keyof F, unknown>> = {};
      for (const [name, codec] of entries) value[name] = codec.read(r);
      return value as Value;
    },
  };
}

/** One of several structures, told apart by `kind`: the alternative's number (its place here), then its fields. */
export function union<A extends Record<string, Codec<any>>>(
  alternatives: A,
): Codec<{ [K in keyof A & string]: { readonly kind: K } & TypeOf<A[K]> }[keyof A & string]> {
  type Value = { [K in keyof A & string]: { readonly kind: K } & TypeOf<A[K]> }[keyof A & string];
  const kinds = Object.keys(alternatives);
  const tags = new Map(kinds.map((kind, tag) => [kind, tag]));
  return {
    write(w, value) {
      const { kind } = value as { readonly kind: string };
      const tag = tags.get(kind);
      if (tag === undefined) throw new RangeError(`no alternative ${kind}`);
      w.u8(tag);
      alternatives[kind]!.write(w, value);
    },
    read(r) {
      const kind = kinds[r.u8()];
      if (kind === undefined) return malformed('unknown alternative');
      return { kind, ...(alternatives[kind]!.read(r) as object) } as Value;
    },
  };
}

/** One of a few words, as its place in the list. */
export function oneOf<const W extends readonly string[]>(...words: W): Codec<W[number]> {
  return {
    write(w, value) {
      const index = words.indexOf(value);
      if (index < 0) throw new RangeError(`no such word: ${value}`);
      w.u8(index);
    },
    read: (r) => words[r.u8()] ?? malformed('unknown word'),
  };
}

/** Another view of the same bytes. `into` may call {@link malformed}. */
export function mapped<A, B>(inner: Codec<A>, into: (a: A) => B, from: (b: B) => A): Codec<B> {
  return { write: (w, value) => inner.write(w, from(value)), read: (r) => into(inner.read(r)) };
}
