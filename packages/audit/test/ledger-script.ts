/**
 * Writes small ledgers as a replica would: a script of what happens, with every key at hand.
 */
import {
  checkpointStatement,
  type CheckpointCertificate,
  type CommitCertificate,
  type Configuration,
  configurationDigest,
  type Cryptography,
  digestOf,
  type Erasure,
  erasureStatement,
  type GenesisDocument,
  genesisStatement,
  type Header,
  type Item,
  type Join,
  joinsRoot,
  joinStatement,
  type NewView,
  newViewDigest,
  newViewStatement,
  type Outcome,
  quorumOf,
  type Ready,
  readyStatement,
  requestDigests,
  type Signer,
  type SystemRequest,
  systemRequestDigest,
  toLatin1,
  type ViewChange,
  viewChangeStatement,
} from '@coppice/wire';
import { encodeRecord, type LedgerRecord } from '@coppice/ledger';
import {
  batchOf,
  bytesOf,
  epochSigner,
  seatNamed,
  testCryptography as cryptography,
  testSigner,
  TestLog,
} from '../../ledger/test/fixtures.ts';
import { decodeWriteSet, encodeWriteSet, State, type WriteSet } from '../../state/src/index.ts';
import type { AuditInput, AuditOptions } from '@coppice/audit';

const anyConstitution = bytesOf('the constitution');

/** The join of the launch called `name`, with keys for 8 epochs. */
export function joinOf(name: string, slot: number, turn: number, firstEpoch: number, service: Uint8Array): Join {
  const { instance, release, variant, address, clientAddress } = seatNamed(name, slot, firstEpoch, turn);
  const keys = Array.from({ length: 8 }, (_, k) => {
    const { signingKey, sealingKey } = seatNamed(name, slot, firstEpoch + k);
    return { signingKey, sealingKey };
  });
  const claims = {
    service,
    turn,
    slot,
    instance,
    firstEpoch,
    keys,
    release,
    variant,
    address,
    clientAddress,
    evidence: bytesOf(name),
  };
  return { ...claims, signature: testSigner(name).sign(joinStatement(claims)) };
}

/** What genesis wrote, before the first batch. */
export const genesisWriteSet = (constitution = anyConstitution): WriteSet => [
  { address: '$constitution\0', value: constitution },
];

export interface Batched {
  readonly header: Header;
  readonly outcomes: readonly Outcome[];
}

export class LedgerScript {
  readonly records: LedgerRecord[] = [];
  log: TestLog;
  readonly document: GenesisDocument;
  readonly state = new State(cryptography);
  /** Numbers of the next requests of each client. */
  readonly #next = new Map<string, number>();

  constructor(constitution = anyConstitution) {
    const names = ['s0', 's1', 's2', 's3'];
    const constitutionDigest = digestOf(cryptography, 'constitution', constitution);
    const joins = names.map((name, slot) => joinOf(name, slot, 0, 0, constitutionDigest));
    this.log = new TestLog(names, { constitution: constitutionDigest, joinsRoot: joinsRoot(cryptography, joins) });
    const member = testSigner('member');
    const signatures = [{ member: member.publicKey, signature: member.sign(genesisStatement(this.log.service)) }];
    this.document = { genesis: this.log.genesis, constitution, joins, signatures };
    this.records.push({ kind: 'genesis', document: this.document });
    this.#write(genesisWriteSet(constitution));
  }

  /** By the version of what comes. */
  get #hash(): Cryptography {
    return cryptography.of(this.log.protocol);
  }

  #write(writeSet: WriteSet): void {
    this.state.begin().apply(writeSet);
    this.state.fold();
  }

  /** A client's bundle of `count` requests. */
  bundle(client: string, count: number): Item {
    const first = this.#next.get(client) ?? 1;
    this.#next.set(client, first + count);
    const payloads = Array.from({ length: count }, (_, i) => new Uint8Array(128).fill(first + i));
    return { kind: 'bundle', bundle: this.log.bundle(client, first, payloads) };
  }

  /** Outcomes of these items: each request writes one key, the batch itself another. */
  outcomes(items: readonly Item[]): Outcome[] {
    const sequence = this.log.tree.size + 1;
    const requests = items.flatMap((item) =>
      item.kind === 'bundle'
        ? requestDigests(this.#hash, item.bundle)
        : [systemRequestDigest(this.#hash, item.request)],
    );
    return [...requests, new Uint8Array(32)].map((request, i) => {
      const value = i % 7 === 6 ? undefined : request.subarray(0, 1 + (i % 30));
      const writeSet = encodeWriteSet([{ address: `app\0${(sequence * 31 + i) % 97}`, value }]);
      return { request, result: Uint8Array.of(111, 107), salt: bytesOf(`${sequence} ${i}`), writeSet };
    });
  }

  /** Accepts a batch, not yet certified. */
  accept(items: readonly Item[], changes: Partial<Header> = {}, outcomes = this.outcomes(items)): Batched {
    const header = this.log.header(outcomes, changes);
    this.records.push({ kind: 'batch', header, batch: batchOf(...items), outcomes });
    return { header, outcomes };
  }

  /** Certifies it, and with it those before it that are given, too. */
  commit(batches: readonly Batched[], voters?: { view: number; newView: Uint8Array }): CommitCertificate {
    const { header } = batches.at(-1)!;
    const certificate = this.log.commit(header, voters);
    this.records.push(
      { kind: 'prepared', certificate: this.log.prepare(header, voters) },
      { kind: 'commit', certificate },
    );
    this.#execute(batches);
    return certificate;
  }

  #execute(batches: readonly Batched[]): void {
    for (const { outcomes } of batches) {
      for (const { writeSet } of outcomes) {
        const decoded = decodeWriteSet(writeSet);
        if (!decoded.ok) throw new Error(decoded.reason);
        this.#write(decoded.value);
      }
    }
  }

  /** Accepts and commits. */
  batch(...items: Item[]): CommitCertificate {
    return this.commit([this.accept(items)]);
  }

  system(request: SystemRequest): Item {
    return { kind: 'system', request };
  }

  /** A notice of erasure: of an instance that stays, with its key of this epoch; of one that left, with its identity key. */
  erasure(slot: number, name: string, by?: Signer, changes: Partial<Erasure> = {}): Item {
    const { epoch } = this.log.configuration;
    const stays = this.log.launches[slot] === name;
    const signer = by ?? (stays ? epochSigner(name, epoch) : testSigner(name));
    const instance = testSigner(name).publicKey;
    const unsigned = { service: this.log.service, epoch: epoch - 1, slot, instance, ...changes };
    return this.system({
      kind: 'erasure',
      erasure: { ...unsigned, signature: signer.sign(erasureStatement(unsigned)) },
    });
  }

  ready(name: string, turn: number, changes: Partial<Ready> = {}): Item {
    const sequence = this.log.tree.size;
    const unsigned = {
      service: this.log.service,
      turn,
      sequence,
      headerDigest: this.log.tree.leaf(sequence - 1)!,
      ...changes,
    };
    return this.system({
      kind: 'ready',
      ready: { ...unsigned, signature: testSigner(name).sign(readyStatement(unsigned)) },
    });
  }

  /** The closing batch with these items, its certificate, and the next epoch. */
  close(next: Configuration, launches: string[], items: readonly Item[] = [], proposer = 0): void {
    const closing = this.accept(items, { configuration: configurationDigest(this.#hash, next), proposer });
    const certificate = this.commit([closing]);
    this.records.push({ kind: 'epoch', certificate: { header: closing.header, certificate, next } });
    this.log.configuration = next;
    this.log.launches = launches;
  }

  /** A whole turn: challenge, join, ready and swap. Parts can be left out or altered. */
  turn(slot: number, name: string, turn: number, parts: TurnParts = {}): void {
    const opened = this.batch();
    const { epoch } = this.log.configuration;
    const certificate = parts.challenge === undefined || parts.challenge === 'none' ? opened : parts.challenge(opened);
    if (parts.challenge !== 'none') this.batch(this.system({ kind: 'challenge', turn, certificate }));
    const join = parts.join ?? joinOf(name, slot, turn, epoch + 1, this.log.service);
    if (join !== 'none') this.batch(this.system({ kind: 'join', join }));
    const ready = parts.ready === 'none' ? [] : [this.ready(name, turn, parts.ready)];
    const next = this.log.nextConfiguration(slot, name, turn);
    const launches = this.log.launches.map((launch, i) => (i === slot ? name : launch));
    this.close(parts.next?.(next) ?? next, launches, ready, parts.proposer);
  }

  /** Every incumbent of the epoch before gives notice that its keys are gone. */
  seal(before: readonly string[]): void {
    this.batch(...before.map((name, slot) => this.erasure(slot, name)));
  }

  /**
   * The service was lost, and these launches found the one that goes on. `tail` was accepted and never committed; the last of it was prepared.
   */
  succeed(names: readonly string[], tail: readonly Batched[], changes: Partial<GenesisDocument['genesis']> = {}): void {
    const { configuration, service, tree } = this.log;
    const { header } = tail.at(-1)!;
    const certificate = this.log.prepare(header);
    this.records.push({ kind: 'prepared', certificate });
    this.#execute(tail);
    const { constitution } = this.document;
    const digest = digestOf(cryptography, 'constitution', constitution);
    const epoch = configuration.epoch + 1;
    const joins = names.map((name, slot) => joinOf(name, slot, 0, epoch, digest));
    const time = header.time + 1000;
    const seats = names.map((name, slot) => seatNamed(name, slot, epoch, 0, time));
    const predecessor = { service, header, certificate, ledgerRoot: tree.root(), stateDigest: this.state.digest() };
    const log = new TestLog([...names], {
      constitution: digest,
      joinsRoot: joinsRoot(cryptography, joins),
      time,
      configuration: { epoch, slots: names.length, seats },
      predecessor,
      ...changes,
    });
    log.configuration = log.genesis.configuration;
    for (let i = 0; i < tree.size; i++) log.tree.append(tree.leaf(i)!);
    const member = testSigner('member');
    const signatures = [{ member: member.publicKey, signature: member.sign(genesisStatement(log.service)) }];
    const size = Math.max(0, tree.size - 64);
    const recent = Array.from({ length: tree.size - size }, (_, i) => tree.leaf(size + i)!);
    const inheritance = { peaks: tree.frontier(size), recent, standing: undefined };
    this.records.push({
      kind: 'genesis',
      document: { genesis: log.genesis, constitution, joins, signatures, inheritance },
    });
    this.log = log;
  }

  checkpoint(changes: Partial<CheckpointCertificate> = {}): void {
    const { configuration, tree, launches, service } = this.log;
    this.state.hashBy(tree.size > tree.rehashed ? this.#hash : cryptography);
    const subject = {
      epoch: configuration.epoch,
      sequence: tree.size,
      ledgerRoot: tree.root(),
      stateDigest: this.state.digest(),
      ...changes,
    };
    const signatures = launches
      .map((name, slot) => ({
        slot,
        signature: epochSigner(name, subject.epoch).sign(checkpointStatement(service, subject)),
      }))
      .slice(0, quorumOf(configuration.slots));
    this.records.push({ kind: 'checkpoint', certificate: { ...subject, signatures } });
  }

  /** A new-view for `view`, whose members prepared this, or nothing in this epoch. */
  newView(
    view: number,
    prepared: NonNullable<ViewChange['prepared']> | undefined,
    changes: Partial<NewView> = {},
  ): { view: number; newView: Uint8Array } {
    const { service, configuration, launches } = this.log;
    const { epoch } = configuration;
    const viewChanges = [0, 1, 2].map((slot): ViewChange => {
      const unsigned = { service, epoch, view, slot, prepared };
      return { ...unsigned, signature: epochSigner(launches[slot]!, epoch).sign(viewChangeStatement(unsigned)) };
    });
    const unsigned = { service, epoch, view, slot: view % configuration.slots, viewChanges, ...changes };
    const signature = epochSigner(launches[unsigned.slot]!, epoch).sign(newViewStatement(unsigned));
    this.records.push({ kind: 'new-view', newView: { ...unsigned, signature } });
    return { view, newView: newViewDigest(cryptography, unsigned) };
  }

  /** That a quorum prepared this header in view 0. */
  prepared(header: Header): NonNullable<ViewChange['prepared']> {
    return { header, certificate: this.log.prepare(header) };
  }
}

export interface TurnParts {
  readonly challenge?: 'none' | ((opened: CommitCertificate) => CommitCertificate);
  readonly join?: Join | 'none';
  readonly ready?: Partial<Ready> | 'none';
  readonly next?: (configuration: Configuration) => Configuration;
  /** Of the closing batch. */
  readonly proposer?: number;
}

/** What storage would read back. */
export function inputOf(records: readonly LedgerRecord[]): AuditInput[] {
  const inputs = records.map((record, position): AuditInput => {
    const sequence = record.kind === 'batch' ? record.header.sequence : 0;
    return { kind: 'record', record: { ...encodeRecord(record), sequence, position } };
  });
  return [...inputs, { kind: 'clean' }];
}

/** Remembers what it verified: the tests read the same ledger again and again. */
const verdicts = new Map<string, boolean>();
const verify: Cryptography['verify'] = (publicKey, message, signature) => {
  const name = [publicKey, message, signature].map(toLatin1).join(' ');
  let verdict = verdicts.get(name);
  if (verdict === undefined) verdicts.set(name, (verdict = cryptography.verify(publicKey, message, signature)));
  return verdict;
};

export const options: AuditOptions = {
  cryptography: { ...cryptography, verify },
  genesisWriteSet: ({ constitution }) => encodeWriteSet(genesisWriteSet(constitution)),
};
