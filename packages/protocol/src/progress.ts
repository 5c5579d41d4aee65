/**
 * Time: heartbeats, timeouts, statuses, suspicions. spec/view-change.md, lines 1-2 and 18-20; spec/checkpoints.md,
 * lines 9-11.
 *
 * The replica has no timers. It is told the time now and then, and compares.
 */
import { type Item, readyStatement, sameBytes, seatOf, type Suspicion, suspicionStatement } from '@coppice/wire';
import { fetchAdopted, fetchAgain } from './catch-up.ts';
import type { InstanceId } from './input.ts';
import type { MessageOf } from './message.ts';
import { heardLately, peerOf } from './peers.ts';
import { itemKey } from './pool.ts';
import {
  type Effects,
  faults,
  headerAt,
  instanceAt,
  instanceOf,
  isPrimary,
  primary,
  quorum,
  type Replica,
} from './replica.ts';
import { answerStateQuestions, continueTransfer, requestSnapshot } from './state-transfer.ts';
import { askers, joinOthers, startViewChange } from './view-change.ts';

/** How close to the head a candidate is when it says so, in batches. */
const readyWithin = 32;
/** How often a candidate repeats that it is ready, in status intervals. */
const readyIntervals = 5;

export function onTick(replica: Replica, now: number, effects: Effects): void {
  // A clock that was set back must not make every deadline far away.
  replica.now = Math.max(now, replica.now);
  const { settings } = replica.environment;
  if (replica.now - replica.lastStatusAt >= settings.statusIntervalMs) {
    sendStatus(replica, effects);
    followPeers(replica, effects);
    suspectSilent(replica, effects);
    joinOthers(replica, effects);
    sayReady(replica, effects);
  }
  if (replica.transfer !== undefined) continueTransfer(replica, effects);
  answerStateQuestions(replica, effects);
  fetchAdopted(replica, effects);
  watchPrimary(replica, effects);
}

/** [1-2, 18-20] */
function watchPrimary(replica: Replica, effects: Effects): void {
  if (replica.slot === undefined || replica.transfer !== undefined) return;
  const { heartbeatMs, viewTimeoutMs } = replica.environment.settings;
  const { asking, now } = replica;
  if (asking !== undefined) {
    const patience = viewTimeoutMs * 2 ** Math.min(replica.viewChangeAttempts, 10);
    if (now - replica.askedAt < (askers(replica, asking) >= quorum(replica) ? patience : viewTimeoutMs)) return;
    if (askers(replica, asking) >= quorum(replica)) {
      replica.viewChangeAttempts += 1;
      startViewChange(replica, asking + 1, 'no new-view', effects);
    } else {
      const own = replica.viewChanges.get(replica.slot)?.viewChange;
      replica.askedAt = now;
      if (own?.view === asking) effects.broadcast({ kind: 'view-change', viewChange: own });
    }
    return;
  }
  const silence = now - replica.lastCommitAt;
  if (silence > heartbeatMs + viewTimeoutMs * 2 ** Math.min(replica.viewChangeAttempts, 10)) {
    replica.viewChangeAttempts += 1;
    startViewChange(replica, replica.view + 1, `nothing committed for ${silence} ms`, effects);
    return;
  }
  if (!isPrimary(replica) && ignored(replica, effects)) {
    startViewChange(replica, replica.view + 1, 'a request is not being ordered', effects);
  }
}

/** Whether a request has waited too long for this primary. [20] What can no longer be ordered goes: nobody is to blame for it. */
function ignored(replica: Replica, effects: Effects): boolean {
  const { execution, settings } = replica.environment;
  // Nothing else can be ordered now, which is nobody's fault. spec/upgrades.md, line 10.
  if (execution.activationDue() !== undefined) replica.activatingAt = replica.now;
  const waitedFor = Math.max(replica.ledSince, replica.activatingAt);
  for (const { item, key, since } of replica.pool.all()) {
    if (replica.now - Math.max(since, waitedFor) <= settings.requestTimeoutMs) return false;
    const orderable =
      item.kind === 'bundle' ? execution.hasNew(item.bundle) : execution.inadmissible(item) === undefined;
    if (orderable) return true;
    replica.pool.remove(key);
    effects.reject('pool', item.kind, 'stale');
  }
  return false;
}

export function sendStatus(replica: Replica, effects: Effects): void {
  replica.lastStatusAt = replica.now;
  const { epoch, view, committed, stable } = replica;
  effects.push({ kind: 'announce', message: { kind: 'status', epoch, view, committed, stable } });
}

/** Upon ⟨STATUS⟩: a sign of life, and the repair of what was lost. */
export function onStatus(replica: Replica, from: InstanceId, m: MessageOf<'status'>, effects: Effects): void {
  const peer = peerOf(replica, from);
  const stuck = peer.epoch === m.epoch && peer.view === m.view && peer.committed === m.committed;
  peer.epoch = m.epoch;
  peer.view = m.view;
  peer.committed = m.committed;
  peer.stable = m.stable;
  if (replica.retired) exitIfServed(replica, effects);
  // It stands where it stood an interval ago, behind me: it may have missed what I sent.
  if (stuck && m.epoch === replica.epoch && (m.committed < replica.executed || m.view < replica.view))
    resend(replica, from, effects);
}

/** Nobody needs a retired instance once f + 1 of the next epoch have a stable checkpoint of it. spec/epochs.md, line 7. */
function exitIfServed(replica: Replica, effects: Effects): void {
  let served = 0;
  for (const id of replica.slotOf.keys()) if (peerOf(replica, id).stable > replica.epochStart) served += 1;
  if (served > faults(replica)) effects.push({ kind: 'exit', reason: 'retired' });
}

/** Sends again whatever of the present view may be missing there. */
export function resend(replica: Replica, to: InstanceId, effects: Effects): void {
  if (replica.slot === undefined) return;
  // A window of batches: not for every status, nor for every channel, that somebody sends or opens to get it.
  const peer = peerOf(replica, to);
  if (replica.now - peer.resentAt < replica.environment.settings.statusIntervalMs) return;
  peer.resentAt = replica.now;
  if (replica.newView !== undefined) effects.send(to, { kind: 'new-view', newView: replica.newView });
  if (replica.asking !== undefined) {
    const own = replica.viewChanges.get(replica.slot)?.viewChange;
    if (own !== undefined) effects.send(to, { kind: 'view-change', viewChange: own });
    return;
  }
  const reveals: { sequence: number; nonce: Uint8Array }[] = [];
  for (const [sequence, voting] of [...replica.votes].sort(([a], [b]) => a - b)) {
    const own = voting.ballots.get(replica.slot);
    const entry = replica.log.get(sequence);
    if (own === undefined || entry === undefined) continue;
    const proposed = isPrimary(replica) && entry.proposedIn === replica.view;
    effects.send(
      to,
      proposed
        ? { kind: 'pre-prepare', header: entry.header, batch: entry.batchBytes, vote: own.vote }
        : { kind: 'prepare', vote: own.vote },
    );
    if (own.nonce !== undefined) reveals.push({ sequence, nonce: own.nonce });
  }
  if (reveals.length > 0) effects.send(to, { kind: 'commit', epoch: replica.epoch, view: replica.view, reveals });
  const own = replica.ownCheckpoint;
  const signature = own === undefined ? undefined : replica.checkpoints.get(own.sequence)?.get(replica.slot)?.signature;
  if (own !== undefined && signature !== undefined && own.sequence > replica.stable) {
    effects.send(to, { kind: 'checkpoint', epoch: replica.epoch, slot: replica.slot, ...own, signature });
  }
}

/** Asks whoever has committed more, if nothing came by itself since the last status. [10-11] */
function followPeers(replica: Replica, effects: Effects): void {
  if (replica.retired) return;
  const still = replica.committedAtStatus === replica.committed;
  replica.committedAtStatus = replica.committed;
  if (!still && replica.slot !== undefined) return;
  const ahead = heardLately(replica).filter((id) => peerOf(replica, id).committed > replica.committed);
  fetchAgain(replica, ahead, effects);
  if (replica.corrupt || (ahead.length === 0 && replica.slot === undefined && replica.committed === 0))
    requestSnapshot(replica, effects);
}

/** Puts an item where it will be ordered: in the own pool, and in those of all others. */
export function submit(replica: Replica, item: Item, effects: Effects): void {
  const key = itemKey(replica.environment.cryptography, item);
  if (replica.slot !== undefined && !replica.pool.has(key)) replica.pool.add(key, item, replica.now);
  effects.broadcast({ kind: 'forward', item });
}

/** Upon an item from a client, or from another replica. */
export function onItem(replica: Replica, from: InstanceId | 'client', item: Item, effects: Effects): void {
  const { cryptography, execution } = replica.environment;
  if (replica.slot === undefined) return effects.reject(from, item.kind, 'not-seated');
  const key = itemKey(cryptography, item);
  if (replica.pool.has(key)) return;
  const why = execution.inadmissible(item);
  if (why !== undefined) return effects.reject(from, item.kind, 'inadmissible', why);
  if (item.kind === 'bundle' && !execution.hasNew(item.bundle)) return;
  if (!replica.pool.add(key, item, replica.now)) return effects.reject(from, item.kind, 'pool-full');
  if (from !== 'client') return;
  // A system request has no client who would try again elsewhere: everyone gets it.
  if (item.kind === 'system') effects.broadcast({ kind: 'forward', item });
  else if (!isPrimary(replica)) {
    const to = instanceAt(replica, primary(replica));
    if (to !== undefined) effects.send(to, { kind: 'forward', item });
  }
}

/** What the primary may not know of goes to it: there is a new one, or its channel has come up. */
export function forwardPool(replica: Replica, effects: Effects): void {
  const to = instanceAt(replica, primary(replica));
  // A retired instance has nobody else to leave it to.
  if (to === undefined || isPrimary(replica) || (replica.slot === undefined && !replica.retired)) return;
  for (const { item } of replica.pool.pending()) effects.send(to, { kind: 'forward', item });
}

function suspectSilent(replica: Replica, effects: Effects): void {
  if (replica.slot === undefined) return;
  for (const seat of replica.configuration.seats) {
    if (seat.slot === replica.slot) continue;
    const peer = peerOf(replica, instanceOf(seat));
    if (replica.now - peer.heardAt > replica.environment.settings.suspectAfterMs)
      suspect(replica, seat.slot, 'silent', effects);
  }
}

/** Signs a suspicion, once an epoch and instance. */
export function suspect(replica: Replica, slot: number, reason: Suspicion['reason'], effects: Effects): void {
  const seat = seatOf(replica.configuration, slot);
  const key = `suspect:${replica.epoch}:${slot}`;
  if (replica.slot === undefined || seat === undefined || replica.reported.has(key)) return;
  replica.reported.add(key);
  const { service } = replica.environment;
  const suspicion = {
    service,
    epoch: replica.epoch,
    slot: replica.slot,
    suspect: slot,
    instance: seat.instance,
    reason,
  };
  effects.push({
    kind: 'sign',
    key: replica.epoch,
    statement: suspicionStatement(suspicion),
    unsigned: { kind: 'suspicion', suspicion },
  });
}

/** A candidate that follows the log says so, with a header that it has reached. spec/turns.md. */
function sayReady(replica: Replica, effects: Effects): void {
  const candidate = replica.environment.execution.candidate();
  if (replica.slot !== undefined || candidate === undefined || replica.transfer !== undefined) return;
  if (!sameBytes(candidate.instance, replica.environment.instance) || replica.committed === 0) return;
  // It could not reveal a nonce yet: a seat that only looks occupied.
  if (replica.filling !== undefined) return;
  const { service, settings } = replica.environment;
  if (replica.now - replica.readySentAt < readyIntervals * settings.statusIntervalMs) return;
  // What f + 1 seats say they have: fewer could keep every candidate from ever being ready.
  const heads = replica.configuration.seats.map((seat) => replica.peers.get(instanceOf(seat))?.committed ?? 0);
  const head = heads.sort((a, b) => b - a)[faults(replica)] ?? 0;
  // Not from the log, which is empty after a transfer.
  const headerDigest = headerAt(replica)(replica.committed);
  if (head - replica.committed > readyWithin || headerDigest === undefined) return;
  replica.readySentAt = replica.now;
  const ready = { service, turn: candidate.turn, sequence: replica.committed, headerDigest };
  effects.push({ kind: 'sign', key: 'identity', statement: readyStatement(ready), unsigned: { kind: 'ready', ready } });
}
