/**
 * Snapshots of the state: one file each, seen only when it is whole.
 *
 * A snapshot is written under another name, synced, and then renamed; so a file of a snapshot's name was once whole,
 * and whatever is wrong with it now is damage. Its content is the ledger's frames: metadata, chunks, and an end, whose
 * position is the number of frames before it. An *increment* holds what its base, an earlier snapshot, does not.
 */
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Digest, sameBytes } from '@coppice/wire';
import { reading, StorageError, writing } from './error.ts';
import { decodeFileHeader, encodeFileHeader, fileHeaderBytes, payloadsOf } from './file-header.ts';
import { keyDamageOf } from './key-damage.ts';
import { type FileKeys, keyFileName, PayloadCipher, type Vault } from './file-key.ts';
import { type FileLayer, Files, makeFolder, syncFolderNow } from './files.ts';
import { encodeFrame } from './frame.ts';
import { InputFile, readFrames } from './frame-reader.ts';
import { writeKeyFile } from './key-writer.ts';
import type { Done, LedgerRecord } from './ledger.ts';

const frameTypes = { metadata: 0, chunk: 1, end: 2 } as const;

/** Bytes of one write: bounds how long encoding keeps the event loop. */
const writeBytes = 1024 * 1024;
const restMsMax = 1000;

export interface Snapshot {
  /** The batch after which this was the state. */
  readonly sequence: number;
  /** The snapshot that it is an increment of. */
  readonly base: number | undefined;
  readonly metadata: Uint8Array;
  /** The chunks, read one by one. Throws StorageError (CORRUPT_SNAPSHOT) where one is not what was written. */
  chunks(): Iterable<Uint8Array>;
}

export interface SnapshotOptions {
  readonly service: Digest;
  /** Makes the keys of snapshots that are written. Without it, they are written in the clear. */
  readonly vault?: Vault | undefined;
  /** Of snapshots that are read; those of the vault, if not said. */
  readonly keys?: FileKeys | undefined;
  readonly files?: FileLayer;
  /** Of this thread, what writing takes: it rests between writes, for so long that others have what is left. Default: all. */
  readonly share?: number;
  /** Another process may write there: nothing is made or removed. */
  readonly readOnly?: boolean;
}

/** A snapshot's place among others. */
interface Place {
  readonly sequence: number;
  readonly base: number | undefined;
}

const digitsOf = (sequence: number): string => String(sequence).padStart(16, '0');

function fileName({ base, sequence }: Place): string {
  return `snapshot-${digitsOf(sequence)}${base === undefined ? '' : `-${digitsOf(base)}`}.snap`;
}

/** `undefined` for the name of another file. */
function placeOf(name: string): Place | undefined {
  const [, sequence, base] = /^snapshot-(\d{16})(?:-(\d{16}))?\.snap$/.exec(name) ?? [];
  return sequence === undefined
    ? undefined
    : { sequence: Number(sequence), base: base === undefined ? undefined : Number(base) };
}

/**
 * Names of the files that make the newest snapshot of those with these names, each after its base; none, where there is no snapshot, or a base
 * is missing.
 */
export function newestSnapshotFiles(names: readonly string[]): string[] {
  const places = names.flatMap((name) => placeOf(name) ?? []).sort((a, b) => a.sequence - b.sequence);
  return chainIn(places, places.at(-1)?.sequence)?.map(fileName) ?? [];
}

/** `undefined` where one of them is missing. A base is of a lower number, so there is an end. */
function chainIn(places: readonly Place[], sequence: number | undefined): Place[] | undefined {
  const chain: Place[] = [];
  for (let next = sequence; next !== undefined; next = chain[0]!.base) {
    const place = places.find((one) => one.sequence === next);
    if (place === undefined || (chain[0] !== undefined && next >= chain[0].sequence)) return undefined;
    chain.unshift(place);
  }
  return chain.length === 0 ? undefined : chain;
}

/** The snapshots in one folder, which nobody else writes to, unless they are only read. */
export class Snapshots {
  readonly #folder: string;
  readonly #service: Digest;
  readonly #vault: Vault | undefined;
  readonly #keys: FileKeys | undefined;
  readonly #files: Files;
  readonly #share: number;

  /** Throws StorageError where the file system fails. What an interrupted write left is removed. */
  constructor(folder: string, options: SnapshotOptions) {
    this.#folder = folder;
    this.#service = options.service;
    this.#vault = options.vault;
    this.#keys = options.keys ?? options.vault;
    this.#files = new Files(options.files);
    this.#share = options.share ?? 1;
    if (options.readOnly === true) return;
    makeFolder(folder);
    for (const name of this.#names()) {
      if (name.endsWith('.tmp') && placeOf(name.slice(0, -4)) !== undefined) this.#remove(name);
    }
  }

  #names(): string[] {
    return reading('list', this.#folder, () => fs.readdirSync(this.#folder));
  }

  #remove(name: string): void {
    const path = join(this.#folder, name);
    writing('remove', path, () => fs.rmSync(path, { force: true }));
  }

  /** Sequence numbers of the snapshots, ascending. */
  list(): number[] {
    return this.#places().map(({ sequence }) => sequence);
  }

  #places(): Place[] {
    return this.#names()
      .flatMap((name) => placeOf(name) ?? [])
      .sort((a, b) => a.sequence - b.sequence);
  }

  /** The snapshots that make this one, each an increment of the one before it. Throws StorageError: CORRUPT_SNAPSHOT where one is missing. */
  chain(sequence: number): number[] {
    const chain = chainIn(this.#places(), sequence);
    if (chain !== undefined) return chain.map((place) => place.sequence);
    const path = join(this.#folder, fileName({ sequence, base: undefined }));
    throw new StorageError({ code: 'CORRUPT_SNAPSHOT', path, offset: 0, reason: 'base-missing' });
  }

  /**
   * Writes a snapshot of the state after batch `sequence`; `done` runs when it is durable, or with why it may not be.
   * Chunks are taken as they are written, each at most {@link payloadBytesMax} bytes; what they
   * are made of must not change until then. One write of a sequence number at a time.
   *
   * @param base of an increment: the number of the snapshot that it takes to read it
   */
  write(sequence: number, metadata: Uint8Array, chunks: Iterable<Uint8Array>, done: Done, base?: number): void {
    void this.#write({ sequence, base }, metadata, chunks).then(
      () => done(),
      (error: unknown) => {
        if (!(error instanceof StorageError)) throw error;
        done(error);
      },
    );
  }

  async #write(place: Place, metadata: Uint8Array, chunks: Iterable<Uint8Array>): Promise<void> {
    const { sequence } = place;
    const path = join(this.#folder, fileName(place));
    const temporary = `${path}.tmp`;
    try {
      const file = { kind: 'snapshot', service: this.#service, number: sequence } as const;
      const key = this.#vault && (await writeKeyFile(this.#files, keyFileName(path), this.#vault, file));
      const header = encodeFileHeader('snapshot', this.#service, sequence, key?.id);
      const cipher = key && new PayloadCipher(key.key, header);
      await this.#writeFile(temporary, header, frames(sequence, metadata, chunks), cipher);
      writing('rename', path, () => fs.renameSync(temporary, path));
    } catch (error) {
      this.#remove(`${fileName(place)}.tmp`);
      throw error;
    }
    await this.#files.syncFolder(this.#folder);
  }

  async #writeFile(
    path: string,
    header: Uint8Array,
    records: Iterable<LedgerRecord>,
    cipher: PayloadCipher | undefined,
  ): Promise<void> {
    const fd = await this.#files.open(path, 'wx');
    try {
      let buffers = [header];
      let bytes = fileHeaderBytes;
      let offset = 0;
      let began = performance.now();
      for (const record of records) {
        const frame = encodeFrame(record, cipher);
        buffers.push(frame);
        bytes += frame.length;
        if (bytes < writeBytes && record.type !== frameTypes.end) continue;
        const restMs = Math.min((performance.now() - began) * (1 / this.#share - 1), restMsMax);
        await this.#files.write(path, fd, buffers, offset);
        if (restMs > 0 && record.type !== frameTypes.end) await pause(restMs);
        offset += bytes;
        buffers = [];
        bytes = 0;
        began = performance.now();
      }
      await this.#files.sync(path, fd);
    } finally {
      await this.#files.close(path, fd);
    }
  }

  /** The newest snapshot, or `undefined` if there is none. Throws as {@link Snapshots.read} does. */
  latest(): Snapshot | undefined {
    const newest = this.list().at(-1);
    return newest === undefined ? undefined : this.read(newest);
  }

  /** The snapshot of that sequence number, which must be listed. Throws StorageError: CORRUPT_SNAPSHOT, READ_FAILED. */
  read(sequence: number): Snapshot {
    const place = this.#places().find((one) => one.sequence === sequence) ?? { sequence, base: undefined };
    const path = join(this.#folder, fileName(place));
    const frames = this.#frames(path, sequence);
    const first = frames.next();
    frames.return(undefined);
    return { ...place, metadata: first.value!.payload, chunks: () => this.#chunks(path, sequence) };
  }

  *#chunks(path: string, sequence: number): Generator<Uint8Array> {
    for (const { type, payload } of this.#frames(path, sequence)) if (type === frameTypes.chunk) yield payload;
  }

  /** All frames up to the end, checked: metadata first, then chunks, then the end, then nothing. */
  *#frames(path: string, sequence: number): Generator<LedgerRecord, undefined> {
    const file = new InputFile(path);
    const damaged = (offset: number, reason: string): StorageError =>
      new StorageError({ code: 'CORRUPT_SNAPSHOT', path, offset, reason });
    try {
      const headerBytes = file.view(0, fileHeaderBytes).slice();
      const header = decodeFileHeader('snapshot', headerBytes);
      if (header === undefined) throw damaged(0, 'file-header');
      const payloads = payloadsOf(header);
      if (payloads === undefined) throw damaged(0, 'format-version');
      if (!sameBytes(header.service, this.#service)) throw damaged(0, 'other-service');
      if (header.number !== sequence) throw damaged(0, 'file-name');

      const key = payloads === 'encrypted' ? this.#keys?.keyOf(header.keyId) : undefined;
      if (payloads === 'encrypted' && key === undefined) {
        const named = { kind: 'snapshot', service: header.service, number: sequence, id: header.keyId } as const;
        const { file: of, reason } = keyDamageOf(this.#folder, basename(path), named, this.#keys);
        throw new StorageError({ code: 'CORRUPT_SNAPSHOT', path: join(this.#folder, of), offset: 0, reason });
      }
      const frames = readFrames(file, fileHeaderBytes, 0, key && new PayloadCipher(key, headerBytes));
      for (;;) {
        const frame = frames.next();
        if (frame.done === true) throw damaged(frame.value.offset, frame.value.kind);
        const { record, offset, frameBytes } = frame.value;
        const { type, position } = record;
        const expected =
          position === 0 ? type === frameTypes.metadata : type === frameTypes.chunk || type === frameTypes.end;
        if (!expected) throw damaged(offset, 'frame-type');
        if (record.sequence !== sequence) throw damaged(offset, 'sequence');
        if (type === frameTypes.end) {
          if (offset + frameBytes !== file.size) throw damaged(offset + frameBytes, 'trailing-bytes');
          return undefined;
        }
        yield record;
      }
    } finally {
      file.close();
    }
  }

  /** Removes the snapshots of lower sequence numbers, but for those that others still take. */
  prune(sequence: number): void {
    const places = this.#places();
    const kept = places
      .filter((place) => place.sequence >= sequence)
      .map((place) => chainIn(places, place.sequence) ?? [place]);
    const needed = new Set(kept.flat());
    for (const place of places) {
      if (needed.has(place)) continue;
      this.#remove(fileName(place));
      this.#remove(keyFileName(fileName(place)));
    }
    syncFolderNow(this.#folder);
  }
}

function* frames(sequence: number, metadata: Uint8Array, chunks: Iterable<Uint8Array>): Generator<LedgerRecord> {
  let position = 0;
  yield { type: frameTypes.metadata, sequence, position: position++, payload: metadata };
  for (const payload of chunks) yield { type: frameTypes.chunk, sequence, position: position++, payload };
  yield { type: frameTypes.end, sequence, position, payload: new Uint8Array(0) };
}
