/**
 * A leaf of the authenticated trie: the entries of one small part of the state, packed into one byte string.
 *
 *     leaf   = head ‖ count × u32 end ‖ count × entry
 *     head   = 'L' ‖ u8 count ‖ count × (SHA-256(address) ‖ H(entry)), H as the trie has it
 *     entry  = 'E' ‖ u16 addressLength ‖ address ‖ u32 valueLength ‖ value
 *
 * All three lists are in the order of the first hash, the entry's *place* in the trie. An `end` counts bytes from the
 * first entry on. The leaf's digest covers its head: a proof about one entry shows of its neighbours only hashes.
 *
 * A leaf in memory is the leaf on disk and on the wire. Whoever shares one does not change it, but for one thing: a record whose
 * entry was just written has a {@link isPending pending} entry hash, which {@link settle} computes when a digest is wanted.
 */
import { copyInto, copyOf, type Cryptography, type Digest, sameBytes } from '@coppice/wire';
import { type Address, addressBytesMax, valueBytesMax } from './address.ts';
import {
  contentBytes,
  contentsAt,
  countIn,
  emptyList,
  endsAt,
  headerBytes,
  i32,
  type Item,
  itemAt,
  type Packed,
  packed,
  splice,
  writeText,
  writeU32,
} from './packed.ts';

export type Leaf = Packed;

const leafTag = 0x4c;
/** A leaf of more than one entry has at most so many, */
const leafEntriesMax = 32;
/** in at most so many bytes. A single entry may be larger. */
const leafEntryBytesMax = 16_384;

const recordBytes = 64;
const entryTag = 0x45;
/** Before the address: the tag and the address's length. */
const prefixBytes = 3;
/** Before the value: its length. */
const lengthBytes = 4;
/** The longest leaf: one entry of the longest address and value. */
export const leafBytesMax = contentsAt(1, recordBytes) + prefixBytes + addressBytesMax + lengthBytes + valueBytesMax;
/** The longest head. */
export const headBytesMax = headerBytes + recordBytes * leafEntriesMax;

/** Whether a part of the state with so many entries, in so many bytes, is one leaf. The rule that shapes the trie. */
export function fitsLeaf(count: number, bytes: number): boolean {
  return count === 1 || (count <= leafEntriesMax && bytes <= leafEntryBytesMax);
}

/** The length of the address of the entry that starts at `start`. */
function addressLength(leaf: Uint8Array, start: number): number {
  return (leaf[start + 1]! << 8) | leaf[start + 2]!;
}

/** The bytes of all entries. */
export function bytesIn(leaf: Leaf): number {
  return contentBytes(leaf, recordBytes);
}

/** What the leaf's digest covers. */
export function headOf(leaf: Leaf): Uint8Array {
  return leaf.subarray(0, endsAt(countIn(leaf), recordBytes));
}

export function itemsOfLeaf(leaf: Leaf): Item[] {
  return Array.from({ length: countIn(leaf) }, (_, index) => itemAt(leaf, recordBytes, index));
}

/** The half-byte at `depth` of the place that starts at `at`. */
export function nibbleOf(bytes: Uint8Array, depth: number, at = 0): number {
  const byte = bytes[at + (depth >>> 1)]!;
  return (depth & 1) === 0 ? byte >>> 4 : byte & 15;
}

export function addressBytes(item: Item): Uint8Array {
  const start = item.start + prefixBytes;
  return item.list.subarray(start, start + addressLength(item.list, item.start));
}

/** A view of the value: it keeps the leaf's memory, and must not be changed. */
export function valueOf(item: Item): Uint8Array {
  return item.list.subarray(item.start + prefixBytes + addressLength(item.list, item.start) + lengthBytes, item.end);
}

/** What the entry's hash covers. */
export function entryBytesOf(item: Item): Uint8Array {
  return item.list.subarray(item.start, item.end);
}

/** The first 32 bits of the entry's place. */
export function prefixOf(item: Item): number {
  return i32(item.list, item.record);
}

export function entryHashOf(item: Item): Uint8Array {
  return item.list.subarray(item.record + 32, item.record + 64);
}

/** The entry at `address`, whose place starts with `prefix`. */
export function find(leaf: Leaf, prefix: number, address: Address): Item | undefined {
  const count = countIn(leaf);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (i32(leaf, headerBytes + recordBytes * middle) >>> 0 < prefix >>> 0) low = middle + 1;
    else high = middle;
  }
  // More than one place may start with the same bits.
  for (; low < count && i32(leaf, headerBytes + recordBytes * low) === prefix; low++) {
    const item = itemAt(leaf, recordBytes, low);
    if (hasAddress(leaf, item.start, address)) return item;
  }
  return undefined;
}

function hasAddress(leaf: Leaf, start: number, address: Address): boolean {
  if (addressLength(leaf, start) !== address.length) return false;
  const at = start + prefixBytes;
  for (let i = 0; i < address.length; i++) if (leaf[at + i] !== address.charCodeAt(i)) return false;
  return true;
}

/** The order of entries within a leaf: that of their places. No two are the same, or SHA-256 is broken. */
function comparePlaces(a: Uint8Array, recordA: number, b: Uint8Array, recordB: number): number {
  for (let i = 0; i < 32; i++) {
    const difference = a[recordA + i]! - b[recordB + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A leaf of one entry. */
export function leafOfEntry(place: Digest, address: Address, value: Uint8Array): Leaf {
  return insertEntry(emptyList(leafTag), place, address, value);
}

/** The leaf with one more entry, whose place it does not have yet. The entry's hash is pending. */
export function insertEntry(leaf: Leaf, place: Digest, address: Address, value: Uint8Array): Leaf {
  let index = 0;
  while (index < countIn(leaf) && comparePlaces(leaf, headerBytes + recordBytes * index, place, 0) < 0) index++;
  const valueAt = prefixBytes + address.length;
  const changed = splice(leaf, recordBytes, index, 0, valueAt + lengthBytes + value.length);
  const { record, start } = itemAt(changed, recordBytes, index);
  copyInto(changed, place, record);
  changed[start] = entryTag;
  changed[start + 1] = address.length >>> 8;
  changed[start + 2] = address.length;
  writeText(changed, start + prefixBytes, address);
  writeValue(changed, start + valueAt, value);
  return changed;
}

/** The item's leaf with another value there: the very same, if it is `mine` and the lengths are. The entry's hash is pending. */
export function replaceValue({ list, index, record, start, end }: Item, value: Uint8Array, mine: boolean): Leaf {
  const valueAt = prefixBytes + addressLength(list, start);
  const length = valueAt + lengthBytes + value.length;
  if (length === end - start) {
    const changed = mine ? list : copyOf(list);
    markPending(changed, record);
    writeValue(changed, start + valueAt, value);
    return changed;
  }
  // What comes before has its length, so that record and entry stay where they were.
  const changed = splice(list, recordBytes, index, 1, length);
  copyInto(changed, list.subarray(record, record + 32), record);
  copyInto(changed, list.subarray(start, start + valueAt), start);
  writeValue(changed, start + valueAt, value);
  return changed;
}

/** The item's leaf without it; nothing, if it was the last. */
export function removeEntry({ list, index }: Item): Leaf | undefined {
  return countIn(list) === 1 ? undefined : splice(list, recordBytes, index, 1, undefined);
}

function writeValue(leaf: Leaf, at: number, value: Uint8Array): void {
  writeU32(leaf, at, value.length);
  copyInto(leaf, value, at + lengthBytes);
}

/** The leaf of at most {@link leafEntriesMax} entries, from any leaves. */
export function leafOf(all: readonly Item[]): Leaf {
  return packed(
    leafTag,
    recordBytes,
    all.toSorted((a, b) => comparePlaces(a.list, a.record, b.list, b.record)),
  );
}

/**
 * Whether a record's entry hash has yet to be computed. A hash that truly starts with four zero bytes looks so, too,
 * and is only computed again.
 */
function isPending(leaf: Leaf, record: number): boolean {
  return i32(leaf, record + 32) === 0;
}

function markPending(leaf: Leaf, record: number): void {
  for (let at = record + 32; at < record + recordBytes; at++) leaf[at] = 0;
}

/** A copy of the leaf in which all of them are pending. */
export function unsettled(leaf: Leaf): Leaf {
  const copy = copyOf(leaf);
  for (let i = 0; i < countIn(copy); i++) markPending(copy, headerBytes + recordBytes * i);
  return copy;
}

/** Computes the pending entry hashes. */
export function settle(cryptography: Cryptography, leaf: Leaf): void {
  for (let i = 0; i < countIn(leaf); i++) {
    const record = headerBytes + recordBytes * i;
    if (isPending(leaf, record))
      copyInto(leaf, cryptography.hash(entryBytesOf(itemAt(leaf, recordBytes, i))), record + 32);
  }
}

/** Whether the bytes have the form of a leaf, so that the functions above may be used. Says nothing of the hashes. */
export function isLeaf(bytes: Uint8Array): boolean {
  const count = bytes[1];
  if (bytes[0] !== leafTag || count === undefined || count === 0) return false;
  const entries = contentsAt(count, recordBytes);
  if (bytes.length < entries || !fitsLeaf(count, bytesIn(bytes))) return false;
  let at = entries;
  for (let i = 0; i < count; i++) {
    // What lies beyond the end reads as `undefined`, and fails the test after it.
    if (bytes[at] !== entryTag || addressLength(bytes, at) > addressBytesMax) return false;
    const valueAt = at + prefixBytes + addressLength(bytes, at);
    if (valueAt + lengthBytes > bytes.length) return false;
    const valueLength = i32(bytes, valueAt) >>> 0;
    if (valueLength > valueBytesMax) return false;
    at = valueAt + lengthBytes + valueLength;
    if (itemAt(bytes, recordBytes, i).end !== at) return false;
  }
  return at === bytes.length;
}

/** Whether the bytes have the form of a leaf's head. */
export function isHead(bytes: Uint8Array): boolean {
  const count = bytes[1];
  return bytes[0] === leafTag && count !== undefined && count > 0 && bytes.length === endsAt(count, recordBytes);
}

/** The entry hash that a leaf's head has for a place, if any. */
export function recordIn(head: Uint8Array, place: Digest): Digest | undefined {
  for (let record = headerBytes; record < head.length; record += recordBytes) {
    if (sameBytes(head.subarray(record, record + 32), place)) return head.subarray(record + 32, record + recordBytes);
  }
  return undefined;
}
