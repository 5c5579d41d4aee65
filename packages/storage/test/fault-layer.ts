/**
 * A file layer over the real one that counts, delays, fails and writes in parts.
 */
import fs from 'node:fs';
import type { FileLayer } from '../src/index.ts';

export class FaultLayer implements FileLayer {
  /** Names of the operations so far. */
  readonly operations: string[] = [];
  /** The error code with which an operation fails from now on. */
  readonly failing = new Map<string, string>();
  /** Bytes that one writev takes at most. */
  bytesPerWrite = Infinity;
  /** The most buffers that one writev was given. */
  buffersMax = 0;
  /** Where set, nothing more happens: no operation is ever answered. */
  dead = false;

  #run(operation: string, callback: (error: Error | null, value: never) => void, start: () => void): void {
    if (this.dead) return;
    this.operations.push(operation);
    const code = this.failing.get(operation);
    if (code === undefined) start();
    else setImmediate(() => callback(Object.assign(new Error(code), { code }), undefined as never));
  }

  open(path: string, flags: string, callback: (error: Error | null, fd: number) => void): void {
    this.#run('open', callback, () => fs.open(path, flags, callback));
  }

  writev(
    fd: number,
    buffers: readonly Uint8Array[],
    offset: number,
    callback: (error: Error | null, written: number) => void,
  ): void {
    this.buffersMax = Math.max(this.buffersMax, buffers.length);
    const part: Uint8Array[] = [];
    let room = this.bytesPerWrite;
    for (const buffer of buffers) {
      part.push(buffer.subarray(0, room));
      room -= Math.min(room, buffer.length);
    }
    this.#run('writev', callback, () => fs.writev(fd, part, offset, callback));
  }

  fdatasync(fd: number, callback: (error: Error | null) => void): void {
    this.#run('fdatasync', callback, () => fs.fdatasync(fd, callback));
  }

  fsync(fd: number, callback: (error: Error | null) => void): void {
    this.#run('fsync', callback, () => fs.fsync(fd, callback));
  }

  close(fd: number, callback: (error: Error | null) => void): void {
    this.#run('close', callback, () => fs.close(fd, callback));
  }
}
