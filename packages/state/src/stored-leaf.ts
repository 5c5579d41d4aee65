/**
 * Leaves that memory has no room for. A state keeps the index, the nodes and what was written since the last digest; its other leaves
 * may be kept elsewhere, and are read when they are looked at.
 *
 * A leaf goes there when its digest is known, and what is there is never changed: whoever writes to it has a new one. So any number of
 * tries and snapshots share it, as they share a leaf in memory.
 */
import { bytesIn, type Leaf } from './leaf.ts';
import { countIn } from './packed.ts';

/** Where leaves are kept. What is given back is what was kept, or nothing is: see {@link KeptLeaf.read}. */
export interface LeafStore {
  /** The bytes belong to the store from now on: nobody changes them. */
  keep(leaf: Uint8Array): KeptLeaf;
}

export interface KeptLeaf {
  /**
   * The bytes, not to be changed. Throws where they cannot be had as they were.
   *
   * @param once for somebody who looks at everything: that is no sign that anybody will look at this again
   */
  read(once: boolean): Uint8Array;
}

export class StoredLeaf {
  /** Of its entries, as of a leaf in memory. */
  readonly count: number;
  readonly bytes: number;
  readonly #kept: KeptLeaf;

  /** Gives up the leaf, which nobody may change any more. */
  constructor(store: LeafStore, leaf: Leaf) {
    this.count = countIn(leaf);
    this.bytes = bytesIn(leaf);
    this.#kept = store.keep(leaf);
  }

  read(once: boolean): Leaf {
    return this.#kept.read(once);
  }
}
