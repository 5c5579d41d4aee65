/**
 * Reads the records of one file, and says why it stopped.
 *
 * A crash leaves a prefix of the last write, followed by the end of the file or by the zeros that stood there before;
 * it does not alter bytes. So a record is *cut* if what is missing of it, its trailer at least, is past the end or all
 * zero up to the end. Everything else that does not match its checksum was altered.
 */
import fs from 'node:fs';
import {
  decodeFrame,
  decodeFrameHeader,
  fieldsBytes,
  type FrameHeader,
  frameBytes,
  frameHeaderBytes,
  frameMagic,
  frameTrailerBytes,
} from './frame.ts';
import { reading } from './error.ts';
import type { PayloadCipher } from './file-key.ts';
import type { LedgerRecord, PayloadFilter } from './ledger.ts';

const noPayload = new Uint8Array(0);
const chunkBytes = 1024 * 1024;
const pageBytes = 4096;

/** A record, and where its frame stands. */
export interface PlacedRecord {
  readonly record: LedgerRecord;
  readonly offset: number;
  readonly frameBytes: number;
}

export interface Stop {
  /** `end`: nothing more was written. `cut`: a crash can have left this. Else what is wrong with the record at `offset`. */
  readonly kind: 'end' | 'cut' | 'record-header' | 'record-payload' | 'record-position' | 'record-authentication';
  readonly offset: number;
  readonly position: number;
  /** Bytes from `offset` to the last one that is not zero. */
  readonly bytesWritten: number;
  /** Of the record at `offset`, where it can be read. */
  readonly header: FrameHeader | undefined;
}

/** A file open for reading, through a buffer that is used again and again. */
export class InputFile {
  readonly path: string;
  size: number;
  readonly #reading: typeof reading;
  readonly #fd: number;
  #buffer = new Uint8Array(0);
  #start = 0;
  #length = 0;

  /** @param failing what it throws where the file system fails */
  constructor(path: string, failing = reading) {
    this.path = path;
    this.#reading = failing;
    this.#fd = failing('open', path, () => fs.openSync(path, 'r'));
    this.size = failing('stat', path, () => fs.fstatSync(this.#fd).size);
  }

  /** The bytes at `offset`, fewer than `length` only where the file ends; good until the next call. So many are read with them. */
  view(offset: number, length: number, ahead = chunkBytes): Uint8Array {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    if (offset < this.#start || offset + wanted > this.#start + this.#length) this.#fill(offset, wanted, ahead);
    return this.#buffer.subarray(offset - this.#start, Math.min(offset - this.#start + wanted, this.#length));
  }

  #fill(offset: number, wanted: number, ahead: number): void {
    const bytes = Math.max(wanted, Math.min(ahead, this.size - offset));
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(bytes);
    this.#start = offset;
    this.#length = 0;
    while (this.#length < bytes) {
      const read = this.#reading('read', this.path, () =>
        fs.readSync(this.#fd, this.#buffer, this.#length, bytes - this.#length, offset + this.#length),
      );
      if (read === 0) break; // It became shorter since it was opened.
      this.#length += read;
    }
  }

  /** Forgets what was read: the file may be another by now. */
  refresh(): void {
    this.#length = 0;
    this.size = this.#reading('stat', this.path, () => fs.fstatSync(this.#fd).size);
  }

  /** Bytes from `offset` to the last one that is not zero. */
  bytesWritten(offset: number): number {
    for (let end = this.size; end > offset;) {
      const start = Math.max(offset, end - chunkBytes);
      const bytes = this.view(start, end - start);
      for (let i = bytes.length - 1; i >= 0; i--) if (bytes[i] !== 0) return start + i + 1 - offset;
      end = start;
    }
    return 0;
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

/**
 * The records from `offset` on, the first of which should have `position`. Where there seems to be none, the file is looked
 * at again: its writer may be at work, and what was read of a write under way is no damage. Without a cipher, payloads come as they
 * are stored. A payload that is not wanted is not even read, and comes empty.
 */
export function* readFrames(
  file: InputFile,
  offset: number,
  position: number,
  cipher?: PayloadCipher,
  wanted: PayloadFilter = () => true,
): Generator<PlacedRecord, Stop> {
  // Behind a payload that was not wanted there is likely to be another one.
  let ahead = chunkBytes;
  for (let looked = -1; ;) {
    const header = decodeFrameHeader(file.view(offset, frameHeaderBytes, ahead));
    const bytes = header === undefined ? 0 : frameBytes(header.payloadBytes);
    if (header !== undefined && offset + bytes <= file.size && header.position === position && !wanted(header)) {
      const { sequence, type } = header;
      yield { record: { sequence, type, position, payload: noPayload }, offset, frameBytes: bytes };
      ahead = pageBytes;
      offset += bytes;
      position++;
      continue;
    }
    if (header !== undefined && offset + bytes <= file.size) {
      const frame = file.view(offset, bytes);
      const record = decodeFrame(header, frame);
      if (record !== undefined && record.position === position) {
        const payload =
          cipher === undefined ? record.payload : cipher.open(frame.subarray(0, fieldsBytes), position, record.payload);
        // Checksums are everybody's: whoever changed these bytes knew how to make them look whole.
        if (payload === undefined) {
          const bytesWritten = file.bytesWritten(offset);
          return { kind: 'record-authentication', offset, position, header, bytesWritten };
        }
        yield { record: { ...record, payload }, offset, frameBytes: bytes };
        ahead = chunkBytes;
        offset += bytes;
        position++;
        continue;
      }
    }
    const bytesWritten = file.bytesWritten(offset);
    if (looked !== offset && bytesWritten > 0) {
      looked = offset;
      file.refresh();
      continue;
    }
    const kind =
      header !== undefined && header.position !== position
        ? 'record-position'
        : kindOfStop(file, offset, header, bytesWritten);
    return { kind, offset, position, header, bytesWritten };
  }
}

/** Why there is no record at `offset`. */
function kindOfStop(
  file: InputFile,
  offset: number,
  header: FrameHeader | undefined,
  bytesWritten: number,
): Stop['kind'] {
  if (bytesWritten === 0) return 'end';
  if (header !== undefined) {
    const end = frameBytes(header.payloadBytes);
    const cut = offset + end > file.size || bytesWritten <= end - frameTrailerBytes;
    return cut ? 'cut' : 'record-payload';
  }
  // Nothing of what follows a header was written, and what there is of the header is the beginning of one.
  const cut = bytesWritten <= frameHeaderBytes && beginsFrame(file.view(offset, 4));
  return cut ? 'cut' : 'record-header';
}

function beginsFrame(bytes: Uint8Array): boolean {
  return bytes.every((byte, i) => byte === ((frameMagic >>> (24 - 8 * i)) & 255));
}
