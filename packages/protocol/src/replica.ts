/**
 * The replica's state, in one place.
 *
 * - committed ≤ executed; entries exist for every sequence number in (stable, executed], and for `committed` itself.
 * - `tree` holds the digests of headers 1 … executed.
 * - The execution stack holds exactly the batches in (committed, executed].
 * - `votes` are of (epoch, view) only; whatever changes either forgets them, and with them every nonce not revealed.
 * - A replica without a slot follows the log and signs nothing but `ready` and erasure notices.
 */
import type { LedgerRecord, MerkleTree } from '@coppice/ledger';
import {
  type Batch,
  type CheckpointCertificate,
  type CommitCertificate,
  type Configuration,
  type Cryptography,
  type Digest,
  type EpochCertificate,
  type Header,
  type NewView,
  type Outcome,
  type PreparedCertificate,
  primarySlot,
  quorumOf,
  type Refusal,
  sameBytes,
  type Seat,
  seatOf,
  type Subject,
  toLatin1,
  type ViewChange,
  type Vote,
} from '@coppice/wire';
import type { Discarded } from './discarded.ts';
import type { Executed, Execution, StateTransfer } from './execution.ts';
import type { Effect, InstanceId, RejectionReason } from './input.ts';
import type { LogEntry, Message } from './message.ts';
import type { Pool } from './pool.ts';

export interface ProtocolSettings {
  /** Batches in flight. */
  readonly window: number;
  /** Batches between checkpoints. */
  readonly checkpointInterval: number;
  /** Bytes of a batch at which the primary stops filling it. */
  readonly batchBytesMax: number;
  /** An idle primary proposes an empty batch this often, in milliseconds. */
  readonly heartbeatMs: number;
  /** Silence after which the view is changed, in milliseconds beyond the heartbeat. Doubles with each attempt. */
  readonly viewTimeoutMs: number;
  /** Age at which a request that is not committed is a reason to change the view. */
  readonly requestTimeoutMs: number;
  /** How far a header's time may be from this replica's clock. */
  readonly clockBoundMs: number;
  /** Silence of a seat after which it is suspected. */
  readonly suspectAfterMs: number;
  readonly statusIntervalMs: number;
  readonly poolBytesMax: number;
  /** What one replica gets of a state from this one: more, and serving clients would wait for it. */
  readonly stateBytesPerSecond: number;
}

export const defaultSettings: ProtocolSettings = {
  window: 8,
  checkpointInterval: 64,
  batchBytesMax: 1024 * 1024,
  heartbeatMs: 200,
  viewTimeoutMs: 500,
  requestTimeoutMs: 2500,
  clockBoundMs: 5000,
  suspectAfterMs: 4000,
  statusIntervalMs: 100,
  poolBytesMax: 64 * 1024 * 1024,
  stateBytesPerSecond: 32 * 1024 * 1024,
};

export interface Environment {
  readonly cryptography: Cryptography;
  readonly execution: Execution;
  readonly settings: ProtocolSettings;
  /** The identity key of this launch. */
  readonly instance: Uint8Array;
  readonly service: Digest;
}

/** A batch that this replica executed. */
export interface Entry {
  readonly header: Header;
  readonly headerDigest: Digest;
  readonly batch: Batch;
  readonly batchBytes: Uint8Array;
  readonly executed: Executed;
  /** The view in which its pre-prepare was accepted or sent; absent where a certificate or new-view brought it. */
  readonly proposedIn: number | undefined;
  /** Its execution gives another configuration. */
  readonly closes: boolean;
  /** Of this view. */
  prepared: PreparedCertificate | undefined;
  /** The own nonce of this view was sent. */
  revealed: boolean;
  /** Of any view. */
  certificate: CommitCertificate | undefined;
}

/** One slot's vote at one place of this view. */
export interface Ballot {
  readonly vote: Vote;
  verified: boolean;
  /** Revealed, and opening the commitment. The own one is here from the start, in `Voting.nonce`. */
  nonce: Uint8Array | undefined;
}

/** Votes at one sequence number of this view. */
export interface Voting {
  readonly ballots: Map<number, Ballot>;
  /** The own nonce, until it is revealed or erased. */
  nonce: Uint8Array | undefined;
}

export interface Adoption {
  readonly newView: NewView;
  readonly digest: Digest;
  readonly header: Header;
  readonly headerDigest: Digest;
  /** Slots that claim to have it; asked in turn. */
  readonly bearers: readonly number[];
  /** Up to below this, the log is known to lead to it. */
  from: number;
  attempts: number;
  askedAt: number;
}

export interface Transfer {
  readonly certificate: CheckpointCertificate;
  readonly header: Header;
  readonly frontier: { readonly size: number; readonly peaks: readonly Digest[] };
  readonly recent: readonly Digest[];
  readonly epochs: EpochCertificate[];
  readonly configuration: Configuration;
  readonly parts: StateTransfer;
  readonly since: number;
  /** What was asked of whom, and when. */
  readonly asked: Map<InstanceId, { paths: readonly Uint8Array[]; at: number }>;
  /** Sent the snapshot, and so has the state: asked first. */
  readonly offeredBy: InstanceId;
  /** They no longer have this state: asked again when there is nobody else. */
  readonly empty: Set<InstanceId>;
}

export interface Peer {
  heardAt: number;
  epoch: number;
  view: number;
  committed: number;
  stable: number;
  /** When it was last sent what it may have missed. */
  resentAt: number;
  /** It lied about a state, or did not answer: until then it is asked for one when there is nobody else. */
  avoidedUntil: number;
  /** What it asked for of a state, and when it may have that. */
  stateQuestion: Extract<Message, { kind: 'fetch-state' }> | undefined;
  stateDue: number;
  /** Messages of an epoch or view that this replica has not reached. */
  deferred: Message[];
  deferredBytes: number;
}

export interface Replica {
  readonly environment: Environment;
  now: number;

  epoch: number;
  configuration: Configuration;
  /** This instance's seat in the epoch. */
  slot: number | undefined;
  /** Slots by instance, in this epoch. */
  slotOf: Map<InstanceId, number>;
  firstPrimary: number;
  /** Headers that closed earlier epochs end here: the log of this epoch begins above. */
  epochStart: number;
  /** Closing headers and next configurations, from the first epoch on: that of genesis. */
  epochs: EpochCertificate[];
  /** The same, as far as it was verified before this replica began, or of offers that led no further: a received state may follow it. */
  proven: readonly EpochCertificate[];
  genesisConfiguration: Configuration;

  view: number;
  /** Since when the present primary leads, by this replica's clock: from view to view another, though perhaps the same from epoch to epoch. */
  ledSince: number;
  /** When an activation was due last: requests had to wait for it. */
  activatingAt: number;
  newViewDigest: Digest;
  newView: NewView | undefined;
  /** A view change to this view was sent; no vote in any view below. */
  asking: number | undefined;
  askedAt: number;
  adopting: Adoption | undefined;
  /** A committed header contradicts a vote of mine in this view. */
  mute: boolean;
  highestPrepared: { readonly header: Header; readonly certificate: PreparedCertificate } | undefined;
  /** The latest of each slot. */
  viewChanges: Map<number, { readonly viewChange: ViewChange; readonly at: number; valid: boolean | undefined }>;
  viewChangeAttempts: number;

  readonly log: Map<number, Entry>;
  /** The oldest first. */
  discarded: Discarded[];
  tree: MerkleTree;
  executed: number;
  committed: number;
  /** View of the latest commit certificate of this epoch; `undefined` where only the state is known, not the certificate. */
  committedIn: number | undefined;
  /** `committed` when the last status was sent. */
  committedAtStatus: number;
  stable: number;
  stableCertificate: CheckpointCertificate | undefined;
  stableHeader: Header | undefined;
  stableFrontier:
    | { readonly size: number; readonly peaks: readonly Digest[]; readonly recent: readonly Digest[] }
    | undefined;
  timeOfExecuted: number;
  readonly votes: Map<number, Voting>;
  /** Pre-prepares that wait for the batch before them. */
  readonly proposals: Map<number, Extract<Message, { kind: 'pre-prepare' }>>;
  syncToken: number;
  /** Sequence numbers that the sync of a token makes revealable. */
  readonly syncing: Map<
    number,
    { readonly epoch: number; readonly view: number; readonly sequences: readonly number[] }
  >;

  checkpoints: Map<
    number,
    Map<number, { epoch: number; ledgerRoot: Digest; stateDigest: Digest; signature: Uint8Array }>
  >;
  ownCheckpoint: { readonly sequence: number; readonly ledgerRoot: Digest; readonly stateDigest: Digest } | undefined;
  /** This replica's state is known to be wrong: it does not vote until it has received that of others. */
  corrupt: boolean;
  transfer: Transfer | undefined;
  /** Token of the sync that says that the log before a received state is here, too. */
  filling: number | undefined;
  /** Snapshots that others fetch, and when they last asked. */
  readonly serving: Map<number, number>;
  fetching: { readonly peer: InstanceId; readonly from: number; readonly at: number } | undefined;

  /** A proposal whose execution gave me something else; its primary was asked for its outcomes. */
  disagreement:
    | {
        readonly subject: Subject;
        readonly batch: Batch;
        readonly outcomes: readonly Outcome[];
        readonly from: InstanceId;
      }
    | undefined;
  /** A committed batch whose execution gave me something else; its outcomes were asked for. */
  divergence:
    | {
        readonly from: InstanceId;
        readonly entry: LogEntry;
        readonly headerDigest: Digest;
        readonly certificate: CommitCertificate;
      }
    | undefined;

  readonly pool: Pool;
  readonly peers: Map<InstanceId, Peer>;
  /** Refusals of this epoch, by request digest. */
  readonly refusals: Map<string, Map<string, Refusal>>;
  lastCommitAt: number;
  lastProposalAt: number;
  lastStatusAt: number;
  readySentAt: number;
  retired: boolean;
  halted: boolean;
  /** Instances reported in this epoch: once is enough. */
  readonly reported: Set<string>;
}

/** The effects of one step, in order. */
export class Effects {
  readonly list: Effect[] = [];
  readonly #replica: Replica;
  #slots: Replica['slotOf'] | undefined;
  #others: readonly InstanceId[] = [];

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  push(...effects: Effect[]): void {
    this.list.push(...effects);
  }

  append(sequence: number, record: LedgerRecord): void {
    this.list.push({ kind: 'append', sequence, record });
  }

  broadcast(message: Message): void {
    // Resolved now: the same step may go on to change the epoch.
    const { environment, slotOf } = this.#replica;
    if (this.#slots !== slotOf) {
      this.#slots = slotOf;
      const own = toLatin1(environment.instance);
      this.#others = [...slotOf.keys()].filter((id) => id !== own);
    }
    this.list.push({ kind: 'broadcast', to: this.#others, message });
  }

  send(to: InstanceId, message: Message): void {
    this.list.push({ kind: 'send', to, message });
  }

  reject(from: InstanceId | 'client' | 'pool', what: string, reason: RejectionReason, detail?: string): void {
    this.list.push({ kind: 'rejected', from, what, reason, ...(detail === undefined ? {} : { detail }) });
  }
}

export function quorum(replica: Replica): number {
  return quorumOf(replica.configuration.slots);
}

export function faults(replica: Replica): number {
  return Math.floor((replica.configuration.slots - 1) / 3);
}

export function primary(replica: Replica, view: number = replica.view): number {
  return primarySlot(replica.configuration.slots, replica.firstPrimary, view);
}

export function isPrimary(replica: Replica): boolean {
  return replica.slot !== undefined && replica.slot === primary(replica);
}

/** Whether this replica may vote now. */
export function mayVote(replica: Replica): boolean {
  return (
    replica.slot !== undefined && replica.asking === undefined && !replica.mute && !replica.corrupt && !replica.halted
  );
}

/** Whether this replica has voted in this view for `sequence` or above. Votes above `committed` are all remembered. */
export function votedFrom(replica: Replica, sequence: number): boolean {
  const { slot } = replica;
  return slot !== undefined && [...replica.votes].some(([at, { ballots }]) => at >= sequence && ballots.has(slot));
}

export function instanceOf(seat: Seat): InstanceId {
  return toLatin1(seat.instance);
}

export function instanceAt(replica: Replica, slot: number): InstanceId | undefined {
  const seat = seatOf(replica.configuration, slot);
  return seat === undefined ? undefined : instanceOf(seat);
}

/** The configuration of an epoch that this replica knows. */
export function configurationOfEpoch(replica: Replica, epoch: number): Configuration | undefined {
  if (epoch === replica.epoch) return replica.configuration;
  const { genesisConfiguration: first } = replica;
  return epoch === first.epoch ? first : replica.epochs[epoch - first.epoch - 1]?.next;
}

/** Entry at `sequence` if its header is this one. */
export function entryWith(replica: Replica, sequence: number, headerDigest: Digest): Entry | undefined {
  const entry = replica.log.get(sequence);
  return entry !== undefined && sameBytes(entry.headerDigest, headerDigest) ? entry : undefined;
}

export function headerAt(replica: Replica): (sequence: number) => Digest | undefined {
  return (sequence) => replica.tree.leaf(sequence - 1);
}
