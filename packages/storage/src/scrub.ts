/**
 * What was written, read again without waiting for it: whether records are whole, and key files there. spec/storage.md, "While it runs".
 */
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { type Digest, sameBytes } from '@coppice/wire';
import { locate } from './archive.ts';
import { errnoOf, StorageError } from './error.ts';
import { decodeFileHeader, fileHeaderBytes, payloadsOf } from './file-header.ts';
import { decodeKeyFile, isKeyFileOf, keyFileName, type PayloadCipher } from './file-key.ts';
import { writeFileAtomic } from './files.ts';
import { decodeFrame, decodeFrameHeader, fieldsBytes, frameBytes, frameHeaderBytes } from './frame.ts';

/** Who reads again. */
export interface Scrubber {
  /** The bytes of the key file that this process wrote for the key of that id, if it did. */
  keyFile(id: Uint8Array): Uint8Array | undefined;
  /** That key file, missing or altered, was written anew. */
  mended(path: string): void;
}

interface Part {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A part of a file of a ledger; `undefined`: only an archive can have it, and does not give it now. Rejects with StorageError: READ_FAILED. */
export async function readPart(
  folder: string,
  name: string,
  offset: number,
  length: number,
): Promise<Part | undefined> {
  const own = join(folder, name);
  try {
    return { path: own, bytes: await readAt(own, offset, length) };
  } catch (error) {
    const path = locate(folder, name);
    if (path === own)
      throw new StorageError({ code: 'READ_FAILED', path, operation: 'read', errno: errnoOf(error) }, error);
    return readAt(path, offset, length).then(
      (bytes) => ({ path, bytes }),
      () => undefined,
    );
  }
}

/** Fewer bytes where the file ends. */
async function readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await fs.promises.open(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await file.read(bytes, read, length - read, offset + read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return bytes.subarray(0, read);
  } finally {
    await file.close();
  }
}

/** Whether these are whole records, from this position on, and nothing else. */
export function areWhole(bytes: Uint8Array, first: number, cipher: PayloadCipher | undefined): boolean {
  let position = first;
  for (let at = 0; at < bytes.length; position++) {
    const header = decodeFrameHeader(bytes.subarray(at, at + frameHeaderBytes));
    if (header === undefined || header.position !== position) return false;
    const frame = bytes.subarray(at, at + frameBytes(header.payloadBytes));
    const record = frame.length < frameBytes(header.payloadBytes) ? undefined : decodeFrame(header, frame);
    if (record === undefined) return false;
    if (cipher?.open(frame.subarray(0, fieldsBytes), position, record.payload) === undefined && cipher !== undefined)
      return false;
    at += frame.length;
  }
  return true;
}

/**
 * Checks the header of a segment, and its key file, if it is encrypted; writes one anew that is not what was written. Rejects with StorageError:
 * CORRUPT_SEGMENT.
 */
export async function scrubHead(folder: string, name: string, first: number, scrubber: Scrubber): Promise<void> {
  const part = await readPart(folder, name, 0, fileHeaderBytes);
  if (part === undefined) return;
  const corrupt = (reason: 'segment-header' | 'key-file-missing' | 'key-checksum', segment: string): StorageError =>
    new StorageError({ code: 'CORRUPT_SEGMENT', folder, reason, segment, offset: 0, position: first });
  const header = decodeFileHeader('segment', part.bytes);
  if (header === undefined || header.number !== first) throw corrupt('segment-header', name);
  if (payloadsOf(header) !== 'encrypted') return;
  const beside = keyFileName(name);
  const found = await contentOf(folder, beside);
  const written = scrubber.keyFile(header.keyId);
  if (found !== undefined && (written === undefined ? isOf(found, header, first) : sameBytes(found, written))) return;
  if (written === undefined) throw corrupt(found === undefined ? 'key-file-missing' : 'key-checksum', beside);
  const path = join(dirname(part.path), beside);
  writeFileAtomic(path, written);
  scrubber.mended(path);
}

function isOf(content: Uint8Array, header: { readonly service: Digest; readonly keyId: Uint8Array }, number: number) {
  const file = decodeKeyFile(content);
  return file !== undefined && isKeyFileOf(file, { kind: 'segment', service: header.service, number }, header.keyId);
}

async function contentOf(folder: string, name: string): Promise<Uint8Array | undefined> {
  const read = (path: string): Promise<Uint8Array | undefined> => fs.promises.readFile(path).catch(() => undefined);
  return (await read(join(folder, name))) ?? (await read(locate(folder, name)));
}
