/**
 * One record in a file: header, payload, trailer. spec/storage.md gives it byte by byte.
 *
 * The header has a checksum of its own, so that a length is believed before anything is read by it; the trailer is
 * never zero and never split by a sector boundary, so that its presence shows that a write was not cut.
 * These two functions are the only way from a record to bytes and back, and both know the record's position:
 * what protects the payload belongs here.
 */
import { crc32 } from 'node:zlib';
import { copyInto, decode, encode, struct, u32, u64 } from '@coppice/wire';
import { type PayloadCipher, tagBytes } from './file-key.ts';
import type { LedgerRecord, NewRecord } from './ledger.ts';

export const payloadBytesMax = 64 * 1024 * 1024;

export const frameHeaderBytes = 32;
export const frameTrailerBytes = 8;

/** First bytes of a record; none is zero. */
export const frameMagic = 0xc0991ce5;

/** The header without its checksum: what an encrypted payload is bound to. */
export const fieldsBytes = 28;
const fieldsCodec = struct({ magic: u32, payloadBytes: u32, position: u64, sequence: u64, type: u32 });

export interface FrameHeader {
  readonly payloadBytes: number;
  readonly position: number;
  readonly sequence: number;
  readonly type: number;
  readonly checksum: number;
}

/** Bytes that a record with such a payload takes: a multiple of 8. */
export function frameBytes(payloadBytes: number): number {
  return frameHeaderBytes + Math.ceil(payloadBytes / 8) * 8 + frameTrailerBytes;
}

/** Throws RangeError for a record that has no encoding: ours to avoid. */
export function checkRecord({ type, sequence, payload }: NewRecord): void {
  if (!Number.isInteger(type) || type < 0 || type > 255) throw new RangeError(`type ${type} is not a byte`);
  if (!Number.isSafeInteger(sequence) || sequence < 0) throw new RangeError(`no such sequence number: ${sequence}`);
  if (payload.length > payloadBytesMax) throw new RangeError(`${payload.length} bytes, at most ${payloadBytesMax}`);
}

/** The bytes of a record, with a copy of its payload, or with that encrypted. */
export function encodeFrame(record: LedgerRecord, cipher?: PayloadCipher): Uint8Array {
  checkRecord(record);
  const { type, sequence, position, payload } = record;
  const payloadBytes = payload.length + (cipher === undefined ? 0 : tagBytes);
  const frame = new Uint8Array(frameBytes(payloadBytes));
  const view = new DataView(frame.buffer);
  const fields = encode(fieldsCodec, { magic: frameMagic, payloadBytes, position, sequence, type }, fieldsBytes);
  const headerChecksum = crc32(fields);
  copyInto(frame, fields, 0);
  view.setUint32(fieldsBytes, headerChecksum);
  if (cipher === undefined) copyInto(frame, payload, frameHeaderBytes);
  else cipher.sealInto(frame.subarray(frameHeaderBytes, frameHeaderBytes + payloadBytes), fields, position, payload);

  const trailer = frame.length - frameTrailerBytes;
  const checksum = crc32(frame.subarray(frameHeaderBytes, trailer), headerChecksum);
  view.setUint32(trailer, checksum);
  view.setUint32(trailer + 4, ~checksum);
  return frame;
}

/** The header at the start of `bytes`, or `undefined` if there is none that its checksum vouches for. */
export function decodeFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  if (bytes.length < frameHeaderBytes) return undefined;
  const fields = bytes.subarray(0, fieldsBytes);
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(fieldsBytes);
  if (crc32(fields) !== checksum) return undefined;
  const decoded = decode(fieldsCodec, fields);
  if (!decoded.ok || decoded.value.magic !== frameMagic) return undefined;
  if (decoded.value.payloadBytes > payloadBytesMax + tagBytes || decoded.value.type > 255) return undefined;
  return { ...decoded.value, checksum };
}

/** The record whose frame is `bytes`, with a copy of its payload as it is stored, or `undefined` if its checksum does not match. */
export function decodeFrame(header: FrameHeader, bytes: Uint8Array): LedgerRecord | undefined {
  const trailer = bytes.length - frameTrailerBytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const checksum = crc32(bytes.subarray(frameHeaderBytes, trailer), header.checksum);
  if (view.getUint32(trailer) !== checksum || view.getInt32(trailer + 4) !== ~checksum) return undefined;
  const { type, sequence, position, payloadBytes } = header;
  return { type, sequence, position, payload: bytes.slice(frameHeaderBytes, frameHeaderBytes + payloadBytes) };
}
