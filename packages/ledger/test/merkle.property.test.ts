import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Digest, merkleLeaf, merkleNode } from '@coppice/wire';
import {
  includesHeader,
  merkleLevels,
  MerkleTree,
  pathInLevels,
  proveRange,
  rangePathInLevels,
  verifyConsistency,
  verifyInclusion,
} from '@coppice/ledger';
import { testCryptography as cryptography } from './fixtures.ts';

const leaf = (i: number): Uint8Array => Uint8Array.of(i);
const leaves = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => leaf(i));

// RFC 9162, as it is written: recursive definitions over lists.
const split = (n: number): number => {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
};
function naiveRoot(d: readonly Uint8Array[]): Digest {
  if (d.length === 0) return cryptography.hash(new Uint8Array(0));
  if (d.length === 1) return merkleLeaf(cryptography, d[0]!);
  const k = split(d.length);
  return merkleNode(cryptography, naiveRoot(d.slice(0, k)), naiveRoot(d.slice(k)));
}
function naivePath(m: number, d: readonly Uint8Array[]): Digest[] {
  if (d.length === 1) return [];
  const k = split(d.length);
  return m < k
    ? [...naivePath(m, d.slice(0, k)), naiveRoot(d.slice(k))]
    : [...naivePath(m - k, d.slice(k)), naiveRoot(d.slice(0, k))];
}
function naiveConsistency(m: number, d: readonly Uint8Array[], whole = true): Digest[] {
  if (m === d.length) return whole ? [] : [naiveRoot(d)];
  const k = split(d.length);
  return m <= k
    ? [...naiveConsistency(m, d.slice(0, k), whole), naiveRoot(d.slice(k))]
    : [...naiveConsistency(m - k, d.slice(k), false), naiveRoot(d.slice(0, k))];
}

/** What may be done to a tree, each with a fraction that picks where. */
const commands = fc.array(
  fc.record({
    kind: fc.constantFrom('append', 'append', 'append', 'rollback', 'trim', 'clone', 'frontier'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 120, size: 'max' },
);

describe('a Merkle tree that grows', () => {
  it('agrees with the recursive definition after any appends, rollbacks and trims', () => {
    fc.assert(
      fc.property(commands, fc.nat(), fc.nat(), (steps, pickA, pickB) => {
        let tree = new MerkleTree(cryptography);
        let list: Uint8Array[] = [];
        let content = 0;
        for (const { kind, at } of steps) {
          const size = tree.trimmed + Math.floor(at * (tree.size - tree.trimmed));
          if (kind === 'append') {
            const next = leaf(content++ & 255);
            tree.append(next);
            list.push(next);
          } else if (kind === 'rollback') {
            tree.rollback(size);
            list = list.slice(0, size);
          } else if (kind === 'trim') {
            tree.trim(size);
          } else if (kind === 'clone') {
            tree = tree.clone();
          } else {
            const copy = MerkleTree.fromFrontier(cryptography, size, tree.frontier(size))!;
            for (const each of list.slice(size)) copy.append(each);
            tree = copy;
          }
        }
        assert.equal(tree.size, list.length);
        assert.deepEqual(tree.root(), naiveRoot(list));
        const kept = tree.size - tree.trimmed;
        const treeSize = tree.size - (pickA % (kept + 1));
        assert.deepEqual(tree.root(treeSize), naiveRoot(list.slice(0, treeSize)));
        if (treeSize > tree.trimmed) {
          const index = tree.trimmed + (pickB % (treeSize - tree.trimmed));
          assert.deepEqual(tree.inclusionPath(index, treeSize), naivePath(index, list.slice(0, treeSize)));
        }
        if (treeSize > 0) assert.deepEqual(tree.consistencyPath(treeSize, tree.size), naiveConsistency(treeSize, list));
      }),
      { numRuns: 150 },
    );
  });

  it('gives proofs that verify, at their own place only', () => {
    for (let size = 1; size <= 20; size++) {
      const list = leaves(size);
      const levels = merkleLevels(cryptography, list);
      const root = naiveRoot(list);
      for (let index = 0; index < size; index++) {
        const path = pathInLevels(levels, index);
        assert.deepEqual(path, naivePath(index, list));
        for (let other = 0; other < size; other++) {
          const hash = merkleLeaf(cryptography, leaf(index));
          assert.equal(verifyInclusion(cryptography, hash, other, size, path, root), other === index);
        }
      }
      const tree = new MerkleTree(cryptography);
      for (const each of list) tree.append(each);
      for (let before = 1; before <= size; before++) {
        const path = tree.consistencyPath(before, size);
        for (let other = 1; other <= size; other++) {
          const holds = verifyConsistency(cryptography, other, size, tree.root(other), root, path);
          assert.equal(holds, other === before, `${before} as ${other} of ${size}`);
        }
      }
    }
  });
});

describe('a tree whose hash changes', () => {
  /** The definition, with the hash of each node that of its last leaf. `end`: of the last of `d`. */
  const rootOf = (d: readonly Uint8Array[], end: number, old: number): Digest => {
    const hash = cryptography.of(end > old ? 4 : 1);
    if (d.length === 1) return merkleLeaf(hash, d[0]!);
    const k = split(d.length);
    return merkleNode(hash, rootOf(d.slice(0, k), end - d.length + k, old), rootOf(d.slice(k), end, old));
  };

  it('is that of the definition, proves its leaves, and goes on from any frontier', () => {
    for (let size = 1; size <= 18; size++) {
      for (let old = 0; old < size; old++) {
        const list = leaves(size);
        const tree = new MerkleTree(cryptography);
        const append = (to: MerkleTree, from: number): void => {
          for (const [i, each] of list.entries()) if (i >= from) to.append(each, i < old ? undefined : old);
        };
        append(tree, 0);
        const root = rootOf(list, size, old);
        assert.deepEqual([tree.root(), tree.rehashed], [root, old], `${old} of ${size}`);
        for (let index = 0; index < size; index++) {
          const path = tree.inclusionPath(index, size);
          const shows = (rehashed: number | undefined): boolean =>
            includesHeader(cryptography, list[index]!, index + 1, { path, rehashed, root, size });
          assert.ok(shows(old), `${index} of ${size}, ${old} old`);
          // Said otherwise, it is another path: of one leaf, or of a node beside it.
          if (size > 1) assert.ok(!shows(undefined) && !shows(size));
        }
        for (let at = 0; at < size; at++) {
          const known = at > old ? old : undefined;
          const copy = MerkleTree.fromFrontier(cryptography, at, tree.frontier(at), known)!;
          append(copy, at);
          assert.deepEqual(copy.root(), root, `from ${at}`);
          const back = tree.clone();
          back.rollback(at);
          assert.equal(back.rehashed, Math.min(at, old));
          append(back, at);
          assert.deepEqual(back.root(), root, `back to ${at}`);
        }
      }
    }
  });
});

describe('a run of leaves', () => {
  const hashesOf = (list: readonly Uint8Array[]): Digest[] => list.map((one) => merkleLeaf(cryptography, one));
  const sizes = fc.integer({ min: 1, max: 70 });

  it('shows the root, and the path of each of its leaves', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (size, pickFirst, pickCount) => {
        const list = leaves(size);
        const first = pickFirst % size;
        const count = 1 + (pickCount % (size - first));
        const path = rangePathInLevels(merkleLevels(cryptography, list), first, count);
        const proof = proveRange(cryptography, hashesOf(list.slice(first, first + count)), first, size, path);
        assert.deepEqual(proof?.root, naiveRoot(list));
        for (let i = first; i < first + count; i++) assert.deepEqual(proof.path(i), naivePath(i, list));
      }),
    );
  });

  it('is good for its place, its size and its path alone', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), fc.nat(), (size, pickFirst, pickCount, pickAltered) => {
        const list = leaves(size);
        const first = pickFirst % size;
        const count = 1 + (pickCount % (size - first));
        const hashes = hashesOf(list.slice(first, first + count));
        const path = rangePathInLevels(merkleLevels(cryptography, list), first, count);
        const root = naiveRoot(list);
        const shows = (...[of, at, total, siblings]: [Digest[], number, number, Digest[]]): boolean => {
          const shown = proveRange(cryptography, of, at, total, siblings)?.root;
          return shown !== undefined && Buffer.compare(shown, root) === 0;
        };
        assert.ok(shows(hashes, first, size, path));
        const altered = [...hashes, ...path].map((digest) => digest.slice());
        altered[pickAltered % altered.length]![0]! ^= 1;
        assert.ok(!shows(altered.slice(0, count), first, size, altered.slice(count)));
        assert.ok(!shows(hashes, first, size, [...path, root]));
        if (path.length > 0) assert.ok(!shows(hashes, first, size, path.slice(1)));
        if (size > 1) assert.ok(!shows(hashes, first + 1, size, path));
        assert.ok(!shows([], first, size, path));
        assert.ok(!shows(hashes, size, size, path));
      }),
    );
  });
});
