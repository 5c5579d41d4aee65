/**
 * Why an encrypted file cannot be read: its key was not given, or its key file is not what was written.
 */
import fs from 'node:fs';
import { sameBytes } from '@coppice/wire';
import { locate } from './archive.ts';
import { decodeKeyFile, type FileKeys, keyFileBytesMax, keyFileName, type FileName } from './file-key.ts';

export interface KeyDamage {
  readonly reason: 'key-missing' | 'key-checksum' | 'key-name' | 'key-authentication';
  /** Name of the file that it is about. */
  readonly file: string;
}

/** Of the file `name` in `folder`, whose header names the key `id`. */
export function keyDamageOf(
  folder: string,
  name: string,
  { id, kind, number, service }: FileName & { readonly id: Uint8Array },
  keys: FileKeys | undefined,
): KeyDamage {
  const beside = keyFileName(name);
  const content = contentOf(locate(folder, beside));
  if (content === undefined) return { reason: 'key-missing', file: name };
  const file = decodeKeyFile(content);
  if (file === undefined) return { reason: 'key-checksum', file: beside };
  const own =
    file.kind === kind && file.number === number && sameBytes(file.service, service) && sameBytes(file.id, id);
  if (!own) return { reason: 'key-name', file: beside };
  return keys?.failed?.(id) === true
    ? { reason: 'key-authentication', file: beside }
    : { reason: 'key-missing', file: name };
}

/** As much of it as tells whether it is one; `undefined`: there is none. */
function contentOf(path: string): Uint8Array | undefined {
  try {
    return fs.statSync(path).size > keyFileBytesMax ? new Uint8Array(0) : fs.readFileSync(path);
  } catch {
    return undefined;
  }
}
