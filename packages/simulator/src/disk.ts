/**
 * A virtual disk: a ledger in memory that takes its time to sync, and forgets what was not synced when its process dies.
 */
import type { CommittedBatch } from '@coppice/protocol';
import { type LedgerRecord, MemoryLedger, StorageError } from '@coppice/storage';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export class Disk {
  /** Beside the ledger: committed batches from before a received state, by sequence number. Durable. */
  readonly history = new Map<number, CommittedBatch>();
  /** What is on it is not all that was written, in some way. */
  altered = false;
  #ledger: MemoryLedger;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  /** Most milliseconds that a sync takes. */
  latencyMs = 4;
  /** What it reads is not what was written. */
  rotten = false;
  full = false;
  #syncing = false;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#ledger = new MemoryLedger({ onSync: () => this.#sync() });
  }

  get ledger(): MemoryLedger {
    return this.#ledger;
  }

  /** One sync at a time; those that are asked for meanwhile are answered together, by the next. */
  #sync(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    const ledger = this.#ledger;
    this.#scheduler.after(this.#random.between(1, this.latencyMs), () => {
      this.#syncing = false;
      ledger.complete();
    });
  }

  /** Somebody gave back an older copy, cut its end off, or changed it. Only of a process that is gone. */
  alter(): void {
    this.altered = true;
    const records = [...this.#ledger.readFrom(0)];
    const cut = this.#random.below(records.length + 1);
    const [before, after] = [records.slice(0, cut), records.slice(cut)];
    this.#ledger = new MemoryLedger({
      records: this.#random.pick([
        () => before,
        () => before,
        // As if files had been swapped, or one were there twice.
        () => [...after, ...before],
        () => [...records, ...after],
        () => this.#withFlippedBits(records),
        () => this.#withFlippedBits(records),
      ])(),
    });
  }

  #withFlippedBits(records: readonly LedgerRecord[]): LedgerRecord[] {
    return records.map((record) => {
      if (this.#random.percent(70) || record.payload.length === 0) return record;
      const payload = Uint8Array.from(record.payload);
      payload[this.#random.below(payload.length)]! ^= 1 << this.#random.below(8);
      return { ...record, payload };
    });
  }

  /** No room for anything more, or no sync works any more: nothing that is not durable yet ever will be. */
  fill(): void {
    this.full = true;
    const [path, operation] = ['ledger', 'append'];
    this.#ledger.fail(
      new StorageError(
        this.#random.percent(50)
          ? { code: 'DISK_FULL', path, operation }
          : { code: 'WRITE_FAILED', path, operation, errno: 'EIO' },
      ),
    );
  }

  /** The process ends in good order. */
  close(): void {
    this.#ledger.close(() => {});
  }

  /** The process dies. What it had not synced is gone, but for the part that reached the disk anyhow. */
  crash(): void {
    const unsynced = this.#ledger.end - this.#ledger.durableEnd;
    this.#ledger = this.#ledger.crash(this.#random.below(unsynced + 1));
  }
}
