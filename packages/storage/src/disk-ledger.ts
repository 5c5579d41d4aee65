/**
 * The ledger on disk.
 *
 * Group commit: one write and one fdatasync are in flight at a time, and everything that was appended meanwhile goes
 * with the next. So what a crash can cut is one write, all of it behind everything that was ever reported durable.
 *
 * - Records below `durableEnd` are in the index and in the files; `#pending` holds the rest, in order.
 * - A segment is begun only when all records of the one before are durable.
 * - Once anything failed, `#error` is set and stays: a later fsync that succeeds proves nothing about pages that an
 *   earlier one failed to write.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '@coppice/wire';
import type { TornTail } from './damage.ts';
import { StorageError, writing } from './error.ts';
import { encodeFileHeader, fileHeaderBytes } from './file-header.ts';
import { type FileLayer, Files, makeFolder, syncFolderNow } from './files.ts';
import { encodeFrame } from './frame.ts';
import { InputFile, readFrames } from './frame-reader.ts';
import type { Done, Ledger, LedgerRecord, NewRecord } from './ledger.ts';
import { type Lock, lockFolder } from './lock.ts';
import { damageOf, readLedger } from './reader.ts';
import { type Block, Segment, segmentName } from './segment.ts';

/** Where a write goes past the end of the file, this many zeros go behind it; the writes after it then overwrite. */
const spareBytes = 1024 * 1024;
const spare = new Uint8Array(spareBytes);

/** Buffers that every system takes in one writev. */
const groupRecordsMax = 1000;

export interface LedgerOptions {
  readonly service: Digest;
  /** A segment takes no further record that would make it longer than this. Default 64 MiB. */
  readonly segmentBytes?: number;
  readonly files?: FileLayer;
}

export interface Opened {
  readonly ledger: Ledger;
  /** What a crash had cut, and what is now cut off. */
  readonly torn: TornTail | undefined;
}

/**
 * Opens the ledger in `folder`, or begins one, as its only writer. Reads all of it. Throws StorageError: LOCKED,
 * CORRUPT_SEGMENT, or that the file system failed.
 */
export function openLedger(folder: string, options: LedgerOptions): Opened {
  makeFolder(folder);
  const lock = lockFolder(folder);
  try {
    const segments: Segment[] = [];
    let torn: TornTail | undefined;
    let end = 0;
    for (const item of readLedger(folder, options)) {
      if (item.kind === 'record') {
        if (segments.at(-1)?.first !== item.first) segments.push(new Segment(item.first));
        segments.at(-1)!.add(end++, item.record.sequence, item.frameBytes);
      } else if (item.kind === 'corrupt') {
        throw new StorageError({ code: 'CORRUPT_SEGMENT', folder, ...item.damage });
      } else if (item.kind === 'torn') {
        torn = item.torn;
        cutTail(folder, torn);
      }
    }
    // Also when nothing was cut: a process that died may have begun a segment and not come to this.
    syncFolderNow(folder);
    return { ledger: new DiskLedger(folder, options, lock, segments, end), torn };
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
  /** Bytes of the file: header, records, zeros. 0 before the first write. */
  size: number;
}

/** The last segment, to go on with. What was read of it may be in the page cache only: it is made durable. */
function openHead(folder: string, segment: Segment): Head {
  const path = join(folder, segmentName(segment.first));
  return writing('open', path, () => {
    const fd = fs.openSync(path, 'r+');
    fs.fsyncSync(fd);
    return { segment, path, fd, size: fs.fstatSync(fd).size };
  });
}

class DiskLedger implements Ledger {
  readonly #folder: string;
  readonly #service: Digest;
  readonly #segmentBytes: number;
  readonly #files: Files;
  readonly #lock: Lock;
  readonly #segments: Segment[];
  #head: Head | undefined;
  #pending: { readonly sequence: number; readonly frame: Uint8Array }[] = [];
  #waiting: { readonly end: number; readonly done: Done }[] = [];
  #writing = false;
  #durableEnd: number;
  #bytesPending = 0;
  #error: StorageError | undefined;
  #closed = false;

  constructor(folder: string, options: LedgerOptions, lock: Lock, segments: Segment[], end: number) {
    this.#folder = folder;
    this.#service = options.service;
    this.#segmentBytes = options.segmentBytes ?? 64 * 1024 * 1024;
    this.#files = new Files(options.files);
    this.#lock = lock;
    this.#segments = segments;
    this.#durableEnd = end;
    const last = segments.at(-1);
    if (last !== undefined) this.#head = openHead(folder, last);
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
    const position = this.end;
    const frame = encodeFrame({ ...record, position });
    this.#pending.push({ sequence: record.sequence, frame });
    this.#bytesPending += frame.length;
    return position;
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
    const head = await this.#headFor(this.#pending[0]!.frame.length);
    const { segment, path, fd } = head;
    const begins = head.size === 0;

    const buffers = begins ? [encodeFileHeader('segment', this.#service, segment.first)] : [];
    let end = segment.end;
    let count = 0;
    for (const { frame } of this.#pending) {
      if (count > 0 && (count === groupRecordsMax || end + frame.length > this.#segmentBytes)) break;
      buffers.push(frame);
      end += frame.length;
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
    for (const { sequence, frame } of this.#pending.splice(0, count)) {
      segment.add(this.#durableEnd++, sequence, frame.length);
      this.#bytesPending -= frame.length;
    }
  }

  /** The segment that takes a frame of this size next: a new one if the last is full. */
  async #headFor(bytes: number): Promise<Head> {
    const last = this.#head;
    if (last !== undefined && last.segment.end + bytes <= this.#segmentBytes) return last;
    await this.#closeHead();
    const segment = new Segment(this.#durableEnd);
    const path = join(this.#folder, segmentName(segment.first));
    // A file of that name would be a segment without records, of a write that was cut right behind its header.
    const fd = await this.#files.open(path, 'w');
    this.#head = { segment, path, fd, size: 0 };
    return this.#head;
  }

  async #closeHead(): Promise<void> {
    const head = this.#head;
    this.#head = undefined;
    if (head !== undefined) await this.#files.close(head.path, head.fd);
  }

  read(sequence: number): Iterable<LedgerRecord> {
    return this.#select(sequence, sequence);
  }

  readFrom(sequence: number): Iterable<LedgerRecord> {
    return this.#select(sequence, Infinity);
  }

  *#select(low: number, high: number): Generator<LedgerRecord> {
    for (const segment of this.#segments.slice()) {
      const blocks = segment.blocks(low, high);
      if (blocks.length === 0) continue;
      const name = segmentName(segment.first);
      const file = new InputFile(join(this.#folder, name));
      try {
        for (const block of blocks) {
          for (const record of this.#readBlock(name, file, block)) {
            if (record.sequence >= low && record.sequence <= high) yield record;
          }
        }
      } finally {
        file.close();
      }
    }
  }

  /** The records of a block as it is now: all of them were whole when they were written or opened. */
  *#readBlock(segment: string, file: InputFile, { offset, position, end }: Block): Generator<LedgerRecord> {
    const frames = readFrames(file, offset, position);
    for (let at = offset; at < end;) {
      const frame = frames.next();
      if (frame.done === true) {
        throw new StorageError({ code: 'CORRUPT_SEGMENT', folder: this.#folder, ...damageOf(frame.value, segment) });
      }
      at += frame.value.frameBytes;
      yield frame.value.record;
    }
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
