/**
 * What a handler can do: the `tx` that it is given.
 *
 * Everything here is a function of the agreed order, time and state, so that each replica's handler sees the same.
 */
import type { Key, KeyPart } from './key.ts';
import type { ErrorDetails } from './service-error.ts';
import type { Value } from './value.ts';

/** Which part of a map to go through. Bounds are whole keys, as given to `set`, and combine. */
export interface EntriesOptions {
  /** The first key. */
  readonly from?: Key | undefined;
  /** The first key beyond. */
  readonly to?: Key | undefined;
  /** Begin after this key, in the direction of the iteration: the last key of the page before. */
  readonly after?: Key | undefined;
  /** In descending order. */
  readonly reverse?: boolean | undefined;
  /** At most so many entries. */
  readonly limit?: number | undefined;
}

/** A map, for reading. Ordered by key: see `key.ts` for the order. */
export interface ReadonlyStateMap<V = Value> {
  /** A copy of the value, or `undefined`. */
  get(key: Key): V | undefined;
  has(key: Key): boolean;
  /**
   * The entries whose keys begin with the tuple `prefix`, one after the other; all of them where there is none. An
   * iteration sees the map as it was when it began.
   */
  entries(prefix?: readonly KeyPart[], options?: EntriesOptions): IterableIterator<[Key, V]>;
}

export interface StateMap<V = Value> extends ReadonlyStateMap<V> {
  /** Stores a copy of `value`. */
  set(key: Key, value: V): void;
  /** Deletes a key, whether it is there or not. */
  delete(key: Key): void;
}

export interface Caller {
  /** The client's identity: its public key in lower-case hexadecimal. */
  readonly id: string;
  /** What the consortium made of it. */
  readonly roles: readonly string[];
}

interface Transaction {
  /** The agreed time, in milliseconds since 1970. It never runs backwards. */
  readonly time: number;
  readonly caller: Caller;
  /**
   * A number in [0, 1), of a sequence that follows from agreed values. The same on every replica, so no secret: not
   * for keys, and whoever orders requests may influence it.
   */
  random(): number;
  /** Tells operators and developers something. Not part of the result, and may be said several times. */
  log(message: string, data?: unknown): void;
  /** Ends the handler: no write is kept, and the client gets this error. */
  reject(code: string, message: string, data?: ErrorDetails['data']): never;
}

/** Which part of an index to go through: `from` and `to` are index keys. */
export interface IndexOptions extends Omit<EntriesOptions, 'after'> {
  /** Begin after this pair, in the direction of the iteration: the last one of the page before. */
  readonly after?: readonly [Key, Key] | undefined;
}

/** An index, as far as this replica has come with it. */
export interface ReadonlyIndex {
  /** Every write up to this batch is in it, and later ones may be; 0 while the map is being gone through. */
  readonly through: number;
  /** Entries of the map for which the service gave no keys, but failed. */
  readonly failed: number;
  /** Index keys that begin with the tuple `prefix`, in order, each with the key of the map's entry. */
  entries(prefix?: readonly KeyPart[], options?: IndexOptions): IterableIterator<[Key, Key]>;
}

/** What a query can do: read. */
export interface QueryTransaction extends Transaction {
  /** A map of the service, by a name of at most 48 visible ASCII characters. */
  map<V = Value>(name: string): ReadonlyStateMap<V>;
  /** An index that the service declares. */
  index(name: string): ReadonlyIndex;
}

/** What a command can do. */
export interface CommandTransaction extends Transaction {
  /** A map of the service, by a name of at most 48 visible ASCII characters. It begins empty. */
  map<V = Value>(name: string): StateMap<V>;
  /** Tells subscribers something, if the transaction is committed. */
  emit(name: string, data?: unknown): void;
}

/** What a migration can do. */
export interface MigrationTransaction extends CommandTransaction {
  /**
   * Whether this step has done enough: it wrote, or replaced, more than a mebibyte, or took a good part of its time. A migration that
   * returns then where it is goes on from there, in a step of its own.
   */
  full(): boolean;
}
