/**
 * One batch: what is due before its items, the items in order, what may close after them. spec/requests.md, spec/turns.md.
 *
 * Each request is a transaction of its own. Membership and the exactly-once table are working copies during the batch,
 * and written once, at its end, as the batch's own writes: so the write sets alone rebuild the state.
 */
import type { EvidenceCryptography } from '@coppice/attestation';
import {
  type Activation,
  clientRoles,
  type Constitution,
  executeGovernance,
  type JoinAppraisal,
  newestIssueIn,
  readActivation,
  readConstitution,
  rememberIssues,
} from '@coppice/governance';
import {
  type AdmittedInstance,
  beginBatch,
  type BatchInput,
  challengeMissing,
  configurationOf,
  endBatch,
  halted,
  headersKnown,
  type Membership,
  membershipEntries,
  requestTurn,
  type SystemVerdict,
  type TurnContext,
  type Unacceptable,
} from '@coppice/protocol';
import { encodeWriteSet, type Overlay, StateLimitError, type Transaction } from '@coppice/state';
import {
  type Bundle,
  type Configuration,
  copyInto,
  copyOf,
  type Digest,
  encodeResult,
  faultsTolerated,
  type Item,
  limits,
  type Operation,
  type Outcome,
  rehashedFrom,
  requestDigests,
  type Result,
  type SystemRequest,
  systemRequestDigest,
  toHex,
  toLatin1,
} from '@coppice/wire';
import { type Activate, activate, dueActivation, misordered } from './activation.ts';
import type { BundleChecker } from './bundle-check.ts';
import type { ClientRecord } from './client-record.ts';
import { OpenTable, type TableBounds } from './client-table.ts';
import { showsDivergence } from './divergence.ts';
import { overlayView } from './overlay-view.ts';
import { failure, results } from './results.ts';
import type { ServiceCall, Services } from './service.ts';
import { forgetEvidence, keepEvidence, standing } from './standing.ts';
import { type Admission, judge, objection, reconsider, releasesOf } from './system-request.ts';

export const membershipMap = '$membership';

/** Transactions of one batch, and bytes of its results and write sets, after which further requests have to wait. */
const transactionsMax = 16_384;
const outcomeBytesMax = 4 * 1024 * 1024;
/** Joins of one batch whose evidence is appraised. spec/turns.md, line 41. */
const joinsMax = 4;
/** Operations of governance in one batch: each reads the whole constitution. Whoever is no member has half of them. */
const governedMax = 16;
/** Signatures of makers that imports of one batch may take: each is a millisecond or two. */
const signaturesMax = 64;

type Caller = ServiceCall['caller'];

const noDigest: Digest = new Uint8Array(32);
const noBytes = new Uint8Array(0);
/** The encoding of no changes. */
const noWrites = encodeWriteSet([]);

/** What does not change from batch to batch. */
export interface BatchEnvironment {
  readonly cryptography: EvidenceCryptography;
  readonly service: Digest;
  readonly checker: BundleChecker;
  readonly services: Services;
  readonly tableBounds: TableBounds;
}

/** What a batch begins with, and leaves to the next. */
export interface BatchState {
  readonly membership: Membership;
  readonly configuration: Configuration;
  readonly constitution: Constitution;
  readonly activation: Activation;
}

export interface BatchResult extends BatchState {
  readonly outcomes: readonly Outcome[];
}

/**
 * Where each request of a batch comes from, checked without the state: before anything is executed. Gives their digests, as a batch
 * of this version of the protocol has them.
 */
export function checkItems(
  { cryptography, checker }: Pick<BatchEnvironment, 'cryptography' | 'checker'>,
  items: readonly Item[],
  protocol: number,
): (readonly Digest[])[] | Unacceptable {
  const digests: (readonly Digest[])[] = [];
  const hash = cryptography.of(protocol);
  for (const item of items) {
    if (item.kind === 'system') {
      digests.push([systemRequestDigest(hash, item.request)]);
      continue;
    }
    const checked = checker.check(item.bundle);
    if ('reason' in checked) return { unacceptable: checked.reason };
    digests.push(protocol < rehashedFrom ? checked.digests : requestDigests(hash, item.bundle));
  }
  return digests;
}

/** Executes a batch on an overlay that is dropped again where the batch is unacceptable. */
export function executeBatch(
  environment: BatchEnvironment,
  input: BatchInput,
  before: BatchState,
  overlay: Overlay,
): BatchResult | Unacceptable {
  const digests = checkItems(environment, input.batch.items, before.activation.protocol);
  if ('unacceptable' in digests) return digests;
  return new BatchExecution(environment, input, before, overlay).run(digests);
}

class BatchExecution {
  readonly #environment: BatchEnvironment;
  readonly #input: BatchInput;
  readonly #before: BatchState;
  readonly #overlay: Overlay;
  readonly #outcomes: Outcome[] = [];
  readonly #divergent = new Set<string>();
  readonly #clientsAhead = new Set<string>();
  #membership: Membership;
  #constitution: Constitution;
  #activation: Activation;
  readonly #table: OpenTable;
  #halted = false;
  /** What instances are judged by is another than when they were admitted. */
  #judgeAgain = false;
  #joins = 0;
  #governed = 0;
  readonly #signatures = { left: signaturesMax };
  #outcomeBytes = 0;
  /** Salt of the batch's own writes: that of its last bundle, if it has any. */
  #salt: Uint8Array = noBytes;

  constructor(environment: BatchEnvironment, input: BatchInput, before: BatchState, overlay: Overlay) {
    this.#environment = environment;
    this.#input = input;
    this.#before = before;
    this.#overlay = overlay;
    this.#membership = before.membership;
    this.#constitution = before.constitution;
    this.#activation = before.activation;
    this.#table = new OpenTable(overlayView(overlay), environment.tableBounds, input.time);
  }

  run(digests: readonly (readonly Digest[])[]): BatchResult | Unacceptable {
    const { sequence, time, batch } = this.#input;
    const at = { sequence, time };
    const { policy } = this.#constitution;
    const due = dueActivation(this.#before);
    const cryptography = this.#environment.cryptography.of(this.#before.activation.protocol);
    const unacceptable = misordered(cryptography, due, batch.items);
    if (unacceptable !== undefined) return { unacceptable };
    const releases = releasesOf(this.#constitution, this.#activation);
    // No challenge can be ordered now: a turn that waited for one would stop the service. spec/upgrades.md, line 31.
    const launched = due === undefined ? releases : { ...releases, current: undefined };
    this.#membership = beginBatch(this.#membership, policy, launched, at);
    this.#halted = halted(this.#membership, policy, time);

    for (const [i, item] of batch.items.entries()) {
      const unacceptable =
        item.kind === 'bundle' ? this.#bundle(item.bundle, digests[i]!) : this.#system(item.request, digests[i]![0]!);
      if (unacceptable !== undefined) return { unacceptable };
    }

    if (challengeMissing(this.#membership, sequence)) return { unacceptable: 'challenge-missing' };
    if (this.#judgeAgain) this.#reappraise();
    this.#membership = endBatch(
      this.#membership,
      this.#constitution.policy,
      at,
      (occupants, slot) =>
        objection(this.#constitution, this.#activation, occupants[slot]!, slot, occupants) ??
        this.#standing(occupants[slot]!),
    );
    this.#writeOwn();
    const membership = this.#membership;
    const { configuration } = this.#before;
    return {
      outcomes: this.#outcomes,
      membership,
      constitution: this.#constitution,
      activation: this.#activation,
      configuration: membership.epoch === configuration.epoch ? configuration : configurationOf(membership),
    };
  }

  get #isFull(): boolean {
    return this.#outcomeBytes > outcomeBytesMax;
  }

  /** Transactions of a client's requests; a reason if no correct primary would have ordered them. */
  #bundle(bundle: Bundle, digests: readonly Digest[]): string | undefined {
    const { time } = this.#input;
    const { policy, slots } = this.#constitution;
    // The signature's second half: nobody can guess it who has not seen the bundle.
    const salt = (this.#salt = copyOf(bundle.signature.subarray(32)));
    const refuse = (result: Uint8Array): undefined => {
      for (const digest of digests) this.#add(digest, result, salt, noWrites);
    };
    if (bundle.time > time + policy.clientClockBoundMs) {
      this.#clientsAhead.add(toLatin1(bundle.client));
      return this.#clientsAhead.size > faultsTolerated(slots) ? 'time-behind-clients' : refuse(results.clockAhead);
    }
    if (this.#outcomes.length > transactionsMax || this.#isFull) return refuse(results.busy);
    const roles = clientRoles(overlayView(this.#overlay), bundle.client);
    if (roles === undefined) return refuse(results.unknownClient);
    const record = this.#table.open(bundle.client);
    if (record === 'busy') return refuse(results.busy);
    if (record === 'too-many-clients') return refuse(results.tooManyClients);

    const bytesBefore = record.bytes;
    const caller = { id: toHex(bundle.client), roles };
    record.acknowledge(bundle.acknowledged);
    for (const [i, operation] of bundle.operations.entries()) {
      this.#request(bundle.client, caller, bundle.first + i, operation, digests[i]!, record, salt);
    }
    this.#table.charge(record.bytes - bytesBefore);
    return undefined;
  }

  #request(
    client: Uint8Array,
    caller: Caller,
    number: number,
    operation: Operation,
    digest: Digest,
    record: ClientRecord,
    salt: Uint8Array,
  ): void {
    const status = record.standing(number);
    if (status.kind === 'executed') {
      const { sequence, index } = status;
      return this.#add(digest, failure('duplicate', 'executed before', { sequence, index }), salt, noWrites);
    }
    if (status.kind === 'outside-window') {
      const { acknowledged } = record;
      const message = 'acknowledged already, or too far ahead of what is';
      return this.#add(digest, failure('outside-window', message, { acknowledged }), salt, noWrites);
    }
    // What a bundle's requests give, nobody knows before: of hundreds that write megabytes, the record would have no encoding.
    if (this.#isFull) return this.#add(digest, results.busy, salt, noWrites);
    if (operation.target === 'governance') {
      const most = caller.roles.includes('member') ? governedMax : governedMax / 2;
      if (this.#governed >= most) return this.#add(digest, results.busy, salt, noWrites);
      this.#governed++;
    }
    record.add(number, this.#input.sequence, this.#outcomes.length);
    if (this.#divergent.size > 0 && this.#divergent.has(toLatin1(digest)))
      return this.#add(digest, results.divergent, salt, noWrites);
    if (operation.target === 'governance') return this.#govern(client, operation.payload, digest, salt);
    if (this.#halted) return this.#add(digest, results.overdue, salt, noWrites);
    this.#serve(caller, operation.payload, digest, salt);
  }

  #serve(caller: Caller, operation: Uint8Array, digest: Digest, salt: Uint8Array): void {
    const { sequence, time } = this.#input;
    const tx = this.#overlay.transaction();
    const seed = seedOf(digest, sequence, this.#outcomes.length);
    const service = this.#environment.services.get(this.#activation.code.version);
    const call = { operation, caller, time, sequence, seed };
    const { ok, result } = service?.execute(tx, call) ?? { ok: false, result: results.unspoken };
    this.#finish(tx, ok, result, digest, salt);
  }

  #govern(sender: Uint8Array, payload: Uint8Array, digest: Digest, salt: Uint8Array): void {
    const { sequence, time } = this.#input;
    const { cryptography, service } = this.#environment;
    const tx = this.#overlay.transaction();
    try {
      const { result, effects } = executeGovernance(tx, {
        ...{ cryptography, service, sender, time, sequence, payload },
        signatures: this.#signatures,
      });
      const encoded = encodeResult(result);
      const fits = encoded.length <= limits.resultBytes;
      this.#finish(tx, result.ok && fits, fits ? encoded : results.tooLarge, digest, salt);
      if (!fits) return;
      for (const effect of effects) {
        if (effect.kind === 'early-turn') this.#membership = requestTurn(this.#membership, effect.slot);
        else if (effect.kind !== 'activation') this.#judgeAgain = true;
        if (effect.kind === 'constitution') this.#amend();
        this.#activation = readActivation(overlayView(this.#overlay));
      }
    } catch (error) {
      if (!(error instanceof StateLimitError)) throw error;
      tx.abort();
      this.#add(digest, results.tooLarge, salt, noWrites);
    }
  }

  /** The constitution changed: whoever it would not admit is replaced. */
  #amend(): void {
    this.#constitution = readConstitution(overlayView(this.#overlay));
    this.#membership = reconsider(this.#membership, this.#constitution, this.#activation);
  }

  /** Early turns for those whose evidence is not good enough any more. Once a batch: it is slow. */
  #reappraise(): void {
    for (const [slot, occupant] of this.#membership.occupants.entries()) {
      if (occupant !== undefined && this.#standing(occupant) !== undefined)
        this.#membership = requestTurn(this.#membership, slot);
    }
  }

  #standing(instance: AdmittedInstance): string | undefined {
    const { cryptography } = this.#environment;
    return standing(cryptography, this.#constitution, overlayView(this.#overlay), instance, this.#input.time);
  }

  /** Ends a transaction: what it wrote is kept where it is ok. */
  #finish(tx: Transaction, ok: boolean, result: Uint8Array, digest: Digest, salt: Uint8Array): void {
    if (!ok) {
      tx.abort();
      return this.#add(digest, result, salt, noWrites);
    }
    const writeSet = tx.commit();
    this.#add(digest, result, salt, writeSet.length === 0 ? noWrites : encodeWriteSet(writeSet));
  }

  /** The transaction of a system request; a reason if no correct primary would have ordered it. */
  #system(request: SystemRequest, digest: Digest): string | undefined {
    const { cryptography, service } = this.#environment;
    if (request.kind === 'divergent') {
      const { configuration } = this.#before;
      const shown = showsDivergence(cryptography, service, configuration, request.request, request.refusals);
      if (!shown) return 'divergence-not-shown';
      this.#divergent.add(toLatin1(request.request));
      this.#add(digest, encodeResult({ ok: true, value: { request: request.request } }), noBytes, noWrites);
      return undefined;
    }
    if (request.kind === 'activate') return this.#activate(request, digest);
    if (request.kind === 'join' && this.#joins++ >= joinsMax) {
      this.#add(digest, results.busy, noBytes, noWrites);
      return undefined;
    }
    const context = turnContext(this.#environment, this.#input);
    let accepted: JoinAppraisal | undefined;
    const admission: Admission = {
      cryptography,
      newestIssue: newestIssueIn(overlayView(this.#overlay)),
      onAccepted: (appraisal) => (accepted = appraisal),
    };
    const verdict = judge(admission, this.#membership, this.#constitution, this.#activation, context, request);
    if (verdict.kind === 'invalid') return verdict.reason;
    const tx = this.#overlay.transaction();
    if (verdict.kind === 'done') {
      this.#membership = verdict.membership;
      if (accepted !== undefined && request.kind === 'join') {
        rememberIssues(tx, accepted.collateral);
        keepEvidence(tx, request.join, context.time);
      }
    }
    this.#finish(tx, true, encodeResult(resultOf(verdict)), digest, noBytes);
    return undefined;
  }

  #activate(request: Activate, digest: Digest): undefined {
    const { sequence, time } = this.#input;
    const divergent = this.#divergent.has(toLatin1(digest));
    const { services } = this.#environment;
    const { activation, result, tx } = activate(
      services,
      this.#overlay,
      this.#before,
      request,
      digest,
      { sequence, time },
      divergent,
    );
    this.#activation = activation;
    this.#finish(tx, true, result, digest, noBytes);
  }

  #add(request: Digest, result: Uint8Array, salt: Uint8Array, writeSet: Uint8Array): void {
    this.#outcomeBytes += result.length + writeSet.length;
    this.#outcomes.push({ request, result, salt, writeSet });
  }

  /** What the batch itself writes, as one more transaction. */
  #writeOwn(): void {
    const tx = this.#overlay.transaction();
    for (const { key, value } of membershipEntries(this.#membership, this.#before.membership)) {
      if (value === undefined) tx.delete(membershipMap, key);
      else tx.set(membershipMap, key, value);
    }
    forgetEvidence(tx, this.#before.membership, this.#membership);
    this.#table.write(tx);
    const writeSet = tx.commit();
    if (writeSet.length > 0) this.#add(noDigest, noBytes, this.#salt, encodeWriteSet(writeSet));
  }
}

/** What a system request is judged with. */
export function turnContext(
  { cryptography, service }: Pick<BatchEnvironment, 'cryptography' | 'service'>,
  { sequence, time, headerAt }: Pick<BatchInput, 'sequence' | 'time' | 'headerAt'>,
): TurnContext {
  // A replica may know more headers than another: only those that all know count.
  const known = (at: number): boolean => at >= sequence - headersKnown && at < sequence;
  return { cryptography, service, sequence, time, headerAt: (at) => (known(at) ? headerAt(at) : undefined) };
}

function resultOf(verdict: Extract<SystemVerdict, { kind: 'done' | 'refused' }>): Result {
  if (verdict.kind === 'done') return { ok: true, value: verdict.value };
  const { code, message, data } = verdict;
  return { ok: false, error: data === undefined ? { code, message } : { code, message, data } };
}

/** Request digest, sequence number, index: distinct for each transaction, and nothing that hashing would add to. */
function seedOf(digest: Digest, sequence: number, index: number): Uint8Array {
  const seed = new Uint8Array(44);
  copyInto(seed, digest, 0);
  for (let i = 0, rest = sequence; i < 8; i++, rest = Math.floor(rest / 256)) seed[32 + i] = rest;
  for (let i = 0; i < 4; i++) seed[40 + i] = index >>> (8 * i);
  return seed;
}
