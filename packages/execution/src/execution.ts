/**
 * Execution: what the protocol agrees on, besides order. Implements the door that `protocol` declares.
 *
 * A stack of executed batches above the committed state. Each has an overlay of the state and the decoded values that
 * go with it; whatever is asked about "the newest" is asked of the top, about "the committed" of the bottom.
 *
 * - `#layers[0]` is the committed state; `#layers[k]` goes with the overlay k − 1.
 * - membership, constitution and configuration of a layer are those that its overlay holds, encoded.
 */
import type { EvidenceCryptography } from '@coppice/attestation';
import {
  type Activation,
  clientRoles,
  type Constitution,
  newestIssueIn,
  readActivation,
  readConstitution,
  rememberIssues,
  type VerifiedGenesis,
  writeActivation,
  writeConstitution,
} from '@coppice/governance';
import {
  type BatchInput,
  configurationOf,
  type Executed,
  type Execution,
  genesisMembership,
  type Membership,
  membershipEntries,
  readMembership,
  type RequestStatus,
  type StatePart,
  type StateTransfer,
  type Unacceptable,
} from '@coppice/protocol';
import { TransactionsTree } from '@coppice/ledger';
import {
  decodeWriteSet,
  encodeWriteSet,
  type PageStore,
  type Overlay,
  type Snapshot,
  State,
  type View,
  type WriteSet,
} from '@coppice/state';
import {
  type Active,
  assert,
  type Bundle,
  type Configuration,
  type Cryptography,
  type Digest,
  type Item,
  type Outcome,
  sameBytes,
  type SystemRequest,
} from '@coppice/wire';
import { checkpointDue, dueActivation } from './activation.ts';
import {
  type BatchEnvironment,
  type BatchState,
  checkItems,
  executeBatch,
  membershipMap,
  turnContext,
} from './batch.ts';
import { BundleChecker } from './bundle-check.ts';
import { defaultTableBounds, recordOf, requestStatus, type TableBounds } from './client-table.ts';
import { overlayView } from './overlay-view.ts';
import { partsOf, ReceivedState } from './received-state.ts';
import type { Services } from './service.ts';
import { forgetEvidence, keepEvidence } from './standing.ts';
import { judge } from './system-request.ts';

export interface ExecutionSettings {
  readonly cryptography: EvidenceCryptography;
  /** As `verifyGenesis` found it, and its time. */
  readonly genesis: VerifiedGenesis & { readonly time: number };
  readonly services: Services;
  /** The state that the service goes on from, which is the predecessor's in `genesis`. */
  readonly inherited?: State;
  /** For pages of the state, where it is larger than memory. */
  readonly pages?: PageStore;
  /** Bundles whose signatures are remembered as valid; default: 8,192. */
  readonly bundlesRemembered?: number;
  readonly tableBounds?: TableBounds;
}

/**
 * At least so many parts of the state are rehashed one by one, and more where one would be of more bytes, each entry counting as some more
 * than it has: see {@link ReplicaExecution.damage}.
 */
const rehashPartsMin = 64;
const rehashBytesMax = 1024 * 1024;
const rehashEntryCost = 256;

interface Layer extends BatchState {
  readonly sequence: number;
  /** Agreed time of the batch; of an installed state, a time that is not above it. */
  readonly time: number;
  readonly headerAt: BatchInput['headerAt'];
  /** Version of the protocol of the batch's header. */
  readonly protocol: number;
  readonly overlay: Overlay | undefined;
}

export class ReplicaExecution implements Execution {
  readonly #environment: BatchEnvironment;
  readonly #pages: PageStore | undefined;
  #state: State;
  #layers: [Layer, ...Layer[]];
  readonly #snapshots = new Map<number, Snapshot>();
  /** The state before the migration that is under way: what clients read meanwhile. */
  #beforeMigration: Readable | undefined;
  /** How far a pass over the newest snapshots has come, from 0 to 1. */
  #rehashed = 0;
  /** A state that was begun to be received, and is not in place. */
  #receiving: ReceivedState | undefined;
  #damaged = false;

  constructor(settings: ExecutionSettings) {
    const { cryptography, genesis, inherited, pages, services } = settings;
    const { bundlesRemembered = 8192, tableBounds = defaultTableBounds } = settings;
    const { service } = genesis;
    const checker = new BundleChecker(cryptography, service, bundlesRemembered);
    this.#environment = { cryptography, service, checker, services, tableBounds };
    this.#pages = pages;
    this.#state = foundedState(genesis, inherited ?? new State(cryptography, undefined, pages));
    this.#layers = [this.#baseOf(inherited === undefined ? 0 : genesis.first.sequence)];
  }

  execute(input: BatchInput): Executed | Unacceptable {
    const before = this.#newest;
    assert(input.sequence === before.sequence + 1, 'batches are executed in order');
    const overlay = this.#state.begin();
    const result = executeBatch(this.#environment, input, before, overlay);
    if ('unacceptable' in result) {
      this.#state.rollback(this.#layers.length - 1);
      return result;
    }
    return this.#push(input, overlay, before, result, result.outcomes);
  }

  adopt(input: BatchInput, outcomes: readonly Outcome[]): Executed | undefined {
    const before = this.#newest;
    assert(input.sequence === before.sequence + 1, 'batches are adopted in order');
    if (!this.#answers(input, outcomes)) return undefined;
    const overlay = this.#state.begin();
    const after = applyOutcomes(overlay, outcomes) ? readState(overlayView(overlay)) : undefined;
    if (after === undefined) {
      this.#state.rollback(this.#layers.length - 1);
      return undefined;
    }
    return this.#push(input, overlay, before, after, outcomes);
  }

  rollback(sequence: number): void {
    const [base] = this.#layers;
    const keep = Math.max(sequence - base.sequence, 0);
    if (keep >= this.#layers.length - 1) return;
    this.#state.rollback(keep);
    this.#layers.length = keep + 1;
  }

  commit(sequence: number): void {
    assert(sequence <= this.#newest.sequence, 'only what was executed is committed');
    while (this.#layers[0].sequence < sequence) {
      this.#receiving = undefined;
      const [, first] = this.#layers;
      if (first!.activation.migration === undefined) this.#beforeMigration = undefined;
      else if (this.#layers[0].activation.migration === undefined) this.#beforeMigration = this.#readable();
      this.#state.fold();
      const [, next, ...rest] = this.#layers;
      this.#layers = [{ ...next!, overlay: undefined }, ...rest];
    }
  }

  inadmissible(item: Item): string | undefined {
    const { membership, constitution, activation, time, sequence, headerAt } = this.#newest;
    if (item.kind === 'bundle') return this.#inadmissibleBundle(item.bundle);
    const { request } = item;
    if (request.kind === 'challenge' || request.kind === 'divergent' || request.kind === 'activate')
      return 'only the primary orders this';
    const context = turnContext(this.#environment, { sequence: sequence + 1, time, headerAt });
    const { cryptography } = this.#environment;
    const admission = { cryptography, newestIssue: newestIssueIn(this.#newestView) };
    // The header of a notice may be one that this replica has not reached.
    const trusting = request.kind === 'ready' ? { ...context, headerAt: () => request.ready.headerDigest } : context;
    const verdict = judge(admission, membership, constitution, activation, trusting, request);
    if (verdict.kind === 'done') return undefined;
    return verdict.kind === 'refused' ? `${verdict.code}: ${verdict.message}` : verdict.reason;
  }

  requestStatus(client: Uint8Array, number: number): RequestStatus {
    return requestStatus(this.#newestView, client, number);
  }

  hasNew({ client, first, operations, acknowledged }: Bundle): boolean {
    const record = recordOf(this.#newestView, client);
    record.acknowledge(acknowledged);
    return operations.some((_, i) => record.standing(first + i).kind === 'new');
  }

  challengeOwed(): { readonly turn: number; readonly openedAt: number } | undefined {
    const { open } = this.#newest.membership;
    return open === undefined || open.drawn !== undefined ? undefined : { turn: open.turn, openedAt: open.openedAt };
  }

  active(): Active {
    return this.#newest.activation;
  }

  activationDue(): SystemRequest | undefined {
    return dueActivation(this.#newest);
  }

  configuration(): Configuration {
    return this.#newest.configuration;
  }

  candidate(): { readonly turn: number; readonly slot: number; readonly instance: Uint8Array } | undefined {
    const { open, candidate } = this.#layers[0].membership;
    if (open === undefined || candidate === undefined) return undefined;
    return { turn: open.turn, slot: open.slot, instance: candidate.instance };
  }

  checkpoint(sequence: number): Digest {
    assert(sequence === this.#layers[0].sequence, 'a checkpoint is of the committed state');
    this.#state.hashBy(this.#environment.cryptography.of(this.#layers[0].protocol));
    const snapshot = this.#state.snapshot();
    this.#snapshots.set(sequence, snapshot);
    return snapshot.digest;
  }

  release(sequence: number): void {
    for (const earlier of this.#snapshots.keys()) if (earlier < sequence) this.#snapshots.delete(earlier);
  }

  parts(sequence: number, paths: readonly Uint8Array[], bytesMax: number): readonly StatePart[] {
    const snapshot = this.#snapshots.get(sequence);
    return snapshot === undefined ? [] : partsOf(snapshot, paths, bytesMax);
  }

  transfer(stateDigest: Digest, protocol: number): StateTransfer {
    const cryptography = this.#environment.cryptography.of(protocol);
    if (this.#receiving?.cryptography !== cryptography) this.#receiving = undefined;
    this.#receiving = this.#receiving?.instead(stateDigest) ?? this.#beginTransfer(cryptography, stateDigest);
    return this.#receiving;
  }

  #beginTransfer(cryptography: Cryptography, stateDigest: Digest): ReceivedState {
    const own = this.#damaged ? undefined : this.#state.snapshot();
    // Parts are told by their digests: a state of another hash has none of them.
    const known = own?.cryptography === cryptography ? own : undefined;
    return ReceivedState.begin(cryptography, stateDigest, known, this.#pages);
  }

  install(sequence: number, transfer: StateTransfer): void {
    assert(transfer instanceof ReceivedState, 'the transfer was begun here');
    const snapshot = transfer.finish();
    this.#state = new State(this.#environment.cryptography, snapshot);
    this.#layers = [this.#baseOf(sequence)];
    this.#beforeMigration = undefined;
    this.#snapshots.clear();
    this.#snapshots.set(sequence, snapshot);
    this.#damaged = false;
    this.#receiving = undefined;
  }

  /** The snapshot of a checkpoint that was taken and not released: to be written to disk. */
  snapshot(sequence: number): Snapshot | undefined {
    return this.#snapshots.get(sequence);
  }

  /**
   * Rehashes the next part of the newest snapshot from its stored bytes: called at each checkpoint, it sees all of the state in 64
   * of them, or in about as many as it has mebibytes. The path of the first piece that is not what it was when it was hashed: the state must
   * be transferred from others, and a transfer begun from now on takes nothing over from it.
   */
  damage(): string | undefined {
    const newest = [...this.#snapshots.keys()].at(-1);
    if (newest === undefined) return undefined;
    const snapshot = this.#snapshots.get(newest)!;
    // A power of two: where the number changes from one part to the next, nothing is left out between them.
    let parts = rehashPartsMin;
    while (snapshot.bytes + rehashEntryCost * snapshot.count > parts * rehashBytesMax) parts *= 2;
    const part = Math.floor(this.#rehashed * parts);
    const path = snapshot.rehash(part, parts);
    this.#rehashed = ((part + 1) / parts) % 1;
    if (path !== undefined) {
      this.#damaged = true;
      this.#receiving = undefined;
    }
    return path;
  }

  /** The committed state, for queries: see queries.ts. */
  committed(): CommittedState {
    const { sequence, time, membership, constitution, activation } = this.#layers[0];
    const view = this.#state.view();
    const readable = activation.migration === undefined ? { sequence, time, view } : this.#beforeMigration;
    return { sequence, time, membership, constitution, activation, view, readable };
  }

  /** The committed state, as it stays. Its digest is known: a checkpoint was taken of it. */
  #readable(): Readable {
    const { sequence, time } = this.#layers[0];
    return { sequence, time, view: this.#state.snapshot().view };
  }

  get #newest(): Layer {
    return this.#layers[this.#layers.length - 1]!;
  }

  get #newestView(): View {
    const { overlay } = this.#newest;
    return overlay === undefined ? this.#state.view() : overlayView(overlay);
  }

  #inadmissibleBundle(bundle: Bundle): string | undefined {
    const { constitution, time } = this.#newest;
    if (clientRoles(this.#newestView, bundle.client) === undefined) return 'unknown-client';
    if (bundle.time > time + constitution.policy.clientClockBoundMs) return 'clock-ahead';
    const checked = this.#environment.checker.check(bundle);
    return 'reason' in checked ? checked.reason : undefined;
  }

  #push(
    input: BatchInput,
    overlay: Overlay,
    before: BatchState,
    after: BatchState,
    outcomes: readonly Outcome[],
  ): Executed {
    const { cryptography } = this.#environment;
    const { sequence, time, headerAt } = input;
    const { membership, constitution, activation, configuration } = after;
    const admitted = membership.candidate?.admittedAt === sequence;
    // What an activation changes can be seen between two certified states. spec/upgrades.md, line 18.
    const changing = checkpointDue(before.activation, after);
    const { protocol } = before.activation;
    const standing = { membership, constitution, activation, configuration };
    this.#layers.push({ sequence, time, headerAt, protocol, overlay, ...standing });
    const { root } = TransactionsTree.of(cryptography.of(protocol), outcomes);
    const checkpoint = admitted || changing;
    return { transactionsRoot: root, outcomes, configuration, active: before.activation, checkpoint };
  }

  /** The committed state as a layer: of genesis, or as it was installed. */
  #baseOf(sequence: number): Layer {
    const state = readState(this.#state.view());
    assert(state !== undefined, 'a certified state is complete');
    const { time } = state.membership.start;
    const { protocol } = state.activation;
    return { ...state, sequence, time, headerAt: () => undefined, protocol, overlay: undefined };
  }

  /** Whether the outcomes are those of the batch's requests, in order, and at most the batch's own writes besides. */
  #answers(input: BatchInput, outcomes: readonly Outcome[]): boolean {
    const digests = checkItems(this.#environment, input.batch.items, this.#newest.activation.protocol);
    if ('unacceptable' in digests) return false;
    const requests = digests.flat();
    const own = outcomes.slice(requests.length);
    return (
      outcomes.length >= requests.length &&
      requests.every((digest, i) => sameBytes(digest, outcomes[i]!.request)) &&
      own.length <= 1 &&
      own.every(({ request }) => request.every((byte) => byte === 0))
    );
  }
}

/** A state that queries of the service are answered from. */
export interface Readable {
  readonly sequence: number;
  readonly time: number;
  readonly view: View;
}

/** What can be asked of the committed state. */
export interface CommittedState {
  readonly sequence: number;
  readonly time: number;
  readonly membership: Membership;
  readonly constitution: Constitution;
  readonly activation: Activation;
  readonly view: View;
  /** What the service is asked in: while a migration is under way the state before it, unless this replica received a later one. */
  readonly readable: Readable | undefined;
}

/** The state that the genesis document describes, over that which it goes on from. */
function foundedState(genesis: ExecutionSettings['genesis'], state: State): State {
  writeGenesis(state.begin(), genesis);
  state.fold();
  return state;
}

/**
 * The write set that makes the state before the first batch: where an auditor's replay begins.
 *
 * @param inherited of the state that it goes on from, at least the maps of {@link foundingMaps}
 */
export function genesisWriteSet(
  cryptography: Cryptography,
  genesis: ExecutionSettings['genesis'],
  inherited = new State(cryptography),
): Uint8Array {
  const writeSet = encodeWriteSet(writeGenesis(inherited.begin(), genesis));
  inherited.rollback(0);
  return writeSet;
}

/** What founding a service looks at in the state that it goes on from. */
export const foundingMaps: readonly string[] = [membershipMap, '$issues'];

/** spec/recovery.md, line 35. */
function writeGenesis(overlay: Overlay, genesis: ExecutionSettings['genesis']): WriteSet {
  const { activation, constitution, first, founders, time } = genesis;
  const tx = overlay.transaction();
  const before = readMembership((key) => tx.get(membershipMap, key));
  if (before === undefined) {
    writeConstitution(tx, constitution);
    writeActivation(tx, activation);
  }
  for (const founder of founders) {
    rememberIssues(tx, founder.collateral);
    keepEvidence(tx, founder, time);
  }
  const instances = founders.map((founder) => {
    const { instance, firstEpoch, keys, release, variant, address, clientAddress } = founder;
    const { platform, provider, chip, engineFamily } = founder;
    const facts = { platform, provider, chip, engineFamily };
    return { instance, firstEpoch, keys, release, variant, address, clientAddress, ...facts };
  });
  const membership = genesisMembership(time, constitution.policy.recoveryPeriodMs, instances, first);
  if (before !== undefined) forgetEvidence(tx, before, membership);
  for (const { key, value } of membershipEntries(membership, before)) {
    if (value === undefined) tx.delete(membershipMap, key);
    else tx.set(membershipMap, key, value);
  }
  return tx.commit();
}

/** What can be asked of this state, which is the one after a batch. Asserts that it is one of a service. */
export function committedStateOf(
  view: View,
  { sequence, time }: Pick<CommittedState, 'sequence' | 'time'>,
): CommittedState {
  const state = readState(view);
  assert(state !== undefined, 'the state is a service’s');
  const { activation, constitution, membership } = state;
  // In the midst of a migration there is nothing to be read: what was before it is another state.
  const readable = activation.migration === undefined ? { sequence, time, view } : undefined;
  return { sequence, time, membership, constitution, activation, view, readable };
}

/** The configuration that this state names. Asserts that it is one of a service. */
export function seatedIn(view: View): Configuration {
  const state = readState(view);
  assert(state !== undefined, 'the state is a service’s');
  return state.configuration;
}

function readState(view: View): BatchState | undefined {
  const membership = readMembership((key) => view.get(membershipMap, key));
  if (membership === undefined) return undefined;
  const constitution = readConstitution(view);
  return { membership, constitution, activation: readActivation(view), configuration: configurationOf(membership) };
}

/** Applies write sets as they were voted; `false` where one is malformed. */
function applyOutcomes(overlay: Overlay, outcomes: readonly Outcome[]): boolean {
  for (const { writeSet } of outcomes) {
    const decoded = decodeWriteSet(writeSet);
    if (!decoded.ok) return false;
    overlay.apply(decoded.value);
  }
  return true;
}
