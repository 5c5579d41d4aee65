/**
 * Frontiers of the ledger's tree, one every so many bytes of the log. From the last one before a batch on, the headers that follow give
 * the path of that batch: what it takes to show it does not grow with the log.
 */
import { MerkleTree } from '@coppice/ledger';
import type { Cryptography, Digest } from '@coppice/wire';

/** Of records between two that are kept: for these, the ledger's index takes more memory. */
const bytesBetween = 16 * 1024 * 1024;
/** What certifies a batch takes about that much beside it. */
const certifyingBytes = 1024;

interface Frontier {
  readonly size: number;
  readonly peaks: readonly Digest[];
  /** How many leaves are of the first hash, where some are not. */
  readonly rehashed: number | undefined;
}

export class Frontiers {
  readonly #most: number;
  /** Sizes ascend. */
  readonly #kept: Frontier[] = [];
  #bytes = 0;

  /** @param most the oldest are forgotten where there are more */
  constructor(most = Infinity) {
    this.#most = most;
  }

  /** The log has got a batch of so many bytes. `tree` may have more than its headers. */
  grew(tree: MerkleTree, sequence: number, bytes: number): void {
    this.#bytes += bytes + certifyingBytes;
    if (this.#bytes >= bytesBetween) this.keep(tree, sequence);
  }

  /** Keeps the one of `size`, unless the tree has forgotten it. */
  keep(tree: MerkleTree, size: number): void {
    if (size < tree.trimmed || size > tree.size) return;
    this.#bytes = 0;
    const rehashed = tree.rehashed < size ? tree.rehashed : undefined;
    const at = this.#kept.findLastIndex((one) => one.size <= size);
    if (this.#kept[at]?.size === size) return;
    this.#kept.splice(at + 1, 0, { size, peaks: tree.frontier(size), rehashed });
    if (this.#kept.length > this.#most) this.#kept.shift();
  }

  /** The tree of the largest size up to `size` that is kept. */
  treeBelow(cryptography: Cryptography, size: number): MerkleTree | undefined {
    const found = this.#kept.findLast((one) => one.size <= size);
    return found && MerkleTree.fromFrontier(cryptography, found.size, found.peaks, found.rehashed);
  }
}
