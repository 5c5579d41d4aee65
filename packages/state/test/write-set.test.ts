import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHex, toHex } from '@coppice/wire';
import { decodeWriteSet, encodeWriteSet, type WriteSet } from '@coppice/state';
import { writeSetDigest } from '../../ledger/src/transactions.ts';
import { cryptography, key, mapName, value } from './model.ts';
import vectors from './vectors/write-set.json' with { type: 'json' };

const hex = (text: string): Uint8Array => fromHex(text)!;

for (const { what, changes, encoded, salt, digest } of vectors.accepted) {
  test(`encodes and decodes ${what}`, () => {
    const writeSet = changes.map(({ map, key: k, value: v }) => ({
      address: `${map}\0${k}`,
      value: v === null ? undefined : hex(v),
    }));
    assert.equal(toHex(encodeWriteSet(writeSet)), encoded);
    assert.deepEqual(decodeWriteSet(hex(encoded)), { ok: true, value: writeSet });
    assert.equal(toHex(writeSetDigest(cryptography, hex(salt), hex(encoded))), digest);
  });
}

for (const { what, encoded, reason } of vectors.refused) {
  test(`refuses ${what}`, () => {
    assert.deepEqual(decodeWriteSet(hex(encoded)), { ok: false, reason });
  });
}

test('a write set has one encoding', () => {
  const change = fc.record({ map: mapName, key, value: fc.option(value, { nil: undefined }) });
  const writeSets = fc
    .uniqueArray(change, { selector: ({ map, key: k }) => `${map}\0${k}` })
    .map((changes): WriteSet => changes.map(({ map, key: k, value: v }) => ({ address: `${map}\0${k}`, value: v })))
    .map((changes) => changes.toSorted((a, b) => (a.address < b.address ? -1 : 1)));
  fc.assert(
    fc.property(writeSets, fc.nat(), fc.nat(255), (writeSet, at, byte) => {
      const encoded = encodeWriteSet(writeSet);
      assert.deepEqual(decodeWriteSet(encoded), { ok: true, value: writeSet });
      // Other bytes are another write set, or none.
      const other = encoded.slice();
      other[at % other.length] = byte;
      const decoded = decodeWriteSet(other);
      if (decoded.ok) assert.deepEqual(encodeWriteSet(decoded.value), other);
    }),
    { numRuns: 200 },
  );
});

test('a salt changes the digest, and is told from what follows it', () => {
  const encoded = encodeWriteSet([{ address: 'a\0k', value: undefined }]);
  const digest = (bytes: Uint8Array, salt: number[]): string =>
    toHex(writeSetDigest(cryptography, Uint8Array.from(salt), bytes));
  assert.notEqual(digest(encoded, [1]), digest(encoded, []));
  assert.notEqual(digest(encoded, [...encoded.subarray(0, 1)]), digest(encoded.subarray(1), [0, 0]));
});

test('refuses more bytes than any transaction may write', () => {
  assert.deepEqual(decodeWriteSet(new Uint8Array(4 * 1024 * 1024 + 1)), { ok: false, reason: 'too long' });
});
