/**
 * Votes and the certificates made of them. spec/normal-case.md.
 *
 * A vote is a signature that also commits to a nonce; revealing the nonce is the replica's commit, so a batch costs
 * each replica one signature (IA-CCF's L-PBFT). A *prepared certificate* is a quorum of votes; a *commit certificate*
 * is a quorum of votes with their nonces. Both name their voters in ascending order and hold exactly a quorum: one
 * certificate of given voters has one byte form.
 */
import { ascending, digest, encode, fixed, struct, type TypeOf, u16, u64 } from './codec.ts';
import type { Cryptography, Digest } from './cryptography.ts';
import { type Configuration, quorumOf, seatOf } from './configuration.ts';
import { digestOf, statement } from './domain.ts';
import { limits } from './limits.ts';
import { seatSignature } from './scheme.ts';

/** What a vote is about: a header, at a place of the log, in a view that began with this new-view. */
export const subjectCodec = struct({
  epoch: u64,
  view: u64,
  sequence: u64,
  headerDigest: digest,
  /** Digest of the new-view that began this view; zero in view 0. */
  newView: digest,
});

/** The subject of votes. */
export type Subject = TypeOf<typeof subjectCodec>;

export const voteCodec = struct({
  subject: subjectCodec,
  slot: u16,
  /** Digest of the nonce whose revelation is this replica's commit. */
  commitment: digest,
  signature: seatSignature,
});

export type Vote = TypeOf<typeof voteCodec>;

const signedVoteCodec = struct({ service: digest, subject: subjectCodec, commitment: digest });

/** The bytes that a vote signs. */
export function voteStatement(service: Digest, subject: Subject, commitment: Digest): Uint8Array {
  return statement('vote', encode(signedVoteCodec, { service, subject, commitment }));
}

export const nonceBytes = 32;

/** By SHA-256 in every version: spec/algorithms.md, 25. */
export function commitmentOf(cryptography: Cryptography, nonce: Uint8Array): Digest {
  return digestOf(cryptography.of(1), 'nonce', nonce);
}

export const preparedCertificateCodec = struct({
  subject: subjectCodec,
  votes: ascending(
    struct({ slot: u16, commitment: digest, signature: seatSignature }),
    limits.slots,
    (vote) => vote.slot,
  ),
});

export type PreparedCertificate = TypeOf<typeof preparedCertificateCodec>;

export const commitCertificateCodec = struct({
  subject: subjectCodec,
  reveals: ascending(
    struct({ slot: u16, nonce: fixed(nonceBytes), signature: seatSignature }),
    limits.slots,
    (reveal) => reveal.slot,
  ),
});

export type CommitCertificate = TypeOf<typeof commitCertificateCodec>;

/** Whether one vote is its slot's, in this configuration. */
export function validVote(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  subject: Subject,
  vote: { slot: number; commitment: Digest; signature: Uint8Array },
): boolean {
  const seat = seatOf(configuration, vote.slot);
  if (seat === undefined || subject.epoch !== configuration.epoch) return false;
  return cryptography.verify(seat.signingKey, voteStatement(service, subject, vote.commitment), vote.signature);
}

/** Whether a quorum of this configuration voted for the certificate's subject. */
export function validPreparedCertificate(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  certificate: PreparedCertificate,
): boolean {
  return (
    certificate.votes.length === quorumOf(configuration.slots) &&
    certificate.votes.every((vote) => validVote(cryptography, service, configuration, certificate.subject, vote))
  );
}

/** Whether a quorum of this configuration voted for the certificate's subject and revealed its nonces. */
export function validCommitCertificate(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  certificate: CommitCertificate,
): boolean {
  return (
    certificate.reveals.length === quorumOf(configuration.slots) &&
    certificate.reveals.every(({ slot, nonce, signature: signed }) =>
      validVote(cryptography, service, configuration, certificate.subject, {
        slot,
        commitment: commitmentOf(cryptography, nonce),
        signature: signed,
      }),
    )
  );
}

const checkpointStatementCodec = struct({ service: digest, sequence: u64, ledgerRoot: digest, stateDigest: digest });

/** What a replica certifies at a checkpoint: the ledger and the state after batch `sequence`. spec/checkpoints.md. */
export interface CheckpointSubject {
  readonly sequence: number;
  /** RFC 9162 root over the digests of headers 1 … sequence. */
  readonly ledgerRoot: Digest;
  readonly stateDigest: Digest;
}

export function checkpointStatement(service: Digest, subject: CheckpointSubject): Uint8Array {
  const { sequence, ledgerRoot, stateDigest } = subject;
  return statement('checkpoint', encode(checkpointStatementCodec, { service, sequence, ledgerRoot, stateDigest }));
}

export const checkpointCertificateCodec = struct({
  /** The epoch whose keys signed: may be later than that of batch `sequence`. */
  epoch: u64,
  sequence: u64,
  ledgerRoot: digest,
  stateDigest: digest,
  signatures: ascending(struct({ slot: u16, signature: seatSignature }), limits.slots, (entry) => entry.slot),
});

export type CheckpointCertificate = TypeOf<typeof checkpointCertificateCodec>;

/** Whether a quorum of this configuration, which must be that of the certificate's epoch, signed the checkpoint. */
export function validCheckpointCertificate(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  certificate: CheckpointCertificate,
): boolean {
  if (certificate.epoch !== configuration.epoch) return false;
  if (certificate.signatures.length !== quorumOf(configuration.slots)) return false;
  const signed = checkpointStatement(service, certificate);
  return certificate.signatures.every((entry) => {
    const seat = seatOf(configuration, entry.slot);
    return seat !== undefined && cryptography.verify(seat.signingKey, signed, entry.signature);
  });
}
