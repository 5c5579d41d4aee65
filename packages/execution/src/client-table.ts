/**
 * The exactly-once table: a record for each client, in the state. spec/requests.md, lines 8 and 20-33.
 *
 * `$clients` has a record under each client's key, and, under the empty key, how many there are and the floor: numbers
 * at or below it are not executed for a client without a record. Records of clients that were idle for long go when
 * there are too many; the floor then rises to the highest number that any of them had executed.
 */
import type { RequestStatus } from '@coppice/protocol';
import type { View } from '@coppice/state';
import { decode, encode, struct, toLatin1, type TypeOf, u32, u64 } from '@coppice/wire';
import { ClientRecord } from './client-record.ts';

export const clientsMap = '$clients';
const tableKey = '';

const tableCodec = struct({
  floor: u64,
  count: u32,
  /** Agreed time before which no record can have been idle for long enough. */
  idleFrom: u64,
});
type Table = TypeOf<typeof tableCodec>;

export interface TableBounds {
  /** Clients that have a record. */
  readonly clientsMax: number;
  /** Agreed time without a request, in milliseconds, after which a record may go. */
  readonly idleMs: number;
  /** Records that go at once. */
  readonly evictedMax: number;
  /** Bytes of all records that one batch writes. */
  readonly writtenBytesMax: number;
}

export const defaultTableBounds: TableBounds = {
  clientsMax: 65_536,
  idleMs: 3_600_000,
  evictedMax: 16_384,
  writtenBytesMax: 2 * 1024 * 1024,
};

function readTable(view: Pick<View, 'get'>): Table {
  const value = view.get(clientsMap, tableKey);
  const decoded = value === undefined ? undefined : decode(tableCodec, value);
  return decoded?.ok === true ? decoded.value : { floor: 0, count: 0, idleFrom: 0 };
}

function readRecord(view: Pick<View, 'get'>, key: string): ClientRecord | undefined {
  const value = view.get(clientsMap, key);
  return value === undefined ? undefined : ClientRecord.decode(value);
}

/** The record of a client as the state has it; without one, numbers begin above the floor. */
export function recordOf(view: Pick<View, 'get'>, client: Uint8Array): ClientRecord {
  return readRecord(view, toLatin1(client)) ?? new ClientRecord(readTable(view).floor);
}

export function requestStatus(view: Pick<View, 'get'>, client: Uint8Array, number: number): RequestStatus {
  return recordOf(view, client).standing(number);
}

/** What one batch makes of the table: read on demand, written at its end. */
export class OpenTable {
  readonly #view: Pick<View, 'get' | 'entries'>;
  readonly #bounds: TableBounds;
  readonly #time: number;
  readonly #records = new Map<string, ClientRecord>();
  readonly #evicted = new Set<string>();
  #table: Table | undefined;
  #bytes = 0;

  /** @param view of the state before the batch; nothing else may write to the map */
  constructor(view: Pick<View, 'get' | 'entries'>, bounds: TableBounds, time: number) {
    this.#view = view;
    this.#bounds = bounds;
    this.#time = time;
  }

  /** The client's record, to be changed, or why there can be none now. */
  open(client: Uint8Array): ClientRecord | 'too-many-clients' | 'busy' {
    // More bytes of records than this would have no encoding. [8]
    if (this.#bytes > this.#bounds.writtenBytesMax) return 'busy';
    const key = toLatin1(client);
    const opened = this.#records.get(key);
    if (opened !== undefined) return opened;
    const record = (this.#evicted.has(key) ? undefined : readRecord(this.#view, key)) ?? this.#newRecord();
    if (record === undefined) return 'too-many-clients';
    this.#records.set(key, record);
    this.#bytes += record.bytes + 128;
    return record;
  }

  /** An open record has grown. */
  charge(bytes: number): void {
    this.#bytes += bytes;
  }

  #newRecord(): ClientRecord | undefined {
    const { clientsMax } = this.#bounds;
    let table = (this.#table ??= readTable(this.#view));
    if (table.count >= clientsMax && table.idleFrom <= this.#time) table = this.#evict(table);
    this.#table = table.count < clientsMax ? { ...table, count: table.count + 1 } : table;
    return table.count < clientsMax ? new ClientRecord(table.floor) : undefined;
  }

  /** Lets the records go that were idle longest. [30-33] */
  #evict(table: Table): Table {
    const { idleMs, evictedMax } = this.#bounds;
    const idle: { key: string; lastTime: number; highest: number }[] = [];
    let idleFrom = Infinity;
    for (const [key, value] of this.#view.entries(clientsMap)) {
      if (key === tableKey || this.#records.has(key)) continue;
      const record = ClientRecord.decode(value);
      if (record === undefined) continue;
      const { lastTime, highest } = record;
      if (lastTime + idleMs <= this.#time) idle.push({ key, lastTime, highest });
      else idleFrom = Math.min(idleFrom, lastTime + idleMs);
    }
    idle.sort((a, b) => a.lastTime - b.lastTime || (a.key < b.key ? -1 : 1));
    let { floor } = table;
    for (const { key, highest } of idle.slice(0, evictedMax)) {
      this.#evicted.add(key);
      floor = Math.max(floor, highest);
    }
    const soonest = idle.length > evictedMax ? this.#time : Math.min(idleFrom, this.#time + idleMs);
    // Once a batch: the view does not show what this batch evicted.
    return { floor, count: table.count - this.#evicted.size, idleFrom: Math.max(soonest, this.#time + 1) };
  }

  /** Writes what has changed. */
  write(access: {
    set(map: string, key: string, value: Uint8Array): void;
    delete(map: string, key: string): void;
  }): void {
    for (const key of this.#evicted) if (!this.#records.has(key)) access.delete(clientsMap, key);
    for (const [key, record] of this.#records) {
      record.lastTime = this.#time;
      access.set(clientsMap, key, record.encode());
    }
    if (this.#table !== undefined) access.set(clientsMap, tableKey, encode(tableCodec, this.#table));
  }
}
