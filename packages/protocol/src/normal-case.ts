/**
 * The normal case: pre-prepare, prepare, commit. spec/normal-case.md; line numbers in brackets.
 *
 * The one idea: a vote commits to a nonce, and revealing the nonce is the commit. So whatever must be true before a
 * replica commits (prepared, durable, still in this view) only has to be true before the nonce leaves the process.
 */
import {
  assert,
  batchCodec,
  type Bundle,
  type CommitCertificate,
  commitmentOf,
  decode,
  encode,
  headerDigest,
  type Item,
  sameBytes,
  type Subject,
  validVote,
  type Vote,
} from '@coppice/wire';
import type { Input, InstanceId } from './input.ts';
import { accept, commitThrough, execute, undo } from './log.ts';
import type { MessageOf } from './message.ts';
import { itemBytes, itemKey } from './pool.ts';
import { requestFetch } from './catch-up.ts';
import { reportContradictingVotes, reportFork } from './fault.ts';
import { disagree, divergentItems } from './refusal.ts';
import {
  type Ballot,
  type Effects,
  type Entry,
  entryWith,
  instanceAt,
  isPrimary,
  mayVote,
  primary,
  quorum,
  type Replica,
  votedFrom,
  type Voting,
} from './replica.ts';

/** Batches above the last stable checkpoint, in checkpoint intervals: L of line 2. */
const checkpointsUnstable = 8;

/** The view's votes go on above this header: the adopted one is voted on, nothing is missing below. */
function settled(replica: Replica): boolean {
  return replica.adopting === undefined && replica.transfer === undefined;
}

function subjectOf(replica: Replica, entry: Entry): Subject {
  const { epoch, view } = replica;
  return {
    epoch,
    view,
    sequence: entry.header.sequence,
    headerDigest: entry.headerDigest,
    newView: replica.newViewDigest,
  };
}

function votingAt(replica: Replica, sequence: number): Voting {
  let voting = replica.votes.get(sequence);
  if (voting === undefined) {
    voting = { ballots: new Map(), nonce: undefined };
    replica.votes.set(sequence, voting);
  }
  return voting;
}

/** Upon there being anything to send. [1-7] */
export function propose(replica: Replica, effects: Effects): void {
  if (!isPrimary(replica) || !mayVote(replica) || !settled(replica)) return;
  const { settings } = replica.environment;
  while (
    replica.executed - replica.committed < settings.window &&
    replica.executed < replica.stable + checkpointsUnstable * settings.checkpointInterval &&
    !closed(replica) &&
    worthwhile(replica)
  ) {
    if (!proposeNext(replica, effects)) return;
  }
}

/** The newest entry ends this epoch. */
export function closed(replica: Replica): boolean {
  return replica.executed > replica.epochStart && replica.log.get(replica.executed)?.closes === true;
}

function worthwhile(replica: Replica): boolean {
  if (replica.now - replica.lastProposalAt >= replica.environment.settings.heartbeatMs) return true;
  if (challengeItem(replica) !== undefined || replica.environment.execution.activationDue() !== undefined) return true;
  if (replica.pool.waiting === 0) return false;
  // With batches in flight, wait for about as much as the last batch held: batches grow with the load, and an idle
  // pipeline never waits.
  const inFlight = replica.executed - replica.committed;
  const last = replica.log.get(replica.executed)?.batch.items.length ?? 0;
  return inFlight === 0 || replica.pool.waiting >= Math.min(last, 64) || inFlight < 2;
}

function proposeNext(replica: Replica, effects: Effects): boolean {
  const items = fill(replica, effects);
  const attempt = (chosen: readonly Item[]) => {
    const batch = { items: chosen };
    return {
      batch,
      batchBytes: encode(batchCodec, batch),
      time: Math.max(replica.now, replica.timeOfExecuted),
      proposer: replica.slot!,
    };
  };
  let tried = attempt(items);
  let result = execute(replica, tried);
  if ('unacceptable' in result && items.length > 0) {
    // Some item spoils the batch although each was admissible alone: drop those that fail by themselves, wait with the rest.
    const detail = result.unacceptable;
    for (const item of items) {
      const alone = execute(replica, attempt([item]));
      if ('unacceptable' in alone) dropItem(replica, item, alone.unacceptable, effects);
      else undo(replica);
    }
    tried = attempt([]);
    result = execute(replica, tried);
    effects.reject('pool', 'batch', 'unacceptable-batch', detail);
  }
  replica.lastProposalAt = replica.now;
  if ('unacceptable' in result) {
    effects.reject('pool', 'batch', 'unacceptable-batch', result.unacceptable);
    return false;
  }
  const entry = accept(replica, tried, result.header, result.executed, replica.view, effects);
  effects.push({ kind: 'sign-vote', subject: subjectOf(replica, entry) });
  return true;
}

function dropItem(replica: Replica, item: Item, detail: string, effects: Effects): void {
  replica.pool.remove(itemKey(replica.environment.cryptography, item));
  effects.reject('pool', item.kind, 'inadmissible', detail);
}

/** The items of the next batch: a challenge that is owed, divergent requests with their refusals, then the oldest first. */
function fill(replica: Replica, effects: Effects): Item[] {
  const { execution, settings } = replica.environment;
  const due = execution.activationDue();
  // It stands alone. spec/upgrades.md, line 10.
  if (due !== undefined) return withDivergent(replica, { kind: 'system', request: due });
  const items: Item[] = [];
  // Everything counts, and the number of items: a batch too large to be encoded would end every primary that makes it.
  let bytes = 4;
  const challenge = challengeItem(replica);
  if (challenge !== undefined) {
    items.push(challenge);
    bytes += itemBytes(challenge);
  }
  const spoiled: Item[] = [];
  for (const { item, bytes: size } of replica.pool.pending()) {
    if (items.length > 0 && bytes + size > settings.batchBytesMax) break;
    if (items.length >= 2048) break;
    const fresh = item.kind === 'bundle' ? withoutExecuted(replica, item.bundle) : item;
    const why =
      fresh === undefined ? 'already executed' : fresh.kind === 'system' ? execution.inadmissible(fresh) : undefined;
    if (fresh === undefined || why !== undefined) {
      spoiled.push(item);
      continue;
    }
    const together = withDivergent(replica, fresh);
    const more = together.reduce((sum, one) => sum + itemBytes(one), 0);
    if (items.length > 0 && bytes + more > settings.batchBytesMax) break;
    items.push(...together);
    bytes += more;
  }
  for (const item of spoiled) dropItem(replica, item, 'already executed or no longer admissible', effects);
  return items;
}

function withDivergent(replica: Replica, item: Item): Item[] {
  return [...divergentItems(replica, item), item];
}

/** A bundle is ordered as its client signed it, or not at all: whole, if any of it is new. */
function withoutExecuted(replica: Replica, bundle: Bundle): Item | undefined {
  return replica.environment.execution.hasNew(bundle) ? { kind: 'bundle', bundle } : undefined;
}

/** The challenge that is owed: any certificate that commits the opening batch, its own or that of a later header. */
function challengeItem(replica: Replica): Item | undefined {
  const owed = replica.environment.execution.challengeOwed();
  if (owed === undefined) return undefined;
  for (let i = owed.openedAt; i <= replica.committed; i++) {
    const certificate = replica.log.get(i)?.certificate;
    if (certificate?.subject.epoch !== replica.epoch) continue;
    return { kind: 'system', request: { kind: 'challenge', turn: owed.turn, certificate } };
  }
  return undefined;
}

/** Upon ⟨PRE-PREPARE header, batch, vote⟩. [9-16] */
export function onPrePrepare(replica: Replica, from: InstanceId, m: MessageOf<'pre-prepare'>, effects: Effects): void {
  const { header, vote } = m;
  const reject = (reason: Parameters<Effects['reject']>[2], detail?: string): void =>
    effects.reject(from, 'pre-prepare', reason, detail);

  // Peers may be faulty, so these are rejections and never assertions. [10]
  if (!mayVote(replica)) return reject('not-seated');
  if (replica.slotOf.get(from) !== primary(replica)) return reject('not-primary');
  if (header.epoch !== replica.epoch || vote.subject.epoch !== header.epoch) return reject('wrong-epoch');
  if (vote.subject.view !== replica.view) return reject('wrong-view');
  if (header.sequence !== vote.subject.sequence || vote.slot !== primary(replica)) return reject('wrong-header');
  if (header.sequence <= replica.committed) return reject('stale');
  if (header.sequence > replica.committed + 2 * replica.environment.settings.window) return reject('outside-window');
  if (!sameBytes(vote.subject.headerDigest, headerDigest(replica.environment.cryptography, header)))
    return reject('wrong-header');

  const entry = replica.log.get(header.sequence);
  if (entry !== undefined) {
    // Sent again, or another header than the one voted for: a lie that its own vote proves. [19]
    if (!sameBytes(entry.headerDigest, vote.subject.headerDigest)) recordVote(replica, vote, false, effects);
    return;
  }
  if (header.sequence !== replica.executed + 1 || !settled(replica)) {
    if (!replica.proposals.has(header.sequence)) replica.proposals.set(header.sequence, m);
    recordVote(replica, vote, false, effects);
    return;
  }
  acceptProposal(replica, from, m, effects);
}

/** Takes up the proposals that waited for what is now the newest entry. [11] */
export function resumeProposals(replica: Replica, effects: Effects): void {
  for (;;) {
    const waiting = replica.proposals.get(replica.executed + 1);
    const from = instanceAt(replica, primary(replica));
    if (waiting === undefined || from === undefined || !mayVote(replica) || !settled(replica)) return;
    replica.proposals.delete(replica.executed + 1);
    const before = replica.executed;
    acceptProposal(replica, from, waiting, effects);
    if (replica.executed === before) return;
  }
}

function acceptProposal(replica: Replica, from: InstanceId, m: MessageOf<'pre-prepare'>, effects: Effects): void {
  const { cryptography, service, settings } = replica.environment;
  const { header, vote } = m;
  const reject = (reason: Parameters<Effects['reject']>[2], detail?: string): void =>
    effects.reject(from, 'pre-prepare', reason, detail);

  if (!validVote(cryptography, service, replica.configuration, vote.subject, vote)) return reject('bad-signature');
  if (!sameBytes(vote.subject.newView, replica.newViewDigest)) return reject('wrong-view');
  // [12-13]
  if (!sameBytes(header.previousRoot, replica.tree.root()) || header.proposer !== vote.slot || closed(replica)) {
    return reject('wrong-header');
  }
  if (header.protocolVersion !== replica.environment.execution.active().protocol) return reject('wrong-version');
  if (header.time < replica.timeOfExecuted) return reject('time-out-of-bounds', 'before its predecessor');
  if (Math.abs(header.time - replica.now) > settings.clockBoundMs) return reject('time-out-of-bounds');
  const batch = decode(batchCodec, m.batch);
  if (!batch.ok) return reject('malformed', batch.reason);

  // Our own execution must give the same header, or we do not vote. [14]
  const attempt = { batch: batch.value, batchBytes: m.batch, time: header.time, proposer: header.proposer };
  const result = execute(replica, attempt);
  if ('unacceptable' in result) return reject('unacceptable-batch', result.unacceptable);
  if (!sameBytes(headerDigest(cryptography, result.header), vote.subject.headerDigest)) {
    undo(replica);
    disagree(replica, from, vote.subject, batch.value, result.executed, effects);
    return reject('different-result');
  }

  // [15-16]
  const entry = accept(replica, attempt, header, result.executed, replica.view, effects);
  recordVote(replica, vote, true, effects);
  // Votes that came before the batch can be compared with it only now.
  for (const slot of replica.votes.get(header.sequence)!.ballots.keys()) reportFork(replica, slot, effects);
  effects.push({ kind: 'sign-vote', subject: subjectOf(replica, entry) });
}

/** Votes again for the header that a new-view adopted. spec/view-change.md, line 16. */
export function voteForAdopted(replica: Replica, entry: Entry, effects: Effects): void {
  if (mayVote(replica)) effects.push({ kind: 'sign-vote', subject: subjectOf(replica, entry) });
}

/** The own vote is signed: it counts, and goes out. [7, 16] */
export function onVoted(replica: Replica, input: Extract<Input, { kind: 'voted' }>, effects: Effects): void {
  const { subject, nonce, commitment, signature } = input;
  if (!mayVote(replica) || subject.epoch !== replica.epoch || subject.view !== replica.view) {
    nonce.fill(0);
    return;
  }
  const entry = entryWith(replica, subject.sequence, subject.headerDigest);
  // Committed meanwhile by the certificate of a later one: nobody needs this vote, and its nonce must not be kept for it.
  const overtaken = subject.sequence < replica.committed;
  if (entry === undefined || overtaken || votingAt(replica, subject.sequence).ballots.has(replica.slot!)) {
    nonce.fill(0);
    return;
  }
  const voting = votingAt(replica, subject.sequence);
  const vote: Vote = { subject, slot: replica.slot!, commitment, signature };
  voting.nonce = nonce;
  voting.ballots.set(vote.slot, { vote, verified: true, nonce: undefined });
  const proposed = isPrimary(replica) && entry.proposedIn === replica.view;
  effects.broadcast(
    proposed ? { kind: 'pre-prepare', header: entry.header, batch: entry.batchBytes, vote } : { kind: 'prepare', vote },
  );
  tryPrepare(replica, entry, effects);
}

/** Upon ⟨PREPARE vote⟩. [18-19] */
export function onPrepare(replica: Replica, from: InstanceId, vote: Vote, effects: Effects): void {
  if (replica.slotOf.get(from) !== vote.slot) return effects.reject(from, 'prepare', 'unknown-sender');
  takeVote(replica, from, vote, false, effects);
}

/** Upon ⟨ECHO vote⟩: what the primary signed for another replica. Checked at once, since its bearer did not sign it. */
export function onEcho(replica: Replica, from: InstanceId, vote: Vote, effects: Effects): void {
  const { cryptography, service } = replica.environment;
  if (vote.subject.epoch !== replica.epoch) return effects.reject(from, 'echo', 'wrong-epoch');
  if (!validVote(cryptography, service, replica.configuration, vote.subject, vote)) {
    return effects.reject(from, 'echo', 'bad-signature');
  }
  takeVote(replica, from, vote, true, effects);
}

function takeVote(replica: Replica, from: InstanceId, vote: Vote, verified: boolean, effects: Effects): void {
  const { subject } = vote;
  if (replica.slot === undefined) return effects.reject(from, 'prepare', 'not-seated');
  if (subject.epoch !== replica.epoch) return effects.reject(from, 'prepare', 'wrong-epoch');
  if (subject.view !== replica.view) return effects.reject(from, 'prepare', 'wrong-view');
  if (
    subject.sequence < replica.committed ||
    subject.sequence > replica.committed + 2 * replica.environment.settings.window
  ) {
    return effects.reject(from, 'prepare', subject.sequence < replica.committed ? 'stale' : 'outside-window');
  }
  recordVote(replica, vote, verified, effects);
  reportFork(replica, vote.slot, effects);
  const entry = replica.log.get(subject.sequence);
  if (entry !== undefined) tryPrepare(replica, entry, effects);
}

function recordVote(replica: Replica, vote: Vote, verified: boolean, effects: Effects): void {
  const voting = votingAt(replica, vote.subject.sequence);
  const known = voting.ballots.get(vote.slot);
  if (known === undefined) {
    voting.ballots.set(vote.slot, { vote, verified, nonce: undefined });
    echoIfOdd(replica, vote, effects);
    return;
  }
  const same =
    sameBytes(known.vote.subject.headerDigest, vote.subject.headerDigest) &&
    sameBytes(known.vote.subject.newView, vote.subject.newView);
  if (!same) {
    reportContradictingVotes(replica, known.vote, vote, undefined, effects);
  } else if (verified && !known.verified) {
    // The first one may not be its slot's, or commit to another nonce: a valid vote takes its place.
    const nonce = sameBytes(known.vote.commitment, vote.commitment) ? known.nonce : undefined;
    voting.ballots.set(vote.slot, { vote, verified, nonce });
  }
}

/** A vote for another header than mine: one of us was lied to. Shows the voter what the primary signed for me. */
function echoIfOdd(replica: Replica, vote: Vote, effects: Effects): void {
  const entry = replica.log.get(vote.subject.sequence);
  if (entry === undefined || sameBytes(entry.headerDigest, vote.subject.headerDigest)) return;
  const ballot = replica.votes.get(vote.subject.sequence)?.ballots.get(primary(replica));
  const to = instanceAt(replica, vote.slot);
  if (ballot === undefined || to === undefined || vote.slot === replica.slot) return;
  const { cryptography, service } = replica.environment;
  // What came with the channel's authority alone may be signed by nobody: it would be refused, and look like my lie.
  if (ballot.verified || validVote(cryptography, service, replica.configuration, ballot.vote.subject, ballot.vote))
    effects.send(to, { kind: 'echo', vote: ballot.vote });
}

/** Upon a quorum of votes for an executed entry. [20-22] */
function tryPrepare(replica: Replica, entry: Entry, effects: Effects): void {
  const { sequence } = entry.header;
  const voting = replica.votes.get(sequence);
  if (voting === undefined || !mayVote(replica)) return;
  if (entry.prepared === undefined && voting.ballots.has(replica.slot!)) {
    const ballots = verifiedBallots(replica, voting, subjectOf(replica, entry));
    if (ballots === undefined) return;
    const votes = ballots.map(({ vote }) => ({
      slot: vote.slot,
      commitment: vote.commitment,
      signature: vote.signature,
    }));
    const certificate = { subject: subjectOf(replica, entry), votes };
    entry.prepared = certificate;
    const highest = replica.highestPrepared?.certificate.subject;
    if (highest === undefined || highest.view < replica.view || highest.sequence < sequence) {
      replica.highestPrepared = { header: entry.header, certificate };
    }
    effects.append(sequence, { kind: 'prepared', certificate });
    const token = ++replica.syncToken;
    replica.syncing.set(token, { epoch: replica.epoch, view: replica.view, sequences: [sequence] });
    effects.push({ kind: 'sync', token });
  }
  tryCommit(replica, entry, effects);
}

/** A quorum of verified ballots for `subject`, own included, ascending; `undefined` while there is none. [21] */
function verifiedBallots(replica: Replica, voting: Voting, subject: Subject): Ballot[] | undefined {
  const matching = [...voting.ballots.values()].filter(
    ({ vote }) =>
      sameBytes(vote.subject.headerDigest, subject.headerDigest) && sameBytes(vote.subject.newView, subject.newView),
  );
  const needed = quorum(replica);
  if (matching.length < needed) return undefined;
  // The own vote first, then those verified already: verify no more than what is missing.
  matching.sort((a, b) => rank(replica, a) - rank(replica, b));
  const chosen: Ballot[] = [];
  for (const ballot of matching) {
    if (chosen.length === needed) break;
    if (verifiedBallot(replica, voting, ballot)) chosen.push(ballot);
  }
  return chosen.length < needed ? undefined : chosen.sort((a, b) => a.vote.slot - b.vote.slot);
}

function rank(replica: Replica, ballot: Ballot): number {
  return ballot.vote.slot === replica.slot ? 0 : ballot.verified ? 1 : 2;
}

function verifiedBallot(replica: Replica, voting: Voting, ballot: Ballot): boolean {
  if (ballot.verified) return true;
  const { cryptography, service } = replica.environment;
  ballot.verified = validVote(cryptography, service, replica.configuration, ballot.vote.subject, ballot.vote);
  if (!ballot.verified) voting.ballots.delete(ballot.vote.slot);
  return ballot.verified;
}

/** Upon the sync that covers what prepared. [24-25] */
export function onSynced(replica: Replica, token: number, effects: Effects): void {
  const reveals: { sequence: number; nonce: Uint8Array }[] = [];
  if (replica.filling !== undefined && replica.filling <= token) replica.filling = undefined;
  for (const [earlier, covered] of replica.syncing) {
    if (earlier > token) break;
    replica.syncing.delete(earlier);
    if (covered.epoch !== replica.epoch || covered.view !== replica.view || !mayVote(replica)) continue;
    for (const sequence of covered.sequences) {
      const voting = replica.votes.get(sequence);
      const entry = replica.log.get(sequence);
      if (voting?.nonce === undefined || entry?.prepared?.subject.view !== replica.view || entry.revealed) continue;
      entry.revealed = true;
      const own = voting.ballots.get(replica.slot!);
      assert(own !== undefined, 'a nonce belongs to a vote');
      own.nonce = voting.nonce;
      reveals.push({ sequence, nonce: voting.nonce });
    }
  }
  if (reveals.length === 0) return;
  effects.broadcast({ kind: 'commit', epoch: replica.epoch, view: replica.view, reveals });
  for (const { sequence } of reveals) {
    const entry = replica.log.get(sequence);
    if (entry !== undefined) tryCommit(replica, entry, effects);
  }
}

/** Upon ⟨COMMIT e, v, nonces⟩. [27] */
export function onCommit(replica: Replica, from: InstanceId, m: MessageOf<'commit'>, effects: Effects): void {
  const slot = replica.slotOf.get(from);
  if (slot === undefined) return effects.reject(from, 'commit', 'unknown-sender');
  if (m.epoch !== replica.epoch) return effects.reject(from, 'commit', 'wrong-epoch');
  if (m.view !== replica.view) return effects.reject(from, 'commit', 'wrong-view');
  for (const { sequence, nonce } of m.reveals) {
    if (m.epoch !== replica.epoch) return; // One of the reveals closed the epoch: the rest is history.
    if (sequence < replica.committed) continue;
    const ballot = replica.votes.get(sequence)?.ballots.get(slot);
    if (ballot === undefined) {
      effects.reject(from, 'commit', 'no-such-vote');
      continue;
    }
    if (ballot.nonce !== undefined) continue;
    if (!sameBytes(commitmentOf(replica.environment.cryptography, nonce), ballot.vote.commitment)) {
      effects.reject(from, 'commit', 'wrong-nonce');
      continue;
    }
    ballot.nonce = nonce;
    const entry = replica.log.get(sequence);
    if (entry !== undefined && sameBytes(entry.headerDigest, ballot.vote.subject.headerDigest))
      tryCommit(replica, entry, effects);
    else commitElsewhere(replica, from, sequence, ballot.vote.subject, effects);
  }
}

/** Upon nonces of a quorum. [27-30] */
function tryCommit(replica: Replica, entry: Entry, effects: Effects): void {
  const certificate = commitCertificate(replica, subjectOf(replica, entry));
  if (certificate === undefined) return;
  if (entry.certificate !== undefined) return;
  commitThrough(replica, entry.header.sequence, certificate, effects);
}

function commitCertificate(replica: Replica, subject: Subject): CommitCertificate | undefined {
  const voting = replica.votes.get(subject.sequence);
  if (voting === undefined) return undefined;
  const revealed = [...voting.ballots.values()].filter(
    ({ vote, nonce }) =>
      nonce !== undefined &&
      sameBytes(vote.subject.headerDigest, subject.headerDigest) &&
      sameBytes(vote.subject.newView, subject.newView),
  );
  if (revealed.length < quorum(replica)) return undefined;
  const chosen: Ballot[] = [];
  for (const ballot of revealed.sort((a, b) => rank(replica, a) - rank(replica, b))) {
    if (chosen.length < quorum(replica) && verifiedBallot(replica, voting, ballot)) chosen.push(ballot);
  }
  if (chosen.length < quorum(replica)) return undefined;
  chosen.sort((a, b) => a.vote.slot - b.vote.slot);
  return {
    subject,
    reveals: chosen.map(({ vote, nonce }) => ({ slot: vote.slot, nonce: nonce!, signature: vote.signature })),
  };
}

/** Others commit a header at `sequence` that is not mine, or that I have not executed. [31] */
function commitElsewhere(
  replica: Replica,
  from: InstanceId,
  sequence: number,
  subject: Subject,
  effects: Effects,
): void {
  const certificate = commitCertificate(replica, subject);
  if (certificate === undefined) return;
  if (replica.log.has(sequence) && votedFrom(replica, sequence)) replica.mute = true;
  requestFetch(replica, from, effects);
}

/** Erases every nonce that was not revealed. spec/view-change.md, line 3; spec/epochs.md, line 3. */
export function eraseNonces(replica: Replica): void {
  for (const voting of replica.votes.values()) eraseNonce(replica, voting);
}

export function eraseNonce(replica: Replica, voting: Voting): void {
  const revealed = voting.ballots.get(replica.slot ?? -1)?.nonce !== undefined;
  if (voting.nonce !== undefined && !revealed) voting.nonce.fill(0);
  voting.nonce = undefined;
}
