/**
 * The ledger as its writer sees it: an append-only sequence of records that become durable in order.
 *
 * Appending only buffers; {@link Ledger.sync} says when it is on the disk. What waits is the caller's to bound, by
 * {@link Ledger.bytesPending}. Two implementations, on disk and in memory, under one contract: test/contract.ts.
 */
import type { Scrubber } from './scrub.ts';
import type { StorageError } from './error.ts';

export interface NewRecord {
  /** What the payload is, for the caller: 0 … 255. */
  readonly type: number;
  /** The sequence number that the record is about; need not ascend. */
  readonly sequence: number;
  /** At most {@link payloadBytesMax} bytes. */
  readonly payload: Uint8Array;
}

export interface LedgerRecord extends NewRecord {
  /** Place in the ledger: 0, 1, 2, … */
  readonly position: number;
}

/** Called with nothing, or with why the bytes may not be durable. */
export type Done = (error?: StorageError) => void;

/** Whether a record's payload is to be read. */
export type PayloadFilter = (record: Pick<LedgerRecord, 'type' | 'sequence'>) => boolean;

export interface LedgerReader {
  /** The durable records of this sequence number, by position. */
  read(sequence: number): Iterable<LedgerRecord>;

  /** The durable records of this sequence number or a higher one, by position. Those whose payload is not wanted come without it. */
  readFrom(sequence: number, wanted?: PayloadFilter): Iterable<LedgerRecord>;

  /**
   * Reads every durable record again, some at a time, and gives how many bytes that were: the caller says when it goes on. Throws StorageError,
   * CORRUPT_SEGMENT where something is not what was written; what only an archive has, and does not give now, is passed over.
   * A ledger in memory has none.
   */
  scrub?(scrubber: Scrubber): AsyncIterable<number>;
}

/** Not to be read from after `close`. */
export interface Ledger extends LedgerReader {
  /**
   * Position that the record gets. It is neither durable nor readable before a sync; its bytes are copied. Throws the
   * {@link StorageError} that ended the ledger, if one did, and RangeError for a record without an encoding.
   */
  append(record: NewRecord): number;

  /**
   * `done` runs, never before this returns, when everything appended so far is durable. Calls are answered in order. After an error nothing is claimed durable ever
   * again: every later call gets the same error.
   */
  sync(done: Done): void;

  /** The next record that is appended begins another segment, which has a key of its own where segments are encrypted. */
  beginSegment(): void;

  /** Syncs, then gives the ledger up. Nothing may be appended any more. */
  close(done: Done): void;

  /** Bytes appended and not yet durable, as they are in the file. */
  readonly bytesPending: number;
  /** Position of the next record to be appended. */
  readonly end: number;
  /** The records below this position are durable. */
  readonly durableEnd: number;
}
