/**
 * The formats, byte by byte as spec/storage.md has them: these bytes change only by decision.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { toHex } from '@coppice/wire';
import { encodeFileHeader } from '../src/file-header.ts';
import { encodeFrame } from '../src/frame.ts';

test('a record', () => {
  const record = { type: 2, sequence: 1025, position: 2 ** 40 + 7, payload: Uint8Array.of(1, 2, 3) };
  assert.equal(
    toHex(encodeFrame(record)),
    // Begins a record, payload bytes, position, sequence number, type, header checksum; payload and padding; trailer.
    'c0991ce5 00000003 0000010000000007 0000000000000401 00000002 d78d6e75 0102030000000000 1e41b073e1be4f8c'.replaceAll(
      ' ',
      '',
    ),
  );
});

test('the header of a segment, and of a snapshot', () => {
  const service = new Uint8Array(32).fill(0xab);
  assert.equal(
    toHex(encodeFileHeader('segment', service, 258)),
    `434f50504943454c00000001${'ab'.repeat(32)}00000000000001020000000000000000f6a49c18`,
  );
  assert.equal(
    toHex(encodeFileHeader('snapshot', service, 258)),
    `434f50504943455300000001${'ab'.repeat(32)}0000000000000102000000000000000095b61800`,
  );
});

test('this runtime computes CRC-32 as an unsigned number, goes on from a value, and does so when optimised', () => {
  const bytes = new TextEncoder().encode('123456789');
  for (let i = 0; i < 20_000; i++) {
    assert.equal(crc32(bytes), 0xcbf43926);
    assert.equal(crc32(bytes, 0xcbf43926), 0x4b837ae4);
  }
});
