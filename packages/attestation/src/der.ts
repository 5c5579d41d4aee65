/**
 * A strict reader of DER (X.690): one encoding for every value, or it is refused.
 *
 * It goes forward through the contents of one value, and its caller says what must come next; nothing recurses, so
 * input cannot make it deep. Refusals are a {@link DerFault}, which {@link decodeDer} turns into a reason: no exception
 * leaves a decoder that is built on it.
 */
import type { Decoded } from '@coppice/wire';

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Tag of an explicitly tagged, constructed field. */
export const explicit = (field: number): number => 0xa0 | field;

export class DerFault extends Error {}

/** One value: `bytes` with its header, `content` without. Both are views. */
export interface Der {
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

export class DerReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get more(): boolean {
    return this.#position < this.#bytes.length;
  }

  /** The next value, which must have this tag. */
  next(tag: number): Der {
    const value = this.any();
    if (value.tag !== tag) throw new DerFault(`tag ${value.tag} where ${tag} belongs`);
    return value;
  }

  /** The next value if it has this tag. */
  optional(tag: number): Der | undefined {
    return this.#bytes[this.#position] === tag ? this.any() : undefined;
  }

  any(): Der {
    const start = this.#position;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerFault('tag of more than one byte');
    const length = this.#length();
    const contentStart = this.#position;
    const end = contentStart + length;
    if (end > this.#bytes.length) throw new DerFault('length beyond the end');
    this.#position = end;
    return { tag, bytes: this.#bytes.subarray(start, end), content: this.#bytes.subarray(contentStart, end) };
  }

  /** Nothing may follow. */
  end(): void {
    if (this.more) throw new DerFault('surplus bytes');
  }

  #byte(): number {
    const byte = this.#bytes[this.#position++];
    if (byte === undefined) throw new DerFault('cut off');
    return byte;
  }

  /** Definite and minimal, at most three bytes long. */
  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 3) throw new DerFault('length is indefinite or too large');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerFault('length is not minimal');
    return length;
  }
}

/** What `read` makes of `bytes`, all of them, or why nothing. */
export function decodeDer<T>(bytes: Uint8Array, read: (reader: DerReader) => T): Decoded<T> {
  try {
    return { ok: true, value: readAll(bytes, read) };
  } catch (error) {
    if (error instanceof DerFault) return { ok: false, reason: error.message };
    throw error;
  }
}

/** What `read` makes of `bytes`, all of them. */
export function readAll<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes);
  const result = read(reader);
  reader.end();
  return result;
}

/** What `read` makes of a value's contents, all of them. */
export function inside<T>(value: Der, read: (content: DerReader) => T): T {
  return readAll(value.content, read);
}

/** The dotted form of an object identifier. */
export function oid({ content }: Der): string {
  const arcs: number[] = [];
  let arc = 0;
  let begun = false;
  for (const byte of content) {
    if (!begun && byte === 0x80) throw new DerFault('object identifier is not minimal');
    arc = arc * 128 + (byte & 0x7f);
    if (arc > 0xffff_ffff) throw new DerFault('object identifier is too large');
    begun = byte >= 0x80;
    if (begun) continue;
    arcs.push(arc);
    arc = 0;
  }
  if (begun || arcs.length === 0) throw new DerFault('object identifier is cut off');
  const first = arcs[0]!;
  const root = first < 40 ? 0 : first < 80 ? 1 : 2;
  return [root, first - 40 * root, ...arcs.slice(1)].join('.');
}

/** Two's complement bytes of an integer, in its shortest form. */
export function integerBytes({ content }: Der): Uint8Array {
  const [first, second = 0] = content;
  if (first === undefined) throw new DerFault('empty integer');
  if (content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw new DerFault('integer is not minimal');
  return content;
}

/** An integer from 0 to 2^32 − 1. */
export function smallInteger(value: Der): number {
  const bytes = integerBytes(value);
  if (bytes[0]! >= 0x80 || bytes.length > 5 || (bytes.length === 5 && bytes[0] !== 0))
    throw new DerFault('integer is out of range');
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** The bytes of an integer that is not negative, as a number of `length` bytes, big-endian. */
export function fixedInteger(value: Der, length: number): Uint8Array {
  const bytes = integerBytes(value);
  if (bytes[0]! >= 0x80) throw new DerFault('negative integer');
  const digits = bytes[0] === 0 ? bytes.subarray(1) : bytes;
  if (digits.length > length) throw new DerFault('integer is out of range');
  const fixed = new Uint8Array(length);
  fixed.set(digits, length - digits.length);
  return fixed;
}

export function boolean({ content }: Der): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerFault('not a boolean');
  return content[0] === 0xff;
}

/** A bit string of whole bytes. */
export function bitStringBytes({ content }: Der): Uint8Array {
  if (content.length === 0 || content[0] !== 0) throw new DerFault('not a bit string of whole bytes');
  return content.subarray(1);
}

/** UTCTime or GeneralizedTime as RFC 5280 restricts them, in milliseconds since 1970. */
export function time({ tag, content }: Der): number {
  let text = '';
  for (const byte of content) text += String.fromCharCode(byte);
  if (tag === tags.utcTime && /^\d{12}Z$/.test(text)) text = (Number(text.slice(0, 2)) < 50 ? '20' : '19') + text;
  else if (tag !== tags.generalizedTime) throw new DerFault('not a time');
  const ms = instantOf(text);
  if (ms === undefined) throw new DerFault('not a time');
  return ms;
}

/** Milliseconds since 1970 of a time in UTC, `YYYYMMDDhhmmssZ`; `undefined` if there is no such time. */
export function instantOf(text: string): number | undefined {
  if (!/^\d{14}Z$/.test(text)) return undefined;
  const part = (from: number, length = 2): number => Number(text.slice(from, from + length));
  const [year, month, day] = [part(0, 4), part(4), part(6)];
  const [hour, minute, second] = [part(8), part(10), part(12)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59)
    return undefined;
  return (((dayNumber(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Days since 1970-01-01 in the Gregorian calendar: years are counted from March, so that a leap day ends one. */
function dayNumber(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return 365 * y + leapDays + Math.floor((153 * monthFromMarch + 2) / 5) + day - 1 - 719_468;
}
