/**
 * What an audit finds. docs/reference/receipts.md, "Audit", explains every code.
 */
import type { Digest, FaultProof, Scheme, Suspicion } from '@coppice/wire';

/** What is wrong, for programs. */
export type ProblemCode =
  /** A record, or something in one, that is not of its format. */
  | 'malformed'
  /** The host's files are not what was written. */
  | 'damaged'
  | 'genesis'
  /** A genesis that goes on from a service that was lost, and does not hold. */
  | 'succession'
  /** A header that does not go on from the one before it. */
  | 'header'
  | 'sequence'
  | 'time'
  | 'previous-root'
  /** Outcomes that are not those of the batch's requests, or not those that its header names. */
  | 'transactions'
  | 'transactions-root'
  | 'client-signature'
  | 'prepared-certificate'
  | 'commit-certificate'
  /** A quorum certified another header than the ledger has in this place: it was altered, or there are two histories. */
  | 'other-header'
  | 'epoch-certificate'
  | 'epoch-missing'
  | 'checkpoint-certificate'
  | 'ledger-root'
  | 'state-digest'
  | 'new-view'
  /** A seat that no turn of this ledger backs. */
  | 'clean-start'
  /** A configuration that does not follow from the one before it. */
  | 'seats'
  /** What members did not decide, or not enough of them. */
  | 'governance'
  /** What the service speaks, which is not what was active, or changed otherwise than by an activation. */
  | 'activation'
  | 'unsealed'
  | 'overdue'
  /** More is waiting for a certificate than a replica lets wait. */
  | 'uncertified';

export interface Problem {
  readonly code: ProblemCode;
  /** Of the batch that it is about; 0 for genesis. */
  readonly sequence: number;
  /** Of the record in which it showed. */
  readonly position: number;
  readonly message: string;
}

export interface EpochReport {
  readonly epoch: number;
  /** Sequence numbers of its first batch and, once it has ended, of its closing one. */
  readonly from: number;
  to: number | undefined;
  /** Where the quorum's last notice of erasure was ordered. */
  sealedAt: number | undefined;
  /** By which every seat signs, or by a later one. spec/algorithms.md. */
  readonly scheme: Scheme;
}

/** One turn that seated an instance: sequence numbers of the batches that ordered each step. */
export interface TurnReport {
  readonly turn: number;
  readonly slot: number;
  readonly challengedAt: number;
  readonly joinedAt: number;
  readonly readyAt: number;
  readonly seatedAt: number;
  /** The first epoch with the instance in it. */
  readonly epoch: number;
  readonly instance: Uint8Array;
  readonly release: Digest;
  readonly variant: string;
}

/** What members decided, with enough signatures, all of which were verified. */
export interface DecisionReport {
  /** Number of the proposal, and its digest in hexadecimal. */
  readonly proposal: number;
  readonly digest: string;
  /** Kind of the action. */
  readonly action: string;
  /** Of the batch in which it took effect. */
  readonly sequence: number;
  readonly time: number;
  readonly approvals: number;
  readonly needed: number;
}

/** A change of what the service speaks, or the attempt. */
export interface ActivationReport {
  /** Of its batch. */
  readonly sequence: number;
  readonly time: number;
  readonly release: Digest;
  readonly attempt: number;
  /** Versions of protocol and service. */
  readonly from: { readonly protocol: number; readonly service: number };
  readonly to: { readonly protocol: number; readonly service: number };
  /** Why nothing came of it, if so. */
  readonly failed: { readonly code: string; readonly message: string } | undefined;
  /** That it took: one, or as many as the migration had steps, and to take them back if it failed. */
  readonly batches: number;
  /** By the migration. */
  readonly entriesWritten: number;
}

/** How long one instance sat, in agreed milliseconds. */
export interface AgeReport {
  readonly slot: number;
  readonly instance: Uint8Array;
  readonly turn: number;
  readonly since: number;
  readonly termEnd: number;
  /** Time of the closing batch that ended it; absent while it sits. */
  until: number | undefined;
  /** How long it sat beyond its term. */
  overdueMs: number;
}

/** An instance that contradicted itself. */
export interface FaultReport {
  readonly slot: number;
  readonly epoch: number;
  /** Whether members of the service had it ordered, or this audit found it among the votes. */
  readonly found: 'ordered' | 'audit';
  readonly sequence: number;
  readonly proof: FaultProof;
}

/** An instance that another one suspected, on the ledger: f + 1 of these open a turn for its slot. */
export interface SuspicionReport {
  readonly slot: number;
  readonly instance: Uint8Array;
  /** As members approved it, and the seat says. */
  readonly variant: string;
  readonly epoch: number;
  /** The slot that suspected it: itself, where its own state differed from the certified one. */
  readonly by: number;
  /** `silent`; `refusing` or `diverging`: it computed something else than a quorum. */
  readonly reason: Suspicion['reason'];
  readonly sequence: number;
}

/** A service that was lost, and the one that goes on with its log. */
export interface SuccessionReport {
  readonly from: Digest;
  readonly to: Digest;
  /** The last batch of the one before. */
  readonly sequence: number;
  /** Of the later one's genesis. */
  readonly time: number;
}

export interface AuditReport {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  readonly firstProblem: Problem | undefined;
  /** Why the audit could not go on to the end, if it could not. */
  readonly stopped: string | undefined;
  /** How the ledger's files end; `torn` is what a crash leaves. */
  readonly end: 'clean' | 'torn' | 'corrupt' | undefined;
  readonly service: Digest | undefined;
  /** Where members went on with another service, since the one before was lost. The oldest first. */
  readonly successions: readonly SuccessionReport[];
  /** Committed batches, and transactions in them. */
  readonly batches: number;
  readonly transactions: number;
  readonly epochs: readonly EpochReport[];
  readonly turns: readonly TurnReport[];
  readonly ages: readonly AgeReport[];
  readonly decisions: readonly DecisionReport[];
  readonly activations: readonly ActivationReport[];
  readonly faults: readonly FaultReport[];
  readonly suspicions: readonly SuspicionReport[];
  /** Checkpoint certificates, and those of which the state was recomputed. */
  readonly checkpoints: { readonly certified: number; readonly stateRecomputed: number };
  /** The last committed batch, and the RFC 9162 root over all headers up to it. */
  readonly head: { readonly sequence: number; readonly time: number; readonly root: Digest } | undefined;
  /** Batches after it, which nothing certifies. */
  readonly uncertifiedTail: number;
}

/** Problems of one audit that are kept; it stops when there are more. */
const problemsMax = 100;

/** Collects problems at the record and batch that are being looked at. */
export class Findings {
  readonly problems: Problem[] = [];
  /** Why there is no point in going on. */
  stopped: string | undefined;
  position = 0;
  sequence = 0;

  add(code: ProblemCode, message: string): void {
    this.problems.push({ code, sequence: this.sequence, position: this.position, message });
    if (this.problems.length >= problemsMax) this.stopped ??= 'too many problems';
  }

  /** A problem after which nothing that follows can be judged. */
  fatal(code: ProblemCode, message: string): void {
    this.add(code, message);
    this.stopped ??= message;
  }
}
