/**
 * Bounded memory: whatever others say, and for however long, a correct replica keeps no more than its settings allow.
 */
import type { ProtocolSettings, Replica } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** One step of so many is looked at. */
const apart = 64;
/** Checkpoint intervals: above the stable checkpoint, and below it, kept for whoever fetches the state of an earlier one. */
const checkpointsUnstable = 8;
const checkpointsServed = 16;
/** Messages of later views, of one sender. */
const deferredMax = 512;
/** Entries that come at once to whoever catches up. */
const entriesMax = 64;

export class Memory implements Observer {
  readonly name = 'memory';
  readonly #violate: (message: string) => void;
  readonly #settings: ProtocolSettings;
  #steps = 0;

  constructor(violate: (message: string) => void, settings: ProtocolSettings) {
    this.#violate = violate;
    this.#settings = settings;
  }

  stepped(instance: Instance): void {
    if (this.#steps++ % apart !== 0 || instance.corrupt) return;
    for (const [what, size, most] of this.#sizes(instance.replica!))
      if (size > most) this.#violate(`${instance.name} keeps ${size} ${what}, more than ${most}`);
  }

  #sizes({ log, votes, proposals, peers, viewChanges, pool, checkpoints, configuration }: Replica) {
    const { window, checkpointInterval, poolBytesMax } = this.#settings;
    const { slots } = configuration;
    const deferred = Math.max(0, ...[...peers.values()].map((peer) => peer.deferred.length));
    return [
      ['entries', log.size, (checkpointsUnstable + checkpointsServed + 1) * checkpointInterval + window + entriesMax],
      ['places with votes', votes.size, 2 * window + 2],
      ['proposals', proposals.size, 2 * window + 2],
      // The incumbents of this epoch and the last, a candidate, and the incumbents of an epoch that it has not reached.
      ['peers', peers.size, 3 * slots + 1],
      ['deferred messages of one peer', deferred, deferredMax],
      ['view changes', viewChanges.size, slots],
      ['checkpoints', checkpoints.size, slots * (checkpointsUnstable + 2)],
      ['bytes of requests', pool.bytes, poolBytesMax],
    ] as const;
  }
}
