/**
 * Reads files of evidence, which somebody else may have made: at most so many bytes, whatever they are.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { EvidenceFile } from './pool.ts';

const bytesMax = 4 * 1024 * 1024;

/** The file, or why there is nothing to judge. */
export function readEvidenceFile(path: string): EvidenceFile | { readonly unreadable: string } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    if (fstatSync(descriptor).isDirectory()) return { unreadable: `${path} is a folder` };
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const chunk = Buffer.alloc(256 * 1024);
      const read = readSync(descriptor, chunk);
      if (read === 0) return { name: basename(path), bytes: new Uint8Array(Buffer.concat(chunks)) };
      length += read;
      if (length > bytesMax) return { unreadable: `${path} is too large to be evidence: more than ${bytesMax} bytes` };
      chunks.push(chunk.subarray(0, read));
    }
  } catch (error) {
    return { unreadable: `cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? 'failed'}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
