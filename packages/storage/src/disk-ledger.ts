/**
 * The ledger on disk.
 *
 * Group commit: one write and one fdatasync are in flight at a time, and everything that was appended meanwhile goes
 * with the next. So what a crash can cut is one write, all of it behind everything that was ever reported durable.
 *
 * - Records below `durableEnd` are in the index and in the files; `#pending` holds the rest, in order.
 * - A segment is begun only when all records of the one before are durable, and its key file when it is begun.
 * - What was encrypted once is never encrypted again: a ledger that is opened goes on in a new segment, with another key.
 * - Once anything failed, `#error` is set and stays: a later fsync that succeeds proves nothing about pages that an
 *   earlier one failed to write.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '@coppice/wire';
import type { TornTail } from './damage.ts';
import { StorageError, writing } from './error.ts';
import { encodeFileHeader, fileHeaderBytes } from './file-header.ts';
import { type FileKey, keyFileName, PayloadCipher, tagBytes, type Vault } from './file-key.ts';
import { writeKeyFile } from './key-writer.ts';
import { type FileLayer, Files, makeFolder, syncFolderNow } from './files.ts';
import { checkRecord, encodeFrame, frameBytes } from './frame.ts';
import { LedgerIndex } from './ledger-index.ts';
import type { Done, Ledger, LedgerReader, LedgerRecord, NewRecord, PayloadFilter } from './ledger.ts';
import { type Lock, lockFolder } from './lock.ts';
import { readLedger } from './reader.ts';
import type { Scrubber } from './scrub.ts';
import { Segment, segmentName } from './segment.ts';

/** Where a write goes past the end of the file, this many zeros go behind it; the writes after it then overwrite. */
const spareBytes = 1024 * 1024;
const spare = new Uint8Array(spareBytes);

/** Buffers that every system takes in one writev. */
const groupRecordsMax = 1000;

export interface LedgerOptions {
  readonly service: Digest;
  /** A segment takes no further record that would make it longer than this. Default 64 MiB. */
  readonly segmentBytes?: number;
  /** Makes the keys of new segments, and knows those of old ones. Without it, payloads are written in the clear. */
  readonly vault?: Vault | undefined;
  readonly files?: FileLayer;
}

export interface Opened {
  readonly ledger: Ledger;
  /** What a crash had cut, and what is now cut off. */
  readonly torn: TornTail | undefined;
  /** What reads its records where its folder is now, once it is closed. */
  readonly readerIn: (folder: string) => LedgerReader;
}

/**
 * Opens the ledger in `folder`, or begins one, as its only writer. Reads all of it. Throws StorageError: LOCKED,
 * CORRUPT_SEGMENT, or that the file system failed.
 */
export function openLedger(folder: string, options: LedgerOptions): Opened {
  makeFolder(folder);
  const lock = lockFolder(folder);
  try {
    const index = new LedgerIndex(folder, options.vault);
    let torn: TornTail | undefined;
    for (const item of readLedger(folder, { service: options.service, keys: options.vault })) {
      if (item.kind === 'record') {
        index.add(item);
      } else if (item.kind === 'corrupt') {
        throw new StorageError({ code: 'CORRUPT_SEGMENT', folder, ...item.damage });
      } else if (item.kind === 'torn') {
        torn = item.torn;
        cutTail(folder, torn);
      }
    }
    // Also when nothing was cut: a process that died may have begun a segment and not come to this.
    syncFolderNow(folder);
    return { ledger: new DiskLedger(folder, options, lock, index), torn, readerIn: (where) => index.reader(where) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A segment that holds no whole record goes altogether. */
function cutTail(folder: string, { segment, offset }: TornTail): void {
  const path = join(folder, segment);
  writing('cut', path, () => (offset <= fileHeaderBytes ? fs.rmSync(path) : fs.truncateSync(path, offset)));
}

/** The segment that is written to. */
interface Head {
  readonly segment: Segment;
  readonly path: string;
  readonly fd: number;
  readonly header: Uint8Array;
  /** Bytes of the file: header, records, zeros. 0 before the first write. */
  size: number;
}

/** A record that waits, and the bytes that it will take. */
interface Pending {
  readonly record: LedgerRecord;
  readonly bytes: number;
}

/** The last segment, to go on with. What was read of it may be in the page cache only: it is made durable. */
function openHead(folder: string, segment: Segment): Head {
  const path = join(folder, segmentName(segment.first));
  return writing('open', path, () => {
    const fd = fs.openSync(path, 'r+');
    fs.fsyncSync(fd);
    return { segment, path, fd, header: new Uint8Array(0), size: fs.fstatSync(fd).size };
  });
}

class DiskLedger implements Ledger {
  readonly #folder: string;
  readonly #service: Digest;
  readonly #segmentBytes: number;
  readonly #vault: Vault | undefined;
  readonly #files: Files;
  readonly #lock: Lock;
  readonly #segments: Segment[];
  readonly #reader: Required<LedgerReader>;
  #head: Head | undefined;
  #pending: Pending[] = [];
  /** Positions, ascending, that begin a segment because somebody said so. */
  #begins: number[] = [];
  #waiting: { readonly end: number; readonly done: Done }[] = [];
  #writing = false;
  #durableEnd: number;
  #bytesPending = 0;
  #error: StorageError | undefined;
  #closed = false;

  constructor(folder: string, options: LedgerOptions, lock: Lock, index: LedgerIndex) {
    this.#folder = folder;
    this.#service = options.service;
    this.#segmentBytes = options.segmentBytes ?? 64 * 1024 * 1024;
    this.#vault = options.vault;
    this.#files = new Files(options.files);
    this.#lock = lock;
    this.#segments = index.segments;
    this.#reader = index.reader();
    this.#durableEnd = index.end;
    const last = index.segments.at(-1);
    if (last === undefined) return;
    this.#head = openHead(folder, last);
    if (last.cipher !== undefined || this.#vault !== undefined) this.beginSegment();
  }

  get bytesPending(): number {
    return this.#bytesPending;
  }

  get end(): number {
    return this.#durableEnd + this.#pending.length;
  }

  get durableEnd(): number {
    return this.#durableEnd;
  }

  append(record: NewRecord): number {
    if (this.#closed) throw new StorageError({ code: 'CLOSED' });
    if (this.#error !== undefined) throw this.#error;
    checkRecord(record);
    const { type, sequence } = record;
    const position = this.end;
    const payload = new Uint8Array(record.payload);
    const bytes = frameBytes(payload.length + (this.#vault === undefined ? 0 : tagBytes));
    this.#pending.push({ record: { type, sequence, position, payload }, bytes });
    this.#bytesPending += bytes;
    return position;
  }

  beginSegment(): void {
    if (this.#begins.at(-1) !== this.end) this.#begins.push(this.end);
  }

  sync(done: Done): void {
    this.#waiting.push({ end: this.end, done });
    this.#pump();
  }

  #pump(): void {
    if (this.#writing || this.#waiting.length === 0) return;
    this.#writing = true;
    const write = this.#error === undefined ? this.#writeGroup() : Promise.reject(this.#error);
    // What a callback throws is its caller's mistake and not the disk's: it ends the process as an unhandled rejection.
    void write.then(
      () => this.#answer(),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Answers those whose records are durable, then goes on with the rest. */
  #answer(): void {
    this.#writing = false;
    while (this.#waiting.length > 0 && this.#waiting[0]!.end <= this.#durableEnd) this.#waiting.shift()!.done();
    this.#pump();
  }

  #fail(error: unknown): void {
    if (!(error instanceof StorageError)) throw error;
    this.#error = error;
    this.#writing = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { done } of waiting) done(error);
    this.#pump();
  }

  /** Makes the oldest pending records durable: as many as go into one write and one segment. */
  async #writeGroup(): Promise<void> {
    if (this.#pending.length === 0) return;
    const head = await this.#headFor(this.#pending[0]!);
    const { segment, path, fd } = head;
    const begins = head.size === 0;

    const buffers = begins ? [head.header] : [];
    let end = segment.end;
    let count = 0;
    for (const { bytes, record } of this.#pending) {
      const full = count === groupRecordsMax || end + bytes > this.#segmentBytes || record.position === this.#begins[0];
      if (count > 0 && full) break;
      buffers.push(encodeFrame(record, segment.cipher));
      end += bytes;
      count++;
    }
    let size = head.size;
    if (end > size) {
      const zeros = Math.max(0, Math.min(spareBytes, this.#segmentBytes - end));
      if (zeros > 0) buffers.push(spare.subarray(0, zeros));
      size = end + zeros;
    }

    await this.#files.write(path, fd, buffers, begins ? 0 : segment.end);
    await this.#files.syncData(path, fd);
    if (begins) await this.#files.syncFolder(this.#folder);

    head.size = size;
    if (begins) this.#segments.push(segment);
    for (const { bytes, record } of this.#pending.splice(0, count)) {
      segment.add(this.#durableEnd++, record.sequence, bytes);
      this.#bytesPending -= bytes;
    }
  }

  /** The segment that takes this record: a new one if the last is full, or was ended. */
  async #headFor({ bytes, record }: Pending): Promise<Head> {
    const last = this.#head;
    const told = this.#begins[0] === record.position;
    if (told) this.#begins.shift();
    if (last !== undefined && !told && last.segment.end + bytes <= this.#segmentBytes) return last;
    await this.#closeHead();
    const first = this.#durableEnd;
    const name = segmentName(first);
    const key = await this.#newKey(name, first);
    const header = encodeFileHeader('segment', this.#service, first, key?.id);
    const segment = new Segment(first, key && new PayloadCipher(key.key, header));
    const path = join(this.#folder, name);
    // A file of that name would be a segment without records, of a write that was cut right behind its header.
    const fd = await this.#files.open(path, 'w');
    this.#head = { segment, path, fd, header, size: 0 };
    return this.#head;
  }

  /** A key for a segment, durable for those whom it is sealed to before anything is encrypted with it. */
  async #newKey(name: string, first: number): Promise<FileKey | undefined> {
    const file = { kind: 'segment', service: this.#service, number: first } as const;
    return this.#vault && writeKeyFile(this.#files, join(this.#folder, keyFileName(name)), this.#vault, file);
  }

  async #closeHead(): Promise<void> {
    const head = this.#head;
    this.#head = undefined;
    if (head === undefined) return;
    if (head.segment.cipher !== undefined) await this.#files.trim(head.fd, head.segment.end);
    await this.#files.close(head.path, head.fd);
  }

  read(sequence: number): Iterable<LedgerRecord> {
    return this.#reader.read(sequence);
  }

  readFrom(sequence: number, wanted?: PayloadFilter): Iterable<LedgerRecord> {
    return this.#reader.readFrom(sequence, wanted);
  }

  scrub(scrubber: Scrubber): AsyncIterable<number> {
    return this.#reader.scrub(scrubber);
  }

  close(done: Done): void {
    const first = !this.#closed;
    this.#closed = true;
    this.sync((error) => {
      if (first)
        this.#release().then(
          () => done(error),
          (failed: StorageError) => done(error ?? failed),
        );
      else done(error);
    });
  }

  async #release(): Promise<void> {
    try {
      await this.#closeHead();
    } finally {
      this.#lock.release();
    }
  }
}
