/**
 * View changes. spec/view-change.md; line numbers in brackets.
 *
 * The one idea: a nonce that was not revealed when the view change left is dead, so what can still commit in the old
 * view is fixed, and every quorum of view changes names it.
 */
import {
  type Digest,
  type Header,
  headerDigest,
  newViewDigest,
  newViewStatement,
  sameBytes,
  seatOf,
  validPreparedCertificate,
  type ViewChange,
  type NewView,
  viewChangeStatement,
} from '@coppice/wire';
import { fetchAdopted, followAll } from './catch-up.ts';
import { discardedTo } from './discarded.ts';
import type { InstanceId } from './input.ts';
import { rollback } from './log.ts';
import { eraseNonces, voteForAdopted } from './normal-case.ts';
import { type Effects, entryWith, faults, primary, quorum, type Replica } from './replica.ts';
import { resumeDeferred } from './step.ts';

/** How long one slot may ask in vain before the others join it, in view timeouts. */
const patience = 20;

/** Stops voting in this view and asks for `view`. [3-6] */
export function startViewChange(replica: Replica, view: number, why: string, effects: Effects): void {
  if (replica.slot === undefined || replica.halted) return;
  eraseNonces(replica);
  replica.asking = view;
  replica.askedAt = replica.now;
  replica.adopting = undefined;
  replica.proposals.clear();
  effects.push({ kind: 'report', report: { kind: 'view-change-sent', epoch: replica.epoch, view, why } });
  const { service } = replica.environment;
  const viewChange = { service, epoch: replica.epoch, view, slot: replica.slot, prepared: replica.highestPrepared };
  effects.push({
    kind: 'sign',
    key: replica.epoch,
    statement: viewChangeStatement(viewChange),
    unsigned: { kind: 'view-change', viewChange },
  });
}

/** The own view change is signed. [5] */
export function onOwnViewChange(replica: Replica, viewChange: ViewChange, effects: Effects): void {
  if (replica.asking !== viewChange.view || viewChange.epoch !== replica.epoch) return;
  replica.viewChanges.set(viewChange.slot, { viewChange, at: replica.now, valid: true });
  effects.broadcast({ kind: 'view-change', viewChange });
  tryNewView(replica, effects);
}

/** Upon ⟨VIEW-CHANGE e, v', prepared⟩. [2, 8-10] */
export function onViewChange(replica: Replica, from: InstanceId, viewChange: ViewChange, effects: Effects): void {
  const reject = (reason: Parameters<Effects['reject']>[2]): void => effects.reject(from, 'view-change', reason);
  if (replica.slotOf.get(from) !== viewChange.slot) return reject('unknown-sender');
  if (viewChange.epoch !== replica.epoch) return reject('wrong-epoch');
  if (viewChange.view <= replica.view) return reject('wrong-view');
  const known = replica.viewChanges.get(viewChange.slot);
  if (known !== undefined && known.viewChange.view >= viewChange.view) return;
  if (!validSignature(replica, viewChange)) return reject('bad-signature');
  replica.viewChanges.set(viewChange.slot, { viewChange, at: replica.now, valid: undefined });
  joinOthers(replica, effects);
  tryNewView(replica, effects);
}

/** Joins the least of f + 1 slots' higher views, or one slot that has asked for long. [2] */
export function joinOthers(replica: Replica, effects: Effects): void {
  if (replica.slot === undefined) return;
  const mine = replica.asking ?? replica.view;
  const higher = [...replica.viewChanges.values()].filter(({ viewChange }) => viewChange.view > mine);
  if (higher.length > faults(replica)) {
    const view = Math.min(...higher.map(({ viewChange }) => viewChange.view));
    return startViewChange(replica, view, 'others ask', effects);
  }
  const long = patience * replica.environment.settings.viewTimeoutMs;
  const old = higher.find(({ at }) => replica.now - at > long);
  if (old !== undefined && replica.asking === undefined && replica.now - replica.askedAt > long) {
    startViewChange(replica, replica.view + 1, 'one slot has asked for long', effects);
  }
}

/** Slots that ask for this view or a higher one: whoever has gone on does not wait for it either. */
export function askers(replica: Replica, view: number): number {
  let count = 0;
  for (const { viewChange } of replica.viewChanges.values()) if (viewChange.view >= view) count += 1;
  return count;
}

function tryNewView(replica: Replica, effects: Effects): void {
  const view = replica.asking;
  if (view === undefined || replica.slot === undefined || primary(replica, view) !== replica.slot) return;
  const valid: ViewChange[] = [];
  const own = replica.viewChanges.get(replica.slot);
  if (own === undefined || own.viewChange.view !== view) return;
  for (const known of replica.viewChanges.values()) {
    if (known.viewChange.view !== view || valid.length === quorum(replica)) continue;
    known.valid ??= validPrepared(replica, known.viewChange);
    if (known.valid) valid.push(known.viewChange);
  }
  if (valid.length < quorum(replica) || !valid.includes(own.viewChange)) {
    // The own one must be among them: put it in the place of the last.
    if (valid.length < quorum(replica)) return;
    valid[valid.length - 1] = own.viewChange;
  }
  valid.sort((a, b) => a.slot - b.slot);
  const { service } = replica.environment;
  const newView = { service, epoch: replica.epoch, view, slot: replica.slot, viewChanges: valid };
  effects.push({
    kind: 'sign',
    key: replica.epoch,
    statement: newViewStatement(newView),
    unsigned: { kind: 'new-view', newView },
  });
}

export function onOwnNewView(replica: Replica, newView: NewView, effects: Effects): void {
  if (replica.asking !== newView.view || newView.epoch !== replica.epoch) return;
  effects.broadcast({ kind: 'new-view', newView });
  enterView(replica, newView, effects);
}

/** Upon ⟨NEW-VIEW e, v'⟩. [12] */
export function onNewView(replica: Replica, from: InstanceId, newView: NewView, effects: Effects): void {
  const { cryptography } = replica.environment;
  const reject = (reason: Parameters<Effects['reject']>[2], detail?: string): void =>
    effects.reject(from, 'new-view', reason, detail);
  if (replica.slot === undefined) return reject('not-seated');
  if (newView.epoch !== replica.epoch) return reject('wrong-epoch');
  if (newView.view <= replica.view || newView.view < (replica.asking ?? 0)) return reject('wrong-view');
  if (newView.view < (replica.committedIn ?? 0)) return reject('stale');
  // Whoever brings it, it is its primary's: replicas repeat new-views to those that missed them.
  if (newView.slot !== primary(replica, newView.view)) return reject('not-primary');
  const seat = seatOf(replica.configuration, newView.slot);
  if (seat === undefined || !cryptography.verify(seat.signingKey, newViewStatement(newView), newView.signature)) {
    return reject('bad-signature');
  }
  const slots = newView.viewChanges.map((viewChange) => viewChange.slot);
  if (slots.length !== quorum(replica) || slots.some((slot, i) => i > 0 && slot <= slots[i - 1]!))
    return reject('bad-certificate');
  for (const viewChange of newView.viewChanges) {
    if (viewChange.epoch !== replica.epoch || viewChange.view !== newView.view)
      return reject('bad-certificate', 'another view');
    if (!validSignature(replica, viewChange) || !validPrepared(replica, viewChange)) return reject('bad-certificate');
  }
  enterView(replica, newView, effects);
}

function validSignature(replica: Replica, viewChange: ViewChange): boolean {
  const { cryptography, service } = replica.environment;
  const seat = seatOf(replica.configuration, viewChange.slot);
  if (seat === undefined || !sameBytes(viewChange.service, service)) return false;
  return cryptography.verify(seat.signingKey, viewChangeStatement(viewChange), viewChange.signature);
}

function validPrepared(replica: Replica, viewChange: ViewChange): boolean {
  const { prepared } = viewChange;
  if (prepared === undefined) return true;
  const { cryptography, service } = replica.environment;
  const { subject } = prepared.certificate;
  return (
    subject.epoch === replica.epoch &&
    subject.view < viewChange.view &&
    prepared.header.epoch === replica.epoch &&
    prepared.header.sequence === subject.sequence &&
    sameBytes(headerDigest(cryptography, prepared.header), subject.headerDigest) &&
    validPreparedCertificate(cryptography, service, replica.configuration, prepared.certificate)
  );
}

/** What a new-view adopts: highest by view, then sequence. [13] */
export function adoptedBy(newView: NewView): ViewChange['prepared'] {
  let adopted: ViewChange['prepared'];
  for (const { prepared } of newView.viewChanges) {
    if (prepared === undefined) continue;
    const a = prepared.certificate.subject;
    const b = adopted?.certificate.subject;
    if (b === undefined || a.view > b.view || (a.view === b.view && a.sequence > b.sequence)) adopted = prepared;
  }
  return adopted;
}

/** [14-16] */
function enterView(replica: Replica, newView: NewView, effects: Effects): void {
  const { cryptography } = replica.environment;
  eraseNonces(replica);
  replica.view = newView.view;
  replica.newView = newView;
  replica.newViewDigest = newViewDigest(cryptography, newView);
  replica.asking = undefined;
  replica.askedAt = replica.now;
  replica.mute = false;
  replica.votes.clear();
  replica.proposals.clear();
  replica.syncing.clear();
  for (const entry of replica.log.values()) {
    entry.prepared = undefined;
    entry.revealed = false;
  }
  for (const [slot, known] of replica.viewChanges)
    if (known.viewChange.view <= newView.view) replica.viewChanges.delete(slot);
  replica.lastCommitAt = replica.now;
  replica.lastProposalAt = 0;
  effects.append(replica.committed, { kind: 'new-view', newView });
  effects.push({
    kind: 'report',
    report: { kind: 'view', epoch: replica.epoch, view: replica.view, primary: primary(replica) },
  });

  const adopted = adoptedBy(newView);
  if (adopted === undefined) {
    const explained =
      replica.committed === replica.epochStart ||
      replica.committedIn === undefined ||
      replica.committedIn === newView.view;
    if (!explained) return contradiction(replica, replica.committed, effects);
    rollback(replica, replica.committed);
  } else {
    const digest = headerDigest(cryptography, adopted.header);
    adopt(replica, newView, adopted.header, digest, effects);
  }
  resumeDeferred(replica, effects);
}

function adopt(replica: Replica, newView: NewView, header: Header, digest: Digest, effects: Effects): void {
  // What an earlier view discarded is executed again: nothing of it is at or below what is committed.
  const discarded = discardedTo(replica, header.sequence, digest) ?? [];
  if (discarded.length > 0) followAll(replica, discarded, digest, effects);
  const entry = entryWith(replica, header.sequence, digest);
  if (header.sequence < replica.committed || (header.sequence === replica.committed && entry === undefined)) {
    // What was committed in this very view came to me before the new-view did, or I only know the state that it led to.
    // Otherwise a quorum forgot what another had certified.
    const explained = replica.committedIn === undefined || replica.committedIn === newView.view;
    if (!explained) contradiction(replica, header.sequence, effects);
    return;
  }
  if (entry !== undefined) {
    rollback(replica, header.sequence);
    voteForAdopted(replica, entry, effects);
    return;
  }
  const bearers = newView.viewChanges
    .filter(
      ({ prepared }) =>
        prepared !== undefined && sameBytes(headerDigest(replica.environment.cryptography, prepared.header), digest),
    )
    .map(({ slot }) => slot);
  replica.adopting = {
    newView,
    digest: replica.newViewDigest,
    header,
    headerDigest: digest,
    bearers,
    from: 0,
    attempts: 0,
    askedAt: 0,
  };
  fetchAdopted(replica, effects);
}

/** A quorum certified what contradicts my committed log: assumption F is broken. Nothing this replica does can help. */
export function contradiction(replica: Replica, sequence: number, effects: Effects): void {
  replica.halted = true;
  effects.push(
    { kind: 'report', report: { kind: 'contradiction', sequence } },
    { kind: 'exit', reason: 'contradiction' },
  );
}
