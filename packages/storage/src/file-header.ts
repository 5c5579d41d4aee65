/**
 * The first 64 bytes of every file: what it is, of which service, its number, and by which key its payloads are encrypted, if any.
 */
import { crc32 } from 'node:zlib';
import { decode, type Digest, digest, encode, fixed, fromLatin1, sameBytes, struct, u32, u64 } from '@coppice/wire';

export const fileHeaderBytes = 64;
/** Of files whose payloads are in the clear, of those where they are encrypted, and of key files that say who wrote them. */
export const versions = { plain: 1, encrypted: 2, signed: 3 } as const;

export type FileKind = 'segment' | 'snapshot';

/** None of these bytes is zero. */
const magics = {
  segment: fromLatin1('COPPICEL'),
  snapshot: fromLatin1('COPPICES'),
  'segment-key': fromLatin1('COPPICEK'),
  'snapshot-key': fromLatin1('COPPICET'),
} as const;
type Magic = keyof typeof magics;

const noKey = new Uint8Array(8);

const fieldsBytes = 60;
/** `number`: of a segment its first record's position, of a snapshot its sequence number. */
const fieldsCodec = struct({ magic: fixed(8), version: u32, service: digest, number: u64, keyId: fixed(8) });

export interface FileHeader {
  readonly version: number;
  readonly service: Digest;
  readonly number: number;
  /** Zeros in a file of version 1. */
  readonly keyId: Uint8Array;
}

/** Whether this code can read files of that version, and what their payloads are. */
export function payloadsOf({ version, keyId }: FileHeader): 'plain' | 'encrypted' | undefined {
  if (version === versions.encrypted) return 'encrypted';
  return version === versions.plain && sameBytes(keyId, noKey) ? 'plain' : undefined;
}

/** With `keyId`, the header of a file whose payloads are encrypted, or of a key file. */
export function encodeFileHeader(
  kind: Magic,
  service: Digest,
  number: number,
  keyId?: Uint8Array,
  version: number = keyId === undefined ? versions.plain : versions.encrypted,
): Uint8Array {
  const header = new Uint8Array(fileHeaderBytes);
  header.set(
    encode(fieldsCodec, { magic: magics[kind], version, service, number, keyId: keyId ?? noKey }, fieldsBytes),
  );
  new DataView(header.buffer).setUint32(fieldsBytes, crc32(header.subarray(0, fieldsBytes)));
  return header;
}

/** The header at the start of `bytes`, or `undefined` if there is none that its checksum vouches for. */
export function decodeFileHeader(kind: Magic, bytes: Uint8Array): FileHeader | undefined {
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
