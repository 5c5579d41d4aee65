/**
 * Fault proofs: two votes of one key that no correct instance casts. spec/ledger.md, "Fault proofs".
 *
 * In one view of one epoch a correct instance votes under one new-view, and for headers of one chain. So two of its
 * votes there contradict each other if they name different new-views, different headers at one place, or if the later
 * one's header has, where the earlier vote stands, something else in its past.
 */
import {
  type Configuration,
  type Cryptography,
  type Digest,
  type FaultProof,
  headerDigest,
  sameBytes,
  seatOf,
  voteStatement,
} from '@coppice/wire';
import { includesHeader } from './merkle-proof.ts';

/** Why `proof` shows no contradiction that `key` signed, or `undefined` where it does. */
export function contradictionReason(
  cryptography: Cryptography,
  service: Digest,
  key: Uint8Array,
  { slot, first, second, fork }: FaultProof,
): string | undefined {
  const [a, b] = [first.subject, second.subject];
  if (first.slot !== slot || second.slot !== slot) return 'a vote of another slot';
  if (a.epoch !== b.epoch || a.view !== b.view) return 'votes of different views';
  for (const { subject, commitment, signature } of [first, second]) {
    if (!cryptography.verify(key, voteStatement(service, subject, commitment), signature))
      return 'a vote that the key did not sign';
  }
  if (!sameBytes(a.newView, b.newView)) return undefined;
  if (a.sequence === b.sequence) return sameBytes(a.headerDigest, b.headerDigest) ? 'votes for one header' : undefined;
  if (a.sequence > b.sequence) return 'the later vote comes first';

  if (fork === undefined) return 'nothing shows that the headers are not of one chain';
  const { header, headerDigest: past, path } = fork;
  if (!sameBytes(headerDigest(cryptography, header), b.headerDigest)) return 'the fork shows another header';
  if (header.sequence !== b.sequence) return 'the header is of another place than its vote';
  if (sameBytes(past, a.headerDigest)) return 'the headers are of one chain';
  // Header i has the headers 1 … i − 1 under its previous root: number s is leaf s − 1 of i − 1.
  const under = { path, rehashed: header.rehashed, root: header.previousRoot, size: b.sequence - 1 };
  const included = includesHeader(cryptography, past, a.sequence, under);
  return included ? undefined : 'the fork does not lead to the previous root of the later header';
}

/** Why `proof` does not convict the instance that it names, in the configuration of its epoch; `undefined` where it does. */
export function verifyFaultProof(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  proof: FaultProof,
): string | undefined {
  const seat = seatOf(configuration, proof.slot);
  if (seat === undefined || !sameBytes(seat.instance, proof.instance)) return 'the instance did not sit there';
  if (proof.first.subject.epoch !== configuration.epoch) return 'votes of another epoch';
  return contradictionReason(cryptography, service, seat.signingKey, proof);
}
