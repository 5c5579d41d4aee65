/**
 * Byte strings: comparison, text forms, map keys.
 *
 * A byte string is a `Uint8Array` that nobody changes after it was handed on. As a key of a `Map` it travels as a
 * *latin-1 string*, one UTF-16 unit a byte: the engine hashes and compares it natively, and its order is byte order.
 */

/** Whether `a` and `b` hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * The engine's own, taken before services are confined: afterwards each call of these methods, whoever's, first asks whether a
 * service makes it, and there are dozens of them a request.
 */
const nativeSet: (this: Uint8Array, source: Uint8Array, at: number) => void = Reflect.get(Uint8Array.prototype, 'set');
const nativeSlice: (this: Uint8Array) => Uint8Array = Reflect.get(Uint8Array.prototype, 'slice');
/** Up to this length, a loop is faster than a call of the engine. */
const loopBytesMax = 40;

/** Copies `source` into `target`, from `at` on. */
export function copyInto(target: Uint8Array, source: Uint8Array, at: number): void {
  const { length } = source;
  if (length > loopBytesMax) nativeSet.call(target, source, at);
  else for (let i = 0; i < length; i++) target[at + i] = source[i]!;
}

/** A copy with a buffer of its own. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return nativeSlice.call(bytes);
}

const slabBytes = 64 * 1024;
let slab = new Uint8Array(0);
let slabUsed = 0;

/**
 * A byte string of zeros, to be filled at once by whoever asked for it. Each array of its own is a memory allocation
 * outside of the engine's heap, or becomes one with its first view; so small ones share a buffer. For that, nothing made
 * here is handed to code that is not trusted, or kept for long while its neighbours go.
 */
export function allocate(length: number): Uint8Array {
  if (length > slabBytes / 8) return new Uint8Array(length);
  if (slabUsed + length > slab.length) {
    slab = new Uint8Array(slabBytes);
    slabUsed = 0;
  }
  const start = slabUsed;
  slabUsed += length;
  return slab.subarray(start, slabUsed);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const all = allocate(length);
  let offset = 0;
  for (const part of parts) {
    copyInto(all, part, offset);
    offset += part.length;
  }
  return all;
}

const hexDigits = '0123456789abcdef';

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexDigits[byte >> 4]! + hexDigits[byte & 15]!;
  return text;
}

/** The bytes of lower-case hexadecimal text, or `undefined` for anything else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** One UTF-16 unit a byte: for `Map` keys. Inverse of {@link fromLatin1}. */
export function toLatin1(bytes: Uint8Array): string {
  // Chunked, because an argument list has a length limit that differs between engines.
  if (bytes.length <= 4096) return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += toLatin1(bytes.subarray(i, i + 4096));
  return text;
}

export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * UTF-8 of well-formed text. Lone surrogates have no UTF-8 form, so text that holds one is refused (`undefined`):
 * replacing them silently would give two texts one byte string.
 */
export function encodeUtf8(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      bytes[length++] = unit;
    } else if (unit < 0x800) {
      bytes[length++] = 0xc0 | (unit >> 6);
      bytes[length++] = 0x80 | (unit & 63);
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes[length++] = 0xe0 | (unit >> 12);
      bytes[length++] = 0x80 | ((unit >> 6) & 63);
      bytes[length++] = 0x80 | (unit & 63);
    } else {
      const low = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return undefined;
      i++;
      const point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
      bytes[length++] = 0xf0 | (point >> 18);
      bytes[length++] = 0x80 | ((point >> 12) & 63);
      bytes[length++] = 0x80 | ((point >> 6) & 63);
      bytes[length++] = 0x80 | (point & 63);
    }
  }
  return copyOf(bytes.subarray(0, length));
}

/** The text of strict UTF-8 (RFC 3629: shortest form, no surrogates) from `start` up to `end`, or `undefined`. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string | undefined {
  let text = '';
  let i = start;
  while (i < end) {
    const lead = bytes[i++]!;
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      continue;
    }
    const more =
      lead >= 0xf0 && lead < 0xf5 ? 3 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xc2 && lead < 0xe0 ? 1 : 0;
    if (more === 0 || i + more > end) return undefined;
    let point = lead & (0x3f >> more);
    for (let k = 0; k < more; k++) {
      const next = bytes[i++]!;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 63);
    }
    if (more === 2 && (point < 0x800 || (point >= 0xd800 && point <= 0xdfff))) return undefined;
    if (more === 3 && (point < 0x10000 || point > 0x10ffff)) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}
