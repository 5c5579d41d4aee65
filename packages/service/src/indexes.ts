/**
 * Indexes: other orders of a service's maps, kept by each replica beside the state. docs/reference/service-api.md, "Indexes".
 *
 * They are no part of what replicas agree on. An index is a function of its map: a key whose value was written is noted, and
 * looked at when there is time, as it is then; whoever has lost count, because too much waits or a state was received,
 * goes through the map again. So nothing is kept of the past, and an index says itself up to which batch it is complete.
 */
import { AddressIndex } from '@coppice/state';
import { fromLatin1 } from '@coppice/wire';
import type { KeyRange, StateView } from './access.ts';

/** Gives the keys, encoded, under which an entry of the map is found; `undefined` where the service fails to. */
export type KeysOf = (key: string, value: Uint8Array) => readonly string[] | undefined;

/** What a query may know of an index. */
export interface IndexReader {
  /** Every write up to this batch is in it: 0 while the map is gone through. Later ones may be. */
  readonly through: number;
  /** Entries of the map that the service failed to find keys for. */
  readonly failed: number;
  /** [index key, map key], encoded, in their order; after this pair, in the direction of the iteration. */
  entries(range: KeyRange, after: readonly [string, string] | undefined): Iterable<[string, string]>;
}

export interface IndexBounds {
  /** Keys that wait to be looked at. Beyond, the map is gone through again. */
  readonly waitingMax: number;
  /** Entries of one index. Beyond, it is given up, and says so by never being complete. */
  readonly entriesMax: number;
}

export const indexBoundsDefault: IndexBounds = { waitingMax: 65_536, entriesMax: 4_000_000 };

/** Bytes of an index key and a map key together. */
const pairBytesMax = 1080;
const aboveAll = '\u0100';

export class ServiceIndex implements IndexReader {
  readonly map: string;
  readonly #keysOf: KeysOf;
  readonly #bounds: IndexBounds;
  #pairs = new AddressIndex();
  /** Of each map key, the pairs that it has. */
  #pairsOf = new Map<string, readonly string[]>();
  #failed = new Set<string>();
  /** Map keys that were written, each with the first batch since it was looked at, in order of these. */
  #waiting = new Map<string, number>();
  /** Where going through the map has come to; `undefined`: to its end. */
  #cursor: string | undefined = '';
  #committed: number;

  /** Of a map, named as in the state, in which batch `committed` is the last. */
  constructor(map: string, keysOf: KeysOf, committed: number, bounds = indexBoundsDefault) {
    this.map = map;
    this.#keysOf = keysOf;
    this.#committed = committed;
    this.#bounds = bounds;
  }

  get through(): number {
    if (this.#cursor !== undefined) return 0;
    const [oldest] = this.#waiting.values();
    return oldest === undefined ? this.#committed : oldest - 1;
  }

  get failed(): number {
    return this.#failed.size;
  }

  /** Whether there is nothing to do. */
  get idle(): boolean {
    return (this.#cursor === undefined && this.#waiting.size === 0) || this.#overfull;
  }

  get #overfull(): boolean {
    return this.#pairs.size > this.#bounds.entriesMax;
  }

  /** Batch `sequence` was committed, and wrote these keys of the map. After a batch that is not the next one, all is new. */
  committed(sequence: number, keys: Iterable<string>): void {
    if (sequence !== this.#committed + 1) this.#beginAgain();
    this.#committed = sequence;
    for (const key of keys) {
      // What is still to be gone through will be found as it is.
      if (this.#cursor !== undefined && key >= this.#cursor) continue;
      if (!this.#waiting.has(key)) this.#waiting.set(key, sequence);
    }
    if (this.#waiting.size > this.#bounds.waitingMax) this.#goThroughAgain();
  }

  #goThroughAgain(): void {
    this.#cursor = '';
    this.#waiting.clear();
  }

  #beginAgain(): void {
    this.#goThroughAgain();
    this.#pairs = new AddressIndex();
    this.#pairsOf = new Map();
    this.#failed = new Set();
  }

  /** Looks at some keys, at most `keysMax`, in the committed state. */
  work(view: StateView, keysMax: number): void {
    if (this.#overfull) return;
    let left = keysMax;
    for (const key of this.#waiting.keys()) {
      if (left-- === 0) return;
      this.#waiting.delete(key);
      this.#look(key, view.get(this.map, key));
    }
    if (this.#cursor === undefined || left <= 0) return;
    // What was deleted since the last time, too: it has pairs, and no entry any more.
    const found = [...view.entries(this.map, { from: this.#cursor, limit: left })];
    for (const [key, value] of found) this.#look(key, value);
    if (found.length === left) {
      this.#cursor = `${found.at(-1)![0]}\0`;
      return;
    }
    for (const key of [...this.#pairsOf.keys(), ...this.#failed])
      if (view.get(this.map, key) === undefined) this.#look(key, undefined);
    this.#cursor = undefined;
  }

  #look(key: string, value: Uint8Array | undefined): void {
    for (const pair of this.#pairsOf.get(key) ?? []) this.#pairs.delete(pair);
    this.#pairsOf.delete(key);
    this.#failed.delete(key);
    if (value === undefined) return;
    const keys = this.#keysOf(key, value);
    if (keys === undefined || keys.some((one) => one.length + key.length > pairBytesMax)) {
      this.#failed.add(key);
      return;
    }
    if (keys.length === 0) return;
    const pairs = keys.map((one) => pairOf(one, key));
    for (const pair of pairs) this.#pairs.set(pair, 0);
    this.#pairsOf.set(key, pairs);
  }

  *entries(range: KeyRange, after: readonly [string, string] | undefined): Generator<[string, string], undefined> {
    const { prefix = '', reverse = false, limit = Infinity } = range;
    let from = prefix;
    let to =
      prefix === '' ? aboveAll : prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    if (range.from !== undefined && range.from > from) from = range.from;
    if (range.to !== undefined && range.to < to) to = range.to;
    if (after !== undefined) {
      const pair = pairOf(...after);
      if (reverse && pair < to) to = pair;
      if (!reverse && pair >= from) from = `${pair}\0`;
    }
    // The index does not change meanwhile: queries are synchronous.
    const cursor = this.#pairs.cursor(from, to, reverse);
    for (let count = 0; count < limit && cursor.next(); count++) yield unpaired(cursor.key!);
    return undefined;
  }
}

/** Index key, 1, map key, length of the map key: no element of a key begins with 1, so pairs are ordered by index key first. */
function pairOf(indexKey: string, mapKey: string): string {
  return `${indexKey}\x01${mapKey}${String.fromCharCode(mapKey.length >>> 8, mapKey.length & 0xff)}`;
}

function unpaired(pair: string): [string, string] {
  const [high, low] = fromLatin1(pair.slice(-2));
  const start = pair.length - 2 - ((high! << 8) | low!);
  return [pair.slice(0, start - 1), pair.slice(start, -2)];
}
