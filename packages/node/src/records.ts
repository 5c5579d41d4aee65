/**
 * The ledger read back: pages of it, and all records in order, over the live ledger and what was filled in behind it.
 *
 * A data folder holds `ledger/` (what this instance recorded itself) and `history/<from>-<to>/` (what it fetched of the time
 * before it, or of a gap). Reading them as one gives the whole log. Where they are encrypted, it takes the keys of their segments.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { recordTypes } from '@coppice/ledger';
import { type LedgerReader, type PayloadFilter, readLedger, type ReadOptions, StorageError } from '@coppice/storage';
import type { FilledGap } from './history.ts';
import type { Journal } from './journal.ts';

export interface HistoryFolder {
  readonly from: number;
  readonly to: number;
  readonly folder: string;
}

/** Complete fill-ins of a data folder, in order. */
export function historyFolders(dataFolder: string): HistoryFolder[] {
  const folder = join(dataFolder, 'history');
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .map((name) => /^(\d+)-(\d+)$/.exec(name))
    .filter((match) => match !== null)
    .map((match) => ({ from: Number(match[1]), to: Number(match[2]), folder: join(folder, match[0]) }))
    .sort((a, b) => a.from - b.from);
}

/** Where a fill-in is until it is complete. */
export function partialHistory(dataFolder: string): string {
  return join(dataFolder, 'history', 'partial');
}

/** What `read` gives; `undefined` where an archive does not give what that takes: others may have it, and it may be there again later. */
export function ifAvailable<T>(journal: Pick<Journal, 'rejected'>, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof StorageError) || error.detail.code !== 'ARCHIVE_UNAVAILABLE') throw error;
    journal.rejected('disk', 'read', 'archive-unavailable', error.message);
    return undefined;
  }
}

/** A record without its place. */
interface StoredRecord {
  readonly type: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

const certifying: ReadonlySet<number> = new Set([recordTypes.commit, recordTypes.epoch, recordTypes.checkpoint]);

/** The genesis of a service that goes on from another: it stands before the service's first batch, under its number. */
function isSuccession({ type, sequence }: StoredRecord): boolean {
  return type === recordTypes.genesis && sequence > 0;
}

/**
 * The committed batches from `from` to `to`, each followed by what certifies it, as many as are of `bytesMax` bytes, together, and of
 * `recordsMax` records, and whether there are more. `to` must be committed; `within`: so many batches after it, at most, come the other
 * records of a batch.
 */
export function ledgerPage(
  ledger: LedgerReader,
  filled: readonly FilledGap[],
  {
    from,
    to,
    bytesMax,
    recordsMax,
    within,
  }: {
    readonly from: number;
    readonly to: number;
    readonly bytesMax: number;
    readonly recordsMax: number;
    readonly within: number;
  },
): { readonly records: StoredRecord[]; readonly more: boolean } {
  const batches = new Map<number, StoredRecord>();
  const others = new Map<number, StoredRecord[]>();
  let bytes = 0;
  let count = 0;
  let last = from - 1;
  // Idle batches are small, and what certifies them is larger.
  const isFull = (): boolean => batches.size > 0 && (bytes > bytesMax || count >= recordsMax);
  // Where batches are large, those that are only looked past are many times the page.
  const wanted: PayloadFilter = ({ type, sequence }) =>
    type === recordTypes.batch ? sequence <= last || !isFull() : certifying.has(type) || type === recordTypes.genesis;
  for (const { type, sequence, payload } of recordsFrom(ledger, filled, { from, to, wanted })) {
    const full = isFull();
    if (full && sequence > last + within) break;
    if (type === recordTypes.batch) {
      if (full && sequence > last) continue;
      // A later record at a sequence number replaces an earlier one: what was committed is the last.
      if (!batches.has(sequence)) count += 1;
      bytes += payload.length - (batches.get(sequence)?.payload.length ?? 0);
      batches.set(sequence, { type, sequence, payload: Uint8Array.from(payload) });
      last = Math.max(last, sequence);
    } else if (certifying.has(type) || isSuccession({ type, sequence, payload })) {
      if (sequence < from) continue;
      count += 1;
      bytes += payload.length;
      others.set(sequence, [...(others.get(sequence) ?? []), { type, sequence, payload: Uint8Array.from(payload) }]);
    }
  }
  const records: StoredRecord[] = [];
  for (const [sequence, batch] of [...batches].sort(([a], [b]) => a - b)) {
    const beside = others.get(sequence) ?? [];
    // What certifies the last ones came when the page was full.
    if (records.length > 0 && records.length + 1 + beside.length > recordsMax) return { records, more: true };
    records.push(...beside.filter(isSuccession), batch, ...beside.filter((other) => !isSuccession(other)));
  }
  return { records, more: last < to && records.length > 0 };
}

/** Records of these sequence numbers, as {@link readDataFolder} orders them: the live ledger, with each fill-in where its gap is. */
export function* recordsFrom(
  ledger: LedgerReader,
  filled: readonly FilledGap[],
  { from, to, wanted }: { readonly from: number; readonly to: number; readonly wanted: PayloadFilter },
): Generator<StoredRecord> {
  let low = from;
  for (const gap of filled.toSorted((a, b) => a.from - b.from)) {
    if (gap.to < low) continue;
    for (const record of ledger.readFrom(low, wanted)) {
      if (record.sequence >= gap.to) break;
      if (record.sequence < gap.from && record.sequence <= to) yield record;
    }
    for (const record of gap.reader.readFrom(low, wanted)) if (record.sequence <= to) yield record;
    low = gap.to + 1;
  }
  for (const record of ledger.readFrom(low, wanted)) if (record.sequence <= to) yield record;
}

/** What a ledger begins with, or goes on from, after a gap: nothing of it was executed here. */
const beginning: ReadonlySet<number> = new Set([recordTypes.genesis, recordTypes.checkpoint, recordTypes.epoch]);

/**
 * Whether the gap up to `to` is before this record. Batches of later places that were recorded earlier had been proposed, and came to
 * nothing.
 */
function isBehind({ type, sequence }: { readonly type: number; readonly sequence: number }, to: number): boolean {
  return beginning.has(type) && sequence >= to;
}

export type ReadItem = ReturnType<typeof readLedger> extends Iterable<infer I> ? I : never;

/**
 * Every record of a data folder, oldest first: the live ledger, with each fill-in where its gap is. The end says how the live
 * ledger ends, or what is wrong with a fill-in.
 */
export function* readDataFolder(dataFolder: string, options: ReadOptions = {}): Generator<ReadItem> {
  const folders = historyFolders(dataFolder);
  for (const item of readLedger(join(dataFolder, 'ledger'), options)) {
    while (folders[0] !== undefined && (item.kind !== 'record' || isBehind(item.record, folders[0].to))) {
      for (const filled of readLedger(folders.shift()!.folder, options)) {
        if (filled.kind === 'record') yield filled;
        else if (filled.kind !== 'clean') {
          yield filled;
          return;
        }
      }
    }
    yield item;
  }
}
