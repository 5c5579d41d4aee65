/**
 * The content of the state: an ordered index of the addresses, and the trie that holds the entries and their digest.
 *
 * The index maps each address to the first 32 bits of its place in the trie, so that a read needs no hashing, and an
 * update of a known address neither. Both are shared copy-on-write: {@link Store.share} takes constant time.
 */
import { concatBytes, type Cryptography, type Digest } from '@coppice/wire';
import { type Address, addressOf, type Key, keyOf, type Range, spanOf } from './address.ts';
import { AddressIndex } from './address-index.ts';
import { valueOf } from './leaf.ts';
import type { PageStore } from './stored.ts';
import { Trie } from './trie.ts';

/** Reading the maps. Values are copies, of memory that they may share: nobody changes them. */
export interface View {
  /** The value of a key, or `undefined`. */
  get(map: string, key: Key): Uint8Array | undefined;
  has(map: string, key: Key): boolean;
  /** The entries of a part of a map, in the order of keys. */
  entries(map: string, range?: Range): IterableIterator<[Key, Uint8Array]>;
}

export class Store implements View {
  readonly cryptography: Cryptography;
  readonly index: AddressIndex;
  readonly trie: Trie;
  /** Counts the changes, so that an iteration notices them. */
  #changes = 0;

  static empty(cryptography: Cryptography, pages?: PageStore): Store {
    return new Store(cryptography, new AddressIndex(pages), new Trie(cryptography, undefined, pages));
  }

  constructor(cryptography: Cryptography, index: AddressIndex, trie: Trie) {
    this.cryptography = cryptography;
    this.index = index;
    this.trie = trie;
  }

  /** A store of the same content, in constant time. The two no longer see each other's changes. */
  share(): Store {
    return new Store(this.cryptography, this.index.share(), this.trie.share());
  }

  /** The same content, whose digest is of this hash. The two no longer see each other's changes. */
  rehashed(cryptography: Cryptography): Store {
    return new Store(cryptography, this.index.share(), this.trie.rehashed(cryptography));
  }

  get(map: string, key: Key): Uint8Array | undefined {
    return this.valueAt(addressOf(map, key));
  }

  has(map: string, key: Key): boolean {
    return this.index.get(addressOf(map, key)) !== undefined;
  }

  /** An entry that changes during the iteration is seen as it is when the iteration gets there. */
  *entries(map: string, range: Range = {}): Generator<[Key, Uint8Array], undefined> {
    let { from, to } = spanOf(map, range);
    const { reverse = false, limit = Infinity } = range;
    let changes = this.#changes;
    let cursor = this.index.cursor(from, to, reverse);
    for (let count = 0; count < limit && cursor.next(); count++) {
      const address = cursor.key!;
      yield [keyOf(address), this.valueAt(address, cursor.value)!];
      if (changes === this.#changes) continue;
      changes = this.#changes;
      if (reverse) to = address;
      else from = `${address}\0`;
      cursor = this.index.cursor(from, to, reverse);
    }
    return undefined;
  }

  valueAt(address: Address, prefix = this.index.get(address)): Uint8Array | undefined {
    if (prefix === undefined) return undefined;
    // A copy, because the entry may be overwritten where it is.
    return concatBytes(valueOf(this.trie.get({ address, prefix, hash: undefined })!));
  }

  set(address: Address, value: Uint8Array): void {
    this.#changes++;
    const prefix = this.index.get(address);
    if (prefix !== undefined) {
      this.trie.set({ address, prefix, hash: undefined }, value);
      return;
    }
    const target = this.trie.place(address);
    this.index.set(target.address, target.prefix);
    this.trie.set(target, value);
  }

  delete(address: Address): void {
    const prefix = this.index.get(address);
    if (prefix === undefined) return;
    this.#changes++;
    this.index.delete(address);
    this.trie.delete({ address, prefix, hash: undefined });
  }

  digest(): Digest {
    return this.trie.digest();
  }
}
