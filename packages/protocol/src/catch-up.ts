/**
 * Catching up by entries: what others have committed, and what a new-view adopted. spec/checkpoints.md, lines 9-15;
 * spec/view-change.md, line 15.
 *
 * Nothing that a peer sends here is believed: committed entries come with a commit certificate, adopted ones must lead to
 * the adopted header's digest, and every header must be what this replica's own execution gives.
 */
import { type Digest, headerDigest, sameBytes, validCommitCertificate } from '@coppice/wire';
import { discardedTo } from './discarded.ts';
import type { InstanceId } from './input.ts';
import { commitThrough, follow, rollback } from './log.ts';
import { entriesPerMessage, type LogEntry, type MessageOf } from './message.ts';
import { resumeProposals, voteForAdopted } from './normal-case.ts';
import { peerOf } from './peers.ts';
import { diverged } from './refusal.ts';
import { type Effects, entryWith, instanceAt, type Replica, votedFrom } from './replica.ts';
import { offerSnapshot } from './state-transfer.ts';

/** How long an unanswered question is waited for, in status intervals. */
export const answerIntervals = 5;

/** Bytes of entries in one answer. */
const entriesBytesMax = 4 * 1024 * 1024;
/** In place of a batch for which an answer has no room: no batch is without bytes. */
const leftOut = new Uint8Array(0);

/** Asks `peer` for what it has committed above mine, unless somebody was asked for it: then {@link fetchAgain}. [11] */
export function requestFetch(replica: Replica, peer: InstanceId, effects: Effects): void {
  if (replica.fetching?.from !== replica.committed + 1) ask(replica, peer, effects);
}

/**
 * Asks the next of `peers` where nobody was asked, or whoever was did not answer. They take turns: one that claims much and
 * answers nothing would else be the only one that is ever asked.
 */
export function fetchAgain(replica: Replica, peers: readonly InstanceId[], effects: Effects): void {
  const { fetching, now } = replica;
  const patience = answerIntervals * replica.environment.settings.statusIntervalMs;
  if (fetching?.from === replica.committed + 1 && now - fetching.at < patience) return;
  const next = peers[(peers.indexOf(fetching?.peer ?? '') + 1) % peers.length];
  if (next !== undefined) ask(replica, next, effects);
}

function ask(replica: Replica, peer: InstanceId, effects: Effects): void {
  // A wrong state is not followed with: the next checkpoint that becomes stable replaces it.
  if (replica.transfer !== undefined || replica.corrupt) return;
  // [19] First the log, then what was ordered meanwhile.
  if (replica.filling !== undefined && replica.slot === undefined && !replica.retired) return;
  const from = replica.committed + 1;
  replica.fetching = { peer, from, at: replica.now };
  effects.send(peer, { kind: 'fetch', from });
}

/** Upon ⟨FETCH from⟩. [12-13] */
export function onFetch(replica: Replica, from: InstanceId, m: MessageOf<'fetch'>, effects: Effects): void {
  if (m.from > replica.committed) return;
  const first = replica.log.get(m.from);
  if (first === undefined) return offerSnapshot(replica, from, 0, effects);
  const entries: LogEntry[] = [];
  let bytes = 0;
  let certified = 0;
  for (let i = m.from; i <= replica.committed && entries.length < entriesPerMessage; i++) {
    const entry = replica.log.get(i);
    if (entry === undefined || entry.header.epoch !== first.header.epoch) break;
    bytes += entry.batchBytes.length + 512;
    if (bytes > entriesBytesMax && certified > 0) break;
    entries.push({ header: entry.header, batch: entry.batchBytes });
    if (entry.certificate !== undefined) certified = entries.length;
  }
  const last = replica.log.get(m.from + certified - 1)?.certificate;
  if (certified === 0 || last === undefined) return;
  effects.send(from, { kind: 'entries', entries: entries.slice(0, certified), certificate: last });
}

/** Upon committed entries. [14] */
export function onEntries(replica: Replica, from: InstanceId, m: MessageOf<'entries'>, effects: Effects): void {
  const { cryptography, service } = replica.environment;
  const reject = (reason: Parameters<Effects['reject']>[2], detail?: string): void =>
    effects.reject(from, 'entries', reason, detail);
  if (replica.transfer !== undefined || replica.fetching?.peer !== from) return reject('not-asked');
  const last = m.entries.at(-1);
  if (last === undefined || last.header.sequence <= replica.committed) {
    replica.fetching = undefined;
    return reject('stale');
  }
  if (last.header.epoch !== replica.epoch) return reject('wrong-epoch');
  const { subject } = m.certificate;
  if (
    subject.sequence !== last.header.sequence ||
    !sameBytes(subject.headerDigest, headerDigest(cryptography, last.header)) ||
    !validCommitCertificate(cryptography, service, replica.configuration, m.certificate)
  ) {
    return reject('bad-certificate');
  }
  replica.fetching = undefined;
  // The certificate speaks for the last header only: before anything of mine is discarded, the others must lead to it.
  if (!leadsTo(replica, m.entries, subject.headerDigest)) return reject('wrong-header');
  if (!followAll(replica, m.entries, subject.headerDigest, effects)) {
    // If the headers lead to the certificate and my execution does not, I diverged.
    diverged(replica, from, m.entries, m.certificate, effects);
    return;
  }
  commitThrough(replica, subject.sequence, m.certificate, effects);
  resumeProposals(replica, effects);
  // There is more where this came from. Where not, a question would stay open, and hold up the next one.
  if (peerOf(replica, from).committed > replica.committed) requestFetch(replica, from, effects);
}

/**
 * Whether these headers follow from one another, and from my log below the first of them that is not committed here, up to
 * the header of this digest. Its previous root then covers all of them, and what is below them in my log.
 */
function leadsTo(replica: Replica, entries: readonly LogEntry[], digest: Digest): boolean {
  const above = entries.filter(({ header }) => header.sequence > replica.committed);
  const base = (above[0]?.header.sequence ?? 0) - 1;
  if (base < replica.committed || base > replica.executed) return false;
  const tree = replica.tree.clone();
  tree.rollback(base);
  let last: Digest | undefined;
  for (const { header } of above) {
    if (header.sequence !== tree.size + 1 || !sameBytes(header.previousRoot, tree.root())) return false;
    last = headerDigest(replica.environment.cryptography, header);
    tree.append(last, header.rehashed);
  }
  return last !== undefined && sameBytes(last, digest);
}

/**
 * Makes the log lead to the header of this digest, which is that of the last entry; the headers must {@link leadsTo lead}
 * there. Executions that do not are discarded, those that do are kept. `false` where this replica's own execution does not
 * give these headers.
 */
export function followAll(replica: Replica, entries: readonly LogEntry[], digest: Digest, effects: Effects): boolean {
  const { cryptography } = replica.environment;
  const target = entries.at(-1)!.header.sequence;
  if (entryWith(replica, target, digest) !== undefined) return true;
  for (const { header, batch } of entries) {
    if (header.sequence <= replica.committed) continue;
    const own = replica.log.get(header.sequence);
    if (own !== undefined && sameBytes(own.headerDigest, headerDigest(cryptography, header))) continue;
    if (own !== undefined) {
      if (votedFrom(replica, header.sequence)) replica.mute = true;
      rollback(replica, header.sequence - 1);
    }
    if (header.sequence !== replica.executed + 1 || follow(replica, header, batch, effects) === undefined) return false;
  }
  return entryWith(replica, target, digest) !== undefined;
}

/** Asks whoever may have the adopted header for what leads to it, one after the other. */
export function fetchAdopted(replica: Replica, effects: Effects): void {
  const { adopting } = replica;
  if (adopting === undefined) return;
  const patience = answerIntervals * replica.environment.settings.statusIntervalMs;
  if (adopting.attempts > 0 && replica.now - adopting.askedAt < patience) return;
  // Where it was prepared, a quorum has it: also those whose view changes name another, or are not among these.
  const { bearers, from } = adopting;
  const others = replica.configuration.seats.map(({ slot }) => slot).filter((slot) => !bearers.includes(slot));
  const holders = [...bearers, ...others].filter((slot) => slot !== replica.slot);
  const bearer = holders[adopting.attempts % holders.length];
  adopting.attempts += 1;
  adopting.askedAt = replica.now;
  const to = bearer === undefined ? undefined : instanceAt(replica, bearer);
  if (to === undefined) return;
  const { header, headerDigest: digest } = adopting;
  effects.send(to, {
    kind: 'fetch-held',
    from: Math.min(Math.max(from, replica.committed + 1), replica.executed + 1),
    sequence: header.sequence,
    headerDigest: digest,
  });
}

/**
 * Upon ⟨FETCH-HELD⟩: entries that lead to a header of my log, committed or not, or to one that I discarded. All headers, so that they can be checked;
 * batches as many as there is room for, at least one. What is left out is asked for again.
 */
export function onFetchHeld(replica: Replica, from: InstanceId, m: MessageOf<'fetch-held'>, effects: Effects): void {
  if (replica.slotOf.get(from) === undefined) return effects.reject(from, m.kind, 'unknown-sender');
  const discarded = discardedTo(replica, m.sequence, m.headerDigest);
  if (discarded === undefined) return;
  const inLog = m.sequence - discarded.length;
  if (m.from <= inLog && !replica.log.has(m.from)) return offerSnapshot(replica, from, replica.epoch, effects);
  const entries: LogEntry[] = [];
  let bytes = 0;
  for (let i = m.from; i <= m.sequence && entries.length < entriesPerMessage * 8; i++) {
    const entry = i > inLog ? discarded[i - inLog - 1] : entryAt(replica, i);
    if (entry === undefined) return;
    bytes += entry.batch.length;
    const fits = entries.length === 0 || bytes <= entriesBytesMax;
    entries.push(fits ? entry : { header: entry.header, batch: leftOut });
  }
  effects.send(from, { kind: 'held', entries });
}

function entryAt(replica: Replica, sequence: number): LogEntry | undefined {
  const entry = replica.log.get(sequence);
  return entry && { header: entry.header, batch: entry.batchBytes };
}

export function onHeld(replica: Replica, from: InstanceId, m: MessageOf<'held'>, effects: Effects): void {
  const { adopting } = replica;
  const last = m.entries.at(-1);
  if (adopting === undefined || last === undefined) return effects.reject(from, m.kind, 'not-asked');
  if (!sameBytes(headerDigest(replica.environment.cryptography, last.header), adopting.headerDigest)) {
    return effects.reject(from, m.kind, 'wrong-header');
  }
  if (!leadsTo(replica, m.entries, adopting.headerDigest)) return effects.reject(from, m.kind, 'wrong-header');
  const given = m.entries.filter(({ batch }) => batch.length > 0);
  const end = given.at(-1)?.header;
  if (end === undefined) return effects.reject(from, m.kind, 'malformed');
  if (!followAll(replica, given, headerDigest(replica.environment.cryptography, end), effects))
    return effects.reject(from, m.kind, 'different-result');
  if (given.length < m.entries.length) {
    // Whoever got me further is asked for the rest at once.
    if (end.sequence < adopting.from) return;
    adopting.from = end.sequence + 1;
    adopting.askedAt = 0;
    adopting.attempts = Math.max(adopting.attempts - 1, 0);
    return fetchAdopted(replica, effects);
  }
  const entry = entryWith(replica, adopting.header.sequence, adopting.headerDigest);
  if (entry === undefined) return;
  rollback(replica, adopting.header.sequence);
  replica.adopting = undefined;
  // What I executed of other headers in this view, I did not vote for in it: the view began with this adoption.
  replica.mute = false;
  voteForAdopted(replica, entry, effects);
  resumeProposals(replica, effects);
}
