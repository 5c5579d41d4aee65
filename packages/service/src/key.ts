/**
 * Keys of maps: text, numbers, booleans, and tuples of them, as byte strings whose order is theirs.
 *
 * - Injective: two keys have one encoding only if they are the same key. `'a'` and `['a']` are two keys.
 * - Ordered: false, true, numbers by size, text by code point, then tuples, element by element, the shorter first.
 * - Prefix-safe: an element's encoding is never the beginning of another's, so the keys that begin with a tuple are
 *   those whose bytes begin with the tuple's.
 *
 * Byte strings travel as latin-1 text, as keys of `state` do.
 */
import { encodeUtf8, decodeUtf8, fromLatin1, toLatin1 } from '@coppice/wire';
import { ServiceError } from './service-error.ts';

export type KeyPart = string | number | boolean;
export type Key = KeyPart | readonly KeyPart[];

/** Bytes of an encoded key: the bound of `state`. */
export const keyBytesMax = 1024;

const falseTag = '\x02';
const trueTag = '\x03';
const numberTag = '\x04';
const textTag = '\x05';
const tupleTag = '\x08';
/** Ends text. Within it a zero byte is escaped by ff, so that text that ends comes before text that goes on. */
const textEnd = '\0\x01';
const escapedZero = '\0\xff';

/** The bytes of a key. Throws a {@link ServiceError} with code `invalid-key` for what is none. */
export function encodeKey(key: unknown): string {
  if (Array.isArray(key) && key.length === 0) return refuse('an empty tuple is no key');
  const encoded = encodePrefix(key);
  return encoded.length <= keyBytesMax ? encoded : refuse(`a key has at most ${keyBytesMax} bytes`);
}

/** What the bytes of `key` and of every longer tuple that begins with it begin with. Of `[]`: of every tuple. */
export function encodePrefix(key: unknown): string {
  if (!Array.isArray(key)) return encodePart(key);
  if (key.length > keyBytesMax) return refuse(`a key has at most ${keyBytesMax} bytes`);
  let encoded = tupleTag;
  for (let i = 0; i < key.length; i++) encoded += encodePart(key[i]);
  return encoded;
}

function encodePart(part: unknown): string {
  switch (typeof part) {
    case 'string':
      return textTag + encodeText(part) + textEnd;
    case 'number':
      return numberTag + encodeNumber(part);
    case 'boolean':
      return part ? trueTag : falseTag;
    default:
      return refuse('a key is text, a number, a boolean, or a tuple of these');
  }
}

const notPlain = /[\0\x80-\uffff]/;

function encodeText(text: string): string {
  if (text.length > keyBytesMax) return refuse(`a key has at most ${keyBytesMax} bytes`);
  if (!notPlain.test(text)) return text;
  const utf8 = encodeUtf8(text) ?? refuse('text with a lone surrogate is no key');
  return toLatin1(utf8).replaceAll('\0', escapedZero);
}

const view = new DataView(new ArrayBuffer(8));
const viewed = new Uint8Array(view.buffer);

/** The bits of a float ascend with it once the sign bit is turned, and all bits of negative ones. */
function encodeNumber(value: number): string {
  if (!Number.isFinite(value)) return refuse('a number in a key is finite');
  // Adding 0 makes 0 of -0: they are one key.
  view.setFloat64(0, value + 0);
  turn(viewed[0]! >= 0x80);
  return toLatin1(viewed);
}

function turn(negative: boolean): void {
  if (!negative) viewed[0]! ^= 0x80;
  else for (let i = 0; i < 8; i++) viewed[i]! ^= 0xff;
}

/** The key with these bytes. Throws a `TypeError` for some that {@link encodeKey} does not make. */
export function decodeKey(encoded: string): Key {
  if (encoded[0] !== tupleTag) return decodePart(encoded, 0).part;
  const parts: KeyPart[] = [];
  for (let at = 1; at < encoded.length;) {
    const { part, end } = decodePart(encoded, at);
    parts.push(part);
    at = end;
  }
  return parts;
}

function decodePart(encoded: string, at: number): { part: KeyPart; end: number } {
  switch (encoded[at]) {
    case falseTag:
      return { part: false, end: at + 1 };
    case trueTag:
      return { part: true, end: at + 1 };
    case numberTag: {
      viewed.set(fromLatin1(encoded.slice(at + 1, at + 9)));
      turn(viewed[0]! < 0x80);
      return { part: view.getFloat64(0), end: at + 9 };
    }
    case textTag: {
      const end = encoded.indexOf(textEnd, at);
      if (end < 0) throw new TypeError('not the bytes of a key');
      const text = encoded.slice(at + 1, end).replaceAll(escapedZero, '\0');
      return { part: notPlain.test(text) ? decodeUtf8(fromLatin1(text))! : text, end: end + 2 };
    }
    default:
      throw new TypeError('not the bytes of a key');
  }
}

function refuse(reason: string): never {
  throw new ServiceError('invalid-key', reason);
}
