/**
 * What is free where an instance writes. It ends when nothing is: what may not be durable is not claimed. So before that, it takes no more
 * requests from clients, and has what is left for what others have ordered, for votes, turns, and members' decisions.
 */
import { statfsSync } from 'node:fs';
import { join } from 'node:path';

/** Below this, it takes no requests: what is left is for hours of a service without any. */
export const diskReserveBytes = 64 * 1024 * 1024;
const lookMs = 1000;

export class DiskSpace {
  readonly #folders: readonly string[];
  #bytesFree: number | null = null;
  #lookedAt = -Infinity;

  /** The ledger may be on a disk of its own. */
  constructor(dataFolder: string) {
    this.#folders = [dataFolder, join(dataFolder, 'ledger')];
  }

  /** `null` where the system does not tell. */
  get bytesFree(): number | null {
    const now = performance.now();
    if (now - this.#lookedAt > lookMs) {
      this.#lookedAt = now;
      this.#bytesFree = leastFree(this.#folders);
    }
    return this.#bytesFree;
  }

  get isLow(): boolean {
    return (this.bytesFree ?? Infinity) < diskReserveBytes;
  }
}

function leastFree(folders: readonly string[]): number | null {
  try {
    return Math.min(...folders.map((folder) => statfsSync(folder)).map(({ bavail, bsize }) => bavail * bsize));
  } catch {
    return null;
  }
}
