/**
 * The first 64 bytes of every file: what it is, of which service, and its number.
 */
import { crc32 } from 'node:zlib';
import { decode, type Digest, digest, encode, fixed, fromLatin1, sameBytes, struct, u32, u64 } from '@coppice/wire';

export const fileHeaderBytes = 64;
export const formatVersion = 1;

export type FileKind = 'segment' | 'snapshot';

/** None of these bytes is zero. */
const magics = { segment: fromLatin1('COPPICEL'), snapshot: fromLatin1('COPPICES') } as const;

const fieldsBytes = 60;
/** `number`: of a segment its first record's position, of a snapshot its sequence number. */
const fieldsCodec = struct({ magic: fixed(8), version: u32, service: digest, number: u64, reserved: u64 });

export interface FileHeader {
  readonly version: number;
  readonly service: Digest;
  readonly number: number;
}

export function encodeFileHeader(kind: FileKind, service: Digest, number: number): Uint8Array {
  const header = new Uint8Array(fileHeaderBytes);
  header.set(
    encode(fieldsCodec, { magic: magics[kind], version: formatVersion, service, number, reserved: 0 }, fieldsBytes),
  );
  new DataView(header.buffer).setUint32(fieldsBytes, crc32(header.subarray(0, fieldsBytes)));
  return header;
}

/** The header at the start of `bytes`, or `undefined` if there is none that its checksum vouches for. */
export function decodeFileHeader(kind: FileKind, bytes: Uint8Array): FileHeader | undefined {
  if (bytes.length < fileHeaderBytes) return undefined;
  const fields = bytes.slice(0, fieldsBytes);
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(fieldsBytes) !== crc32(fields)) return undefined;
  const decoded = decode(fieldsCodec, fields);
  return decoded.ok && sameBytes(decoded.value.magic, magics[kind]) ? decoded.value : undefined;
}

/** Whether `bytes`, all that a file holds, is fewer than a header and the beginning of one. */
export function isCutFileHeader(kind: FileKind, bytes: Uint8Array): boolean {
  if (bytes.length >= fileHeaderBytes) return false;
  const compared = Math.min(bytes.length, magics[kind].length);
  return sameBytes(bytes.subarray(0, compared), magics[kind].subarray(0, compared));
}
