/**
 * Whom this replica hears, and what it remembers of them. spec/epochs.md, lines 9-10.
 *
 * Instances come and go, so whoever has no part in the service any more is forgotten. What is kept of
 * a peer only ever saves time: all of it can be learnt again from its next status, or is sent again.
 */
import { fromLatin1, sameBytes } from '@coppice/wire';
import type { InstanceId } from './input.ts';
import { configurationOfEpoch, instanceOf, type Peer, type Replica } from './replica.ts';

/** The instance of `id` may follow the log: seated, the candidate, or retired in the last epoch. */
export function mayFollow(replica: Replica, id: InstanceId): boolean {
  if (replica.slotOf.has(id)) return true;
  const candidate = replica.environment.execution.candidate();
  if (candidate !== undefined && sameBytes(candidate.instance, fromLatin1(id))) return true;
  const before = configurationOfEpoch(replica, replica.epoch - 1);
  return before !== undefined && before.seats.some((seat) => instanceOf(seat) === id);
}

/** What is remembered of the instance of `id`, from now on if nothing was. [9-10] */
export function peerOf(replica: Replica, id: InstanceId): Peer {
  let peer = replica.peers.get(id);
  if (peer === undefined) {
    if (replica.peers.size >= peersMax(replica)) forgetStranger(replica);
    const place = { epoch: 0, view: 0, committed: 0, stable: 0 };
    const state = { avoidedUntil: 0, stateQuestion: undefined, stateDue: 0 };
    peer = { heardAt: replica.now, ...place, resentAt: 0, ...state, deferred: [], deferredBytes: 0 };
    replica.peers.set(id, peer);
  }
  return peer;
}

/** Seats of this epoch and the last, the candidate, and as many strangers: the seats of an epoch not reached yet. */
function peersMax({ configuration }: Replica): number {
  return 3 * configuration.slots + 1;
}

/** Forgets one that may not follow. Where there are {@link peersMax}, one is there. */
function forgetStranger(replica: Replica): void {
  const strangers = [...replica.peers].filter(([id]) => !mayFollow(replica, id));
  const [longest] = strangers.sort(([, a], [, b]) => a.heardAt - b.heardAt);
  if (longest !== undefined) replica.peers.delete(longest[0]);
}

/** Peers that were heard of lately: of the others, nobody knows whether they are still there. */
export function heardLately(replica: Replica): InstanceId[] {
  const { suspectAfterMs } = replica.environment.settings;
  return [...replica.peers].filter(([, peer]) => replica.now - peer.heardAt <= suspectAfterMs).map(([id]) => id);
}
