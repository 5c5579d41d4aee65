/** A ledger's files, whatever happened to them. spec/storage.md. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { FrameReader } from '@coppice/client';
import { decodeKeyFile, readLedger } from '@coppice/storage';
import { decodeFileHeader, encodeFileHeader } from '../../packages/storage/src/file-header.ts';
import { encodeKeyFile } from '../../packages/storage/src/file-key.ts';
import { decodeFrame, decodeFrameHeader, encodeFrame, frameBytes } from '../../packages/storage/src/frame.ts';
import { segmentName } from '../../packages/storage/src/segment.ts';
import { sameBytes } from '@coppice/wire';
import { must, type Target } from '../target.ts';

const service = new Uint8Array(32).fill(5);
const frames = Array.from({ length: 6 }, (_, position) =>
  encodeFrame({
    type: position % 7,
    sequence: position,
    position,
    payload: new Uint8Array(position * 37).fill(position),
  }),
);
const segment = new Uint8Array(Buffer.concat([encodeFileHeader('segment', service, 0), ...frames]));

let folder: string | undefined;
/** A folder of this process, with one segment of these bytes. */
function segmentFolder(bytes: Uint8Array): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'coppice-fuzz-segment-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  writeFileSync(join(folder, segmentName(0)), bytes);
  return folder;
}

/** Records before the damage are those that were written; the reader says how the ledger ends, and throws nothing. */
const ledgerSegment: Target = {
  name: 'ledger-segment',
  dialect: 'bytes',
  weight: 0.5,
  seeds: () => [segment],
  run(input) {
    let records = 0;
    for (const item of readLedger(segmentFolder(input), { service })) {
      if (item.kind === 'record') records += 1;
      else {
        must(item.records === records, 'the end tells how many records there are');
        if (item.kind === 'clean') return undefined;
        return item.kind === 'torn' ? 'torn' : item.damage.reason;
      }
    }
    return 'no end';
  },
};

const frame: Target = {
  name: 'ledger-frame',
  dialect: 'bytes',
  seeds: () => [...frames, encodeFileHeader('segment', service, 3), encodeFileHeader('snapshot', service, 9)],
  run(input) {
    for (const kind of ['segment', 'snapshot'] as const) {
      const header = decodeFileHeader(kind, input);
      if (header !== undefined) return undefined;
    }
    const header = decodeFrameHeader(input);
    if (header === undefined) return 'no header';
    if (input.length < frameBytes(header.payloadBytes)) return 'cut';
    const bytes = input.subarray(0, frameBytes(header.payloadBytes));
    const record = decodeFrame(header, bytes);
    if (record === undefined) return 'checksum';
    // Padding is covered by the checksum, but not zero by itself.
    must(sameBytes(encodeFrame(record).subarray(0, 32), bytes.subarray(0, 32)), 'a header has one form');
    return undefined;
  },
};

const slots = [
  { to: service, sealed: new Uint8Array(80).fill(9) },
  { to: new Uint8Array(32), sealed: new Uint8Array(0) },
];
const writer = { instance: service, signature: new Uint8Array(64).fill(5) };
const keyFiles = (['segment', 'snapshot'] as const).flatMap((kind) =>
  [writer, undefined].map((by) =>
    encodeKeyFile({ kind, service, number: 7, id: new Uint8Array(8).fill(3), slots, writer: by }),
  ),
);

/** Checksums are mended first: they find accidents, and whoever alters a key file mends them, too. */
const keyFile: Target = {
  name: 'key-file',
  dialect: 'bytes',
  weight: 0.5,
  seeds: () => keyFiles,
  run(input) {
    const bytes = Uint8Array.from(input);
    if (bytes.length < 68) {
      must(decodeKeyFile(bytes) === undefined, 'a key file is longer');
      return 'short';
    }
    const view = new DataView(bytes.buffer);
    view.setUint32(60, crc32(bytes.subarray(0, 60)));
    view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, bytes.length - 4)));
    const file = decodeKeyFile(bytes);
    if (file === undefined) return 'no key file';
    must(sameBytes(encodeKeyFile(file), bytes), 'what is decoded is encoded to the same bytes');
    return undefined;
  },
};

/** A byte stream in pieces, as sockets give it: the first byte of each says how long it is. */
const framing: Target = {
  name: 'frame-stream',
  dialect: 'bytes',
  seeds: () => [
    Uint8Array.of(9, 0, 0, 0, 5, 1, 2, 3, 4, 5),
    Uint8Array.of(1, 0, 1, 0, 1, 0, 1, 1, 1, 9),
    Uint8Array.of(4, 0, 0, 0, 0, 4, 0, 0, 0, 0),
  ],
  run(input) {
    const bytesMax = 1000;
    const reader = new FrameReader(bytesMax);
    let given = 0;
    let taken = 0;
    for (let at = 0; at < input.length;) {
      const piece = Buffer.from(input.subarray(at + 1, at + 1 + input[at]!));
      at += 1 + input[at]!;
      given += piece.length;
      const fault = reader.push(piece, (whole) => {
        must(whole.length <= bytesMax, 'no frame exceeds the bound');
        taken += 4 + whole.length;
      });
      if (fault !== undefined) return fault;
      must(taken <= given, 'nothing is made up');
    }
    return reader.begun ? 'incomplete' : undefined;
  },
};

export const targets: readonly Target[] = [ledgerSegment, frame, keyFile, framing];
