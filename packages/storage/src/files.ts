/**
 * Files, durably: what the writer asks of the file system, whole writes, atomic replacement.
 *
 * A name is durable when the folder that holds it was synced, not when the file was.
 */
import fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { StorageError, writeError, writing } from './error.ts';

type Callback<T> = (error: Error | null, value: T) => void;

/** What the writer uses of `node:fs`, and `node:fs` is one: tests pass one that fails. */
export interface FileLayer {
  open(path: string, flags: string, callback: Callback<number>): void;
  /** May write less than asked: `value` is the number of bytes. */
  writev(fd: number, buffers: readonly Uint8Array[], offset: number, callback: Callback<number>): void;
  fdatasync(fd: number, callback: (error: Error | null) => void): void;
  fsync(fd: number, callback: (error: Error | null) => void): void;
  close(fd: number, callback: (error: Error | null) => void): void;
}

/** A {@link FileLayer} with promises and our errors. */
export class Files {
  readonly #layer: FileLayer;

  constructor(layer: FileLayer = fs) {
    this.#layer = layer;
  }

  open(path: string, flags: string): Promise<number> {
    return outcome('open', path, (callback) => this.#layer.open(path, flags, callback));
  }

  /** Writes all of `buffers` at `offset`: again where the system took only a part. */
  async write(path: string, fd: number, buffers: readonly Uint8Array[], offset: number): Promise<void> {
    let rest = buffers;
    let at = offset;
    while (rest.length > 0) {
      const written = await outcome<number>('write', path, (callback) => this.#layer.writev(fd, rest, at, callback));
      if (written === 0)
        throw new StorageError({ code: 'WRITE_FAILED', path, operation: 'write', errno: 'no progress' });
      rest = withoutFirst(rest, written);
      at += written;
    }
  }

  /** The file's bytes, and what is needed to read them. */
  syncData(path: string, fd: number): Promise<void> {
    return outcome('fdatasync', path, (callback) => this.#layer.fdatasync(fd, (error) => callback(error, undefined)));
  }

  sync(path: string, fd: number): Promise<void> {
    return outcome('fsync', path, (callback) => this.#layer.fsync(fd, (error) => callback(error, undefined)));
  }

  close(path: string, fd: number): Promise<void> {
    return outcome('close', path, (callback) => this.#layer.close(fd, (error) => callback(error, undefined)));
  }

  /** Gives back what a file holds beyond `size`: nothing but zeros. It saves space, so it may fail. */
  trim(fd: number, size: number): Promise<void> {
    return new Promise((resolve) => fs.ftruncate(fd, size, () => resolve()));
  }

  async syncFolder(folder: string): Promise<void> {
    const fd = await this.open(folder, 'r');
    await this.sync(folder, fd);
    await this.close(folder, fd);
  }
}

function outcome<T>(operation: string, path: string, start: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(writeError(operation, path, error)) : resolve(value)));
  });
}

/** `buffers` without their first `bytes` bytes. */
function withoutFirst(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  let whole = 0;
  while (whole < buffers.length && skip >= buffers[whole]!.length) skip -= buffers[whole++]!.length;
  const rest = buffers.slice(whole);
  if (skip > 0) rest[0] = rest[0]!.subarray(skip);
  return rest;
}

/** Makes what was created, renamed and removed in `folder` durable. */
export function syncFolderNow(folder: string): void {
  writing('fsync', folder, () => {
    const fd = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  });
}

/** Creates `folder` and what is above it, durably. */
export function makeFolder(folder: string): void {
  const path = resolve(folder);
  const first = writing('mkdir', path, () => fs.mkdirSync(path, { recursive: true }));
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) syncFolderNow(dirname(made));
}

/** Replaces a small file: after a crash it holds its old bytes or these, and after the return these. One caller at a time. */
export function writeFileAtomic(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  writing('replace', path, () => {
    const fd = fs.openSync(temporary, 'w');
    try {
      fs.writeFileSync(fd, bytes);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, path);
  });
  syncFolderNow(dirname(path));
}
