/**
 * A snapshot: the state as of a checkpoint. It stays readable while the state moves on, and shares its memory.
 *
 * It answers queries ({@link Snapshot.view}), serves its parts to replicas that are behind ({@link Snapshot.answer}),
 * writes itself to disk ({@link Snapshot.chunks}), proves single keys to clients, and looks for silent corruption.
 */
import { assert, type Cryptography, type Digest, sameBytes, toLatin1 } from '@coppice/wire';
import { addressOf, type Key } from './address.ts';
import { addressBytes, entryBytesOf, entryHashOf, isLeaf, itemsOfLeaf, nibbleOf, prefixOf } from './leaf.ts';
import { encodeParts, partOverhead, type StatePart } from './part.ts';
import type { Proof } from './proof.ts';
import type { Store, View } from './store.ts';
import {
  bytesOf,
  childDigest,
  digits,
  isLeafPart,
  leafIn,
  nodeIn,
  type Part,
  partDigest,
  type Path,
  preimageOf,
} from './trie.ts';

export class Snapshot {
  readonly digest: Digest;
  /** For this package: nobody may change it. */
  readonly store: Store;

  /** @param store whose digest is `digest`, and which nobody else changes */
  constructor(store: Store, digest: Digest) {
    this.store = store;
    this.digest = digest;
  }

  /** Whose hash its digests are of. */
  get cryptography(): Cryptography {
    return this.store.cryptography;
  }

  get view(): View {
    return this.store;
  }

  /** How many entries there are. */
  get count(): number {
    return this.store.index.size;
  }

  /** Of all entries. */
  get bytes(): number {
    return bytesOf(this.store.trie.root);
  }

  /** The bytes of the part at `path`, or `undefined` if there is none. */
  part(path: Path): Uint8Array | undefined {
    const part = this.#at(path);
    if (part === undefined) return undefined;
    return isLeafPart(part) ? leafIn(part, true) : nodeIn(part, true).preimage;
  }

  /** Those of the parts at `paths` that exist: the first always, the others as long as they fit into `bytesMax`. */
  answer(paths: readonly Path[], bytesMax: number): StatePart[] {
    const parts: StatePart[] = [];
    let size = 0;
    for (const path of paths) {
      const bytes = this.part(path);
      if (bytes === undefined) continue;
      size += partOverhead + path.length + bytes.length;
      if (size > bytesMax && parts.length > 0) break;
      parts.push({ path, bytes });
    }
    return parts;
  }

  /**
   * The whole snapshot as a stream of encoded parts (`decodeParts`), each chunk of at most `bytesMax` bytes, or of one
   * part. Every part comes after the node that has its digest. With `since`, only the parts that are not in that
   * snapshot, too: the receiver must then hold it.
   */
  *chunks(bytesMax: number, since?: Snapshot): Generator<Uint8Array, undefined> {
    let parts: StatePart[] = [];
    let size = 0;
    for (const part of this.#parts(since)) {
      const added = partOverhead + part.path.length + part.bytes.length;
      if (size + added > bytesMax && parts.length > 0) {
        yield encodeParts(parts);
        parts = [];
        size = 0;
      }
      parts.push(part);
      size += added;
    }
    if (parts.length > 0) yield encodeParts(parts);
    return undefined;
  }

  /** Shows to whoever knows the digest what value a key has, or that it has none. See `verifyProof`. */
  prove(map: string, key: Key): Proof {
    const { hash } = this.store.trie.place(addressOf(map, key));
    const proof: Uint8Array[] = [];
    let part = this.store.trie.root;
    for (let depth = 0; part !== undefined; depth++) {
      proof.push(preimageOf(part));
      if (isLeafPart(part)) break;
      part = nodeIn(part).children[nibbleOf(hash, depth)];
    }
    return proof;
  }

  /**
   * Hashes one of `of` parts of the stored bytes again, and gives the path of the first piece that is not what it was
   * when its digest was computed. Called with each `part` from 0 to `of` - 1 in turn, it has looked at everything. A
   * damaged state must be thrown away: neither its index nor its digests can be relied on.
   */
  rehash(part: number, of: number): Path | undefined {
    assert(part >= 0 && part < of, 'no such part');
    const { root, count } = this.store.trie;
    if (count !== this.store.index.size) return '';
    if (root === undefined) return undefined;
    return this.#damage(root, '', this.digest, part / of, (part + 1) / of);
  }

  /** Where stored bytes do not have their digest, from `from` to `to` in a part whose places go from 0 to 1. */
  #damage(part: Part, path: Path, digest: Digest, from: number, to: number): Path | undefined {
    if (from >= 1 || to <= 0) return undefined;
    const { cryptography, index } = this.store;
    const read = isLeafPart(part) ? leafIn(part, true) : nodeIn(part, true);
    if (!sameBytes(partDigest(cryptography, path, preimageOf(read)), digest)) return path;
    if (isLeafPart(read)) {
      const sound =
        isLeaf(read) &&
        itemsOfLeaf(read).every(
          (item) =>
            sameBytes(cryptography.hash(entryBytesOf(item)), entryHashOf(item)) &&
            index.get(toLatin1(addressBytes(item)), true) === prefixOf(item),
        );
      return sound ? undefined : path;
    }
    const { children, preimage } = read;
    for (const [i, child] of children.entries()) {
      if (child === undefined) continue;
      const below = path + digits[i]!;
      const damaged = this.#damage(child, below, childDigest(preimage, i), 16 * from - i, 16 * to - i);
      if (damaged !== undefined) return damaged;
    }
    return undefined;
  }

  #at(path: Path): Part | undefined {
    let part = this.store.trie.root;
    for (const digit of path) {
      if (part === undefined || isLeafPart(part)) return undefined;
      part = nodeIn(part, true).children[digits.indexOf(digit)];
    }
    return part;
  }

  /** The parts, each before what is below it, without the subtrees that `since` has at the same paths. */
  *#parts(since: Snapshot | undefined): Generator<StatePart> {
    const { root } = this.store.trie;
    if (root === undefined || (since !== undefined && sameBytes(this.digest, since.digest))) return;
    yield* partsBelow(root, '', since?.store.trie.root);
  }
}

function* partsBelow(part: Part, path: Path, since: Part | undefined): Generator<StatePart> {
  if (isLeafPart(part)) {
    yield { path, bytes: leafIn(part, true) };
    return;
  }
  const { children, preimage } = nodeIn(part, true);
  yield { path, bytes: preimage };
  const known = since === undefined || isLeafPart(since) ? undefined : nodeIn(since, true);
  for (const [i, child] of children.entries()) {
    if (child === undefined) continue;
    if (known !== undefined && sameBytes(childDigest(known.preimage, i), childDigest(preimage, i))) continue;
    yield* partsBelow(child, path + digits[i]!, known?.children[i]);
  }
}
