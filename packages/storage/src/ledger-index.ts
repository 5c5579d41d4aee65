/**
 * Where the records of a ledger stand, and what finds them by that: taken note of while they are read, or written.
 */
import { openLocated } from './archive.ts';
import { StorageError } from './error.ts';
import { decodeFileHeader, fileHeaderBytes } from './file-header.ts';
import { type FileKeys, PayloadCipher } from './file-key.ts';
import { type InputFile, readFrames } from './frame-reader.ts';
import type { LedgerReader, LedgerRecord, PayloadFilter } from './ledger.ts';
import { damageOf, type ScannedRecord } from './reader.ts';
import { areWhole, readPart, type Scrubber, scrubHead } from './scrub.ts';
import { type Block, Segment, segmentName } from './segment.ts';

export class LedgerIndex {
  readonly segments: Segment[] = [];
  /** How many records it knows. */
  end = 0;
  readonly #folder: string;
  readonly #keys: FileKeys | undefined;

  /** @param keys of what is read there */
  constructor(folder: string, keys: FileKeys | undefined) {
    this.#folder = folder;
    this.#keys = keys;
  }

  /** The next record that was read. */
  add({ first, frameBytes, record }: ScannedRecord): void {
    if (this.segments.at(-1)?.first !== first) this.segments.push(new Segment(first, this.#cipherOf(first)));
    this.segments.at(-1)!.add(this.end++, record.sequence, frameBytes);
  }

  /** What finds them, also where the folder is moved to. */
  reader(folder = this.#folder): Required<LedgerReader> {
    return new SegmentsReader(folder, this.segments);
  }

  #cipherOf(first: number): PayloadCipher | undefined {
    const file = openLocated(this.#folder, segmentName(first));
    try {
      const bytes = file.view(0, fileHeaderBytes).slice();
      const key = this.#keys?.keyOf(decodeFileHeader('segment', bytes)!.keyId);
      return key && new PayloadCipher(key, bytes);
    } finally {
      file.close();
    }
  }
}

/** Finds records in segments, by what is known of them. */
class SegmentsReader implements Required<LedgerReader> {
  readonly #folder: string;
  readonly #segments: readonly Segment[];

  constructor(folder: string, segments: readonly Segment[]) {
    this.#folder = folder;
    this.#segments = segments;
  }

  read(sequence: number): Iterable<LedgerRecord> {
    return this.#select(sequence, sequence);
  }

  readFrom(sequence: number, wanted?: PayloadFilter): Iterable<LedgerRecord> {
    return this.#select(sequence, Infinity, wanted);
  }

  *#select(low: number, high: number, wanted?: PayloadFilter): Generator<LedgerRecord> {
    for (const segment of this.#segments.slice()) {
      const blocks = segment.blocks(low, high);
      if (blocks.length === 0) continue;
      const name = segmentName(segment.first);
      const file = openLocated(this.#folder, name);
      try {
        for (const block of blocks) {
          for (const record of this.#readBlock(name, file, block, segment.cipher, wanted)) {
            if (record.sequence >= low && record.sequence <= high) yield record;
          }
        }
      } finally {
        file.close();
      }
    }
  }

  async *scrub(scrubber: Scrubber): AsyncGenerator<number> {
    for (const segment of this.#segments.slice()) {
      const name = segmentName(segment.first);
      await scrubHead(this.#folder, name, segment.first, scrubber);
      for (const block of segment.blocks(0, Infinity)) {
        // What comes to it meanwhile is for the next round.
        const { offset, position, end } = block;
        const part = await readPart(this.#folder, name, offset, end - offset);
        if (part === undefined) break;
        const whole = part.bytes.length === end - offset && areWhole(part.bytes, position, segment.cipher);
        if (!whole) this.#readAgain(name, { ...block, end }, segment.cipher);
        yield part.bytes.length;
      }
    }
  }

  /** Throws where that is not whole, and says what is wrong. */
  #readAgain(name: string, block: Block, cipher: PayloadCipher | undefined): void {
    const file = openLocated(this.#folder, name);
    try {
      const records = this.#readBlock(name, file, block, cipher, undefined);
      while (records.next().done !== true);
    } finally {
      file.close();
    }
  }

  /** The records of a block as it is now: all of them were whole when they were written or opened. */
  *#readBlock(
    segment: string,
    file: InputFile,
    { offset, position, end }: Block,
    cipher: PayloadCipher | undefined,
    wanted: PayloadFilter | undefined,
  ): Generator<LedgerRecord> {
    const frames = readFrames(file, offset, position, cipher, wanted);
    for (let at = offset; at < end;) {
      const frame = frames.next();
      if (frame.done === true) {
        throw new StorageError({ code: 'CORRUPT_SEGMENT', folder: this.#folder, ...damageOf(frame.value, segment) });
      }
      at += frame.value.frameBytes;
      yield frame.value.record;
    }
  }
}
