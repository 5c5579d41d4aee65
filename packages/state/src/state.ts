/**
 * The state of a replicated service: what is committed, and the speculative batches above it.
 *
 *     transaction ──commit──▶ overlay (newest) ▶ … ▶ overlay (oldest) ──fold──▶ committed ──snapshot──▶
 *
 * A replica begins an overlay for each batch that it executes, folds the oldest when that batch commits, and rolls
 * the newest back when a view change drops theirs. The digest is of the committed part, and of its content alone.
 */
import { assert, type Cryptography, type Digest } from '@coppice/wire';
import { Overlay, Speculation } from './overlay.ts';
import { Snapshot } from './snapshot.ts';
import { Store, type View } from './store.ts';
import type { PageStore } from './stored.ts';

/**
 * What may wait to be hashed, each change counting as {@link changeCost} bytes and those of its value: all that waits is hashed at a
 * checkpoint, and a replica does nothing else meanwhile.
 */
const unhashedMax = 4 * 1024 * 1024;
const changeCost = 1024;

export class State {
  readonly #speculation: Speculation;
  #unhashed = 0;

  /**
   * An empty state, or one that goes on from `snapshot`.
   *
   * @param store where an empty one keeps what is large; by default all is in memory
   */
  constructor(cryptography: Cryptography, snapshot?: Snapshot, store?: PageStore) {
    this.#speculation = new Speculation(snapshot?.store.share() ?? Store.empty(cryptography, store));
  }

  /** How many overlays there are: batches executed and not yet committed. */
  get overlays(): number {
    return this.#speculation.overlays.length;
  }

  /** Stacks a new overlay on the newest. Nothing may be open on that. */
  begin(): Overlay {
    assert(this.#speculation.open === undefined, 'a transaction is open');
    const overlay = new Overlay(this.#speculation);
    this.#speculation.overlays.push(overlay);
    return overlay;
  }

  /** Makes the oldest overlay part of the committed state. */
  fold(): void {
    for (const { value } of this.#speculation.fold()) this.#unhashed += changeCost + (value?.length ?? 0);
    if (this.#unhashed > unhashedMax) this.digest();
  }

  /** Forgets the newest overlays, but for the oldest `overlaysToKeep`. */
  rollback(overlaysToKeep: number): void {
    while (this.overlays > overlaysToKeep) this.#speculation.discard();
  }

  /** Makes digests, from now on, of this hash: if they were of another, all of the state is hashed. */
  hashBy(cryptography: Cryptography): void {
    const { store } = this.#speculation;
    if (store.cryptography !== cryptography) this.#speculation.store = store.rehashed(cryptography);
  }

  /** The committed state as it is at each call. For one that stands still, see {@link snapshot}. */
  view(): View {
    return this.#speculation.store;
  }

  /** The digest of the committed state. Hashes what changed since it was asked last: about 4 µs a changed key. */
  digest(): Digest {
    this.#unhashed = 0;
    return this.#speculation.store.digest();
  }

  /** The committed state as it is now, for good. Costs a {@link digest}, and no copy. */
  snapshot(): Snapshot {
    const digest = this.digest();
    return new Snapshot(this.#speculation.store.share(), digest);
  }
}
