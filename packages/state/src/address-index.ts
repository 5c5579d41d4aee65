/**
 * The addresses in their order, each with the first 32 bits of its place in the trie.
 *
 * Addresses are packed into pages of some dozens, and a tree leads to the pages: a page's key is at most its first
 * address, and above all addresses of the page before it, and as short as that allows. The first page's key is the empty text. A page is replaced
 * when it changes, so the index is shared as the tree is. Where there is a store, only some pages that changed last are in memory.
 */
import { toLatin1 } from '@coppice/wire';
import type { Address } from './address.ts';
import {
  contentBytes,
  countIn,
  emptyList,
  endOf,
  headerBytes,
  i32,
  itemAt,
  type Packed,
  packed,
  splice,
  writeText,
  writeU32,
} from './packed.ts';
import type { KeptPages, PageStore } from './stored.ts';
import { type Cursor, Tree } from './tree.ts';

const pageTag = 0x49;
const recordBytes = 4;
const addressesMax = 64;
const pageBytesMax = 8192;
const emptyPage = emptyList(pageTag);
/** So many pages that changed last are not in the store yet. */
const unstoredMax = 16;

/** In memory, or by itself in the store. */
type Page = Packed | KeptPages;

function pageIn(page: Page, once = false): Packed {
  return page instanceof Uint8Array ? page : page.read(0, once)!;
}

/** The index of the first address that is `text` or comes after it. */
function lowerBound(page: Packed, text: string): number {
  let low = 0;
  let high = countIn(page);
  // What the addresses just below and above the range share with the text, all in it share with it.
  let sharedBelow = 0;
  let sharedAbove = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = endOf(page, recordBytes, middle - 1);
    const length = endOf(page, recordBytes, middle) - start;
    let shared = Math.min(sharedBelow, sharedAbove);
    while (shared < length && page[start + shared] === text.charCodeAt(shared)) shared++;
    // At the end of the text, the code is NaN: not above any byte.
    if (shared < length ? page[start + shared]! < text.charCodeAt(shared) : length < text.length) {
      low = middle + 1;
      sharedBelow = shared;
    } else {
      high = middle;
      sharedAbove = shared;
    }
  }
  return low;
}

/** Whether the address at `index`, if there is one, is this one. */
function isAt(page: Packed, index: number, address: Address): boolean {
  if (index >= countIn(page)) return false;
  const start = endOf(page, recordBytes, index - 1);
  if (endOf(page, recordBytes, index) - start !== address.length) return false;
  for (let i = 0; i < address.length; i++) if (page[start + i] !== address.charCodeAt(i)) return false;
  return true;
}

function prefixAt(page: Packed, index: number): number {
  return i32(page, headerBytes + recordBytes * index);
}

function addressAt(page: Packed, index: number): Address {
  const { start, end } = itemAt(page, recordBytes, index);
  return toLatin1(page.subarray(start, end));
}

/** The shortest beginning of the address at `index` that is above the address before it. */
function separatorAt(page: Packed, index: number): string {
  const before = itemAt(page, recordBytes, index - 1);
  const { start } = itemAt(page, recordBytes, index);
  let shared = 0;
  while (before.start + shared < before.end && page[before.start + shared] === page[start + shared]) shared++;
  return toLatin1(page.subarray(start, start + shared + 1));
}

export class AddressIndex {
  readonly #store: PageStore | undefined;
  readonly #pages: Tree<Page>;
  /** Keys of pages that changed here and are not in the store yet, the first that did so first. */
  readonly #unstored = new Set<Address>();
  #size: number;

  /** @param store for pages; by default they are all in memory */
  constructor(store?: PageStore, pages = new Tree<Page>(), size = 0) {
    if (pages.size === 0) pages.set('', emptyPage);
    this.#store = store;
    this.#pages = pages;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /** An index of the same content, in constant time. The two no longer see each other's changes. */
  share(): AddressIndex {
    return new AddressIndex(this.#store, this.#pages.share(), this.#size);
  }

  /** @param once for somebody who looks at everything */
  get(address: Address, once = false): number | undefined {
    const page = pageIn(this.#pages.floor(address)!.value, once);
    const at = lowerBound(page, address);
    return isAt(page, at, address) ? prefixAt(page, at) : undefined;
  }

  set(address: Address, prefix: number): void {
    const { key, value } = this.#pages.floor(address)!;
    const page = pageIn(value);
    const at = lowerBound(page, address);
    const found = isAt(page, at, address);
    const changed = splice(page, recordBytes, at, found ? 1 : 0, address.length);
    const { record, start } = itemAt(changed, recordBytes, at);
    writeU32(changed, record, prefix);
    writeText(changed, start, address);
    if (!found) this.#size++;

    const count = countIn(changed);
    if (count <= addressesMax && (count === 1 || contentBytes(changed, recordBytes) <= pageBytesMax)) {
      this.#put(key, changed);
      return;
    }
    // Where addresses ascend, full pages are left behind.
    const half = at === count - 1 ? count - 1 : count >>> 1;
    const items = Array.from({ length: count }, (_, index) => itemAt(changed, recordBytes, index));
    this.#put(key, packed(pageTag, recordBytes, items.slice(0, half)));
    this.#put(separatorAt(changed, half), packed(pageTag, recordBytes, items.slice(half)));
  }

  /** Removes an address, if it is there. */
  delete(address: Address): void {
    const { key, value } = this.#pages.floor(address)!;
    const page = pageIn(value);
    const at = lowerBound(page, address);
    if (!isAt(page, at, address)) return;
    this.#size--;
    if (countIn(page) > 1 || key === '') {
      this.#put(key, splice(page, recordBytes, at, 1, undefined));
    } else {
      this.#pages.delete(key);
      this.#unstored.delete(key);
    }
  }

  #put(key: Address, page: Packed): void {
    this.#pages.set(key, page);
    if (this.#store === undefined) return;
    this.#unstored.add(key);
    if (this.#unstored.size <= unstoredMax) return;
    const first = this.#unstored.values().next().value!;
    this.#unstored.delete(first);
    this.#pages.set(first, this.#store.keep([this.#pages.get(first) as Packed]));
  }

  /** Walks the addresses from `from` to before `to`, or back. Good until the index is changed. */
  cursor(from: Address, to: Address, reverse: boolean): AddressCursor {
    const pages = this.#pages.cursor(reverse ? '' : this.#pages.floor(from)!.key, to, reverse);
    return new AddressCursor(pages, from, to, reverse);
  }
}

/** A walk over a part of an index, as `Cursor` is one over a tree: `value` is the prefix. */
export class AddressCursor {
  key: Address | undefined;
  value: number | undefined;
  readonly #pages: Cursor<Page>;
  readonly #from: Address;
  readonly #to: Address;
  readonly #reverse: boolean;
  #page = emptyPage;
  #at = 0;

  constructor(pages: Cursor<Page>, from: Address, to: Address, reverse: boolean) {
    this.#pages = pages;
    this.#from = from;
    this.#to = to;
    this.#reverse = reverse;
  }

  /** Moves to the next address. False at the end. */
  next(): boolean {
    this.key = this.value = undefined;
    while (this.#at < 0 || this.#at >= countIn(this.#page)) {
      if (!this.#pages.next()) return false;
      this.#page = pageIn(this.#pages.value!);
      this.#at = this.#reverse ? lowerBound(this.#page, this.#to) - 1 : lowerBound(this.#page, this.#from);
    }
    const address = addressAt(this.#page, this.#at);
    if (this.#reverse ? address < this.#from : address >= this.#to) return false;
    this.key = address;
    this.value = prefixAt(this.#page, this.#at);
    this.#at += this.#reverse ? -1 : 1;
    return true;
  }
}
