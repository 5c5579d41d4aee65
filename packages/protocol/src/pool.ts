/**
 * The pool: what is known and not yet committed.
 *
 * Every replica pools what it hears of, not only the primary: a request that stays in the pools of f + 1 replicas too long
 * is a reason to change the view, and what the old primary did not order is forwarded to the new one.
 * Bounds: total bytes, and bytes of each client, so that no client can take more than its share.
 */
import { type Cryptography, encode, type Item, itemCodec, systemRequestDigest, toLatin1 } from '@coppice/wire';

export interface PooledItem {
  readonly key: string;
  readonly item: Item;
  readonly bytes: number;
  /** Clock of this replica when it came in. */
  readonly since: number;
  /** Sequence number of the uncommitted batch that holds it. */
  ordered: number | undefined;
}

export class Pool {
  readonly #items = new Map<string, PooledItem>();
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;
  #waiting = 0;
  readonly bytesMax: number;
  readonly senderBytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
    this.senderBytesMax = bytesMax / 4;
  }

  /** Items that no batch holds. */
  get waiting(): number {
    return this.#waiting;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(key: string): boolean {
    return this.#items.has(key);
  }

  /** Whether it was taken in: `false` where there is no room. */
  add(key: string, item: Item, now: number): boolean {
    const bytes = itemBytes(item);
    const sender = senderOf(item);
    const ofSender = (this.#bytesOf.get(sender) ?? 0) + bytes;
    if (this.#bytes + bytes > this.bytesMax || ofSender > this.senderBytesMax) return false;
    this.#items.set(key, { key, item, bytes, since: now, ordered: undefined });
    this.#bytesOf.set(sender, ofSender);
    this.#bytes += bytes;
    this.#waiting += 1;
    return true;
  }

  remove(key: string): void {
    const pooled = this.#items.get(key);
    if (pooled === undefined) return;
    this.#items.delete(key);
    this.#bytes -= pooled.bytes;
    if (pooled.ordered === undefined) this.#waiting -= 1;
    const sender = senderOf(pooled.item);
    const left = (this.#bytesOf.get(sender) ?? 0) - pooled.bytes;
    if (left > 0) this.#bytesOf.set(sender, left);
    else this.#bytesOf.delete(sender);
  }

  /** A batch at `sequence` holds it. */
  order(key: string, sequence: number): void {
    const pooled = this.#items.get(key);
    if (pooled === undefined) return;
    if (pooled.ordered === undefined) this.#waiting -= 1;
    pooled.ordered = sequence;
  }

  /** Batches above `sequence` were discarded: what they held waits again. */
  rollback(sequence: number): void {
    for (const pooled of this.#items.values()) {
      if (pooled.ordered !== undefined && pooled.ordered > sequence) {
        pooled.ordered = undefined;
        this.#waiting += 1;
      }
    }
  }

  /** What waits, oldest first. */
  *pending(): Iterable<PooledItem> {
    for (const pooled of this.#items.values()) if (pooled.ordered === undefined) yield pooled;
  }

  /** Everything, oldest first. Items may be removed meanwhile. */
  all(): Iterable<PooledItem> {
    return this.#items.values();
  }
}

/** What tells items apart. A client that sends a bundle again sends the same requests under the same numbers. */
export function itemKey(cryptography: Cryptography, item: Item): string {
  if (item.kind === 'system') return toLatin1(systemRequestDigest(cryptography, item.request));
  const { client, first, operations } = item.bundle;
  return `${toLatin1(client)}:${first}:${operations.length}`;
}

function senderOf(item: Item): string {
  return item.kind === 'system' ? 'system' : toLatin1(item.bundle.client);
}

/** Bytes of the item in a batch, near enough for bounds: exact for system requests, which are few. */
export function itemBytes(item: Item): number {
  if (item.kind === 'system') return encode(itemCodec, item).length;
  let bytes = 128;
  for (const operation of item.bundle.operations) bytes += 5 + operation.payload.length;
  return bytes;
}
