/**
 * The state, as a service's handler reaches it.
 *
 * This is the border between two kinds of code. Above it is the service, counted and untrusted; below it is ours, which
 * must not be counted, because what a look-up costs depends on how a replica came by its state. And while whatever the
 * handler does wrong ends as an error that its client gets, a failure of the state below is this replica's own: it is
 * kept, and thrown again once the handler has ended, whether that caught it or not.
 */
import { type CborValue, decodePlainCbor, encodeCbor, publicMapPrefix } from '@coppice/wire';
import { keepVersion, StateLimitError, valueMapOf } from '@coppice/state';
import type { IndexReader } from './indexes.ts';
import { type Meter, uncounted } from './meter.ts';
import { ServiceError } from './service-error.ts';
import type { Value } from './value.ts';

/** A part of a map: keys from `from` to before `to`, those that start with `prefix`. */
export interface KeyRange {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly prefix?: string | undefined;
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
}

/** Reading. Keys are byte strings as latin-1 text; values are not changed by anyone. `View` of `state` is one. */
export interface StateView {
  get(map: string, key: string): Uint8Array | undefined;
  entries(map: string, range?: KeyRange): Iterable<[string, Uint8Array]>;
}

/** Reading and writing. `Transaction` of `state` is one. */
export interface StateAccess extends StateView {
  set(map: string, key: string, value: Uint8Array): void;
  delete(map: string, key: string): void;
}

/** The name in the state of a service's map: no service reaches other maps. */
export function stateMap(name: string, isPublic: boolean): string {
  return isPublic ? publicMapPrefix + name : valueMapOf(name);
}

/** What a service calls a map of the state; of other maps, the name in the state. */
export function mapNameOf(inState: string): string {
  const prefix = [valueMapOf(''), publicMapPrefix].find((one) => inState.startsWith(one));
  return prefix === undefined ? inState : inState.slice(prefix.length);
}

/** Steps of reaching the state once. */
const reach = 10;

/** When a transaction writes: spec/history.md. */
export interface Occasion {
  /** Maps whose history the service declares. */
  readonly histories: { has(map: string): boolean };
  readonly sequence: number;
  readonly time: number;
  /** What is written is counted, with what it replaces. */
  readonly counted?: boolean;
}

/** Maps are named as in the state: {@link stateMap}. */
export class Access {
  readonly #meter: Meter;
  readonly #view: StateView;
  readonly #writer: StateAccess | undefined;
  readonly #occasion: Occasion;
  /** Bytes written and replaced so far, where they are counted. */
  written = 0;
  #open = true;
  #failure: { readonly cause: unknown } | undefined;

  /** Without a writer, writing is refused. */
  constructor(meter: Meter, view: StateView, writer: StateAccess | undefined, occasion: Occasion) {
    this.#meter = meter;
    this.#view = view;
    this.#writer = writer;
    this.#occasion = occasion;
  }

  /** Ends the transaction: from now on nothing can be reached. Throws what failed below during it. */
  end(): void {
    this.#open = false;
    if (this.#failure !== undefined) throw this.#failure.cause;
  }

  get(map: string, key: string): Value | undefined {
    this.#reach();
    return this.#below(() => this.#read(this.#view.get(map, key)));
  }

  has(map: string, key: string): boolean {
    this.#reach();
    return this.#below(() => this.#view.get(map, key) !== undefined);
  }

  set(map: string, key: string, value: CborValue): void {
    const writer = this.#writable();
    this.#below(() => {
      const bytes = encodeCbor(value);
      this.#meter.charge(bytes.length >>> 6);
      this.#keep(writer, map, key, bytes);
      this.#count(map, key, bytes.length);
      writer.set(map, key, bytes);
    });
  }

  delete(map: string, key: string): void {
    const writer = this.#writable();
    this.#below(() => {
      this.#keep(writer, map, key, undefined);
      this.#count(map, key, 0);
      writer.delete(map, key);
    });
  }

  #count(map: string, key: string, bytes: number): void {
    if (this.#occasion.counted !== true) return;
    const replaced = this.#view.get(map, key)?.length ?? 0;
    this.written += 2 * (map.length + key.length) + bytes + replaced;
  }

  /** Public maps have no history. */
  #keep(writer: StateAccess, map: string, key: string, value: Uint8Array | undefined): void {
    if (map.startsWith(publicMapPrefix)) return;
    const { histories, sequence, time } = this.#occasion;
    const name = mapNameOf(map);
    const kept = keepVersion(writer, { name, key, value, sequence, time }, histories.has(name));
    if (kept === 0) return;
    this.#meter.charge(2 * reach + (kept >>> 6));
    this.written += kept;
  }

  *entries(map: string, range: KeyRange): Generator<[string, Value], undefined> {
    const iterator = this.#below(() => this.#view.entries(map, range)[Symbol.iterator]());
    try {
      for (;;) {
        this.#reach();
        const next = this.#below(() => iterator.next());
        if (next.done === true) return undefined;
        const [key, bytes] = next.value;
        yield [key, this.#below(() => this.#read(bytes)!)];
      }
    } finally {
      if (this.#open) this.#below(() => iterator.return?.());
    }
  }

  /** Goes through an index, which is no part of the state, at the same price. */
  *indexed(reader: IndexReader, range: KeyRange, after?: readonly [string, string]): Generator<[string, string]> {
    const iterator = this.#below(() => reader.entries(range, after)[Symbol.iterator]());
    for (;;) {
      this.#reach();
      const next = this.#below(() => iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  #reach(): void {
    if (!this.#open) throw new ServiceError('failed', 'the transaction has ended');
    this.#meter.charge(reach);
  }

  #writable(): StateAccess {
    this.#reach();
    if (this.#writer === undefined) throw new ServiceError('read-only', 'a query writes nothing');
    return this.#writer;
  }

  #read(bytes: Uint8Array | undefined): Value | undefined {
    if (bytes === undefined) return undefined;
    this.#meter.charge(bytes.length >>> 5);
    const decoded = decodePlainCbor(bytes);
    if (!decoded.ok) throw new Error('the state holds what no service stored');
    return decoded.value;
  }

  /** Runs our own code, uncounted. */
  #below<T>(work: () => T): T {
    try {
      return uncounted(work);
    } catch (error) {
      if (this.#meter.exhaustion !== undefined) throw error;
      if (error instanceof StateLimitError) throw new ServiceError('too-large', error.message);
      this.#failure ??= { cause: error };
      // Not the error itself: it may lead to what a service must not reach.
      // oxlint-disable-next-line preserve-caught-error
      throw new TypeError('the state failed');
    }
  }
}
