/**
 * The one door: an input in, effects out. No await, no clock, no randomness, no I/O.
 */
import { encode, primarySlot, sameBytes, seatOf } from '@coppice/wire';
import { onCheckpoint, onOwnCheckpoint } from './checkpoint.ts';
import { onEntries, onFetch, onFetchHeld, onHeld, requestFetch } from './catch-up.ts';
import { onOwnErasure } from './epoch.ts';
import type { Effect, Input, InstanceId, Unsigned } from './input.ts';
import { type Message, messageCodec } from './message.ts';
import {
  onCommit,
  onEcho,
  onPrepare,
  onPrePrepare,
  onSynced,
  onVoted,
  propose,
  resumeProposals,
} from './normal-case.ts';
import { mayFollow, peerOf } from './peers.ts';
import { forwardPool, onItem, onStatus, onTick, resend, sendStatus, submit } from './progress.ts';
import { onFetchOutcomes, onOutcomes, onRefusal } from './refusal.ts';
import { Effects, instanceAt, primary, type Replica } from './replica.ts';
import { offerSnapshot, onFetchState, onSnapshot, onState } from './state-transfer.ts';
import { onNewView, onOwnNewView, onOwnViewChange, onViewChange } from './view-change.ts';

export function step(replica: Replica, input: Input): Effect[] {
  const effects = new Effects(replica);
  if (replica.halted) return effects.list;
  const { epoch, view, configuration, firstPrimary } = replica;
  handle(replica, input, effects);
  if (replica.epoch !== epoch || replica.view !== view) {
    // Who goes on leading in the next epoch has had its time. [20]
    const led = seatOf(configuration, primarySlot(configuration.slots, firstPrimary, view));
    const leads = seatOf(replica.configuration, primary(replica));
    const same = led !== undefined && leads !== undefined && sameBytes(led.instance, leads.instance);
    if (replica.view > 0 || !same) replica.ledSince = replica.now;
    forwardPool(replica, effects);
  }
  resumeProposals(replica, effects);
  propose(replica, effects);
  return effects.list;
}

function handle(replica: Replica, input: Input, effects: Effects): void {
  switch (input.kind) {
    case 'tick':
      return onTick(replica, input.now, effects);
    case 'message':
      return onMessage(replica, input.from, input.message, effects);
    case 'connected':
      sendStatus(replica, effects);
      if (instanceAt(replica, primary(replica)) === input.peer) forwardPool(replica, effects);
      return resend(replica, input.peer, effects);
    case 'item':
      return onItem(replica, 'client', input.item, effects);
    case 'synced':
      return onSynced(replica, input.token, effects);
    case 'voted':
      return onVoted(replica, input, effects);
    case 'signed':
      return onSigned(replica, input.unsigned, input.signature, effects);
  }
}

function onSigned(replica: Replica, unsigned: Unsigned, signature: Uint8Array, effects: Effects): void {
  switch (unsigned.kind) {
    case 'view-change':
      return onOwnViewChange(replica, { ...unsigned.viewChange, signature }, effects);
    case 'new-view':
      return onOwnNewView(replica, { ...unsigned.newView, signature }, effects);
    case 'checkpoint':
      return onOwnCheckpoint(replica, unsigned.checkpoint, signature, effects);
    case 'erasure':
      return onOwnErasure(replica, { ...unsigned.erasure, signature }, effects);
    case 'suspicion': {
      const suspicion = { ...unsigned.suspicion, signature };
      return submit(replica, { kind: 'system', request: { kind: 'suspicion', suspicion } }, effects);
    }
    case 'refusal': {
      const refusal = { ...unsigned.refusal, signature };
      effects.broadcast({ kind: 'refusal', refusal });
      return onRefusal(replica, undefined, refusal, effects);
    }
    case 'ready': {
      const ready = { ...unsigned.ready, signature };
      return submit(replica, { kind: 'system', request: { kind: 'ready', ready } }, effects);
    }
  }
}

function onMessage(replica: Replica, from: InstanceId, m: Message, effects: Effects): void {
  // Answers prove themselves, whoever brings them; a newcomer does not know yet who sits where.
  if (!isAnswer(m) && !laterThanMine(replica, m) && !mayFollow(replica, from)) {
    return effects.reject(from, m.kind, 'unknown-sender');
  }
  peerOf(replica, from).heardAt = replica.now;
  if (defer(replica, from, m, effects)) return;
  dispatch(replica, from, m, effects);
}

function dispatch(replica: Replica, from: InstanceId, m: Message, effects: Effects): void {
  switch (m.kind) {
    case 'pre-prepare':
      return onPrePrepare(replica, from, m, effects);
    case 'prepare':
      return onPrepare(replica, from, m.vote, effects);
    case 'commit':
      return onCommit(replica, from, m, effects);
    case 'view-change':
      return onViewChange(replica, from, m.viewChange, effects);
    case 'new-view':
      return onNewView(replica, from, m.newView, effects);
    case 'checkpoint':
      return onCheckpoint(replica, from, m, effects);
    case 'refusal':
      return onRefusal(replica, from, m.refusal, effects);
    case 'echo':
      return onEcho(replica, from, m.vote, effects);
    case 'forward':
      return onItem(replica, from, m.item, effects);
    case 'status':
      return onStatus(replica, from, m, effects);
    case 'fetch':
      return onFetch(replica, from, m, effects);
    case 'entries':
      return onEntries(replica, from, m, effects);
    case 'fetch-held':
      return onFetchHeld(replica, from, m, effects);
    case 'held':
      return onHeld(replica, from, m, effects);
    case 'fetch-outcomes':
      return onFetchOutcomes(replica, from, m, effects);
    case 'outcomes':
      return onOutcomes(replica, from, m, effects);
    case 'fetch-snapshot':
      return offerSnapshot(replica, from, m.epoch, effects);
    case 'snapshot':
      return onSnapshot(replica, from, m, effects);
    case 'fetch-state':
      return onFetchState(replica, from, m, effects);
    case 'state':
      return onState(replica, from, m, effects);
  }
}

/** Messages, and bytes of them, kept for a later epoch or view: of one sender. */
const deferredMessagesMax = 512;
const deferredBytesMax = 16 * 1024 * 1024;

/** The epoch and view that a message of the agreement itself belongs to. */
function placeOf(m: Message): { epoch: number; view: number } | undefined {
  switch (m.kind) {
    case 'pre-prepare':
    case 'prepare':
      return m.vote.subject;
    case 'commit':
      return m;
    case 'view-change':
      return { epoch: m.viewChange.epoch, view: 0 };
    case 'new-view':
      return { epoch: m.newView.epoch, view: 0 };
    case 'checkpoint':
      return { epoch: m.epoch, view: 0 };
    default:
      return undefined;
  }
}

function isAnswer(m: Message): boolean {
  return (
    m.kind === 'entries' || m.kind === 'snapshot' || m.kind === 'state' || m.kind === 'held' || m.kind === 'outcomes'
  );
}

function laterThanMine(replica: Replica, m: Message): boolean {
  const place = m.kind === 'status' ? m : placeOf(m);
  return place !== undefined && place.epoch > replica.epoch;
}

/** Keeps what belongs to an epoch or view that this replica has yet to reach. spec/epochs.md, last line. */
function defer(replica: Replica, from: InstanceId, m: Message, effects: Effects): boolean {
  const place = placeOf(m);
  if (place === undefined) return false;
  const later = place.epoch > replica.epoch || (place.epoch === replica.epoch && place.view > replica.view);
  if (!later) return false;
  const peer = peerOf(replica, from);
  const bytes = bytesKept(m);
  if (peer.deferred.length >= deferredMessagesMax || peer.deferredBytes + bytes > deferredBytesMax) {
    effects.reject(from, m.kind, 'deferred-too-many');
    return true;
  }
  peer.deferred.push(m);
  peer.deferredBytes += bytes;
  if (place.epoch > replica.epoch) requestFetch(replica, from, effects);
  return true;
}

/** Near enough for bounds. Signatures may be long, and messages of view changes have many. */
function bytesKept(m: Message): number {
  if (m.kind === 'pre-prepare') return m.batch.length + 4096;
  return m.kind === 'view-change' || m.kind === 'new-view' ? encode(messageCodec, m).length : 4096;
}

/** Handles what was kept and is due now; what is not due yet stays, what is past falls away. */
export function resumeDeferred(replica: Replica, effects: Effects): void {
  for (const [id, peer] of replica.peers) {
    if (peer.deferred.length === 0) continue;
    const messages = peer.deferred;
    peer.deferred = [];
    peer.deferredBytes = 0;
    for (const m of messages) {
      if (!defer(replica, id, m, effects)) dispatch(replica, id, m, effects);
    }
  }
}
