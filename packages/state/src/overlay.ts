/**
 * Speculation: batches that were executed before they are committed, stacked on the committed state.
 *
 * All overlays share one table. An address leads to its newest {@link Version}, and that to the older ones, so that a
 * read takes one look-up however many batches are in flight, and an iteration merges three ordered sources: the
 * transaction's own writes, the table, and the committed store.
 *
 * - The versions of one address are of distinct overlays, newest first.
 * - Overlays are folded oldest first and discarded newest first: a version goes at an end of its chain.
 */
import { assert } from '@coppice/wire';
import {
  type Address,
  addressOf,
  isKey,
  isMapName,
  type Key,
  keyOf,
  mapOf,
  type Range,
  spanOf,
  StateLimitError,
  valueBytesMax,
} from './address.ts';
import { Changes } from './changes.ts';
import type { Store, View } from './store.ts';
import { type Change, changeOverhead, type WriteSet, writeSetBytesMax, writeSetOverhead } from './write-set.ts';

/** What one overlay makes of an address. */
interface Version {
  readonly overlay: Overlay;
  readonly address: Address;
  /** `undefined`: deleted. */
  value: Uint8Array | undefined;
  older: Version | undefined;
}

/** The committed store, and the versions above it. Owned by a `State`. */
export class Speculation {
  store: Store;
  readonly overlays: Overlay[] = [];
  readonly versions = new Changes<Version>();
  /** The one transaction that may be open. */
  open: Transaction | undefined;

  constructor(store: Store) {
    this.store = store;
  }

  /** Writes the oldest overlay to the store, and gives what it changed. */
  fold(): readonly Version[] {
    assert(this.open === undefined, 'folding under an open transaction');
    const oldest = this.overlays.shift();
    assert(oldest !== undefined, 'folding without an overlay');
    for (const version of oldest.versions) {
      const { address, value } = version;
      if (value === undefined) this.store.delete(address);
      else this.store.set(address, value);
      const newest = this.versions.get(address)!;
      if (newest === version) this.versions.delete(address);
      else unlinkOldest(newest);
    }
    return oldest.versions;
  }

  /** Forgets the newest overlay. */
  discard(): void {
    assert(this.open === undefined, 'discarding under an open transaction');
    const newest = this.overlays.pop();
    assert(newest !== undefined, 'discarding without an overlay');
    for (const { address, older } of newest.versions) {
      if (older === undefined) this.versions.delete(address);
      else this.versions.set(address, older);
    }
  }
}

function unlinkOldest(newest: Version): void {
  let version = newest;
  while (version.older!.older !== undefined) version = version.older!;
  version.older = undefined;
}

/** One speculative batch. Usable while it is the newest. */
export class Overlay {
  readonly #speculation: Speculation;
  /** Of this overlay, one an address. */
  readonly versions: Version[] = [];

  constructor(speculation: Speculation) {
    this.#speculation = speculation;
  }

  /** A transaction on what the batch has written so far. One at a time. */
  transaction(): Transaction {
    this.#assertUsable();
    return (this.#speculation.open = new Transaction(this.#speculation, this));
  }

  /** Takes over changes that were voted without executing what led to them. */
  apply(writeSet: WriteSet): void {
    this.#assertUsable();
    for (const change of writeSet) this.write(change);
  }

  write({ address, value }: Change): void {
    const { versions } = this.#speculation;
    const newest = versions.get(address);
    if (newest?.overlay === this) {
      newest.value = value;
      return;
    }
    const version = { overlay: this, address, value, older: newest };
    versions.set(address, version);
    this.versions.push(version);
  }

  #assertUsable(): void {
    assert(this.#speculation.overlays.at(-1) === this, 'not the newest overlay');
    assert(this.#speculation.open === undefined, 'another transaction is open');
  }
}

/** `null`: deleted. */
type Written = Uint8Array | null;

/**
 * The reads and writes of one command: all of them take effect, or none. Reads see the transaction's own writes. An
 * iteration sees the transaction as it was when its first entry was asked for, whatever is written meanwhile.
 */
export class Transaction implements View {
  readonly #speculation: Speculation;
  readonly #overlay: Overlay;
  readonly #written = new Changes<Written>();
  #bytes = writeSetOverhead;

  constructor(speculation: Speculation, overlay: Overlay) {
    this.#speculation = speculation;
    this.#overlay = overlay;
  }

  get(map: string, key: Key): Uint8Array | undefined {
    this.#assertOpen();
    return this.#read(addressOf(map, key));
  }

  has(map: string, key: Key): boolean {
    return this.get(map, key) !== undefined;
  }

  /**
   * Sets a key to a value, which is kept, not copied: nobody may change its bytes afterwards.
   *
   * @throws StateLimitError without effect, if name, key or value is not one, or the transaction has written too much.
   */
  set(map: string, key: Key, value: Uint8Array): void {
    if (value.length > valueBytesMax) throw new StateLimitError('value', `a value of ${value.length} bytes`);
    this.#write(map, key, value);
  }

  /**
   * Deletes a key, whether it is there or not.
   *
   * @throws StateLimitError as {@link set} does.
   */
  delete(map: string, key: Key): void {
    this.#write(map, key, null);
  }

  /** What the addresses that were written held before: the changes that take this transaction back. */
  replaced(): WriteSet {
    this.#assertOpen();
    return [...this.#written.sorted()].map(([address]) => ({ address, value: this.#before(address) }));
  }

  /** Writes all of these changes, as {@link set} and {@link delete} do. */
  apply(changes: WriteSet): void {
    for (const { address, value } of changes) {
      if (value === undefined) this.delete(mapOf(address), keyOf(address));
      else this.set(mapOf(address), keyOf(address), value);
    }
  }

  *entries(map: string, range: Range = {}): Generator<[Key, Uint8Array], undefined> {
    this.#assertOpen();
    const { store, versions } = this.#speculation;
    const { reverse = false, limit = Infinity } = range;
    const span = spanOf(map, range);
    const written = this.#written.cursor(span, reverse);
    const speculated = versions.cursor(span, reverse);
    const committed = store.index.cursor(span.from, span.to, reverse);
    // Newer before older: of the sources that have an address, the first says what is there.
    const sources = [written, speculated, committed];
    for (const source of sources) source.next();
    for (let count = 0; count < limit;) {
      let next: (typeof sources)[number] | undefined;
      let address: Address | undefined;
      for (const source of sources) {
        const { key } = source;
        if (key !== undefined && (address === undefined || (reverse ? key > address : key < address))) {
          next = source;
          address = key;
        }
      }
      if (address === undefined) return undefined;
      let value: Uint8Array | null | undefined;
      if (next === written) value = written.value;
      else if (next === speculated) value = speculated.value!.value;
      else value = store.valueAt(address, committed.value);
      for (const source of sources) if (source.key === address) source.next();
      if (value === undefined || value === null) continue;
      count++;
      yield [keyOf(address), value];
      this.#assertOpen();
    }
    return undefined;
  }

  /** Merges the writes into the overlay, and ends the transaction. */
  commit(): WriteSet {
    this.#end();
    const writeSet: Change[] = [];
    for (const [address, written] of this.#written.sorted()) {
      const change = { address, value: written ?? undefined };
      this.#overlay.write(change);
      writeSet.push(change);
    }
    return writeSet;
  }

  /** Forgets the writes, and ends the transaction. */
  abort(): void {
    this.#end();
  }

  #read(address: Address): Uint8Array | undefined {
    const written = this.#written.get(address);
    return written === undefined ? this.#before(address) : (written ?? undefined);
  }

  #before(address: Address): Uint8Array | undefined {
    const version = this.#speculation.versions.get(address);
    if (version !== undefined) return version.value;
    return this.#speculation.store.valueAt(address);
  }

  #write(map: string, key: Key, value: Written): void {
    this.#assertOpen();
    if (!isMapName(map)) throw new StateLimitError('map-name', 'a map is named by 1 to 64 visible ASCII characters');
    if (!isKey(key)) throw new StateLimitError('key', `not a byte string within bounds, of ${key.length} units`);
    const address = addressOf(map, key);
    const before = this.#written.get(address);
    let bytes = this.#bytes + (value?.length ?? 0);
    if (before === undefined) bytes += changeOverhead + address.length;
    else bytes -= before?.length ?? 0;
    if (bytes > writeSetBytesMax) throw new StateLimitError('write-set', `a write set of ${bytes} bytes`);
    this.#bytes = bytes;
    this.#written.set(address, value);
  }

  #assertOpen(): void {
    assert(this.#speculation.open === this, 'the transaction has ended');
  }

  #end(): void {
    this.#assertOpen();
    this.#speculation.open = undefined;
  }
}
