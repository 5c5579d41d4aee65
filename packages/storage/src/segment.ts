/**
 * A segment: its name, and an index that finds sequence numbers in it without holding a record in memory.
 *
 * The index has one entry per mebibyte of records, with the range of sequence numbers in it: about 2 KiB a segment.
 */
import { fileHeaderBytes } from './file-header.ts';
import type { PayloadCipher } from './file-key.ts';

const blockBytes = 1024 * 1024;

/** File name of the segment whose first record has this position. Names sort as positions do. */
export function segmentName(first: number): string {
  return `ledger-${String(first).padStart(16, '0')}.seg`;
}

/** The position in a segment's file name, or `undefined` for another file. */
export function segmentFirst(name: string): number | undefined {
  const digits = /^ledger-(\d{16})\.seg$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Consecutive records of a segment. */
export interface Block {
  /** Of the first record. */
  readonly offset: number;
  readonly position: number;
  /** Where the records end. */
  end: number;
  sequenceMin: number;
  sequenceMax: number;
}

export class Segment {
  readonly first: number;
  /** Of its payloads, if they are encrypted. */
  readonly cipher: PayloadCipher | undefined;
  /** Where the records end. */
  end = fileHeaderBytes;
  readonly #blocks: Block[] = [];

  constructor(first: number, cipher: PayloadCipher | undefined) {
    this.first = first;
    this.cipher = cipher;
  }

  /** Takes note of the record that follows those added so far. */
  add(position: number, sequence: number, frameBytes: number): void {
    const offset = this.end;
    this.end += frameBytes;
    const block = this.#blocks.at(-1);
    if (block === undefined || offset >= block.offset + blockBytes) {
      this.#blocks.push({ offset, position, end: this.end, sequenceMin: sequence, sequenceMax: sequence });
    } else {
      block.end = this.end;
      block.sequenceMin = Math.min(block.sequenceMin, sequence);
      block.sequenceMax = Math.max(block.sequenceMax, sequence);
    }
  }

  /** The blocks that may hold sequence numbers from `low` to `high`. */
  blocks(low: number, high: number): Block[] {
    return this.#blocks.filter((block) => block.sequenceMin <= high && block.sequenceMax >= low);
  }
}
