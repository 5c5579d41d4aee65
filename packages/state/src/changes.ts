/**
 * Uncommitted changes by address: a hash map, and, from the first iteration on, an ordered index beside it.
 *
 * Most transactions read and write single keys, and pay for a hash map only. Those that iterate make the index, which
 * is then kept up to date, so that no pattern of writes and iterations sorts the same changes again and again.
 */
import type { Address, Span } from './address.ts';
import { type Cursor, Tree } from './tree.ts';

export class Changes<V> {
  readonly #values = new Map<Address, V>();
  #index: Tree<V> | undefined;

  get(address: Address): V | undefined {
    return this.#values.get(address);
  }

  set(address: Address, value: V): void {
    this.#values.set(address, value);
    this.#index?.set(address, value);
  }

  delete(address: Address): void {
    this.#values.delete(address);
    this.#index?.delete(address);
  }

  /** In ascending order of address. */
  sorted(): [Address, V][] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Walks the changes of a span as they are now: later ones are not seen. */
  cursor({ from, to }: Span, reverse: boolean): Cursor<V> {
    if (this.#index === undefined) {
      this.#index = new Tree();
      for (const [address, value] of this.#values) this.#index.set(address, value);
    }
    return this.#index.share().cursor(from, to, reverse);
  }
}
