/**
 * Divergence: what happens when executions of one batch differ. spec/divergence.md.
 */
import {
  type Batch,
  batchCodec,
  type CommitCertificate,
  decode,
  type Digest,
  type Cryptography,
  headerDigest,
  type Item,
  type Outcome,
  type Refusal,
  refusalStatement,
  requestDigests,
  sameBytes,
  seatOf,
  type Subject,
  systemRequestDigest,
  toLatin1,
} from '@coppice/wire';
import { outcomeLeaves, TransactionsTree } from '@coppice/ledger';
import type { Executed } from './execution.ts';
import type { InstanceId } from './input.ts';
import { accept, commitThrough, headerFor } from './log.ts';
import type { LogEntry, MessageOf } from './message.ts';
import { suspect } from './progress.ts';
import { type Effects, type Entry, entryWith, faults, type Replica } from './replica.ts';

/** Requests of which one slot's refusals are remembered. */
const refusedRequestsMax = 64;

/** My execution of a proposal differs: asks the primary what its own gave, to name the first request that differs. [1-2] */
export function disagree(
  replica: Replica,
  from: InstanceId,
  subject: Subject,
  batch: Batch,
  executed: Executed,
  effects: Effects,
): void {
  replica.disagreement = { subject, batch, outcomes: executed.outcomes, from };
  effects.send(from, { kind: 'fetch-outcomes', sequence: subject.sequence, headerDigest: subject.headerDigest });
}

/** Upon ⟨FETCH-OUTCOMES⟩. */
export function onFetchOutcomes(
  replica: Replica,
  from: InstanceId,
  m: MessageOf<'fetch-outcomes'>,
  effects: Effects,
): void {
  const entry = entryWith(replica, m.sequence, m.headerDigest);
  if (entry === undefined) return;
  effects.send(from, {
    kind: 'outcomes',
    sequence: m.sequence,
    headerDigest: m.headerDigest,
    outcomes: entry.executed.outcomes,
  });
}

/** Upon the outcomes of a batch in which I differ: of a proposal, or of what others have committed. */
export function onOutcomes(replica: Replica, from: InstanceId, m: MessageOf<'outcomes'>, effects: Effects): void {
  const { disagreement, divergence } = replica;
  if (divergence !== undefined && divergence.from === from && sameBytes(divergence.headerDigest, m.headerDigest)) {
    return adoptOutcomes(replica, m.outcomes, effects);
  }
  if (
    disagreement === undefined ||
    disagreement.from !== from ||
    !sameBytes(disagreement.subject.headerDigest, m.headerDigest)
  ) {
    return effects.reject(from, m.kind, 'not-asked');
  }
  replica.disagreement = undefined;
  const { subject } = disagreement;
  if (replica.slot === undefined || subject.epoch !== replica.epoch || subject.view !== replica.view) return;
  const request = firstDifference(replica, disagreement.outcomes, m.outcomes);
  if (request === undefined) return;
  const refusal = {
    service: replica.environment.service,
    epoch: subject.epoch,
    view: subject.view,
    sequence: subject.sequence,
    headerDigest: subject.headerDigest,
    request,
    slot: replica.slot,
  };
  effects.push({
    kind: 'sign',
    key: replica.epoch,
    statement: refusalStatement(refusal),
    unsigned: { kind: 'refusal', refusal },
  });
}

function firstDifference(replica: Replica, mine: readonly Outcome[], theirs: readonly Outcome[]): Digest | undefined {
  const cryptography = hashOf(replica);
  const others = outcomeLeaves(cryptography, theirs);
  const differs = outcomeLeaves(cryptography, mine).findIndex((leaf, i) => {
    const other = others[i];
    return other === undefined || !sameBytes(leaf, other);
  });
  return mine[differs]?.request;
}

/** Upon ⟨REFUSAL⟩, own or of another. [3] */
export function onRefusal(replica: Replica, from: InstanceId | undefined, refusal: Refusal, effects: Effects): void {
  const { cryptography, service } = replica.environment;
  if (refusal.epoch !== replica.epoch) return effects.reject(from ?? 'client', 'refusal', 'wrong-epoch');
  const seat = seatOf(replica.configuration, refusal.slot);
  if (
    seat === undefined ||
    !sameBytes(refusal.service, service) ||
    !cryptography.verify(seat.signingKey, refusalStatement(refusal), refusal.signature)
  ) {
    return effects.reject(from ?? 'client', 'refusal', 'bad-signature');
  }
  const key = toLatin1(refusal.request);
  let known = replica.refusals.get(key);
  // Its own oldest goes: one slot that refuses everything must not make what the others refused forgotten.
  if (known === undefined || !refusedBy(known, refusal.slot)) forgetOldest(replica, refusal.slot);
  if (known === undefined) {
    known = new Map();
    replica.refusals.set(key, known);
  }
  // One of each slot and primary: n² at most.
  known.set(`${refusal.slot}:${refusal.view % replica.configuration.slots}`, refusal);
}

/** What these slots would not vote for is committed: they compute something else than a quorum does. [9] */
export function suspectRefusers(replica: Replica, { header, headerDigest: committed }: Entry, effects: Effects): void {
  for (const known of replica.refusals.values()) {
    for (const { headerDigest: refused, sequence, slot } of known.values()) {
      if (sequence === header.sequence && sameBytes(refused, committed) && slot !== replica.slot)
        suspect(replica, slot, 'refusing', effects);
    }
  }
}

function refusedBy(refusals: ReadonlyMap<string, Refusal>, slot: number): boolean {
  return [...refusals.values()].some((refusal) => refusal.slot === slot);
}

function forgetOldest(replica: Replica, slot: number): void {
  const requests = [...replica.refusals].filter(([, known]) => refusedBy(known, slot));
  const [oldest] = requests;
  if (oldest === undefined || requests.length < refusedRequestsMax) return;
  const [key, known] = oldest;
  for (const [place, refusal] of known) if (refusal.slot === slot) known.delete(place);
  if (known.size === 0) replica.refusals.delete(key);
}

/** By which the next batch names its requests. */
function hashOf({ environment: { cryptography, execution } }: Replica): Cryptography {
  return cryptography.of(execution.active().protocol);
}

/** What replicas might not agree on: what the service makes of a request, or of the state. */
function disputable(replica: Replica, item: Item): readonly Digest[] {
  const cryptography = hashOf(replica);
  if (item.kind === 'bundle') return requestDigests(cryptography, item.bundle);
  return item.request.kind === 'activate' ? [systemRequestDigest(cryptography, item.request)] : [];
}

/** Divergence items that must stand before `item`, because f + 1 views could not agree on requests of it. [4-5] */
export function divergentItems(replica: Replica, item: Item): Item[] {
  if (replica.refusals.size === 0) return [];
  const items: Item[] = [];
  for (const request of disputable(replica, item)) {
    const refusals = [...(replica.refusals.get(toLatin1(request))?.values() ?? [])];
    const views = new Map<number, Refusal[]>();
    for (const refusal of refusals) {
      const at = views.get(refusal.view % replica.configuration.slots) ?? [];
      views.set(refusal.view % replica.configuration.slots, [...at, refusal]);
    }
    const enough = [...views.values()].filter((of) => of.length > faults(replica)).slice(0, faults(replica) + 1);
    if (enough.length <= faults(replica)) continue;
    const shown = enough.flatMap((of) => of.slice(0, faults(replica) + 1));
    items.push({ kind: 'system', request: { kind: 'divergent', request, refusals: shown } });
  }
  return items;
}

/**
 * Others have committed what my execution does not give. [7] These headers lead to the certified one; those before the first
 * that differs are mine already. Its outcomes are asked for, and checked under its transactions root.
 */
export function diverged(
  replica: Replica,
  from: InstanceId,
  entries: readonly LogEntry[],
  certificate: CommitCertificate,
  effects: Effects,
): void {
  const next = entries.find(({ header }) => header.sequence === replica.executed + 1);
  if (next === undefined) return effects.reject(from, 'entries', 'wrong-header');
  const digest = headerDigest(replica.environment.cryptography, next.header);
  replica.divergence = { from, entry: next, headerDigest: digest, certificate };
  effects.send(from, { kind: 'fetch-outcomes', sequence: next.header.sequence, headerDigest: digest });
}

function adoptOutcomes(replica: Replica, outcomes: readonly Outcome[], effects: Effects): void {
  const { from, entry, headerDigest: digest, certificate } = replica.divergence!;
  replica.divergence = undefined;
  const { cryptography, execution } = replica.environment;
  const { header } = entry;
  const batch = decode(batchCodec, entry.batch);
  const { root } = TransactionsTree.of(cryptography.of(header.protocolVersion), outcomes);
  if (header.sequence !== replica.executed + 1 || !batch.ok || !sameBytes(root, header.transactionsRoot)) {
    return effects.reject(from, 'outcomes', 'wrong-header');
  }
  const attempt = { batch: batch.value, batchBytes: entry.batch, time: header.time, proposer: header.proposer };
  const input = {
    epoch: header.epoch,
    sequence: header.sequence,
    time: header.time,
    proposer: header.proposer,
    batch: batch.value,
    headerAt: (sequence: number) => replica.tree.leaf(sequence - 1),
  };
  const executed = execution.adopt(input, outcomes);
  if (executed === undefined || !sameBytes(headerDigest(cryptography, headerFor(replica, attempt, executed)), digest)) {
    execution.rollback(replica.executed);
    return effects.reject(from, 'outcomes', 'different-result');
  }
  accept(replica, attempt, header, executed, undefined, effects);
  effects.push({ kind: 'report', report: { kind: 'diverged', sequence: header.sequence } });
  if (replica.slot !== undefined) suspect(replica, replica.slot, 'diverging', effects);
  if (certificate.subject.sequence === header.sequence) commitThrough(replica, header.sequence, certificate, effects);
}
