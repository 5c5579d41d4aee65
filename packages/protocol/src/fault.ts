/**
 * Fault proofs: two votes of one key in one view that are not on one chain. spec/normal-case.md, line 19.
 *
 * A proof is ordered like a request, counts once against the instance, and opens a turn for its slot.
 */
import { type FaultProof, sameBytes, seatOf, validVote, type Vote } from '@coppice/wire';
import { submit } from './progress.ts';
import type { Effects, Replica } from './replica.ts';

/**
 * A slot that voted in this view for another header than the one that stands there, and also for one above it on my chain: the path
 * under that header shows what it should have voted for before. spec/ledger.md, "Fault proofs".
 */
export function reportFork(replica: Replica, slot: number, effects: Effects): void {
  let stray: Vote | undefined;
  let later: { readonly vote: Vote; readonly sequence: number } | undefined;
  for (const [sequence, { ballots }] of replica.votes) {
    const vote = ballots.get(slot)?.vote;
    const entry = replica.log.get(sequence);
    if (vote === undefined || entry === undefined) continue;
    const mine = sameBytes(vote.subject.headerDigest, entry.headerDigest);
    if (mine && (later === undefined || sequence > later.sequence)) later = { vote, sequence };
    if (!mine && (stray === undefined || sequence < stray.subject.sequence)) stray = vote;
  }
  if (stray === undefined || later === undefined || later.sequence < stray.subject.sequence) return;
  const { sequence } = stray.subject;
  reportContradictingVotes(
    replica,
    stray,
    later.vote,
    {
      header: replica.log.get(later.sequence)!.header,
      headerDigest: replica.log.get(sequence)!.headerDigest,
      path: replica.tree.inclusionPath(sequence - 1, later.sequence - 1),
    },
    effects,
  );
}

/** Two votes of one slot in this view that differ, the second perhaps later on another chain (`fork`). */
export function reportContradictingVotes(
  replica: Replica,
  first: Vote,
  second: Vote,
  fork: FaultProof['fork'],
  effects: Effects,
): void {
  const { cryptography, service } = replica.environment;
  const seat = seatOf(replica.configuration, first.slot);
  if (seat === undefined || sameBytes(seat.instance, replica.environment.instance)) return;
  const key = `fault:${replica.epoch}:${first.slot}`;
  if (replica.reported.has(key)) return;
  // Either may be a forgery that came with the channel's authority alone: only two valid ones contradict each other.
  for (const vote of [first, second]) {
    if (!validVote(cryptography, service, replica.configuration, vote.subject, vote)) return;
  }
  replica.reported.add(key);
  const proof: FaultProof = { slot: first.slot, instance: seat.instance, first, second, fork };
  effects.push({ kind: 'report', report: { kind: 'fault', proof } });
  submit(replica, { kind: 'system', request: { kind: 'fault', proof } }, effects);
}
