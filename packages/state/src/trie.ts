/**
 * The authenticated trie: a digest of the content, whatever history led to it.
 *
 * An entry's place is SHA-256 of its address. A part of the state whose places share their first d half-bytes is at
 * *path* of d hexadecimal digits; it is empty, a {@link Leaf} if it is small enough ({@link fitsLeaf}), or else a node
 * of 16 parts, one digit deeper. So the shape follows from the content alone. A million small entries make four
 * levels of nodes; an attacker who makes places collide, or stores large values, only makes the trie deeper there.
 *
 *     node digest  = H('N' ‖ 16 × digest of the child, or zeros if it is empty)
 *     leaf digest  = H(head of the leaf)
 *     state digest = the same of the root, in the domain "state"; of an empty state, of no bytes
 *
 * H is the hash of the version of the protocol (spec/algorithms.md); places are of SHA-256 in all of them.
 *
 * - A node belongs to the trie whose token it bears, and is changed by it alone (see tree.ts).
 * - A leaf below such a node that `fresh` has a bit for is nobody else's, either, and may be written to.
 * - Where there is a store, a leaf below a node is in it once its digest is known ({@link StoredLeaf}), and so is a
 *   node that has only leaves below it ({@link StoredNode}).
 * - `preimage` holds the digests of the children whose bit in `stale` is 0. Below a clean child everything is clean.
 */
import { copyInto, copyOf, type Cryptography, type Digest, digestOf, fromLatin1 } from '@coppice/wire';
import type { Address } from './address.ts';
import * as leaves from './leaf.ts';
import type { Leaf } from './leaf.ts';
import { countIn, i32, type Item } from './packed.ts';
import { type PageStore, StoredLeaf, StoredNode } from './stored.ts';

export interface TrieNode {
  readonly owner: object;
  readonly children: (Part | undefined)[];
  /** 'N' and the children's digests: what this node's digest covers. */
  readonly preimage: Uint8Array;
  /** A bit for each child whose digest is not up to date. */
  stale: number;
  /** A bit for each child that was made here: if it is a leaf, no other trie has it. */
  fresh: number;
  /** Of all entries below. */
  count: number;
  bytes: number;
}

export type Part = TrieNode | StoredNode | Leaf | StoredLeaf;

/** The way from the root to a part, a digit a level. */
export type Path = string;
export const digits = '0123456789abcdef';

export const nodeTag = 0x4e;
export const nodeBytes = 1 + 16 * 32;
export const pathLengthMax = 64;
export const noDigest: Digest = new Uint8Array(32);

/** An address and its place, of which the first 32 bits suffice most of the time. */
export interface Target {
  readonly address: Address;
  readonly prefix: number;
  hash: Digest | undefined;
}

export function isLeafPart(part: Part): part is Leaf | StoredLeaf {
  return part instanceof Uint8Array || part instanceof StoredLeaf;
}

/** The bytes of a leaf, wherever they are. */
export function leafIn(part: Leaf | StoredLeaf, once = false): Leaf {
  return part instanceof Uint8Array ? part : part.read(once);
}

/** A node, wherever it is. What it has of one that is in a store, nobody may change. */
export function nodeIn(part: TrieNode | StoredNode, once = false): TrieNode {
  return part instanceof StoredNode ? part.read(once) : part;
}

/** What the part's digest covers. Current only if nothing below is stale. */
export function preimageOf(part: Part): Uint8Array {
  return isLeafPart(part) ? leaves.headOf(leafIn(part)) : nodeIn(part).preimage;
}

/** The digest of a child, from what its node's digest covers. */
export function childDigest(preimage: Uint8Array, index: number): Digest {
  return preimage.subarray(1 + 32 * index, 33 + 32 * index);
}

/** Whether the bytes have the form of what a node's digest covers. */
export function isNodePreimage(bytes: Uint8Array): boolean {
  return bytes.length === nodeBytes && bytes[0] === nodeTag;
}

/** A node of nobody, whose children are yet to come. */
export function nodeOf(preimage: Uint8Array): TrieNode {
  return { owner: {}, children: Array.from({ length: 16 }), preimage, stale: 0, fresh: 0, count: 0, bytes: 0 };
}

/** The digest of the part at `path`, from what it covers: only the root's is for other eyes, and names its domain. */
export function partDigest(cryptography: Cryptography, path: Path, preimage: Uint8Array): Digest {
  return path === '' ? digestOf(cryptography, 'state', preimage) : cryptography.hash(preimage);
}

export function countOf(part: Part | undefined): number {
  if (part === undefined) return 0;
  return part instanceof Uint8Array ? countIn(part) : part.count;
}

export function bytesOf(part: Part | undefined): number {
  if (part === undefined) return 0;
  return part instanceof Uint8Array ? leaves.bytesIn(part) : part.bytes;
}

/** Where an entry stands: by SHA-256, whatever the hash of the digests. */
export function placeOf(cryptography: Cryptography, address: Address): Digest {
  return cryptography.of(1).hash(fromLatin1(address));
}

/** Every entry of a part. */
export function* itemsOf(part: Part | undefined): Generator<Item> {
  if (part === undefined) return;
  if (isLeafPart(part)) yield* leaves.itemsOfLeaf(leafIn(part));
  else for (const child of nodeIn(part).children) yield* itemsOf(child);
}

/**
 * What stands for a part whose digest is known where there is a store: of a node, the leaves below it go there, and the node itself if
 * nothing else is below it. A leaf goes there with its node.
 */
export function stowed(store: PageStore, part: Part): Part {
  if (isLeafPart(part) || part instanceof StoredNode) return part;
  const below = part.children.map((child) => (child !== undefined && isLeafPart(child) ? child : undefined));
  if (part.children.every((child, i) => child === below[i])) return new StoredNode(store, part.preimage, below);
  if (!below.some((leaf) => leaf instanceof Uint8Array)) return part;
  const pages = store.keep(below);
  for (const [i, leaf] of below.entries())
    if (leaf !== undefined) part.children[i] = new StoredLeaf(countOf(leaf), bytesOf(leaf), pages, i);
  part.fresh = 0;
  return part;
}

export class Trie {
  readonly #cryptography: Cryptography;
  #owner = {};
  #root: Part | undefined;
  readonly #store: PageStore | undefined;

  /** @param store for leaves, and nodes above them; by default they are all in memory */
  constructor(cryptography: Cryptography, root?: Part, store?: PageStore) {
    this.#cryptography = cryptography;
    this.#root = root;
    this.#store = store;
  }

  get root(): Part | undefined {
    return this.#root;
  }

  get count(): number {
    return countOf(this.#root);
  }

  /** A trie of the same content, in constant time. The two no longer see each other's changes. */
  share(): Trie {
    this.#owner = {};
    return new Trie(this.#cryptography, this.#root, this.#store);
  }

  /** A trie of the same content whose digests are of this hash. Hashes all of it, leaf by leaf: what is in a store stays there. */
  rehashed(cryptography: Cryptography): Trie {
    const trie = new Trie(cryptography, undefined, this.#store);
    trie.#root = this.#root && trie.#anew(this.#root);
    return trie;
  }

  #anew(part: Part): Part {
    if (isLeafPart(part)) return leaves.unsettled(leafIn(part, true));
    const before = nodeIn(part, true);
    const preimage = new Uint8Array(nodeBytes);
    preimage[0] = nodeTag;
    const children = before.children.map((child) => child && this.#anew(child));
    const node = { ...before, owner: this.#owner, children, preimage, stale: 0xffff, fresh: 0xffff };
    this.#settle(node);
    return node;
  }

  /** The target of an address whose place is not known yet. */
  place(address: Address): Target & { hash: Digest } {
    const hash = placeOf(this.#cryptography, address);
    return { address, prefix: i32(hash, 0), hash };
  }

  get(target: Target): Item | undefined {
    let part = this.#root;
    for (let depth = 0; part !== undefined; depth++) {
      if (isLeafPart(part)) return leaves.find(leafIn(part), target.prefix, target.address);
      const index = this.#nibble(target, depth);
      part = part instanceof StoredNode ? part.leaf(index) : part.children[index];
    }
    return undefined;
  }

  set(target: Target, value: Uint8Array): void {
    this.#root = this.#put(this.#root, target, value, 0, false);
  }

  /** Removes the entry of `target`, which must be there. */
  delete(target: Target): void {
    this.#root = this.#remove(this.#root!, target, 0);
  }

  /** The state digest. Costs a hash for each entry, leaf and node that changed since it was asked last. */
  digest(): Digest {
    if (this.#root === undefined) return partDigest(this.#cryptography, '', new Uint8Array(0));
    const digest = partDigest(this.#cryptography, '', this.#settle(this.#root));
    if (this.#store !== undefined) this.#root = stowed(this.#store, this.#root);
    return digest;
  }

  /** Brings everything below the part up to date, and gives what its digest covers. */
  #settle(part: Part): Uint8Array {
    if (isLeafPart(part)) {
      const leaf = leafIn(part);
      if (leaf === part) leaves.settle(this.#cryptography, leaf);
      return leaves.headOf(leaf);
    }
    if (part instanceof StoredNode) return preimageOf(part);
    for (let stale = part.stale; stale !== 0; stale &= stale - 1) {
      const index = 31 - Math.clz32(stale & -stale);
      const child = part.children[index];
      const digest = child === undefined ? noDigest : this.#cryptography.hash(this.#settle(child));
      copyInto(part.preimage, digest, 1 + 32 * index);
      if (this.#store !== undefined && child !== undefined) part.children[index] = stowed(this.#store, child);
    }
    part.stale = 0;
    return part.preimage;
  }

  #nibble(target: Target, depth: number): number {
    if (depth < 8) return (target.prefix >>> (28 - 4 * depth)) & 15;
    target.hash ??= placeOf(this.#cryptography, target.address);
    return leaves.nibbleOf(target.hash, depth);
  }

  /** `mine`: no other trie has the part, should it be a leaf. */
  #put(part: Part | undefined, target: Target, value: Uint8Array, depth: number, mine: boolean): Part {
    if (part === undefined) return leaves.leafOfEntry(this.#hash(target), target.address, value);
    if (!isLeafPart(part)) {
      const node = nodeIn(part);
      const index = this.#nibble(target, depth);
      const before = node.children[index];
      const count = node.count - countOf(before);
      const bytes = node.bytes - bytesOf(before);
      const fresh = node.owner === this.#owner && ((node.fresh >>> index) & 1) === 1;
      return this.#withChild(node, index, this.#put(before, target, value, depth + 1, fresh), count, bytes);
    }
    const leaf = leafIn(part);
    const found = leaves.find(leaf, target.prefix, target.address);
    const changed =
      found === undefined
        ? leaves.insertEntry(leaf, this.#hash(target), target.address, value)
        : leaves.replaceValue(found, value, mine);
    if (leaves.fitsLeaf(countIn(changed), leaves.bytesIn(changed))) return changed;
    return this.#build(leaves.itemsOfLeaf(changed), depth)!;
  }

  #hash(target: Target): Digest {
    return (target.hash ??= placeOf(this.#cryptography, target.address));
  }

  #remove(part: Part, target: Target, depth: number): Part | undefined {
    if (isLeafPart(part)) {
      return leaves.removeEntry(leaves.find(leafIn(part), target.prefix, target.address)!);
    }
    const node = nodeIn(part);
    const index = this.#nibble(target, depth);
    const before = node.children[index]!;
    const count = node.count - countOf(before);
    const bytes = node.bytes - bytesOf(before);
    return this.#withChild(node, index, this.#remove(before, target, depth + 1), count, bytes);
  }

  /** The node with another child beside `count` entries: changed in place if it is ours. A leaf, if it now fits one. */
  #withChild(node: TrieNode, index: number, child: Part | undefined, countBeside: number, bytesBeside: number): Part {
    const count = countBeside + countOf(child);
    const bytes = bytesBeside + bytesOf(child);
    let own = node;
    if (node.owner !== this.#owner) {
      own = { ...node, owner: this.#owner, children: node.children.slice(), preimage: copyOf(node.preimage), fresh: 0 };
    }
    own.children[index] = child;
    own.stale |= 1 << index;
    own.fresh |= 1 << index;
    own.count = count;
    own.bytes = bytes;
    return leaves.fitsLeaf(count, bytes) ? leaves.leafOf([...itemsOf(own)]) : own;
  }

  /** The part of these entries, all of which belong at this depth. */
  #build(entries: readonly Item[], depth: number): Part | undefined {
    if (entries.length === 0) return undefined;
    let bytes = 0;
    for (const item of entries) bytes += item.end - item.start;
    if (leaves.fitsLeaf(entries.length, bytes)) return leaves.leafOf(entries);
    const groups: Item[][] = Array.from({ length: 16 }, () => []);
    for (const item of entries) groups[leaves.nibbleOf(item.list, depth, item.record)]!.push(item);
    const preimage = new Uint8Array(nodeBytes);
    preimage[0] = nodeTag;
    const children = groups.map((group) => this.#build(group, depth + 1));
    return { owner: this.#owner, children, preimage, stale: 0xffff, fresh: 0xffff, count: entries.length, bytes };
  }
}
