/**
 * What a view discarded, for the view that adopts it. spec/view-change.md, lines 15 and 17.
 *
 * Whoever voted for a header may be all that is left of it: a later view that heard nothing of it had everyone execute something
 * else, and a still later one hears of it from the one replica that saw it prepared.
 */
import { type Digest, type Header, sameBytes } from '@coppice/wire';
import type { LogEntry } from './message.ts';
import { entryWith, type Replica } from './replica.ts';

/** A batch that is not in the log any more. */
export interface Discarded {
  readonly header: Header;
  readonly headerDigest: Digest;
  readonly batchBytes: Uint8Array;
  /** Over all headers up to this one: what the previous root of the next one is. */
  readonly root: Digest;
  /** In which it was discarded: all votes for it are of this view or earlier ones. */
  readonly view: number;
}

/** Windows of discarded batches that are kept. Each view without a commit may discard one. */
const windowsKept = 2;

/** Keeps what is above `sequence` in the log, which is about to be discarded. */
export function keepDiscarded(replica: Replica, sequence: number): void {
  const { discarded, environment, executed, log, tree, view } = replica;
  for (let i = sequence + 1; i <= executed; i++) {
    const { batchBytes, header, headerDigest } = log.get(i)!;
    if (discarded.some((one) => sameBytes(one.headerDigest, headerDigest))) continue;
    discarded.push({ header, headerDigest, batchBytes, root: tree.root(i), view });
  }
  discarded.splice(0, discarded.length - windowsKept * environment.settings.window);
}

/**
 * A batch is committed, by votes of this view, if it is known of which: what was discarded in it or before is never adopted any more, nor
 * is what is below.
 */
export function forgetDiscarded(replica: Replica, sequence: number, view = -1): void {
  replica.discarded = replica.discarded.filter((one) => one.view > view && one.header.sequence > sequence);
}

/**
 * The discarded entries that lead to the header of this digest, from where they leave the log on: none where the log has it. `undefined`
 * where neither has it, or not everything between.
 */
export function discardedTo(replica: Replica, sequence: number, digest: Digest): LogEntry[] | undefined {
  if (entryWith(replica, sequence, digest) !== undefined) return [];
  const entries: LogEntry[] = [];
  let found = replica.discarded.find((one) => sameBytes(one.headerDigest, digest));
  while (found !== undefined) {
    const { batchBytes, header } = found;
    entries.unshift({ header, batch: batchBytes });
    const before = header.sequence - 1;
    if (before <= replica.executed && sameBytes(replica.tree.root(before), header.previousRoot)) return entries;
    found = replica.discarded.find((one) => one.header.sequence === before && sameBytes(one.root, header.previousRoot));
  }
  return undefined;
}
