/**
 * The desk behind the client door: what a replica answers to clients, hosts and auditors.
 */
import { answerHistory, answerQuery, mayReadLog, type ReplicaExecution, type Services } from '@coppice/execution';
import type { CommittedBatch, RejectionReason } from '@coppice/protocol';
import type { Ledger } from '@coppice/storage';
import {
  type Bundle,
  type CallerProof,
  callerStatement,
  type ClientRequest,
  type Digest,
  encodeUtf8,
  epochPage,
  freshnessStatement,
  type GenesisDocument,
  limits,
  sameBytes,
  serviceDigest,
  toHex,
} from '@coppice/wire';
import type { Answers } from './answers.ts';
import type { Ancestor } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { successionObjection } from '@coppice/governance';
import { ChainVerifier, headObjection } from '@coppice/ledger';
import type { ClientDoor, Connection } from './client-door.ts';
import { diskReserveBytes, DiskSpace } from './disk-space.ts';
import type { Filling } from './filling.ts';
import type { FilledGap } from './history.ts';
import type { Indexer } from './indexer.ts';
import type { Journal } from './journal.ts';
import type { Keyring } from './keyring.ts';
import { ifAvailable, ledgerPage } from './records.ts';
import type { ReplicaNode } from './replica-node.ts';
import type { InstanceSettings } from './settings.ts';
import { nodeStatus } from './status.ts';
import { Subscriptions } from './subscriptions.ts';
import { Suspicions } from './suspicions.ts';

export interface DeskOptions {
  readonly node: ReplicaNode;
  readonly execution: ReplicaExecution;
  readonly services: Services;
  readonly answers: Answers;
  readonly indexer: Indexer;
  readonly ledger: Ledger;
  /** What was recorded before this instance, or while it was behind: more may come. */
  readonly filled: readonly FilledGap[];
  readonly filling: Filling;
  readonly document: GenesisDocument;
  /** Services that this one goes on from, the oldest first. */
  readonly ancestors: readonly Ancestor[];
  readonly settings: InstanceSettings;
  readonly journal: Journal;
  readonly keyring: Keyring;
  readonly door: ClientDoor;
}

type RequestOf<K extends ClientRequest['kind']> = Extract<ClientRequest, { kind: K }>;

/** Of the protocol, or of this door. */
type Refusal = RejectionReason | 'retries-too-many' | 'disk-low';

const ledgerBytesPerAnswer = 512 * 1024;
const busyRetryMs = 100;
const diskLow = `disk-low: less than ${diskReserveBytes / 1024 ** 2} MiB is free where the replica writes`;

export class Desk {
  readonly #options: DeskOptions;
  readonly #subscriptions: Subscriptions;
  readonly #suspicions = new Suspicions();
  readonly #disk: DiskSpace;
  /** The service that members founded in place of this one. */
  #successor: Digest | undefined;

  constructor(options: DeskOptions) {
    this.#options = options;
    const { answers, node, settings } = options;
    this.#disk = new DiskSpace(settings.folder);
    this.#subscriptions = new Subscriptions(node.replica.committed, (sequence) => answers.batchAt(sequence));
  }

  onRequest(connection: Connection, request: ClientRequest): void {
    if (this.#successor !== undefined) {
      // Nothing is executed or signed here any more; what was, is shown.
      const reason = `this service was given up: ${toHex(this.#successor)} goes on with its log`;
      if (request.kind === 'submit') return this.#answerRefusal(connection, request.bundle, 'inadmissible', reason);
      if (request.kind === 'system' || request.kind === 'freshness')
        return this.#refuse(connection, request.id, reason, undefined);
    }
    switch (request.kind) {
      case 'submit':
        return this.#submit(connection, request.bundle);
      case 'system': {
        const refusal = this.#options.node.offer({ kind: 'system', request: request.request });
        if (refusal === undefined) return connection.send({ kind: 'accepted', id: request.id });
        return this.#refuse(
          connection,
          request.id,
          refusal.detail ?? refusal.reason,
          refusal.reason === 'inadmissible' ? undefined : busyRetryMs,
        );
      }
      case 'query':
        return this.#query(connection, request);
      case 'chain':
        return this.#chain(connection, request);
      case 'status': {
        const status = nodeStatus({ ...this.#options, suspicions: this.#suspicions, disk: this.#disk });
        const now =
          this.#successor === undefined
            ? status
            : { ...status, health: 'succeeded' as const, successor: toHex(this.#successor) };
        const payload = encodeUtf8(JSON.stringify(now))!;
        return connection.send({
          kind: 'answer',
          id: request.id,
          ok: true,
          sequence: this.#options.node.replica.committed,
          payload,
        });
      }
      case 'subscribe':
        if (!this.#mayRead(request.as))
          return this.#refuse(connection, request.id, 'the log is not for you', undefined);
        return this.#subscriptions.subscribe(connection, request.id, request.from);
      case 'freshness':
        return this.#freshness(connection, request);
      case 'ledger':
        return this.#serveLedger(connection, request);
      case 'history':
        return this.#history(connection, request);
      case 'ancestor': {
        const { id, service, from } = request;
        const { ancestors } = this.#options;
        const named = ancestors.find((one) =>
          sameBytes(serviceDigest(nodeCryptography, one.document.genesis), service),
        );
        if (named === undefined)
          return this.#refuse(connection, id, 'this service does not go on from that one', undefined);
        return this.#sendChain(connection, id, from, named);
      }
      case 'succession': {
        const objection = this.#succeed(request.document);
        if (objection === undefined) return connection.send({ kind: 'accepted', id: request.id });
        return this.#refuse(connection, request.id, objection, undefined);
      }
      case 'founding':
      case 'found':
        return this.#refuse(connection, request.id, 'this instance has founded a service already', undefined);
    }
  }

  #refuse(connection: Connection, id: number, reason: string, retryAfterMs: number | undefined): void {
    connection.send({ kind: 'refused', id, client: undefined, first: 0, reason: reason.slice(0, 512), retryAfterMs });
  }

  #submit(connection: Connection, bundle: Bundle): void {
    const { answers, execution, node } = this.#options;
    const { client, first } = bundle;
    // Before anything is kept or looked up for it: results are for whoever can show the request with its signature.
    const inadmissible = execution.inadmissible({ kind: 'bundle', bundle });
    if (inadmissible !== undefined) return this.#refuseBundle(connection, bundle, 'inadmissible', inadmissible);
    answers.wait(client, connection);
    const places = new Map<number, { number: number; index: number }[]>();
    let executed = 0;
    for (let i = 0; i < bundle.operations.length; i++) {
      const status = execution.requestStatus(client, first + i);
      if (status.kind !== 'executed') continue;
      executed += 1;
      // What is executed but not committed is answered by its commit.
      if (status.sequence > node.replica.committed) continue;
      const at = places.get(status.sequence) ?? [];
      at.push({ number: first + i, index: status.index });
      places.set(status.sequence, at);
    }
    if (places.size > 0 && !answers.again(connection, client, places))
      return this.#refuseBundle(connection, bundle, 'retries-too-many', undefined);
    if (executed === bundle.operations.length) return;
    // Answered and acknowledged, or too far ahead: it may be this replica that is behind.
    if (executed === 0 && !execution.hasNew(bundle))
      return this.#refuseBundle(connection, bundle, 'outside-window', undefined);
    // Members may have to decide something about it.
    if (this.#disk.isLow && bundle.operations.some(({ target }) => target === 'service'))
      return this.#refuseBundle(connection, bundle, 'disk-low', diskLow);
    const refusal = node.offer({ kind: 'bundle', bundle });
    if (refusal !== undefined) this.#answerRefusal(connection, bundle, refusal.reason, refusal.detail);
  }

  #refuseBundle(connection: Connection, bundle: Bundle, reason: Refusal, detail: string | undefined): void {
    this.#options.journal.rejected('client', 'bundle', reason, detail);
    this.#answerRefusal(connection, bundle, reason, detail);
  }

  #answerRefusal(connection: Connection, { client, first }: Bundle, reason: Refusal, detail: string = reason): void {
    const retryAfterMs = reason === 'inadmissible' ? undefined : busyRetryMs;
    connection.send({ kind: 'refused', id: 0, client, first, reason: detail.slice(0, 512), retryAfterMs });
  }

  /** The key that is shown, if it is the asker's. */
  #callerOf(as: CallerProof | undefined): Uint8Array | undefined {
    if (as === undefined) return undefined;
    const { keyring, node } = this.#options;
    const { cryptography, service } = node.replica.environment;
    const statement = callerStatement(service, keyring.identity.publicKey);
    return cryptography.verify(as.key, statement, as.signature) ? as.key : undefined;
  }

  #mayRead(as: CallerProof | undefined): boolean {
    const caller = this.#callerOf(as);
    return caller !== undefined && mayReadLog(this.#options.execution.committed(), caller);
  }

  #query(connection: Connection, request: RequestOf<'query'>): void {
    const { execution, node, services } = this.#options;
    const caller = this.#callerOf(request.as);
    if (request.as !== undefined && caller === undefined)
      return this.#refuse(connection, request.id, 'the key that was shown is not yours', undefined);
    const payload = answerQuery(execution.committed(), services, {
      target: request.target,
      payload: request.payload,
      caller,
    });
    connection.send({ kind: 'answer', id: request.id, ok: true, sequence: node.replica.committed, payload });
    // It may have asked for an index that nobody asked for before.
    this.#options.indexer.wake();
  }

  #history(connection: Connection, { id, map, key, at, as }: RequestOf<'history'>): void {
    const { execution, journal, node, services } = this.#options;
    const certificate = node.replica.stableCertificate;
    const snapshot = certificate && execution.snapshot(certificate.sequence);
    const certified = certificate && snapshot && { certificate, snapshot };
    const answer = answerHistory(execution.committed(), certified, services, {
      map,
      key,
      at,
      caller: this.#callerOf(as),
    });
    if (answer.ok) return connection.send({ kind: 'history', id, shown: answer.shown });
    journal.rejected('client', 'history', answer.reason);
    this.#refuse(connection, id, answer.reason, answer.reason === 'not-stable' ? busyRetryMs : undefined);
  }

  #chain(connection: Connection, { id, from }: RequestOf<'chain'>): void {
    const { document, node } = this.#options;
    const { epoch, epochs, genesisConfiguration } = node.replica;
    this.#sendChain(connection, id, from, { document, epochs: epochs.slice(0, epoch - genesisConfiguration.epoch) });
  }

  #sendChain(connection: Connection, id: number, from: number, { document, epochs }: Ancestor): void {
    const part = epochPage(epochs.slice(from));
    connection.send({
      kind: 'chain',
      id,
      genesis: from === 0 ? document : undefined,
      epochs: part,
      more: from + part.length < epochs.length,
    });
  }

  /** Stops for good where enough members of this service founded another in its place; else why not. spec/recovery.md, line 52. */
  #succeed(document: GenesisDocument): string | undefined {
    const { execution, journal, node } = this.#options;
    const { environment, epochs, committed } = node.replica;
    const { cryptography, service } = environment;
    const { predecessor } = document.genesis;
    if (predecessor === undefined || !sameBytes(predecessor.service, service)) return 'it goes on from another service';
    const unsigned = successionObjection(cryptography, document, execution.committed().constitution);
    if (unsigned !== undefined) return unsigned;
    const chain = ChainVerifier.fromGenesis(cryptography, service, this.#options.document.genesis);
    if (!chain.ok) return chain.reason;
    for (const epoch of epochs) chain.value.extend(epoch);
    // What this replica has committed beyond its head, members gave up.
    const objection = headObjection(cryptography, chain.value, document);
    if (objection?.kind === 'invalid') return objection.reason;
    if (this.#successor !== undefined) return undefined;
    this.#successor = serviceDigest(cryptography, document.genesis);
    node.stop();
    const { sequence } = predecessor.header;
    journal.warn('succeeded', { successor: toHex(this.#successor), from: sequence, committed });
    return undefined;
  }

  #freshness(connection: Connection, { id, nonce }: RequestOf<'freshness'>): void {
    const { keyring, node } = this.#options;
    const { committed, environment, epoch, slot } = node.replica;
    const signer = keyring.signer(epoch);
    if (slot === undefined || signer === undefined)
      return this.#refuse(connection, id, 'this instance has no seat', busyRetryMs);
    const signature = signer.sign(freshnessStatement({ service: environment.service, epoch, committed, nonce }));
    connection.send({ kind: 'freshness', id, epoch, slot, committed, signature });
  }

  committed(batch: CommittedBatch): void {
    this.#suspicions.committed(batch, this.#options.node.replica.configuration);
    this.#subscriptions.committed(batch);
  }

  // The ledger, for instances: each keeps a copy.

  #serveLedger(connection: Connection, { as, from, id }: RequestOf<'ledger'>): void {
    const { execution, filled, journal, ledger, node } = this.#options;
    const caller = this.#callerOf(as);
    // Of the present epoch: who was evicted with the last one learns no more.
    const instances = [...node.replica.configuration.seats, execution.candidate()];
    if (caller === undefined || !instances.some((one) => one !== undefined && sameBytes(one.instance, caller)))
      return this.#refuse(connection, id, 'the ledger is for instances of the service', undefined);
    const page = ifAvailable(journal, () =>
      ledgerPage(ledger, filled, {
        from,
        to: node.replica.stable,
        bytesMax: ledgerBytesPerAnswer,
        recordsMax: limits.ledgerRecords,
        // As many as can be in flight.
        within: 2 * node.replica.environment.settings.window,
      }),
    );
    if (page === undefined) return this.#refuse(connection, id, 'its archive cannot be read now', busyRetryMs);
    const room = page.records.reduce((sum, { payload }) => sum + payload.length + 64, 4096);
    connection.send({ kind: 'ledger', id, ...page }, room);
  }
}
