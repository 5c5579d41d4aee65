/**
 * Addresses: one ordered key space for all maps.
 *
 * The state is a set of named ordered maps, kept as *one* ordered map of addresses: `map ‖ 00 ‖ key`. Map names are
 * visible ASCII, so the zero byte ends them, no address is a prefix of another map's, and address order is the order
 * by map, then by key. Any number of maps costs nothing extra, and a snapshot of all of them is one pointer.
 *
 * Keys and addresses are byte strings that travel as latin-1 text, one UTF-16 unit a byte (`toLatin1` in wire): the
 * engine hashes and compares text natively, and text order is byte order.
 */

/** A key within a map: a byte string of at most {@link keyBytesMax} bytes, as latin-1 text. */
export type Key = string;

/** `map ‖ 00 ‖ key`, as latin-1 text. */
export type Address = string;

export const mapNameBytesMax = 64;
export const keyBytesMax = 1024;
export const valueBytesMax = 1_048_576;
export const addressBytesMax = mapNameBytesMax + 1 + keyBytesMax;

export type StateLimit = 'map-name' | 'key' | 'value' | 'write-set';

/** A write that breaks a bound of the format. The caller can always tell in advance; the write has had no effect. */
export class StateLimitError extends RangeError {
  // Not assigned: in a realm that is locked down, what a prototype of the engine's has cannot be shadowed by assigning.
  override readonly name = 'StateLimitError';
  readonly code: StateLimit;

  constructor(code: StateLimit, message: string) {
    super(message);
    this.code = code;
  }
}

const mapName = /^[\x21-\x7e]{1,64}$/;
const notLatin1 = /[^\x00-\xff]/;

/** Whether a map may have this name: 1 to 64 visible ASCII characters. */
export function isMapName(text: string): boolean {
  return mapName.test(text);
}

/** Whether `text` is a key: at most 1,024 units, each a byte. */
export function isKey(text: string): boolean {
  return text.length <= keyBytesMax && !notLatin1.test(text);
}

/** The address of a key. Of names and keys that break the bounds, too: nothing is ever stored there. */
export function addressOf(map: string, key: Key): Address {
  return `${map}\0${key}`;
}

export function mapOf(address: Address): string {
  return address.slice(0, address.indexOf('\0'));
}

export function keyOf(address: Address): Key {
  return address.slice(address.indexOf('\0') + 1);
}

/** Whether `address` is that of a key of a map, within the bounds. */
export function isAddress(address: Address): boolean {
  const end = address.indexOf('\0');
  return end > 0 && isMapName(address.slice(0, end)) && isKey(address.slice(end + 1));
}

/** A part of a map. Bounds combine: what is in the range meets all of them. */
export interface Range {
  /** The first key. */
  readonly from?: Key | undefined;
  /** The first key after the range. */
  readonly to?: Key | undefined;
  /** What every key starts with. */
  readonly prefix?: Key | undefined;
  /** In descending order. */
  readonly reverse?: boolean | undefined;
  /** At most so many entries. */
  readonly limit?: number | undefined;
}

/** The addresses from `from` to before `to`. */
export interface Span {
  readonly from: Address;
  readonly to: Address;
}

/** The least text above all texts that start with `prefix`. It need not be latin-1: it is only compared with. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** The addresses of a map's keys in `range`. */
export function spanOf(map: string, range: Range): Span {
  const start = addressOf(map, range.prefix ?? '');
  let from = start;
  let to = after(start);
  if (range.from !== undefined) {
    const bound = addressOf(map, range.from);
    if (bound > from) from = bound;
  }
  if (range.to !== undefined) {
    const bound = addressOf(map, range.to);
    if (bound < to) to = bound;
  }
  return { from, to };
}
