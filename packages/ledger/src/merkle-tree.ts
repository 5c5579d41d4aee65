/**
 * An RFC 9162 Merkle tree that grows at its end, can be rolled back, and forgets its beginning.
 *
 * At each level it holds the nodes of *complete* subtrees (2^level leaves), which never change once they are there:
 * appending pushes, rolling back truncates. The *frontier* of a size is the complete subtrees that make up a tree of
 * that size, largest first, one for each one-bit of the size; together they give its root. Trimming to a size keeps,
 * of what lies before, the frontier alone, so memory is bounded by the leaves that may still be rolled back or proven.
 *
 *        ┌───┴───┐
 *      ┌─┴─┐   ┌─┴─┐              7 leaves: frontier = [0…3], [4…5], [6].
 *     0  1  2  3  4  5  6         Trimmed to 6: [0…3] and [4…5] stay, and what comes after.
 *
 * The hash may change once, with a leaf: it, and every node that ends behind it, are of the new one. spec/algorithms.md, 22.
 */
import {
  assert,
  type Cryptography,
  type Digest,
  type Header,
  headerDigest,
  merkleLeaf,
  merkleNode,
} from '@coppice/wire';
import { hashOfEnd } from './merkle-proof.ts';

/** The nodes of one level from number `first` on. */
interface Level {
  first: number;
  nodes: Digest[];
}

/**
 * The first node of `level` that a tree trimmed to `size` leaves keeps: its frontier's node there, if it has one, or
 * the next one that will be made. Always even: no node is kept without its left sibling.
 */
function firstKept(size: number, level: number): number {
  return 2 * Math.floor(size / 2 ** (level + 1));
}

export class MerkleTree {
  readonly #cryptography: Cryptography;
  #levels: Level[] = [];
  /** Contents of the leaves from number `#trimmed` on. */
  #leaves: Uint8Array[] = [];
  #trimmed = 0;
  #size = 0;
  #root: Digest | undefined;
  /** How many leaves are of the first hash, once one is not. */
  #rehashed: number | undefined;

  constructor(cryptography: Cryptography) {
    this.#cryptography = cryptography;
  }

  /**
   * A tree of `size` leaves of which only the frontier is known; `undefined` where `peaks` has not as many nodes as a
   * frontier of that size. Whether it is the right one shows in {@link root}. `rehashed`: how many leaves of it, or of what will
   * be appended, are of the first hash, if it is known that others are not.
   */
  static fromFrontier(
    cryptography: Cryptography,
    size: number,
    peaks: readonly Digest[],
    rehashed?: number,
  ): MerkleTree | undefined {
    const tree = new MerkleTree(cryptography);
    tree.#rehashed = rehashed;
    let next = peaks.length;
    for (let level = 0; 2 ** level <= size; level++) {
      const inFrontier = Math.floor(size / 2 ** level) % 2 === 1;
      const peak = inFrontier ? peaks[--next] : undefined;
      tree.#levels.push({ first: firstKept(size, level), nodes: peak === undefined ? [] : [peak] });
    }
    if (next !== 0) return undefined;
    tree.#trimmed = size;
    tree.#size = size;
    return tree;
  }

  /** Leaves of the tree, trimmed ones included. */
  get size(): number {
    return this.#size;
  }

  /** Leaves that were trimmed: the smallest size that the tree can still be asked about. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** How many leaves are of the first hash: all, unless the hash changed. */
  get rehashed(): number {
    return this.#rehashed ?? this.#size;
  }

  /** Adds a header, whose place says of which hash its leaf is. */
  appendHeader(header: Header): void {
    this.append(headerDigest(this.#cryptography, header), header.rehashed);
  }

  /**
   * Adds a leaf, given as the bytes that are its content. One hash for the leaf, and on average one more.
   *
   * @param rehashed how many leaves are of the first hash, where this one is of the new hash
   */
  append(leaf: Uint8Array, rehashed?: number): void {
    this.#leaves.push(leaf);
    this.#rehashed ??= rehashed;
    let index = this.#size++;
    const cryptography = hashOfEnd(this.#cryptography, this.#size, this.#rehashed);
    let node = merkleLeaf(cryptography, leaf);
    this.#root = undefined;
    for (let level = 0; ; level++) {
      const { nodes } = (this.#levels[level] ??= { first: firstKept(this.#trimmed, level), nodes: [] });
      nodes.push(node);
      if (index % 2 === 0) return;
      node = merkleNode(cryptography, nodes[nodes.length - 2]!, node);
      index = (index - 1) / 2;
    }
  }

  /** The content of leaf `index`; `undefined` where it was trimmed or does not exist. */
  leaf(index: number): Uint8Array | undefined {
    return this.#leaves[index - this.#trimmed];
  }

  /** Root of the first `size` leaves. */
  root(size = this.#size): Digest {
    this.#assertKept(size);
    if (size !== this.#size) return this.#fold(size, this.#levels.length);
    return (this.#root ??= this.#fold(size, this.#levels.length));
  }

  /** The frontier of the first `size` leaves, largest subtree first. */
  frontier(size = this.#size): Digest[] {
    this.#assertKept(size);
    const peaks: Digest[] = [];
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const complete = Math.floor(size / 2 ** level);
      if (complete % 2 === 1) peaks.push(this.#node(level, complete - 1));
    }
    return peaks;
  }

  /** Drops every leaf from number `size` on. Costs nothing but the truncation of each level. */
  rollback(size: number): void {
    this.#assertKept(size);
    this.#levels.forEach((level, height) => {
      level.nodes.length = Math.floor(size / 2 ** height) - level.first;
    });
    this.#leaves.length = size - this.#trimmed;
    this.#size = size;
    this.#root = undefined;
    if (this.#rehashed !== undefined && size <= this.#rehashed) this.#rehashed = undefined;
  }

  /** Forgets what only rolling back below `size`, or a path of a leaf below it, would need. */
  trim(size: number): void {
    this.#assertKept(size);
    this.#levels.forEach((level, height) => {
      const first = firstKept(size, height);
      level.nodes = level.nodes.slice(first - level.first);
      level.first = first;
    });
    this.#leaves = this.#leaves.slice(size - this.#trimmed);
    this.#trimmed = size;
  }

  /** The inclusion path (RFC 9162, 2.1.3.1) of leaf `index`, which is not trimmed, in the first `treeSize` leaves. */
  inclusionPath(index: number, treeSize: number): Digest[] {
    this.#assertKept(treeSize);
    assert(index >= this.#trimmed && index < treeSize, `leaf ${index} is in the tree and not trimmed`);
    return this.#climb(0, index, treeSize, []);
  }

  /** The consistency proof (RFC 9162, 2.1.4.1) from the first `size` leaves, at least one, to the first `treeSize`. */
  consistencyPath(size: number, treeSize: number): Digest[] {
    this.#assertKept(size);
    this.#assertKept(treeSize);
    assert(size >= 1 && size <= treeSize, `a tree of ${size} leaves can grow to ${treeSize}`);
    if (size === treeSize) return [];
    // The proof is the way up from the last, smallest subtree of the old tree. A verifier has that subtree at hand
    // where it is the whole old tree.
    let level = 0;
    while ((size / 2 ** level) % 2 === 0) level++;
    const index = size / 2 ** level - 1;
    return this.#climb(level, index, treeSize, index === 0 ? [] : [this.#node(level, index)]);
  }

  /** A tree of its own with the same content. */
  clone(): MerkleTree {
    const copy = new MerkleTree(this.#cryptography);
    copy.#levels = this.#levels.map(({ first, nodes }) => ({ first, nodes: nodes.slice() }));
    copy.#leaves = this.#leaves.slice();
    copy.#trimmed = this.#trimmed;
    copy.#size = this.#size;
    copy.#root = this.#root;
    copy.#rehashed = this.#rehashed;
    return copy;
  }

  /** The siblings on the way from a complete subtree up to the root of the first `treeSize` leaves. */
  #climb(level: number, index: number, treeSize: number, path: Digest[]): Digest[] {
    for (; index > 0 || 2 ** level < treeSize; level++, index = Math.floor(index / 2)) {
      if (index % 2 === 1) {
        path.push(this.#node(level, index - 1));
        continue;
      }
      const start = (index + 1) * 2 ** level;
      // The last subtree may be incomplete, or missing: then the node moves up as it is.
      if (start + 2 ** level <= treeSize) path.push(this.#node(level, index + 1));
      else if (start < treeSize) path.push(this.#fold(treeSize, level));
    }
    return path;
  }

  /** Root of the leaves that remain of the first `size` beside its frontier's subtrees at `level` and above. */
  #fold(size: number, level: number): Digest {
    const cryptography = hashOfEnd(this.#cryptography, size, this.#rehashed);
    let root: Digest | undefined;
    for (let below = 0; below < level; below++) {
      const complete = Math.floor(size / 2 ** below);
      if (complete % 2 === 0) continue;
      const peak = this.#node(below, complete - 1);
      root = root === undefined ? peak : merkleNode(cryptography, peak, root);
    }
    return root ?? this.#cryptography.hash(new Uint8Array(0));
  }

  #node(level: number, index: number): Digest {
    const { first, nodes } = this.#levels[level]!;
    return nodes[index - first]!;
  }

  /** Sizes come from our own bookkeeping. */
  #assertKept(size: number): void {
    assert(size >= this.#trimmed && size <= this.#size, `size ${size} is in ${this.#trimmed} … ${this.#size}`);
  }
}
