import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { merkleLeaf, merkleRoot, sameBytes } from '@coppice/wire';
import { MerkleTree, rootFromPath, verifyConsistency, verifyInclusion } from '@coppice/ledger';
import { testCryptography } from './fixtures.ts';

const leaf = (i: number): Uint8Array => Uint8Array.of(i >> 8, i & 255);
const leaves = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => leaf(i));

function treeOf(count: number): MerkleTree {
  const tree = new MerkleTree(testCryptography);
  for (const each of leaves(count)) tree.append(each);
  return tree;
}

describe('a Merkle tree', () => {
  it('of no leaves has the hash of nothing as its root', () => {
    assert.deepEqual(treeOf(0).root(), testCryptography.hash(new Uint8Array(0)));
  });

  it('has the root of the plain list at every size', () => {
    const tree = treeOf(70);
    for (let size = 0; size <= 70; size++)
      assert.deepEqual(tree.root(size), merkleRoot(testCryptography, leaves(size)));
  });

  it('keeps the leaves that are not trimmed, and forgets the others', () => {
    const tree = treeOf(9);
    tree.trim(5);
    assert.equal(tree.leaf(4), undefined);
    assert.deepEqual(tree.leaf(5), leaf(5));
    assert.equal(tree.leaf(9), undefined);
  });

  it('refuses a frontier with too few or too many nodes', () => {
    const peaks = treeOf(7).frontier();
    assert.equal(peaks.length, 3);
    assert.equal(MerkleTree.fromFrontier(testCryptography, 7, peaks.slice(1)), undefined);
    assert.equal(MerkleTree.fromFrontier(testCryptography, 7, [...peaks, peaks[0]!]), undefined);
    assert.deepEqual(MerkleTree.fromFrontier(testCryptography, 7, peaks)!.root(), treeOf(7).root());
  });

  it('is not rolled back into what was trimmed', () => {
    const tree = treeOf(9);
    tree.trim(5);
    assert.throws(() => tree.rollback(4));
    assert.throws(() => tree.inclusionPath(4, 9));
    assert.throws(() => tree.root(10));
  });

  it('grows at sizes beyond 32 bits', () => {
    // 2^40 + 1 leaves: a large frontier node and a leaf.
    const size = 2 ** 40 + 1;
    const peaks = [testCryptography.hash(Uint8Array.of(7)), merkleLeaf(testCryptography, leaf(1))];
    const tree = MerkleTree.fromFrontier(testCryptography, size, peaks)!;
    tree.append(leaf(2));
    tree.append(leaf(3));
    const path = tree.inclusionPath(size, size + 2);
    assert.ok(
      verifyInclusion(testCryptography, merkleLeaf(testCryptography, leaf(2)), size, size + 2, path, tree.root()),
    );
    assert.ok(
      !verifyInclusion(testCryptography, merkleLeaf(testCryptography, leaf(3)), size, size + 2, path, tree.root()),
    );
  });

  it('has clones that go their own way', () => {
    const tree = treeOf(3);
    const copy = tree.clone();
    copy.append(leaf(9));
    assert.equal(tree.size, 3);
    assert.deepEqual(tree.root(), merkleRoot(testCryptography, leaves(3)));
    assert.ok(!sameBytes(copy.root(), tree.root()));
  });
});

describe('a Merkle proof', () => {
  const tree = treeOf(7);
  const hash = merkleLeaf(testCryptography, leaf(2));
  const path = tree.inclusionPath(2, 7);
  const [first, ...others] = path as [Uint8Array, ...Uint8Array[]];

  it('has the length that its place asks for', () => {
    assert.deepEqual(rootFromPath(testCryptography, hash, 2, 7, path), tree.root());
    assert.equal(rootFromPath(testCryptography, hash, 2, 7, others), undefined);
    assert.equal(rootFromPath(testCryptography, hash, 2, 7, [...path, first]), undefined);
    assert.equal(verifyConsistency(testCryptography, 3, 7, tree.root(3), tree.root(), []), false);
  });

  it('is made of digests', () => {
    for (const wrong of [first.subarray(1), Uint8Array.of(...first, 0), new Uint8Array(0)]) {
      assert.equal(rootFromPath(testCryptography, hash, 2, 7, [wrong, ...others]), undefined);
      assert.equal(rootFromPath(testCryptography, wrong, 2, 7, path), undefined);
      assert.equal(verifyConsistency(testCryptography, 3, 7, tree.root(3), tree.root(), [wrong]), false);
      assert.equal(verifyConsistency(testCryptography, 4, 7, wrong, tree.root(), tree.consistencyPath(4, 7)), false);
    }
  });
});
