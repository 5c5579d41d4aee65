/**
 * Execution, as the protocol sees it.
 *
 * Batches are executed before they are agreed on (spec/normal-case.md, lines 3 and 12), each on an overlay above the
 * one before, so execution is a stack: `execute` pushes, `rollback` pops from the top, `commit` folds from the bottom.
 * Everything that agreement is *about* besides order happens behind this door: clients' signatures and exactly-once,
 * the service, governance, admission of instances, the schedule of turns. All of it is a deterministic function of
 * the state and the arguments; nothing here may look at a clock.
 */
import type { Active, Batch, Bundle, Configuration, Digest, Item, Outcome, SystemRequest } from '@coppice/wire';

/** What is fixed about a batch before it is executed. */
export interface BatchInput {
  readonly epoch: number;
  readonly sequence: number;
  /** Agreed time in milliseconds. */
  readonly time: number;
  readonly proposer: number;
  readonly batch: Batch;
  /**
   * Digest of the header at `sequence`, for the last `headersKnown` headers before this batch; `undefined` for any
   * other. The same at every replica.
   */
  readonly headerAt: (sequence: number) => Digest | undefined;
}

/** How many headers before a batch its execution may ask about. */
export const headersKnown = 64;

export interface Executed {
  readonly transactionsRoot: Digest;
  /** One for each transaction, in order; the batch's own writes, if any, come last under a zero request digest. */
  readonly outcomes: readonly Outcome[];
  /** In force after the batch. A value other than before closes the epoch. */
  readonly configuration: Configuration;
  /** What was active before the batch: its header says so. spec/upgrades.md, lines 20-21. */
  readonly active: Active;
  /** Whether replicas take a checkpoint after this batch although none is due: it admitted a candidate, or activates something. */
  readonly checkpoint: boolean;
}

/** The batch is not one that a correct primary proposes: nothing was executed. */
export interface Unacceptable {
  readonly unacceptable: string;
}

/** Where a request of a client stands. */
export type RequestStatus =
  | { readonly kind: 'new' }
  | { readonly kind: 'executed'; readonly sequence: number; readonly index: number }
  /** Acknowledged, or too far ahead of what the client acknowledged. */
  | { readonly kind: 'outside-window' };

/** A part of a snapshot, as state transfer moves it. Opaque to the protocol: `execution` checks it. */
export interface StatePart {
  readonly path: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Receives a state, part by part, each verified under the certified digest. */
export interface StateTransfer {
  /** Paths to ask for next, at most `limit`, none of them asked for before unless {@link forget} gave them back. */
  wanted(limit: number): readonly Uint8Array[];
  /** Takes a part; a reason where it is not part of the certified state. */
  accept(part: StatePart): string | undefined;
  /** Asks for these again: their bearer did not answer. */
  forget(paths: readonly Uint8Array[]): void;
  readonly complete: boolean;
  readonly progress: {
    readonly partsDone: number;
    /** Of the parts that came. */
    readonly bytes: number;
    /** More appear with the parts that say where the others are. */
    readonly partsKnown: number;
    /** Of the whole state, what is in place: from 0 to 1. */
    readonly share: number;
  };
}

export interface Execution {
  /**
   * Executes a batch above the newest one. Total: a batch that no correct primary would propose is
   * {@link Unacceptable}, and a service that fails gives an outcome that says so.
   */
  execute(input: BatchInput): Executed | Unacceptable;
  /**
   * Instead of executing: takes over the outcomes that a quorum certified, where this replica's own execution
   * differed. `undefined` where the outcomes are malformed.
   */
  adopt(input: BatchInput, outcomes: readonly Outcome[]): Executed | undefined;
  /** Discards every batch above `sequence`. */
  rollback(sequence: number): void;
  /** Makes every batch up to `sequence` part of the committed state. */
  commit(sequence: number): void;

  /**
   * Why an item would make any batch that holds it unacceptable, or `undefined`: a bundle with a bad signature, of an
   * unknown client, too large; a join without an open turn. Checked before anything is pooled or forwarded.
   */
  inadmissible(item: Item): string | undefined;
  /** Where a request stands in the newest executed state. */
  requestStatus(client: Uint8Array, number: number): RequestStatus;
  /** Whether any request of the bundle was not executed yet, in the newest executed state. */
  hasNew(bundle: Bundle): boolean;
  /** The sequence number of the batch that opened a turn whose challenge is still owed, in the newest executed state. */
  challengeOwed(): { readonly turn: number; readonly openedAt: number } | undefined;
  /** What is active in the newest executed state. */
  active(): Active;
  /** The activation that the batch above the newest executed state must be, if one is due. spec/upgrades.md, line 10. */
  activationDue(): SystemRequest | undefined;
  /** The configuration in force in the newest executed state. */
  configuration(): Configuration;
  /** The candidate of the open turn in the committed state: it follows the log without voting. */
  candidate(): { readonly turn: number; readonly slot: number; readonly instance: Uint8Array } | undefined;

  /** Digest of the committed state, which must be that after `sequence`; its snapshot is kept for transfer. */
  checkpoint(sequence: number): Digest;
  /**
   * Rehashes another part of the latest checkpoint's state from its stored bytes. Where it is not what it was when it was
   * hashed: which part, and no transfer takes over anything of it.
   */
  damage(): string | undefined;
  /** Snapshots of checkpoints below `sequence` may go. */
  release(sequence: number): void;
  /** Parts of the snapshot of checkpoint `sequence`; those that it does not have are left out. */
  parts(sequence: number, paths: readonly Uint8Array[], bytesMax: number): readonly StatePart[];
  /**
   * Begins to receive the state of this digest. Nothing changes before {@link install}. What was begun before and is not in place is given
   * up, and its parts, as far as they are those of this state, too, are not asked for again. `protocol`: the version of the header after
   * whose batch the state is.
   */
  transfer(stateDigest: Digest, protocol: number): StateTransfer;
  /** Replaces the committed state, which is now that after `sequence`, and drops every overlay. */
  install(sequence: number, transfer: StateTransfer): void;
}
