/**
 * A replica reads what it wrote, again and again, slowly: damage to what nobody asks for is found by nobody, until it is on more disks than may fail.
 * spec/storage.md, "While it runs".
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type LedgerReader, type Scrubber, StorageError } from '@coppice/storage';

/** Next to nothing of what a disk reads. Of eight gibibytes a round takes a day and a half. */
const bytesPerMinute = 4 * 1024 * 1024;
const restMs = 1000;

export interface ScrubOptions {
  /** The ledgers that the instance has by now. */
  readonly ledgers: () => readonly LedgerReader[];
  readonly scrubber: Scrubber;
  readonly exiting: () => boolean;
  readonly onDamage: (error: StorageError) => void;
}

/** Until the instance ends. One read at a time. */
export async function scrub({ ledgers, scrubber, exiting, onDamage }: ScrubOptions): Promise<void> {
  const rest = (ms: number): Promise<void> => pause(ms, undefined, { ref: false });
  while (!exiting()) {
    for (const ledger of ledgers()) {
      try {
        for await (const bytes of ledger.scrub?.(scrubber) ?? []) {
          await rest((bytes / bytesPerMinute) * 60_000);
          if (exiting()) return;
        }
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        // What an archive does not give now, it may give in the next round.
        if (error.detail.code !== 'ARCHIVE_UNAVAILABLE') return onDamage(error);
      }
    }
    await rest(restMs);
  }
}
