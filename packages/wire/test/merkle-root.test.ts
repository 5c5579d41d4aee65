import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import { type Cryptography, merkleLeaf, merkleNode, merkleRoot, toHex } from '@coppice/wire';

const sha256 = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(hash('sha256', Buffer.concat(parts), 'buffer'));
const cryptography = { hash: (bytes: Uint8Array) => sha256(bytes) } as Cryptography;

/** RFC 9162, section 2.1.1, word for word: slow, and shares nothing with the code. */
function byDefinition(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaves[0]!);
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return sha256(Uint8Array.of(1), byDefinition(leaves.slice(0, k)), byDefinition(leaves.slice(k)));
}

test('the root is that of the definition, for every size up to 70', () => {
  const leaves: Uint8Array[] = [];
  for (let size = 0; size <= 70; size++) {
    assert.deepEqual(merkleRoot(cryptography, leaves), byDefinition(leaves), `${size} leaves`);
    leaves.push(sha256(Uint8Array.of(size)).subarray(0, size % 33));
  }
});

test('a leaf is never taken for a node', () => {
  const [left, right] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))];
  const node = merkleNode(cryptography, left, right);
  assert.notEqual(toHex(merkleLeaf(cryptography, Buffer.concat([left, right]))), toHex(node));
  assert.equal(toHex(merkleRoot(cryptography, [Uint8Array.of(1)])), toHex(merkleLeaf(cryptography, Uint8Array.of(1))));
});
