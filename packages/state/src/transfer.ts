/**
 * State transfer, the receiving side: from a certified digest to a state, trusting nobody who sends it.
 *
 * The digest vouches for the root's part, the root for the digests of its children, and so on. So every part is
 * checked alone, when it comes, from whomever and in whatever order, and nothing that failed the check is kept. A
 * subtree with the digest that our own state has at the same path is taken from there.
 *
 * - `#wanted` holds the parts whose digest is known and whose bytes are not. What it holds was promised by verified
 *   nodes: a liar cannot make it grow.
 * - The index has the addresses of what is in place, and of those parts of our own state that are not yet decided.
 * - `#holes` has the paths that were wanted when this transfer took over what an earlier one had ({@link StateTransfer.instead}). What
 *   stands there has another digest than its node says; everything else does have the one that its node says.
 */
import { assert, type Cryptography, type Digest, sameBytes, toLatin1 } from '@coppice/wire';
import { AddressIndex } from './address-index.ts';
import {
  addressBytes,
  bytesIn,
  entryBytesOf,
  entryHashOf,
  headOf,
  isLeaf,
  itemsOfLeaf,
  type Leaf,
  prefixOf,
} from './leaf.ts';
import { countIn } from './packed.ts';
import { Snapshot } from './snapshot.ts';
import { Store } from './store.ts';
import { type PageStore, StoredLeaf, StoredNode } from './stored.ts';
import * as trie from './trie.ts';
import type { Part, Path, TrieNode } from './trie.ts';

export type TransferRefusal = 'not-wanted' | 'malformed' | 'wrong-digest';
export type Accepted = { ok: true } | { ok: false; reason: TransferRefusal };

interface Wanted {
  readonly path: Path;
  readonly digest: Digest;
  /** Where it belongs; `undefined` for the root. */
  readonly parent: TrieNode | undefined;
  /** What our own state has at this path. */
  readonly own: Part | undefined;
  asked: boolean;
}

/** Paths where something is missing, and all that lead there. */
interface Holes {
  readonly at: ReadonlySet<Path>;
  readonly above: ReadonlySet<Path>;
}

const noHoles: Holes = { at: new Set(), above: new Set() };

/** What there is to begin with. */
interface OwnParts {
  readonly digest: Digest | undefined;
  readonly root: Part | undefined;
  readonly index: AddressIndex;
  readonly holes: Holes;
  readonly store: PageStore | undefined;
}

export class StateTransfer {
  readonly #cryptography: Cryptography;
  readonly #digest: Digest;
  readonly #wanted = new Map<Path, Wanted>();
  /** Wanted parts that nobody is asked for, each once, the next one last; some may have come unasked. */
  readonly #queue: Wanted[] = [];
  readonly #index: AddressIndex;
  readonly #holes: Holes;
  readonly #store: PageStore | undefined;
  #root: Part | undefined;
  #done = 0;
  #bytes = 0;
  #share = 0;

  private constructor(cryptography: Cryptography, digest: Digest, own: OwnParts) {
    this.#cryptography = cryptography;
    this.#digest = digest;
    this.#index = own.index;
    this.#holes = own.holes;
    this.#store = own.store;
    if (own.digest !== undefined && sameBytes(own.digest, digest)) {
      this.#take('', digest, undefined, own.root);
    } else if (sameBytes(trie.partDigest(cryptography, '', new Uint8Array(0)), digest)) {
      this.#forget(own.root);
      this.#share = 1;
    } else {
      this.#want({ path: '', digest, parent: undefined, own: own.root, asked: false });
    }
  }

  /**
   * @param own the state that we have: sound (`rehash`), or left out
   * @param store for the leaves that come; by default they are all in memory
   */
  static begin(cryptography: Cryptography, digest: Digest, own?: Snapshot, store?: PageStore): StateTransfer {
    const index = own?.store.index.share() ?? new AddressIndex(store);
    const root = own?.store.trie.root;
    return new StateTransfer(cryptography, digest, { digest: own?.digest, root, index, holes: noHoles, store });
  }

  /** A transfer of another state that begins with what this one has. This one must not be used any more. */
  instead(digest: Digest): StateTransfer {
    for (const { path, parent, own } of this.#wanted.values()) this.#place(path, parent, own);
    // What was missing in an earlier one still is, below what had not come here.
    const at = [...this.#wanted.keys(), ...[...this.#holes.at].filter((path) => this.#isBelowWanted(path))];
    const above = at.flatMap((path) => Array.from(path, (_, length) => path.slice(0, length)));
    const holes = { at: new Set(at), above: new Set(above) };
    const own = { digest: this.#digest, root: this.#root, index: this.#index, holes, store: this.#store };
    return new StateTransfer(this.#cryptography, digest, own);
  }

  /** Whether everything is in place. */
  get complete(): boolean {
    return this.#wanted.size === 0;
  }

  /**
   * Parts taken, and their bytes; parts known to be needed so far, of which more appear with every node; and how much of the state is in place,
   * from 0 to 1: places are hashes, so a part at a path of d digits holds a 16^d-th of it.
   */
  get progress(): { readonly done: number; readonly bytes: number; readonly known: number; readonly share: number } {
    const known = this.#done + this.#wanted.size;
    return { done: this.#done, bytes: this.#bytes, known, share: this.complete ? 1 : this.#share };
  }

  /** Up to `limit` parts to ask somebody for. They are not named again, unless {@link lost}. */
  wanted(limit: number): Path[] {
    const paths: Path[] = [];
    while (paths.length < limit) {
      const next = this.#queue.pop();
      if (next === undefined) break;
      if (this.#wanted.get(next.path) !== next) continue;
      next.asked = true;
      paths.push(next.path);
    }
    return paths;
  }

  /** Nobody answered for this part: {@link wanted} will name it again. */
  lost(path: Path): void {
    const wanted = this.#wanted.get(path);
    if (wanted === undefined || !wanted.asked) return;
    wanted.asked = false;
    this.#queue.push(wanted);
  }

  /** Takes a part, asked for or not, if it is the one that is missing. If not, it still is: ask somebody else. */
  accept(path: Path, bytes: Uint8Array): Accepted {
    const wanted = this.#wanted.get(path);
    if (wanted === undefined) return { ok: false, reason: 'not-wanted' };
    const accepted = this.#verify(wanted, bytes);
    if (!accepted.ok) {
      this.lost(path);
      return accepted;
    }
    this.#wanted.delete(path);
    this.#done++;
    this.#bytes += bytes.length;
    // Copied: the bytes may be a view of a message, most of which is needed no more.
    if (trie.isNodePreimage(bytes)) this.#placeNode(wanted, new Uint8Array(bytes));
    else this.#placeLeaf(wanted, new Uint8Array(bytes));
    return accepted;
  }

  /** The state with the certified digest, once {@link complete}. */
  finish(): Snapshot {
    assert(this.complete, 'parts are missing');
    tally(this.#root);
    const root = new trie.Trie(this.#cryptography, this.#root, this.#store);
    return new Snapshot(new Store(this.#cryptography, this.#index, root), this.#digest);
  }

  #isBelowWanted(path: Path): boolean {
    return Array.from(path, (_, length) => path.slice(0, length)).some((above) => this.#wanted.has(above));
  }

  #want(wanted: Wanted): void {
    this.#wanted.set(wanted.path, wanted);
    this.#queue.push(wanted);
  }

  #verify({ path, digest }: Wanted, bytes: Uint8Array): Accepted {
    const node = trie.isNodePreimage(bytes) && path.length < trie.pathLengthMax;
    if (!node && !isLeaf(bytes)) return { ok: false, reason: 'malformed' };
    const preimage = node ? bytes : headOf(bytes);
    let sound = sameBytes(trie.partDigest(this.#cryptography, path, preimage), digest);
    if (sound && !node) {
      sound = itemsOfLeaf(bytes).every((item) =>
        sameBytes(this.#cryptography.hash(entryBytesOf(item)), entryHashOf(item)),
      );
    }
    return sound ? { ok: true } : { ok: false, reason: 'wrong-digest' };
  }

  #placeNode({ path, parent, own }: Wanted, preimage: Uint8Array): void {
    const node = trie.nodeOf(preimage);
    this.#place(path, parent, node);
    const ownNode = own !== undefined && !trie.isLeafPart(own) ? trie.nodeIn(own, true) : undefined;
    if (ownNode === undefined) this.#forget(own);
    // Backwards, so that the queue's end is the first child: the order of `Snapshot.chunks`.
    for (let i = 15; i >= 0; i--) {
      const digest = trie.childDigest(preimage, i);
      const ownChild = ownNode?.children[i];
      const below = path + trie.digits[i]!;
      if (ownNode !== undefined && sameBytes(trie.childDigest(ownNode.preimage, i), digest)) {
        this.#take(below, digest, node, ownChild);
      } else if (sameBytes(digest, trie.noDigest)) {
        this.#forget(ownChild);
        this.#share += 16 ** -below.length;
      } else {
        this.#want({ path: below, digest, parent: node, own: ownChild, asked: false });
      }
    }
  }

  /** Takes over what we have under the very digest that is wanted there, or of it what is not missing. */
  #take(path: Path, digest: Digest, parent: TrieNode | undefined, own: Part | undefined): void {
    const wanted = { path, digest, parent, own, asked: false };
    if (this.#holes.at.has(path)) return this.#want(wanted);
    if (this.#holes.above.has(path) && own !== undefined && !trie.isLeafPart(own))
      return this.#placeNode(wanted, trie.nodeIn(own, true).preimage);
    this.#place(path, parent, own);
    this.#share += 16 ** -path.length;
  }

  #placeLeaf({ path, parent, own }: Wanted, leaf: Leaf): void {
    this.#place(path, parent, this.#stored(leaf));
    this.#share += 16 ** -path.length;
    this.#forget(own);
    for (const item of itemsOfLeaf(leaf)) this.#index.set(toLatin1(addressBytes(item)), prefixOf(item));
    if (parent !== undefined) this.#stow(path.slice(0, -1), parent);
  }

  /** In the store, if there is one. */
  #stored(leaf: Leaf): Part {
    const pages = this.#store?.keep([leaf]);
    return pages === undefined ? leaf : new StoredLeaf(countIn(leaf), bytesIn(leaf), pages, 0);
  }

  /** Does the same for a node, if all that it needs has come. */
  #stow(path: Path, node: TrieNode): void {
    const isMissing = (child: Part | undefined, i: number): boolean =>
      child === undefined && !sameBytes(trie.childDigest(node.preimage, i), trie.noDigest);
    if (this.#store === undefined || node.children.some(isMissing)) return;
    let above: TrieNode | undefined;
    let part = this.#root as TrieNode;
    for (const digit of path) {
      above = part;
      part = above.children[trie.digits.indexOf(digit)] as TrieNode;
    }
    this.#place(path, above, trie.stowed(this.#store, node));
  }

  #place(path: Path, parent: TrieNode | undefined, part: Part | undefined): void {
    if (parent === undefined) this.#root = part;
    else parent.children[trie.digits.indexOf(path.at(-1)!)] = part;
  }

  /** Removes what our own state has there from the index. */
  #forget(own: Part | undefined): void {
    for (const item of trie.itemsOf(own)) this.#index.delete(toLatin1(addressBytes(item)));
  }
}

/** Counts the entries below the nodes that came without counts. */
function tally(part: Part | undefined): void {
  if (part === undefined || trie.isLeafPart(part) || part instanceof StoredNode || part.count > 0) return;
  for (const child of part.children) {
    tally(child);
    part.count += trie.countOf(child);
    part.bytes += trie.bytesOf(child);
  }
}
