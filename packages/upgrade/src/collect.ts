/**
 * Makes an upgrade certificate of a ledger, in one pass and little memory: records are looked at in the order in which a replica wrote them,
 * and what will be shown is proven as soon as something certifies it.
 *
 * Nothing is verified here: a ledger that does not hold gives a certificate that does not verify.
 */
import { changesOf } from '@coppice/audit';
import {
  type LedgerRecord,
  MerkleTree,
  type ProvenTransaction,
  type Receipt,
  TransactionsTree,
  writeSetDigest,
} from '@coppice/ledger';
import { decodeStatement } from '@coppice/governance';
import { acceptedIn, fieldsOf } from './approval.ts';
import {
  batchCodec,
  type CheckpointCertificate,
  type CommitCertificate,
  type Configuration,
  type Cryptography,
  decode,
  decodeResult,
  type Digest,
  type EpochCertificate,
  type GenesisDocument,
  type Header,
  type Outcome,
  sameBytes,
  seatOf,
  serviceDigest,
  type SystemRequest,
  toHex,
  toLatin1,
} from '@coppice/wire';
import { type Proven, type ProvenWrites, type UpgradeCertificate, upgradeCertificateVersion } from './certificate.ts';

/** What is not on the ledger. */
export interface ReleaseFiles {
  /** Bytes of the manifest: their SHA-256 is the release. */
  readonly manifest: Uint8Array;
  readonly provenance: UpgradeCertificate['provenance'];
}

type Activate = Extract<SystemRequest, { readonly kind: 'activate' }>;

/** A transaction that will be shown. */
interface Found {
  readonly header: Header;
  readonly transaction: ProvenTransaction;
  readonly salt: Uint8Array;
  readonly writeSet: Uint8Array;
  /** Under the root over all headers up to its own. */
  readonly path: readonly Digest[];
}

type Shown = ProvenWrites & { readonly pathOfHeader: readonly Digest[] };

/** Checkpoints that are kept: an activation follows closely on the one before it. */
const checkpointsMax = 64;

export class UpgradeCollector {
  /** Releases that members approved, the latest last; of genesis none. */
  readonly approved: Digest[] = [];
  readonly #cryptography: Cryptography;
  readonly #tree: MerkleTree;
  /** Headers that nothing certified yet, by their sequence number, and what was found in their batches. */
  readonly #headers = new Map<number, Header>();
  #waiting: Found[] = [];
  #committed = 0;
  /** The first batch whose predecessor is not there. */
  #gap: number | undefined;
  /** Of the service that is looked at, and which it is; those it goes on from, with the releases that members approved in them. */
  #document: GenesisDocument | undefined;
  #service: Digest | undefined;
  readonly #before: { readonly service: Digest; readonly approved: readonly Digest[] }[] = [];
  readonly #wanted: Digest | undefined;
  #ended = false;
  readonly #epochs: EpochCertificate[] = [];
  readonly #decisions: { readonly shown: Shown; readonly approves: Digest | undefined }[] = [];
  /** By instance. */
  readonly #joins = new Map<string, Shown>();
  readonly #activations: Shown[] = [];
  /** Of the migration that was begun last: without what they wrote, which need not fit in memory. */
  #steps: Shown[] = [];
  /** By the transaction that ended it. */
  readonly #stepsOf = new Map<Shown, readonly Shown[]>();
  readonly #checkpoints = new Map<number, CheckpointCertificate>();
  /** Those beside an activation. */
  readonly #states = new Map<number, CheckpointCertificate>();

  /** @param service which of those on the ledger: one may go on from another. By default the last. */
  constructor(cryptography: Cryptography, service?: Digest) {
    this.#cryptography = cryptography;
    this.#wanted = service;
    this.#tree = new MerkleTree(cryptography);
  }

  /** The services on the ledger that the one that is looked at goes on from. */
  get predecessors(): readonly Digest[] {
    return this.#before.map(({ service }) => service);
  }

  /** Whether what was collected is of this service. */
  isOf(service: Digest): boolean {
    return this.#service !== undefined && sameBytes(this.#service, service);
  }

  /** The next record. */
  add(record: LedgerRecord): void {
    if (this.#ended) return;
    if (record.kind === 'genesis') this.#begin(record.document);
    else if (record.kind === 'batch') this.#batch(record);
    else if (record.kind === 'commit') this.#commit(record.certificate);
    else if (record.kind === 'epoch') this.#epochs[record.certificate.header.epoch] = record.certificate;
    else if (record.kind === 'checkpoint') this.#checkpoint(record.certificate);
  }

  /** A service that goes on from another is one of its own: what was signed for that one says nothing in it. */
  #begin(document: GenesisDocument): void {
    if (this.#service !== undefined) {
      this.#ended = this.#wanted !== undefined && sameBytes(this.#service, this.#wanted);
      if (this.#ended) return;
      this.#before.push({ service: this.#service, approved: [...this.approved] });
    }
    this.#document = document;
    this.#service = serviceDigest(this.#cryptography, document.genesis);
    const last = document.genesis.predecessor?.header.sequence;
    if (last === undefined) return;
    if (this.#tree.size < last) this.#gap ??= last;
    else if (this.#tree.size > last) this.#tree.rollback(last);
    this.#committed = last;
    this.#waiting = [];
    this.#headers.clear();
    this.#joins.clear();
    for (const list of [this.approved, this.#epochs, this.#decisions, this.#activations, this.#steps]) list.length = 0;
  }

  #batch({ batch, header, outcomes }: Extract<LedgerRecord, { kind: 'batch' }>): void {
    const { sequence } = header;
    if (sequence <= this.#committed) return;
    if (sequence > this.#tree.size + 1) this.#gap ??= sequence;
    if (this.#gap !== undefined) return;
    if (sequence <= this.#tree.size) {
      this.#tree.rollback(sequence - 1);
      this.#waiting = this.#waiting.filter((one) => one.header.sequence < sequence);
      for (const each of this.#headers.keys()) if (each >= sequence) this.#headers.delete(each);
    }
    this.#tree.appendHeader(header);
    this.#headers.set(sequence, header);
    const requests = requestsOf(batch);
    const hash = this.#cryptography.of(header.protocolVersion);
    for (const [index, outcome] of outcomes.entries()) {
      const request = requests(index);
      if (request === undefined || !isShown(request, outcome)) continue;
      const { result, salt, writeSet } = outcome;
      const digest = writeSetDigest(hash, salt, writeSet);
      const path = TransactionsTree.of(hash, outcomes).path(index);
      this.#waiting.push({
        ...{ header, salt, writeSet: stepIn({ request, result }) === undefined ? writeSet : new Uint8Array(0) },
        transaction: { index, request, result, writeSetDigest: digest, path },
        path: this.#tree.inclusionPath(sequence - 1, sequence),
      });
    }
  }

  /** A batch is committed by its own certificate, or by that of a later one. */
  #commit(certificate: CommitCertificate): void {
    const { sequence } = certificate.subject;
    const certified = this.#headers.get(sequence);
    if (certified === undefined) return;
    this.#committed = sequence;
    for (const found of this.#waiting.filter((one) => one.header.sequence <= sequence)) {
      const at = found.header.sequence;
      const via: Receipt['via'] =
        at === sequence ? undefined : { header: certified, path: this.#tree.inclusionPath(at - 1, sequence - 1) };
      const { path: pathOfHeader, ...shown } = found;
      this.#show({ ...shown, via, certificate, pathOfHeader });
    }
    this.#waiting = this.#waiting.filter((one) => one.header.sequence > sequence);
    for (const each of this.#headers.keys()) if (each <= sequence) this.#headers.delete(each);
    this.#tree.trim(Math.max(this.#tree.trimmed, sequence - 1));
  }

  #show(shown: Shown): void {
    const { request } = shown.transaction;
    if (request.kind === 'client') {
      const approves = releaseApproved(shown.writeSet);
      this.#decisions.push({ shown, approves });
      if (approves !== undefined) this.approved.push(approves);
    } else if (request.request.kind === 'join') this.#joins.set(toLatin1(request.request.join.instance), shown);
    else this.#showActivation(shown);
  }

  #showActivation(shown: Shown): void {
    const step = stepIn(shown.transaction);
    if (step === undefined) {
      this.#activations.push(shown);
      this.#stepsOf.set(shown, this.#steps);
      this.#steps = [];
    } else if (step === 1) this.#steps = [shown];
    else this.#steps.push(shown);
    const { sequence } = shown.header;
    for (const each of [sequence - 1, sequence]) {
      const known = this.#checkpoints.get(each);
      if (known !== undefined && this.#isBeside(each)) this.#states.set(each, known);
    }
  }

  /** Whether the state after batch `sequence` is the one before an activation, or after it. */
  #isBeside(sequence: number): boolean {
    if (this.#steps[0]?.header.sequence === sequence + 1) return true;
    return this.#activations.some(({ header }) => sequence === header.sequence || sequence === header.sequence - 1);
  }

  #checkpoint(certificate: CheckpointCertificate): void {
    const { sequence } = certificate;
    this.#checkpoints.set(sequence, certificate);
    if (this.#checkpoints.size > checkpointsMax) this.#checkpoints.delete(this.#checkpoints.keys().next().value!);
    if (this.#isBeside(sequence)) this.#states.set(sequence, certificate);
  }

  /** The certificate of the upgrade to this release, or what the ledger lacks for it. */
  certificate(release: Digest, { manifest, provenance }: ReleaseFiles): UpgradeCertificate | string {
    if (this.#document === undefined) return 'the ledger has no genesis';
    if (this.#gap !== undefined) return `the ledger has no batches before ${this.#gap}: it is being filled in`;
    const { constitution, genesis } = this.#document;
    const approval = this.#decisions.findLastIndex(
      ({ approves }) => approves !== undefined && sameBytes(approves, release),
    );
    if (approval < 0) return this.#unapproved(release);
    const activated = this.#activations.find((one) => sameBytes(activateIn(one).release, release));
    const first = genesis.configuration.epoch;
    const known = this.#epochs.slice(first);
    const missing = known.findIndex((one) => one === undefined);
    const epochs = missing < 0 ? known : known.slice(0, missing);
    const epoch = activated?.header.epoch ?? first + epochs.length;
    const configuration = epoch === first ? genesis.configuration : this.#epochs[epoch - 1]?.next;
    if (configuration === undefined) return `the ledger has no end of epoch ${epoch - 1}`;
    const joins = this.#joinsOf(configuration, release);
    if (typeof joins === 'string') return joins;
    const activation = activated && this.#activation(activated);
    if (typeof activation === 'string') return activation;
    return {
      version: upgradeCertificateVersion,
      ...{ genesis, constitution, epochs, manifest, provenance, activation },
      decisions: this.#decisions.slice(0, approval + 1).map(({ shown }) => writesOf(shown)),
      cleanStarts: joins.map(provenOf),
    };
  }

  /** Why there is no approval of this release. A certificate is of one service: who signs for another says nothing in this one. */
  #unapproved(release: Digest): string {
    const before = this.#before.findLast(({ approved }) => approved.some((one) => sameBytes(one, release)));
    if (before === undefined) return 'the ledger has no approval of this release';
    const service = toHex(before.service);
    return `members approved this release in the service ${service}, which this one goes on from: its certificate is of that service (--service ${service})`;
  }

  #joinsOf(configuration: Configuration, release: Digest): Shown[] | string {
    const joins: Shown[] = [];
    for (let slot = 0; slot < configuration.slots; slot++) {
      const seat = seatOf(configuration, slot);
      if (seat === undefined || !sameBytes(seat.release, release)) {
        const moved = configuration.seats.filter((one) => sameBytes(one.release, release)).length;
        return `${moved} of ${configuration.slots} slots have moved to it: the certificate can be made when all have`;
      }
      const join = this.#joins.get(toLatin1(seat.instance));
      if (join === undefined) return `the ledger has no join of the instance in slot ${slot}`;
      joins.push(join);
    }
    return joins;
  }

  #activation(shown: Shown): UpgradeCertificate['activation'] | string {
    const { sequence } = shown.header;
    const taken = stepsIn(shown.transaction);
    const steps = this.#stepsOf.get(shown) ?? [];
    if (steps.length !== taken) return 'this ledger has not all steps of its migration: that of another replica may';
    const [before, after] = [this.#states.get(sequence - 1 - taken), this.#states.get(sequence)];
    if (before === undefined || after === undefined)
      return `this ledger has no certificate of the state ${before === undefined ? 'before' : 'after'} the activation: that of another replica may`;
    const path = [...shown.pathOfHeader];
    return { steps: steps.map(provenOf), transaction: writesOf(shown), before, after, path };
  }
}

function provenOf({ certificate, header, transaction, via }: Shown): Proven {
  return { header, via, certificate, transaction };
}

function writesOf(shown: Shown): ProvenWrites {
  return { ...provenOf(shown), salt: shown.salt, writeSet: shown.writeSet };
}

/** The request of each transaction of a batch; `undefined` for the batch's own. */
function requestsOf(batch: Uint8Array): (index: number) => ProvenTransaction['request'] | undefined {
  const decoded = decode(batchCodec, batch);
  const items = decoded.ok ? decoded.value.items : [];
  return (index) => {
    let first = 0;
    for (const item of items) {
      if (item.kind === 'system') {
        if (index === first) return { kind: 'system', request: item.request };
        first += 1;
        continue;
      }
      const { client, first: number, operations } = item.bundle;
      const operation = operations[index - first];
      if (operation !== undefined) return { kind: 'client', client, number: number + index - first, operation };
      first += operations.length;
    }
    return undefined;
  };
}

/** Joins and activations that succeeded, and what changed the constitution. */
function isShown(request: ProvenTransaction['request'], { result, writeSet }: Outcome): boolean {
  // No service has such a map.
  if (request.kind === 'client') return written(writeSet, '$constitution\0') !== undefined;
  if (request.request.kind !== 'join' && request.request.kind !== 'activate') return false;
  const outcome = decodeResult(result);
  if (!outcome.ok || !outcome.value.ok) return false;
  // What takes a step back brings nothing.
  return request.request.kind === 'join' || numberIn(result, 'left') === undefined;
}

/** The number of a step that was taken and did not end its migration. */
function stepIn({ request, result }: Pick<ProvenTransaction, 'request' | 'result'>): number | undefined {
  return request.kind === 'system' && request.request.kind === 'activate' ? numberIn(result, 'step') : undefined;
}

/** Steps before the one that ended a migration. */
const stepsIn = ({ result }: ProvenTransaction): number => (numberIn(result, 'steps') ?? 1) - 1;

function numberIn(result: Uint8Array, field: string): number | undefined {
  const outcome = decodeResult(result);
  const value = outcome.ok && outcome.value.ok ? fieldsOf(outcome.value.value)[field] : undefined;
  return typeof value === 'number' ? value : undefined;
}

function written(writeSet: Uint8Array, address: string): Uint8Array | undefined {
  return changesOf(writeSet)?.find((one) => one.address === address)?.value;
}

/** The release that the decision in a write set approves, if it does. */
function releaseApproved(writeSet: Uint8Array): Digest | undefined {
  const accepted = acceptedIn(writeSet);
  const signed = accepted && decodeStatement(accepted.statement);
  if (signed?.ok !== true || signed.value.statement.kind !== 'proposal') return undefined;
  const { action } = signed.value.statement;
  return action.kind === 'approve-release' ? action.release.digest : undefined;
}

function activateIn({ transaction }: Shown): Activate {
  return (transaction.request as { readonly request: Activate }).request;
}
