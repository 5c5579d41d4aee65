/**
 * Lists packed into one byte string: items of a record of fixed size and contents of any size.
 *
 *     list = tag ‖ u8 count ‖ count × record ‖ count × u32 end ‖ contents        ends count from the first content on
 *
 * A state has millions of entries. Were each an object or a string, the garbage collector would visit millions of
 * things whenever it runs; and in a list, a search touches few lines of memory. A list is changed by copying it.
 */
import { copyInto } from '@coppice/wire';

export type Packed = Uint8Array;

/** An item in a list: its number, and the offsets of its record and content. */
export interface Item {
  readonly list: Packed;
  readonly index: number;
  readonly record: number;
  readonly start: number;
  readonly end: number;
}

export const headerBytes = 2;
const endBytes = 4;

/** A signed 32-bit integer: as such it is a small integer to the engine. */
export function i32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes latin-1 text. */
export function writeText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

export function countIn(list: Packed): number {
  return list[1]!;
}

/** Where the ends are, in a list of `count` items. */
export function endsAt(count: number, recordBytes: number): number {
  return headerBytes + recordBytes * count;
}

/** Where the contents are, in a list of `count` items. */
export function contentsAt(count: number, recordBytes: number): number {
  return headerBytes + (recordBytes + endBytes) * count;
}

/** The bytes of all contents. */
export function contentBytes(list: Packed, recordBytes: number): number {
  return list.length - contentsAt(countIn(list), recordBytes);
}

/** Where the content of an item ends. Of item -1: where that of the first starts. */
export function endOf(list: Packed, recordBytes: number, index: number): number {
  const count = countIn(list);
  const end = index < 0 ? 0 : i32(list, endsAt(count, recordBytes) + endBytes * index);
  return contentsAt(count, recordBytes) + end;
}

export function itemAt(list: Packed, recordBytes: number, index: number): Item {
  return {
    list,
    index,
    record: headerBytes + recordBytes * index,
    start: endOf(list, recordBytes, index - 1),
    end: endOf(list, recordBytes, index),
  };
}

/** An empty list. */
export function emptyList(tag: number): Packed {
  return Uint8Array.of(tag, 0);
}

/**
 * A copy of the list in which `removed` items (0 or 1) at `index` make room for one with a content of `length` bytes,
 * unless `length` is `undefined`. The new item is zeros, and for the caller to write.
 */
export function splice(
  list: Packed,
  recordBytes: number,
  index: number,
  removed: number,
  length: number | undefined,
): Packed {
  const count = countIn(list);
  const added = length === undefined ? 0 : 1;
  const countAfter = count - removed + added;
  const ends = endsAt(count, recordBytes);
  const contents = contentsAt(count, recordBytes);
  const before = index === 0 ? 0 : i32(list, ends + endBytes * (index - 1));
  const after = removed === 0 ? before : i32(list, ends + endBytes * index);
  const growth = (length ?? 0) - (after - before);
  const contentsAfter = contentsAt(countAfter, recordBytes);
  const changed = new Uint8Array(contentsAfter + contentBytes(list, recordBytes) + growth);

  const record = headerBytes + recordBytes * index;
  copyInto(changed, list.subarray(0, record), 0);
  changed[1] = countAfter;
  copyInto(changed, list.subarray(record + recordBytes * removed, ends), record + recordBytes * added);

  let endAt = endsAt(countAfter, recordBytes);
  for (let i = 0; i < index; i++, endAt += endBytes) writeU32(changed, endAt, i32(list, ends + endBytes * i));
  if (length !== undefined) {
    writeU32(changed, endAt, before + length);
    endAt += endBytes;
  }
  for (let i = index + removed; i < count; i++, endAt += endBytes) {
    writeU32(changed, endAt, i32(list, ends + endBytes * i) + growth);
  }

  copyInto(changed, list.subarray(contents, contents + before), contentsAfter);
  copyInto(changed, list.subarray(contents + after), contentsAfter + before + (length ?? 0));
  return changed;
}

/** A list of at most 255 items, from any lists with records of that size. */
export function packed(tag: number, recordBytes: number, items: readonly Item[]): Packed {
  const contents = contentsAt(items.length, recordBytes);
  let length = contents;
  for (const { start, end } of items) length += end - start;
  const list = new Uint8Array(length);
  list[0] = tag;
  list[1] = items.length;
  let at = contents;
  for (const [i, item] of items.entries()) {
    copyInto(list, item.list.subarray(item.record, item.record + recordBytes), headerBytes + recordBytes * i);
    copyInto(list, item.list.subarray(item.start, item.end), at);
    at += item.end - item.start;
    writeU32(list, endsAt(items.length, recordBytes) + endBytes * i, at - contents);
  }
  return list;
}
