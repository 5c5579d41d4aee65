/**
 * The few calls by which kernels are asked for evidence: their interfaces are folders and files, whose names and contents mean things.
 */
import { constants } from 'node:fs';
import { mkdir, open, readFile, rmdir, writeFile } from 'node:fs/promises';

export interface Files {
  makeFolder(path: string): Promise<void>;
  /** Only an empty one, or one whose files a kernel provides. */
  removeFolder(path: string): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  write(path: string, bytes: Uint8Array): Promise<void>;
}

export const systemFiles: Files = {
  makeFolder: (path) => mkdir(path),
  removeFolder: (path) => rmdir(path),
  read: async (path) => new Uint8Array(await readFile(path)),
  // In one write to what is there: a file that a kernel provides cannot be made, or cut off.
  write: (path, bytes) => writeFile(path, bytes, { flag: 'r+' }),
};

/** A file's bytes. Settings name it, and the host wrote those: a file and nothing else, and not more of it than `bytesMax`. */
export async function readBounded(path: string, bytesMax: number): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('not a file');
    const buffer = new Uint8Array(bytesMax + 1);
    let length = 0;
    for (let read = 1; read > 0 && length < buffer.length; length += read)
      read = (await file.read(buffer, length, buffer.length - length, null)).bytesRead;
    if (length > bytesMax) throw new Error(`more than ${bytesMax} bytes`);
    return buffer.slice(0, length);
  } finally {
    await file.close();
  }
}

/** What a failed call failed with, such as `EBUSY`. */
export function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
