/**
 * What goes into a replica and what comes out of it: the whole of its contract with the node that hosts it.
 * docs/reference/host-contract.md lists the node's duties.
 */
import type { LedgerRecord, MerkleTree } from '@coppice/ledger';
import type {
  CommitCertificate,
  Configuration,
  Digest,
  EpochCertificate,
  Erasure,
  FaultProof,
  Header,
  Item,
  NewView,
  Outcome,
  Ready,
  Refusal,
  Subject,
  Suspicion,
  ViewChange,
} from '@coppice/wire';
import type { StateTransfer } from './execution.ts';
import type { Message } from './message.ts';

/** An instance, by its identity key: one latin-1 unit a byte. */
export type InstanceId = string;

/** A checkpoint before it is signed. */
export interface OwnCheckpoint {
  readonly epoch: number;
  readonly slot: number;
  readonly sequence: number;
  readonly ledgerRoot: Digest;
  readonly stateDigest: Digest;
}

/** A statement that waits for its signature. */
export type Unsigned =
  | { readonly kind: 'view-change'; readonly viewChange: Omit<ViewChange, 'signature'> }
  | { readonly kind: 'new-view'; readonly newView: Omit<NewView, 'signature'> }
  | { readonly kind: 'checkpoint'; readonly checkpoint: OwnCheckpoint }
  | { readonly kind: 'erasure'; readonly erasure: Omit<Erasure, 'signature'> }
  | { readonly kind: 'suspicion'; readonly suspicion: Omit<Suspicion, 'signature'> }
  | { readonly kind: 'refusal'; readonly refusal: Omit<Refusal, 'signature'> }
  | { readonly kind: 'ready'; readonly ready: Omit<Ready, 'signature'> };

export type Input =
  /** Time passed. `now` is this machine's clock in milliseconds: it proposes and checks header times. */
  | { readonly kind: 'tick'; readonly now: number }
  /** A message on an authenticated channel. */
  | { readonly kind: 'message'; readonly from: InstanceId; readonly message: Message }
  /** A channel to `peer` came up: whatever was sent before may be lost. */
  | { readonly kind: 'connected'; readonly peer: InstanceId }
  /** From a client of this replica, or from this replica itself. */
  | { readonly kind: 'item'; readonly item: Item }
  /** The ledger is durable up to and including what was appended before the `sync` effect of this token. */
  | { readonly kind: 'synced'; readonly token: number }
  /** The answer to `sign-vote`. */
  | {
      readonly kind: 'voted';
      readonly subject: Subject;
      readonly nonce: Uint8Array;
      readonly commitment: Digest;
      readonly signature: Uint8Array;
    }
  /** The answer to `sign`. */
  | { readonly kind: 'signed'; readonly unsigned: Unsigned; readonly signature: Uint8Array };

/** A batch that is now committed, with all that proves it. */
export interface CommittedBatch {
  readonly header: Header;
  readonly headerDigest: Digest;
  readonly items: readonly Item[];
  readonly outcomes: readonly Outcome[];
  /** The header that the certificate is about: this one, or a later one of the same epoch. */
  readonly certified: Header;
  readonly certificate: CommitCertificate;
  /** RFC 9162 path of this header under the certified header's previous root; empty where they are one. */
  readonly path: readonly Digest[];
}

/** Why an input had no effect: counted by the node, by reason. */
export type RejectionReason =
  | 'malformed'
  | 'unknown-sender'
  | 'wrong-epoch'
  | 'wrong-view'
  | 'not-primary'
  | 'outside-window'
  | 'bad-signature'
  | 'bad-certificate'
  | 'wrong-header'
  | 'wrong-version'
  | 'time-out-of-bounds'
  | 'unacceptable-batch'
  | 'different-result'
  | 'no-such-vote'
  | 'wrong-nonce'
  | 'not-asked'
  | 'wrong-state-part'
  | 'wrong-chain'
  | 'deferred-too-many'
  | 'inadmissible'
  | 'pool-full'
  | 'stale'
  | 'not-seated';

/** Something an operator wants to know. */
export type Report =
  | { readonly kind: 'view'; readonly epoch: number; readonly view: number; readonly primary: number }
  | { readonly kind: 'view-change-sent'; readonly epoch: number; readonly view: number; readonly why: string }
  | { readonly kind: 'stable'; readonly sequence: number }
  | ({ readonly kind: 'transfer'; readonly sequence: number } & StateTransfer['progress'])
  | { readonly kind: 'installed'; readonly sequence: number; readonly parts: number; readonly ms: number }
  | { readonly kind: 'fault'; readonly proof: FaultProof }
  | { readonly kind: 'diverged'; readonly sequence: number }
  | { readonly kind: 'corrupt-state'; readonly sequence: number }
  /** More than f slots are faulty: certified histories contradict each other. The replica stops. */
  | { readonly kind: 'contradiction'; readonly sequence: number };

export type Effect =
  | { readonly kind: 'send'; readonly to: InstanceId; readonly message: Message }
  /** To every other seat of the configuration that was in force when this was decided. */
  | { readonly kind: 'broadcast'; readonly to: readonly InstanceId[]; readonly message: Message }
  /** To everyone with a channel: the seats, the candidate, who retired and still serves. */
  | { readonly kind: 'announce'; readonly message: Message }
  | { readonly kind: 'append'; readonly sequence: number; readonly record: LedgerRecord }
  /** Make all appended records durable, then answer `synced` with this token. */
  | { readonly kind: 'sync'; readonly token: number }
  /** Draw a nonce, sign the vote with the key of the subject's epoch; answer `voted` once this step's effects are performed. */
  | { readonly kind: 'sign-vote'; readonly subject: Subject }
  /** Sign with the key of `epoch`, or with the identity key; answer `signed` once this step's effects are performed. */
  | {
      readonly kind: 'sign';
      readonly key: number | 'identity';
      readonly statement: Uint8Array;
      readonly unsigned: Unsigned;
    }
  /** Erase the signing and sealing keys of this and every earlier epoch. */
  | { readonly kind: 'erase'; readonly epoch: number }
  | { readonly kind: 'committed'; readonly batch: CommittedBatch }
  /** Another configuration is in force: channels change. */
  | { readonly kind: 'epoch'; readonly certificate: EpochCertificate; readonly configuration: Configuration }
  /** The state was replaced by that of a checkpoint; the ledger lacks `from` … `to`, which others have. `below`: of the headers before. */
  | {
      readonly kind: 'gap';
      readonly from: number;
      readonly to: number;
      readonly epochs: readonly EpochCertificate[];
      readonly below: MerkleTree;
    }
  | {
      readonly kind: 'rejected';
      readonly from: InstanceId | 'client';
      readonly what: string;
      readonly reason: RejectionReason;
      readonly detail?: string;
    }
  | { readonly kind: 'report'; readonly report: Report }
  /** This instance is no longer needed by anyone. */
  | { readonly kind: 'exit'; readonly reason: 'retired' | 'contradiction' };
