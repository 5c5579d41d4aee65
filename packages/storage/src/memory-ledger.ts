/**
 * A ledger in memory, for simulations: nothing becomes durable until whoever drives it says so.
 *
 * It completes, fails and crashes on command and synchronously, so that a disk's latency and faults are inputs of the
 * simulation like any other.
 */
import { StorageError } from './error.ts';
import { checkRecord, frameBytes } from './frame.ts';
import type { Done, Ledger, LedgerRecord, NewRecord, PayloadFilter } from './ledger.ts';

export interface MemoryLedgerOptions {
  /** Called in every `sync`: {@link MemoryLedger.complete} is due, later. */
  readonly onSync?: () => void;
  /** What the ledger begins with, durable: positions 0, 1, 2, … */
  readonly records?: readonly LedgerRecord[];
}

export class MemoryLedger implements Ledger {
  readonly #records: LedgerRecord[];
  readonly #onSync: () => void;
  #waiting: { readonly end: number; readonly done: Done }[] = [];
  #durableEnd: number;
  #bytesPending = 0;
  #failing: StorageError | undefined;
  #error: StorageError | undefined;
  #closed = false;

  constructor(options: MemoryLedgerOptions = {}) {
    this.#onSync = options.onSync ?? (() => {});
    this.#records = [...(options.records ?? [])];
    this.#durableEnd = this.#records.length;
  }

  get bytesPending(): number {
    return this.#bytesPending;
  }

  get end(): number {
    return this.#records.length;
  }

  get durableEnd(): number {
    return this.#durableEnd;
  }

  append(record: NewRecord): number {
    if (this.#closed) throw new StorageError({ code: 'CLOSED' });
    if (this.#error !== undefined) throw this.#error;
    checkRecord(record);
    const position = this.#records.length;
    this.#records.push({ ...record, position, payload: new Uint8Array(record.payload) });
    this.#bytesPending += frameBytes(record.payload.length);
    return position;
  }

  /** There are no segments. */
  beginSegment(): void {}

  sync(done: Done): void {
    this.#waiting.push({ end: this.#records.length, done });
    this.#onSync();
  }

  /** Completes every sync that was asked for until now, and answers it. Returns their number. */
  complete(): number {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0) this.#error ??= this.#failing;
    if (this.#error === undefined) this.#advance(waiting.at(-1)?.end ?? 0);
    for (const { done } of waiting) done(this.#error);
    return waiting.length;
  }

  #advance(end: number): void {
    for (; this.#durableEnd < end; this.#durableEnd++) {
      this.#bytesPending -= frameBytes(this.#records[this.#durableEnd]!.payload.length);
    }
  }

  /** The disk fails from now on: the next sync to complete, and all later ones, are answered with `error`. */
  fail(error: StorageError): void {
    this.#failing = error;
  }

  /**
   * The process dies: what was not durable is lost, but for its first `recordsKept` records, and no sync is answered
   * any more. Returns the ledger as the next process finds it.
   */
  crash(recordsKept = 0): MemoryLedger {
    this.#waiting = [];
    this.#closed = true;
    return new MemoryLedger({ onSync: this.#onSync, records: this.#records.slice(0, this.#durableEnd + recordsKept) });
  }

  read(sequence: number): Iterable<LedgerRecord> {
    return this.#select(sequence, sequence);
  }

  readFrom(sequence: number, wanted?: PayloadFilter): Iterable<LedgerRecord> {
    return this.#select(sequence, Infinity, wanted);
  }

  *#select(low: number, high: number, wanted: PayloadFilter = () => true): Generator<LedgerRecord> {
    const end = this.#durableEnd;
    for (let position = 0; position < end; position++) {
      const record = this.#records[position]!;
      if (record.sequence < low || record.sequence > high) continue;
      yield wanted(record) ? record : { ...record, payload: new Uint8Array(0) };
    }
  }

  close(done: Done): void {
    this.#closed = true;
    this.sync(done);
  }
}
