/**
 * What memory has no room for: leaves of the trie, the nodes right above them, and pages of the index may be kept elsewhere, and are read
 * when they are looked at. In memory stay what was written last, the nodes further up, and of each group of pages where it is.
 *
 * Leaves and nodes go there when their digest is known, and what is there is never changed: whoever writes to it has a new one. So any number
 * of tries and snapshots share it, as they share what is in memory.
 */
import { copyInto } from '@coppice/wire';
import { bytesIn, type Leaf } from './leaf.ts';
import { countIn, i32, writeU32 } from './packed.ts';
import type { TrieNode } from './trie.ts';

/** Where pages are kept. What is given back is what was kept, or nothing is: see {@link KeptPages.read}. */
export interface PageStore {
  /**
   * Keeps pages together: new ones, and ones that were kept before. Where there is none, none is read.
   * New ones belong to the store from now on: nobody changes them.
   */
  keep(pages: readonly (Uint8Array | KeptPage | undefined)[]): KeptPages;
}

/** Pages that are kept as long as anybody has this. */
export interface KeptPages {
  /**
   * The bytes, not to be changed. Throws where they cannot be had as they were.
   *
   * @param once for somebody who looks at everything: that is no sign that anybody will look at this again
   */
  read(index: number, once: boolean): Uint8Array | undefined;
}

export interface KeptPage {
  readonly pages: KeptPages;
  readonly index: number;
}

export class StoredLeaf implements KeptPage {
  /** Of its entries, as of a leaf in memory. */
  readonly count: number;
  readonly bytes: number;
  readonly pages: KeptPages;
  readonly index: number;

  constructor(count: number, bytes: number, pages: KeptPages, index: number) {
    this.count = count;
    this.bytes = bytes;
    this.pages = pages;
    this.index = index;
  }

  read(once: boolean): Leaf {
    return this.pages.read(this.index, once)!;
  }
}

/** What a node's own page has for each child after what the node's digest covers: its entries, and their bytes. */
const countBytes = 5;
const nodePage = 16;

/** A node below which there are only leaves, and these: pages 0 to 15 are the leaves. */
export class StoredNode {
  /** Of all entries below. */
  readonly count: number;
  readonly bytes: number;
  readonly #pages: KeptPages;

  /**
   * Gives up the leaves, which nobody may change any more.
   *
   * @param preimage what the node's digest covers
   */
  constructor(store: PageStore, preimage: Uint8Array, leaves: readonly (Leaf | StoredLeaf | undefined)[]) {
    const page = new Uint8Array(preimage.length + 16 * countBytes);
    copyInto(page, preimage, 0);
    let [allEntries, allBytes] = [0, 0];
    for (const [i, leaf] of leaves.entries()) {
      if (leaf === undefined) continue;
      const count = leaf instanceof Uint8Array ? countIn(leaf) : leaf.count;
      const bytes = leaf instanceof Uint8Array ? bytesIn(leaf) : leaf.bytes;
      const at = preimage.length + countBytes * i;
      page[at] = count;
      writeU32(page, at + 1, bytes);
      allEntries += count;
      allBytes += bytes;
    }
    this.count = allEntries;
    this.bytes = allBytes;
    this.#pages = store.keep([...leaves, page]);
  }

  leaf(index: number): Leaf | undefined {
    return this.#pages.read(index, false);
  }

  /** A node of nobody. */
  read(once: boolean): TrieNode {
    const { bytes, count } = this;
    const pages = this.#pages;
    const page = pages.read(nodePage, once)!;
    const counts = page.length - 16 * countBytes;
    const children = Array.from({ length: 16 }, (_, i) => {
      const at = counts + countBytes * i;
      return page[at] === 0 ? undefined : new StoredLeaf(page[at]!, i32(page, at + 1), pages, i);
    });
    return { owner: {}, children, preimage: page.subarray(0, counts), stale: 0, fresh: 0, count, bytes };
  }
}
