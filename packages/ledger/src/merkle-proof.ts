/**
 * Proofs about RFC 9162 Merkle trees, from the verifier's side, and the paths of a list that is at hand.
 *
 * A path is the list of siblings from the leaf up. Nothing in it says left or right: index and size determine that, so
 * a path is good for one place in a tree of one size. Sizes are safe integers, beyond what bit operators can shift.
 */
import {
  copyInto,
  type Cryptography,
  type Digest,
  digestBytes,
  merkleLeaf,
  merkleNode,
  rehashedFrom,
  sameBytes,
} from '@coppice/wire';

const half = (value: number): number => Math.floor(value / 2);
const odd = (value: number): boolean => value % 2 === 1;
const areDigests = (values: readonly Digest[]): boolean => values.every((value) => value.length === digestBytes);

/** The hash of a node whose last leaf is number `end`, counted from 1, in a tree of which so many leaves are of the first hash. */
export function hashOfEnd(cryptography: Cryptography, end: number, rehashed = Infinity): Cryptography {
  return end > rehashed ? cryptography.of(rehashedFrom) : cryptography;
}

/**
 * The root of the tree of `size` leaves that has `leafHash` at `index` and these siblings (RFC 9162, 2.1.3.2), or
 * `undefined` where no such tree has a path of that length. `rehashed`: how many leaves are of the first hash; by default all.
 */
export function rootFromPath(
  cryptography: Cryptography,
  leafHash: Digest,
  index: number,
  size: number,
  path: readonly Digest[],
  rehashed?: number,
): Digest | undefined {
  if (!(index >= 0 && index < size) || leafHash.length !== digestBytes || !areDigests(path)) return undefined;
  let root = leafHash;
  let node = index;
  let last = size - 1;
  let leaves = 1;
  for (const sibling of path) {
    if (last === 0) return undefined;
    // The node above ends where its complete subtree would, or with the tree.
    const end = Math.min(size, 2 * leaves * (half(node) + 1));
    const hash = hashOfEnd(cryptography, end, rehashed);
    if (odd(node) || node === last) {
      root = merkleNode(hash, sibling, root);
      // A last node without a right sibling moved up as it is: skip the levels at which it did.
      while (!odd(node) && node !== 0) [node, last, leaves] = [half(node), half(last), 2 * leaves];
    } else {
      root = merkleNode(hash, root, sibling);
    }
    [node, last, leaves] = [half(node), half(last), 2 * leaves];
  }
  return last === 0 ? root : undefined;
}

/** Whether the leaf that hashes to `leafHash` is number `index` of the `size` leaves under `root`. */
export function verifyInclusion(
  cryptography: Cryptography,
  leafHash: Digest,
  index: number,
  size: number,
  path: readonly Digest[],
  root: Digest,
  rehashed?: number,
): boolean {
  const computed = rootFromPath(cryptography, leafHash, index, size, path, rehashed);
  return computed !== undefined && sameBytes(computed, root);
}

/**
 * Whether the tree of `size1` leaves with `root1` is the beginning of the tree of `size2` with `root2` (RFC 9162,
 * 2.1.4.2). An empty beginning, of which nothing could be wrong, is refused.
 */
export function verifyConsistency(
  cryptography: Cryptography,
  size1: number,
  size2: number,
  root1: Digest,
  root2: Digest,
  path: readonly Digest[],
): boolean {
  if (!(size1 >= 1 && size1 <= size2)) return false;
  if (size1 === size2) return path.length === 0 && sameBytes(root1, root2);
  if (!areDigests([root1, ...path])) return false;

  let node = size1 - 1;
  let last = size2 - 1;
  while (odd(node)) [node, last] = [half(node), half(last)];
  // node is now 0 exactly where size1 is a power of two: the old tree is then itself the first subtree.
  const [start, ...siblings] = node === 0 ? [root1, ...path] : path;
  if (start === undefined) return false;

  let before = start;
  let after = start;
  for (const sibling of siblings) {
    if (last === 0) return false;
    if (odd(node) || node === last) {
      before = merkleNode(cryptography, sibling, before);
      after = merkleNode(cryptography, sibling, after);
      while (!odd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      after = merkleNode(cryptography, after, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && sameBytes(before, root1) && sameBytes(after, root2);
}

/**
 * Every level of the tree over `leaves`, from their hashes to the root, so that all paths cost their copying only. A level
 * is one byte string, its digests one after the other: a list of so many arrays would be work for a garbage collector.
 */
export function merkleLevels(cryptography: Cryptography, leaves: readonly Uint8Array[]): Uint8Array[] {
  let level = new Uint8Array(digestBytes * leaves.length);
  for (const [i, leaf] of leaves.entries()) copyInto(level, merkleLeaf(cryptography, leaf), digestBytes * i);
  const levels = [level];
  for (let size = leaves.length; size > 1; size = Math.ceil(size / 2)) {
    const above = new Uint8Array(digestBytes * Math.ceil(size / 2));
    for (let i = 0; i + 1 < size; i += 2) {
      const node = merkleNode(cryptography, digestIn(level, i), digestIn(level, i + 1));
      copyInto(above, node, (digestBytes * i) / 2);
    }
    if (odd(size)) copyInto(above, digestIn(level, size - 1), above.length - digestBytes);
    levels.push(above);
    level = above;
  }
  return levels;
}

function digestIn(level: Uint8Array, index: number): Digest {
  return level.subarray(digestBytes * index, digestBytes * (index + 1));
}

/** The inclusion path of leaf `index` in a tree of which all levels are at hand. */
export function pathInLevels(levels: readonly Uint8Array[], index: number): Digest[] {
  return rangePathInLevels(levels, index, 1);
}

/**
 * The siblings of leaves `first` … `first + count − 1`, from the leaves up: at most two a level, the left one first. All else on the way to
 * the root follows from the leaves themselves, so the proof for a whole bundle is hardly longer than that for one request.
 */
export function rangePathInLevels(levels: readonly Uint8Array[], first: number, count: number): Digest[] {
  const path: Digest[] = [];
  let [from, to] = [first, first + count];
  for (const level of levels) {
    if (odd(from)) path.push(digestIn(level, --from));
    if (odd(to) && digestBytes * to < level.length) path.push(digestIn(level, to++));
    [from, to] = [half(from), Math.ceil(to / 2)];
  }
  return path;
}

/** What a run of leaves and its path show of a tree. */
export interface RangeProof {
  readonly root: Digest;
  /** The inclusion path of a leaf of the run. */
  path(index: number): Digest[];
}

/**
 * The tree of `size` leaves in which these hashes of leaves begin at `first`, with these siblings: its root is for the caller to compare.
 * `undefined` where no such tree has a path of that length.
 */
export function proveRange(
  cryptography: Cryptography,
  hashes: readonly Digest[],
  first: number,
  size: number,
  path: readonly Digest[],
): RangeProof | undefined {
  if (hashes.length === 0 || first < 0 || !(first + hashes.length <= size)) return undefined;
  const levels: { readonly from: number; readonly nodes: readonly Digest[] }[] = [];
  let used = 0;
  let from = first;
  let nodes = hashes;
  for (let left = size; left > 1; left = Math.ceil(left / 2)) {
    const complete = [...nodes];
    if (odd(from)) {
      const sibling = path[used++];
      if (sibling === undefined) return undefined;
      complete.unshift(sibling);
      from -= 1;
    }
    if (odd(complete.length) && from + complete.length < left) {
      const sibling = path[used++];
      if (sibling === undefined) return undefined;
      complete.push(sibling);
    }
    levels.push({ from, nodes: complete });
    const above: Digest[] = [];
    for (let i = 0; i + 1 < complete.length; i += 2)
      above.push(merkleNode(cryptography, complete[i]!, complete[i + 1]!));
    // A last node without a right sibling moves up as it is.
    if (odd(complete.length)) above.push(complete.at(-1)!);
    nodes = above;
    from = half(from);
  }
  if (used !== path.length) return undefined;
  return {
    root: nodes[0]!,
    path(index) {
      const siblings: Digest[] = [];
      for (let [level, at] = [0, index]; level < levels.length; level++, at = half(at)) {
        const { from: start, nodes: shown } = levels[level]!;
        const sibling = shown[(odd(at) ? at - 1 : at + 1) - start];
        if (sibling !== undefined) siblings.push(sibling);
      }
      return siblings;
    },
  };
}

/**
 * Whether the header with this digest, number `sequence`, is one of those before number `size + 1`, under their root. `rehashed`: the
 * last of them that is of the first hash; by default all are.
 */
export function includesHeader(
  cryptography: Cryptography,
  digest: Digest,
  sequence: number,
  {
    path,
    rehashed,
    root,
    size,
  }: { path: readonly Digest[]; rehashed?: number | undefined; root: Digest; size: number },
): boolean {
  const leaf = merkleLeaf(hashOfEnd(cryptography, sequence, rehashed), digest);
  return verifyInclusion(cryptography, leaf, sequence - 1, size, path, root, rehashed);
}
