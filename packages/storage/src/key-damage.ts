/**
 * Files beside their key files: whether these are what was written, and why a file cannot be read.
 */
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { locate, namesOf, openLocated } from './archive.ts';
import { decodeFileHeader, type FileKind, fileHeaderBytes, payloadsOf } from './file-header.ts';
import {
  decodeKeyFile,
  type FileKeys,
  type FileName,
  isKeyFileOf,
  type KeyFile,
  keyFileBytesMax,
  keyFileName,
} from './file-key.ts';
import { InputFile } from './frame-reader.ts';
import { segmentFirst } from './segment.ts';

export interface KeyDamage {
  readonly reason: 'key-missing' | 'key-file-missing' | 'key-checksum' | 'key-name' | 'key-authentication';
  /** Name of the file that it is about. */
  readonly file: string;
}

/** A file, and the key that its header names. */
type Keyed = FileName & { readonly id: Uint8Array };

/** Why the file `name` in `folder` cannot be read with these keys. */
export function keyDamageOf(folder: string, name: string, file: Keyed, keys: FileKeys | undefined): KeyDamage {
  const found = keyFileOf(folder, name, file);
  if ('reason' in found) return found;
  return keys?.failed?.(file.id) === true
    ? { reason: 'key-authentication', file: keyFileName(name) }
    : { reason: 'key-missing', file: name };
}

function keyFileOf(folder: string, name: string, file: Keyed): KeyFile | KeyDamage {
  const beside = keyFileName(name);
  // It is removed from the folder when it is in the archive.
  const content = contentOf(join(folder, beside)) ?? contentOf(locate(folder, beside));
  if (content === undefined) return { reason: 'key-file-missing', file: beside };
  const found = decodeKeyFile(content);
  if (found === undefined) return { reason: 'key-checksum', file: beside };
  return isKeyFileOf(found, file, file.id) ? found : { reason: 'key-name', file: beside };
}

/** What is wrong with the key file beside the segment or snapshot at `path`; `undefined`: nothing, or it needs none. Throws StorageError. */
export function keyFileProblem(kind: FileKind, path: string): KeyDamage['reason'] | undefined {
  const file = new InputFile(path);
  try {
    const header = decodeFileHeader(kind, file.view(0, fileHeaderBytes, fileHeaderBytes));
    if (header === undefined || payloadsOf(header) !== 'encrypted') return undefined;
    const { keyId: id, number, service } = header;
    const found = keyFileOf(dirname(path), basename(path), { kind, service, number, id });
    return 'reason' in found ? found.reason : undefined;
  } finally {
    file.close();
  }
}

/** Of an encrypted segment, its key file, or what is wrong with that. */
export interface SegmentKey {
  /** Position of its first record. */
  readonly first: number;
  readonly found: KeyFile | KeyDamage;
}

/** Of every encrypted segment of a ledger, by position. It takes no key. Throws StorageError. */
export function* segmentKeyFiles(folder: string): Generator<SegmentKey> {
  for (const segment of namesOf(folder)) {
    const number = segmentFirst(segment);
    if (number === undefined) continue;
    const file = openLocated(folder, segment);
    try {
      const header = decodeFileHeader('segment', file.view(0, fileHeaderBytes, fileHeaderBytes));
      if (header === undefined || payloadsOf(header) !== 'encrypted') continue;
      const found = keyFileOf(folder, segment, { kind: 'segment', service: header.service, number, id: header.keyId });
      yield { first: number, found };
    } finally {
      file.close();
    }
  }
}

/** As much of it as tells whether it is one; `undefined`: there is none. */
function contentOf(path: string): Uint8Array | undefined {
  try {
    return fs.statSync(path).size > keyFileBytesMax ? new Uint8Array(0) : fs.readFileSync(path);
  } catch {
    return undefined;
  }
}
