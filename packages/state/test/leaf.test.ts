import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { entryBytesOf, insertEntry, isLeaf, itemsOfLeaf, leafOfEntry, valueOf } from '../src/leaf.ts';
import { sha256 } from './model.ts';

function leafOf(count: number, valueBytes: number): Uint8Array {
  const entry = (i: number): [Uint8Array, string, Uint8Array] => [
    sha256(Uint8Array.of(i)),
    `m\0${i}`,
    new Uint8Array(valueBytes),
  ];
  let leaf = leafOfEntry(...entry(0));
  for (let i = 1; i < count; i++) leaf = insertEntry(leaf, ...entry(i));
  return leaf;
}

test('a leaf has at most 32 entries and 16 KiB, or one entry', () => {
  assert.equal(isLeaf(leafOf(32, 4)), true);
  assert.equal(isLeaf(leafOf(33, 4)), false);
  assert.equal(isLeaf(leafOf(1, 1_048_576)), true);
  assert.equal(isLeaf(leafOf(1, 1_048_577)), false);
  const overhead = 3 + 3 + 4;
  assert.equal(isLeaf(leafOf(2, 8192 - overhead)), true);
  assert.equal(isLeaf(leafOf(2, 8193 - overhead)), false);
});

test('hostile bytes are no leaf, or one whose entries lie in it', () => {
  const leaf = leafOf(3, 5);
  assert.ok(isLeaf(leaf));
  for (let length = 0; length < leaf.length; length++) assert.equal(isLeaf(leaf.subarray(0, length)), false);
  assert.equal(isLeaf(Uint8Array.from([...leaf, 0])), false);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(leaf.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
      const changed = leaf.slice();
      for (const [at, byte] of changes) changed[at] = byte;
      if (!isLeaf(changed)) return;
      const all = itemsOfLeaf(changed);
      const size = all.reduce((sum, item) => sum + entryBytesOf(item).length, 0);
      assert.equal(2 + all.length * 68 + size, changed.length);
      for (const item of all) assert.ok(valueOf(item).length < entryBytesOf(item).length);
    }),
    { numRuns: 500 },
  );
});
