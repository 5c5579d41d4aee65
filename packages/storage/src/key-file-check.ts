/**
 * Whether an encrypted file has its own key file beside it: what can be seen without any key. What is copied without it is lost.
 */
import fs from 'node:fs';
import { sameBytes } from '@coppice/wire';
import { decodeFileHeader, fileHeaderBytes, type FileKind, payloadsOf } from './file-header.ts';
import { decodeKeyFile, keyFileBytesMax, keyFileName } from './file-key.ts';
import { InputFile } from './frame-reader.ts';

/** What is wrong with the key file of the segment or snapshot at `path`; `undefined`: nothing, or it needs none. Throws StorageError. */
export function keyFileProblem(kind: FileKind, path: string): 'missing' | 'altered' | 'of another file' | undefined {
  const file = new InputFile(path);
  try {
    const header = decodeFileHeader(kind, file.view(0, fileHeaderBytes));
    if (header === undefined || payloadsOf(header) !== 'encrypted') return undefined;
    const content = contentOf(keyFileName(path));
    if (content === undefined) return 'missing';
    const key = decodeKeyFile(content);
    if (key === undefined) return 'altered';
    const own =
      key.kind === kind &&
      key.number === header.number &&
      sameBytes(key.service, header.service) &&
      sameBytes(key.id, header.keyId);
    return own ? undefined : 'of another file';
  } finally {
    file.close();
  }
}

/** Nothing of what is too long to be one. */
function contentOf(path: string): Uint8Array | undefined {
  try {
    return fs.statSync(path).size > keyFileBytesMax ? new Uint8Array(0) : fs.readFileSync(path);
  } catch {
    return undefined;
  }
}
