/**
 * Deterministic CBOR: values whose shape their author decides, such as the keys, values, arguments and results of
 * services. (Structures that we declare ourselves have the denser encoding of codec.ts.)
 *
 * One value has one byte string: the core deterministic encoding of RFC 8949, section 4.2.1 (shortest heads, definite
 * lengths, map keys in bytewise order of their encodings, shortest floats), with three choices that it leaves open:
 *
 * - A number that is a safe integer is an integer, also where JavaScript computed it as a float; -0 is 0. Other finite
 *   numbers are floats. NaN and the infinities have no encoding.
 * - A bigint is an integer outside of the safe range, of at most 64 bits and a sign.
 * - Map keys are text and safe integers. A map with only text keys is a plain object, any other is a `Map`.
 *
 * There are no tags, and no simple values but `null`, `false` and `true`.
 */
import { compareBytes, encodeUtf8, toHex } from './bytes.ts';
import { type Codec, decode, type Decoded, malformed, type Reader, Writer } from './codec.ts';

export type CborValue = null | boolean | number | bigint | string | Uint8Array | readonly CborValue[] | CborMap;

/** What JSON has, and byte strings. */
export type PlainValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

type CborMap = { readonly [key: string]: CborValue } | ReadonlyMap<number | string, CborValue>;

/** The engine's own: as in bytes.ts. */
const nativeSort = Array.prototype.sort as (
  this: [number | string, CborValue][],
  compare: (a: [number | string, CborValue], b: [number | string, CborValue]) => number,
) => void;
const nativeEntries = Object.entries;

/** Arrays and maps within each other. */
const depthMax = 64;
const bytesMaxDefault = 16 * 1024 * 1024;

/** Major types of RFC 8949, section 3.1. */
const unsigned = 0;
const negative = 1;
const byteString = 2;
const textString = 3;
const array = 4;
const map = 5;
const tag = 6;
const simple = 7;

/**
 * The encoding of `value`. Throws a `RangeError` for what has none: text with lone surrogates, NaN, bigints that are
 * safe integers (they would come back as numbers) or exceed 64 bits, `undefined`, instances of classes, cycles.
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const writer = new Writer(64);
  write(writer, value, 0);
  return writer.finish();
}

/**
 * The value whose encoding is exactly `bytes`, or why there is none. Never throws. Byte strings in it are views of
 * `bytes`.
 */
export function decodeCbor(bytes: Uint8Array, limits: { readonly bytesMax?: number } = {}): Decoded<CborValue> {
  return decodeWith(anyValue, bytes, limits.bytesMax);
}

/** {@link decodeCbor} for whoever keeps and changes the value: nothing in it is shared, bigints and `Map`s are refused. */
export function decodePlainCbor(bytes: Uint8Array, limits: { readonly bytesMax?: number } = {}): Decoded<PlainValue> {
  return decodeWith(plainValue, bytes, limits.bytesMax) as Decoded<PlainValue>;
}

const anyValue: Codec<CborValue> = { write: () => {}, read: (reader) => read(reader, 0, false) };
const plainValue: Codec<CborValue> = { write: () => {}, read: (reader) => read(reader, 0, true) };

function decodeWith(codec: Codec<CborValue>, bytes: Uint8Array, bytesMax = bytesMaxDefault): Decoded<CborValue> {
  return bytes.length > bytesMax ? { ok: false, reason: 'too long' } : decode(codec, bytes);
}

function unencodable(what: string): never {
  throw new RangeError(`${what} has no CBOR encoding`);
}

function write(w: Writer, value: CborValue, depth: number): void {
  switch (typeof value) {
    case 'string':
      return writeText(w, value);
    case 'number':
      if (Number.isSafeInteger(value))
        return value < 0 ? writeHead(w, negative, -1 - value) : writeHead(w, unsigned, value);
      return writeFloat(w, value);
    case 'boolean':
      return w.u8(value ? 0xf5 : 0xf4);
    case 'bigint':
      return writeBigint(w, value);
    case 'object':
      if (value === null) return w.u8(0xf6);
      if (value instanceof Uint8Array) {
        writeHead(w, byteString, value.length);
        return w.raw(value);
      }
      if (depth === depthMax) unencodable(`a value nested deeper than ${depthMax}`);
      if (Array.isArray(value)) return writeArray(w, value, depth + 1);
      return writeMap(w, entriesOf(value as CborMap), depth + 1);
    default:
      return unencodable(`a value of type ${typeof value}`);
  }
}

function writeHead(w: Writer, major: number, argument: number): void {
  const type = major << 5;
  if (argument < 24) return w.u8(type | argument);
  if (argument < 0x100) {
    w.u8(type | 24);
    w.u8(argument);
  } else if (argument < 0x1_0000) {
    w.u8(type | 25);
    w.u16(argument);
  } else if (argument < 0x1_0000_0000) {
    w.u8(type | 26);
    w.u32(argument);
  } else {
    w.u8(type | 27);
    w.u64(argument);
  }
}

function writeBigint(w: Writer, value: bigint): void {
  const argument = value < 0n ? -1n - value : value;
  if (argument >> 64n !== 0n) unencodable('a bigint of more than 64 bits');
  if (Number.isSafeInteger(Number(value))) unencodable('a bigint that is a safe integer');
  w.u8(((value < 0n ? negative : unsigned) << 5) | 27);
  w.u32(Number(argument >> 32n));
  w.u32(Number(argument & 0xffff_ffffn));
}

function writeText(w: Writer, text: string): void {
  if (isAscii(text)) {
    writeHead(w, textString, text.length);
    for (let i = 0; i < text.length; i++) w.u8(text.charCodeAt(i));
    return;
  }
  const utf8 = utf8Of(text);
  writeHead(w, textString, utf8.length);
  w.raw(utf8);
}

/** ASCII is its own UTF-8. */
function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function utf8Of(text: string): Uint8Array {
  return encodeUtf8(text) ?? unencodable('text with a lone surrogate');
}

function writeArray(w: Writer, values: readonly CborValue[], depth: number): void {
  writeHead(w, array, values.length);
  for (const value of values) write(w, value, depth);
}

function writeMap(w: Writer, entries: [number | string, CborValue][], depth: number): void {
  if (entries.length > 1) nativeSort.call(entries, ([a], [b]) => compareKeys(a, b));
  writeHead(w, map, entries.length);
  for (const [key, value] of entries) {
    if (typeof key !== 'string' && !Number.isSafeInteger(key)) unencodable('a map key that is no text or safe integer');
    write(w, key, depth);
    write(w, value, depth);
  }
}

/** Entries of a `Map` or an object literal: of this realm or another, but not of a class, whose meaning would be lost. */
function entriesOf(value: CborMap): [number | string, CborValue][] {
  if (value instanceof Map) return [...(value as ReadonlyMap<number | string, CborValue>)];
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) unencodable('an instance of a class');
  return nativeEntries(value as { readonly [key: string]: CborValue });
}

/** The bytewise order of the keys' encodings: integers 0, 1, … then -1, -2, … then text, the shorter first. */
function compareKeys(a: number | string, b: number | string): number {
  if (typeof a === 'string' && typeof b === 'string') {
    if (isAscii(a) && isAscii(b)) return a.length - b.length || (a < b ? -1 : 1);
    const [utf8A, utf8B] = [utf8Of(a), utf8Of(b)];
    return utf8A.length - utf8B.length || compareBytes(utf8A, utf8B);
  }
  if (typeof a === 'string' || typeof b === 'string') return typeof a === 'string' ? 1 : -1;
  if (a < 0 !== b < 0) return a < 0 ? 1 : -1;
  return Math.abs(a) - Math.abs(b);
}

function read(r: Reader, depth: number, plain: boolean): CborValue {
  const initial = r.u8();
  const major = initial >> 5;
  const info = initial & 31;
  if (major === simple) return readSimple(r, info);
  if (major === tag) malformed('tag');
  const argument = readArgument(r, info);
  if (major === unsigned || major === negative) {
    const integer = major === unsigned ? argument : below(argument);
    return plain && typeof integer === 'bigint' ? malformed('an integer beyond the safe range') : integer;
  }
  // Nothing is allocated for a length or a count: what it promises is read item by item, until the bytes end.
  const length = Number(argument);
  if (major === byteString) return plain ? new Uint8Array(r.raw(length)) : r.raw(length);
  if (major === textString) return r.text(length);
  if (depth === depthMax) malformed('nested too deep');
  if (major === array) return readArray(r, length, depth + 1, plain);
  return readMap(r, length, depth + 1, plain);
}

/** -1 - `argument`. */
function below(argument: number | bigint): number | bigint {
  return typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER ? -1 - argument : -1n - BigInt(argument);
}

/** The argument of a head: a bigint if it is no safe integer. */
function readArgument(r: Reader, info: number): number | bigint {
  if (info < 24) return info;
  if (info > 27) malformed(info === 31 ? 'indefinite length' : 'reserved additional information');
  if (info === 27) {
    const high = r.u32();
    const low = r.u32();
    if (high === 0) malformed('not the shortest head');
    return high > 0x1f_ffff ? (BigInt(high) << 32n) | BigInt(low) : high * 0x1_0000_0000 + low;
  }
  const argument = info === 24 ? r.u8() : info === 25 ? r.u16() : r.u32();
  if (argument < (info === 24 ? 24 : info === 25 ? 0x100 : 0x1_0000)) malformed('not the shortest head');
  return argument;
}

function readArray(r: Reader, count: number, depth: number, plain: boolean): CborValue[] {
  const values: CborValue[] = [];
  for (let i = 0; i < count; i++) values.push(read(r, depth, plain));
  return values;
}

function readMap(r: Reader, count: number, depth: number, plain: boolean): CborValue {
  const object: Record<string, CborValue> = {};
  let other: Map<number | string, CborValue> | undefined;
  let previous = 0;
  let previousEnd = 0;
  for (let i = 0; i < count; i++) {
    const start = r.offset;
    // A key is no container: at the greatest depth, one is refused as nested too deep.
    const key = read(r, depthMax, plain);
    if (i > 0 && r.compareSince(start, previous, previousEnd) <= 0) malformed('map keys not in ascending order');
    previous = start;
    previousEnd = r.offset;
    const value = read(r, depth, plain);
    if (typeof key === 'string') {
      if (other === undefined) defineOwn(object, key, value);
      else other.set(key, value);
    } else if (Number.isSafeInteger(key)) {
      if (plain) malformed('a map key that is no text');
      // Integers sort before text, so there is none in the object.
      other ??= new Map();
      other.set(key as number, value);
    } else {
      malformed('map key is no text or safe integer');
    }
  }
  return other ?? object;
}

/**
 * Defines a property of its own, whatever the prototype has by that name: an assignment to `__proto__` would set the
 * prototype, and one to `constructor` fails where prototypes are frozen.
 */
export function defineOwn<T>(object: Record<string, T>, key: string, value: T): void {
  if (key in object)
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}

function readSimple(r: Reader, info: number): CborValue {
  switch (info) {
    case 20:
      return false;
    case 21:
      return true;
    case 22:
      return null;
    case 25:
      return shortest(halfToNumber(r.u16()), 25);
    case 26:
      return shortest(toFloat32(r.u32()), 26);
    case 27:
      return shortest(toFloat64(r.u32(), r.u32()), 27);
    default:
      return malformed('simple value');
  }
}

/** `value`, if a float of this width is its encoding. */
function shortest(value: number, info: number): number {
  if (!Number.isFinite(value)) malformed('not a finite number');
  if (Number.isSafeInteger(value)) malformed('integer as a float');
  if (floatInfo(value) !== info) malformed('not the shortest float');
  return value;
}

/** The additional information of the shortest float of a finite number: 25, 26 or 27 for 16, 32 or 64 bits. */
function floatInfo(value: number): number {
  if (Math.fround(value) !== value) return 27;
  return numberToHalf(value) === undefined ? 26 : 25;
}

function writeFloat(w: Writer, value: number): void {
  if (!Number.isFinite(value)) unencodable(String(value));
  const info = floatInfo(value);
  w.u8(0xe0 | info);
  if (info === 25) return w.u16(numberToHalf(value)!);
  if (info === 26) {
    scratch.setFloat32(0, value);
    return w.u32(scratch.getUint32(0));
  }
  scratch.setFloat64(0, value);
  w.u32(scratch.getUint32(0));
  w.u32(scratch.getUint32(4));
}

const scratch = new DataView(new ArrayBuffer(8));

function toFloat32(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

function toFloat64(high: number, low: number): number {
  scratch.setUint32(0, high);
  scratch.setUint32(4, low);
  return scratch.getFloat64(0);
}

function halfToNumber(half: number): number {
  const exponent = (half >> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return NaN;
  // Without an implicit one, the fraction counts units of 2^-24. (No `**` here: engines differ in its last bit.)
  if (exponent === 0) return (half < 0x8000 ? fraction : -fraction) * 5.960464477539063e-8;
  return toFloat32(((half & 0x8000) << 16) | ((exponent + 112) << 23) | (fraction << 13));
}

/** The half-precision bits of a number that single precision holds exactly, if half precision does too. */
function numberToHalf(value: number): number | undefined {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 255) - 127;
  const fraction = bits & 0x7f_ffff;
  if (exponent >= -14 && exponent <= 15) {
    return (fraction & 0x1fff) === 0 ? sign | ((exponent + 15) << 10) | (fraction >> 13) : undefined;
  }
  if (exponent < -24 || exponent > 15) return undefined;
  // Below 2^-14 a half has no implicit one: the whole significand counts units of 2^-24.
  const significand = fraction | 0x80_0000;
  const units = significand >> (-1 - exponent);
  return units << (-1 - exponent) === significand ? sign | units : undefined;
}

/** The value in the diagnostic notation of RFC 8949, section 8: for people to read. */
export function cborDiagnostic(value: CborValue): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') {
    // A float with the value of a large integer shows its point: that integer is a bigint.
    const digits = String(value);
    return typeof value === 'number' && /^-?\d+$/.test(digits) && !Number.isSafeInteger(value) ? `${digits}.0` : digits;
  }
  if (value instanceof Uint8Array) return `h'${toHex(value)}'`;
  if (Array.isArray(value)) return `[${value.map(cborDiagnostic).join(', ')}]`;
  const entries = entriesOf(value as CborMap);
  return `{${entries.map(([key, item]) => `${cborDiagnostic(key)}: ${cborDiagnostic(item)}`).join(', ')}}`;
}
