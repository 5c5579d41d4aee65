/**
 * One launch of a replica, from its first key to its exit.
 *
 * A *founder* makes its keys, waits for the genesis document of the constitution that it was launched with, and takes its
 * seat. A *candidate* knows only the service digest that it was launched with: it asks any replica for the chain from
 * genesis, verifies it, joins the turn that it was launched for, follows the log, and is seated by the next epoch change.
 * Either lives until its slot's next turn.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { developmentPlatforms } from '@coppice/attestation';
import { type Ancestor, DoorConnection, DoorError, findAncestors, ServiceChain } from '@coppice/client';
import { ReplicaExecution, type Services } from '@coppice/execution';
import { encrypts, type VerifiedGenesis, verifyGenesis } from '@coppice/governance';
import { encodeRecord } from '@coppice/ledger';
import { defaultSettings, type ProtocolSettings } from '@coppice/protocol';
import { type KnownKeys, type Ledger, openLedger, PageFile, Snapshots } from '@coppice/storage';
import {
  type ClientRequest,
  type Configuration,
  type EpochCertificate,
  type GenesisDocument,
  type Join,
  sameBytes,
  schemeOf,
  toHex,
  toLatin1,
} from '@coppice/wire';
import { Answers, bytesOf } from './answers.ts';
import { armBreach } from './breach.ts';
import { ClientDoor, type Connection } from './client-door.ts';
import { nodeCryptography } from '@coppice/cryptography';
import { Desk } from './desk.ts';
import { Filling } from './filling.ts';
import type { FilledGap } from './history.ts';
import { Indexer } from './indexer.ts';
import { inherit } from './inheritance.ts';
import { InheritedBatches } from './inherited-batches.ts';
import { buildJoin } from './join.ts';
import type { Journal } from './journal.ts';
import { Keyring } from './keyring.ts';
import { dials, PeerChannels } from './peer-channels.ts';
import { Readers } from './readers.ts';
import { Recall } from './recall.ts';
import { ReplicaNode } from './replica-node.ts';
import type { InstanceSettings } from './settings.ts';
import { scrub } from './scrub.ts';
import { SnapshotWriter } from './snapshot-writer.ts';
import { InstanceVault, openKeyFiles } from './vault.ts';

const tickMs = 10;
/** Of the thread on which requests are executed, what writing a snapshot takes. */
const snapshotShare = 1 / 4;

export interface InstanceOptions {
  readonly settings: InstanceSettings;
  readonly services: Services;
  readonly journal: Journal;
  /** Tells the launcher something, in one line. */
  readonly tell: (event: Record<string, unknown>) => void;
  readonly exit: (code: number, reason: string) => void;
}

/** A candidate's way to the service: the verified genesis, and where the chain of epochs has come to. */
interface Found {
  /** Services that this one goes on from, the oldest first. */
  readonly ancestors: readonly Ancestor[];
  readonly document: GenesisDocument;
  readonly genesis: VerifiedGenesis;
  readonly latest: Configuration;
  /** What proves it. */
  readonly epochs: readonly EpochCertificate[];
}

export class Instance {
  readonly #options: InstanceOptions;
  readonly #journal: Journal;
  readonly #door: ClientDoor;
  readonly #channels: PeerChannels;
  #keyring: Keyring | undefined;
  #addresses: Pick<Join, 'address' | 'clientAddress'> | undefined;
  #join: Join | undefined;
  /** A founder's join, as soon as it is asked for. */
  #founder: Promise<Join> | undefined;
  /** The log that it is to go on from is being read. */
  #inheriting = false;
  #node: ReplicaNode | undefined;
  #execution: ReplicaExecution | undefined;
  #ledger: Ledger | undefined;
  #desk: Desk | undefined;
  /** Instances that may have a channel to this one. */
  #admitted = new Set<string>();
  /** The newest configuration that a candidate heard of, before its log has come that far. */
  #latest: Configuration | undefined;
  /** Where most of the state is, if not all in memory. */
  readonly #pages: PageFile | undefined;
  /** What was recorded before this instance, or while it was behind. */
  readonly #filled: FilledGap[] = [];
  #exiting = false;

  constructor(options: InstanceOptions) {
    const { settings, journal } = options;
    this.#options = options;
    this.#journal = journal;
    const { stateCacheBytes } = settings;
    if (stateCacheBytes !== undefined)
      this.#pages = new PageFile(join(settings.folder, 'state'), {
        cacheBytes: stateCacheBytes,
        onFailure: (error) => this.leave(`storage: ${error.message}`),
      });
    // The identity key is needed before the epochs of the term are known: the keyring of a founder begins at epoch 0.
    const keyring = new Keyring();
    this.#keyring = keyring;
    const count = (reason: string): void => journal.rejected('', 'connection', reason);
    this.#door = new ClientDoor({
      identity: keyring.identity.privateKey,
      host: settings.host,
      port: settings.clientPort,
      founding: () => this.#node === undefined,
      onRequest: (connection, request) => this.#onRequest(connection, request),
      count,
    });
    this.#channels = new PeerChannels({
      identity: keyring.identity.privateKey,
      host: settings.host,
      port: settings.replicaPort,
      admitted: (id) => this.#admitted.has(id),
      onFrame: (id, frame) => this.#node?.onFrame(id, frame),
      onUp: (id) => this.#node?.input({ kind: 'connected', peer: id }),
      count,
    });
  }

  async run(): Promise<void> {
    const { settings, tell } = this.#options;
    mkdirSync(settings.folder, { recursive: true });
    // What was voted once is never read back, so a launch has nothing to look for there; and what another launch left is kept for disaster
    // recovery as it is. A supervisor that starts an instance again must start another one. spec/invariants.md, 2.
    if (existsSync(join(settings.folder, 'ledger')))
      throw new Error(`${settings.folder} was the folder of another launch: a restarted instance is a new one`);
    const [replicaPort, clientPort] = await Promise.all([this.#channels.listen(), this.#door.listen()]);
    this.#addresses = { address: `${settings.host}:${replicaPort}`, clientAddress: `${settings.host}:${clientPort}` };
    tell({ event: 'listening', ...this.#addresses, instance: toHex(this.#keyring!.identity.publicKey) });
    if (settings.launch.turn > 0) await this.#joinService();
    else this.#journal.info('founding', { slot: settings.launch.slot });
  }

  // Founders.

  /** Evidence is collected once, however often it is asked for. */
  #founding(): Promise<Join> {
    if (this.#founder === undefined) {
      const keyring = this.#keyring!;
      const { epochKeys, firstEpoch, protocol } = this.#options.settings;
      keyring.generate(firstEpoch, epochKeys, schemeOf(protocol));
      this.#founder = buildJoin(this.#options.settings, keyring, this.#addresses!, Date.now());
    }
    return this.#founder;
  }

  async #answerFounding(connection: Connection, id: number): Promise<void> {
    try {
      this.#join = await this.#founding();
      connection.send({ kind: 'founding', id, join: this.#join });
    } catch (error) {
      this.#exit(5, `no evidence: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Checks the document, once, and begins its first epoch. Gives why not, if not. */
  async #found(document: GenesisDocument): Promise<string | undefined> {
    const { settings } = this.#options;
    if (this.#node !== undefined || this.#inheriting) return 'this instance has founded a service already';
    if (this.#join === undefined) return 'this instance has not been asked for its join';
    const verified = verifyGenesis(nodeCryptography, document, { constitution: settings.launch.service });
    if (!verified.ok) return `${verified.check}: ${verified.reason}`;
    const own = document.joins.find((one) => one.slot === settings.launch.slot);
    if (own === undefined || !sameBytes(own.instance, this.#keyring!.identity.publicKey)) return 'my join is not in it';
    const { predecessor } = document.genesis;
    if (predecessor === undefined) {
      this.#begin({ document, genesis: verified, epochs: [], ancestors: [] });
      return undefined;
    }
    this.#inheriting = true;
    try {
      const folder = join(settings.folder, 'history', `1-${predecessor.header.sequence}`);
      const sealing = this.#keyring!.sealingKey(verified.first.epoch);
      const keys = await openKeyFiles(settings.folder, sealing === undefined ? [] : [sealing]);
      const log = await inherit(folder, keys, verified.service, document, this.#pages);
      this.#begin({ document, genesis: verified, epochs: [], ancestors: log.ancestors }, log, keys);
      return undefined;
    } catch (error) {
      return `the log to go on from: ${error instanceof Error ? error.message : String(error)}`;
    } finally {
      this.#inheriting = false;
    }
  }

  // Candidates.

  async #joinService(): Promise<void> {
    const { settings } = this.#options;
    const found = await this.#findService();
    const keyring = this.#keyring!;
    const { epochKeys } = found.genesis.constitution.policy;
    keyring.generate(found.latest.epoch + 1, epochKeys, schemeOf(settings.protocol));
    this.#join = await buildJoin(settings, keyring, this.#addresses!, Date.now());
    this.#latest = found.latest;
    this.#begin(found);
    await this.#submitJoin(found.latest);
  }

  /** The chain from genesis to the present: the newest that any replica proves, and a genesis document that holds. */
  async #findService(): Promise<Found> {
    const { launch, bootstrap } = this.#options.settings;
    const chain = await ServiceChain.begin(nodeCryptography, launch.service, bootstrap);
    const problems: string[] = [];
    // The chain proves the document's digest, not everything in it: whoever was first may have shown another constitution.
    for (const address of [undefined, ...bootstrap]) {
      try {
        const { document } =
          address === undefined ? chain : await ServiceChain.begin(nodeCryptography, launch.service, [address]);
        const genesis = verifyGenesis(nodeCryptography, document, {});
        if (genesis.ok) {
          const ancestors = await findAncestors(nodeCryptography, document, bootstrap);
          return { document, genesis, latest: chain.configuration, epochs: chain.epochs, ancestors };
        }
        problems.push(`${genesis.check}: ${genesis.reason}`);
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    }
    throw new Error(`no replica shows a genesis document that holds (${problems.join('; ')})`);
  }

  async #submitJoin(latest: Configuration): Promise<void> {
    const request = { kind: 'join' as const, join: this.#join! };
    const refusals: string[] = [];
    await Promise.all(
      latest.seats.map(async ({ clientAddress, instance }) => {
        try {
          const connection = await DoorConnection.open(clientAddress, instance);
          await connection.ask({ kind: 'system', request }, 'accepted').finally(() => connection.close());
        } catch (error) {
          refusals.push(error instanceof DoorError ? `${clientAddress}: ${error.message}` : String(error));
        }
      }),
    );
    this.#journal.info('join-submitted', { refusals });
    if (refusals.length === latest.seats.length) this.#exit(3, `no replica takes the join: ${refusals.join('; ')}`);
  }

  // Both.

  #begin(
    { ancestors, document, epochs: proven, genesis }: Omit<Found, 'latest'>,
    inherited?: Awaited<ReturnType<typeof inherit>>,
    known?: KnownKeys,
  ): void {
    const { services, settings } = this.#options;
    const platform = settings.platform.name;
    if (developmentPlatforms.includes(platform))
      this.#journal.warn('development', { platform, reason: 'its evidence proves nothing against the host' });
    const { service } = genesis;
    // Those of the constitution in force, as soon as there is a state that has it.
    const readers = new Readers(genesis.constitution);
    const { identity } = this.#keyring!;
    const vault = encrypts(genesis.constitution)
      ? new InstanceVault({ readers, identity, journal: this.#journal, ...(known === undefined ? {} : { known }) })
      : undefined;
    const { ledger } = openLedger(join(settings.folder, 'ledger'), { service, vault });
    this.#ledger = ledger;
    // Each genesis stands where its service begins: those after the first come with what is filled in before them.
    const first = inherited === undefined ? (ancestors[0]?.document ?? document) : document;
    const last = first.genesis.predecessor?.header.sequence;
    const sequence = last === undefined ? 0 : last + 1;
    ledger.append({ ...encodeRecord({ kind: 'genesis', document: first }), sequence });
    const execution = new ReplicaExecution({
      cryptography: nodeCryptography,
      genesis: { ...genesis, time: document.genesis.time },
      services,
      ...(inherited === undefined ? {} : { inherited: inherited.state }),
      ...(this.#pages === undefined ? {} : { pages: this.#pages }),
    });
    this.#execution = execution;
    const past = inherited && new InheritedBatches(nodeCryptography, inherited, ledger);
    if (past !== undefined) this.#filled.push(past.gap);
    const recall = new Recall({
      cryptography: nodeCryptography,
      ledger,
      filled: this.#filled,
      journal: this.#journal,
      inherited: document.genesis.predecessor?.header.sequence ?? 0,
      inheritedAt: past && ((sequence) => past.at(sequence)),
    });
    const answers = new Answers(nodeCryptography, (sequence) => recall.batchAt(sequence));
    const indexer = new Indexer(services, () => execution.committed().view);
    const { policy } = execution.committed().constitution;
    const protocol: ProtocolSettings = {
      ...defaultSettings,
      window: policy.window,
      checkpointInterval: policy.checkpointInterval,
      batchBytesMax: policy.batchBytesMax,
      heartbeatMs: policy.heartbeatMs,
      viewTimeoutMs: policy.viewTimeoutMs,
      clockBoundMs: policy.clockBoundMs,
    };
    const snapshots = new SnapshotWriter(
      new Snapshots(join(settings.folder, 'snapshots'), { service, vault, share: snapshotShare }),
      execution,
      this.#journal,
    );
    const followReaders = (): void => {
      if (readers.follow(execution.committed().constitution) && vault !== undefined) ledger.beginSegment();
    };
    const keyring = this.#keyring!;
    const node = new ReplicaNode({
      environment: {
        cryptography: nodeCryptography,
        execution,
        settings: protocol,
        instance: keyring.identity.publicKey,
        service,
      },
      genesis: document.genesis.configuration,
      proven,
      inherited,
      keyring,
      ledger: settings.fsync ? ledger : withoutFsync(ledger),
      links: this.#channels,
      journal: this.#journal,
      clock: Date.now,
      events: {
        committed: ({ batch }) => {
          followReaders();
          recall.frontiers.grew(node.replica.tree, batch.header.sequence, bytesOf(batch));
          answers.committed(batch);
          this.#desk?.committed(batch);
          indexer.committed(batch);
          this.#refreshAdmitted();
        },
        epoch: ({ configuration }) => {
          this.#journal.info('epoch', {
            epoch: configuration.epoch,
            seats: configuration.seats.map((seat) => toHex(seat.instance.subarray(0, 4))),
          });
          // What is written in one epoch is encrypted with other keys than what is written in the next.
          if (vault !== undefined) ledger.beginSegment();
          if ((this.#latest?.epoch ?? 0) <= configuration.epoch) this.#latest = undefined;
          this.#dial();
          this.#tellSeat(configuration);
          if (!node.replica.retired) return;
          for (const { item } of node.replica.pool.all()) if (item.kind === 'bundle') answers.retire(item.bundle);
        },
        stable: () => snapshots.stable(node.replica.stableCertificate!, Date.now()),
        gap: ({ below, from, to }) => {
          const { ledgerRoot } = node.replica.stableCertificate!;
          followReaders();
          recall.frontiers.keep(node.replica.tree, to);
          filling.begin({ from, to, below, ledgerRoot });
        },
        exit: (reason) => this.#exit(reason === 'retired' ? 0 : 4, reason),
      },
    });
    recall.frontiers.keep(node.replica.tree, node.replica.committed);
    this.#node = node;
    const filling = new Filling({
      ...{ node, execution, vault, filled: this.#filled, journal: this.#journal },
      dataFolder: settings.folder,
      identity: keyring.identity,
      exiting: () => this.#exiting,
    });
    this.#desk = new Desk({
      node,
      execution,
      services,
      answers,
      indexer,
      ledger,
      filled: this.#filled,
      filling,
      document,
      ancestors,
      settings,
      journal: this.#journal,
      keyring,
      door: this.#door,
    });
    armBreach(settings, keyring, node, execution, vault);
    void scrub({
      ledgers: () => [ledger, ...this.#filled.map(({ reader }) => reader)],
      scrubber: {
        keyFile: (id) => vault?.keyFileOf(id),
        mended: (path) => this.#journal.warn('key-file-mended', { path }),
      },
      exiting: () => this.#exiting,
      onDamage: (error) => this.leave(`storage: ${error.message}`),
    });
    this.#dial();
    this.#tellSeat(document.genesis.configuration);
    const timer = setInterval(() => node.tick(), tickMs);
    timer.unref();
    this.#journal.info('begun', { service: toHex(service), slot: settings.launch.slot, turn: settings.launch.turn });
  }

  #tellSeat(configuration: Configuration): void {
    const seat = configuration.seats.find((one) => sameBytes(one.instance, this.#keyring!.identity.publicKey));
    if (seat !== undefined) this.#options.tell({ event: 'seated', epoch: configuration.epoch, slot: seat.slot });
  }

  /** Dials whoever was launched before this instance, of those it should have a channel to. */
  #dial(): void {
    const node = this.#node!;
    const { launch } = this.#options.settings;
    const own = toLatin1(this.#keyring!.identity.publicKey);
    const configuration = this.#latest ?? node.replica.configuration;
    const peers = configuration.seats
      .filter((seat) => dials(launch, seat))
      .map((seat) => ({ id: toLatin1(seat.instance), address: seat.address }))
      .filter(({ id }) => id !== own);
    this.#refreshAdmitted();
    this.#channels.dial(peers);
    this.#channels.prune();
  }

  /** Seats of this epoch and the last, the candidate, and for a newcomer the seats that it has only heard of. */
  #refreshAdmitted(): void {
    const { replica } = this.#node!;
    const candidate = this.#execution!.candidate()?.instance;
    const { epochs, genesisConfiguration } = replica;
    const passed = replica.epoch - genesisConfiguration.epoch;
    const before = passed === 0 ? undefined : (epochs[passed - 2]?.next ?? genesisConfiguration);
    const seats = [replica.configuration, before, this.#latest].flatMap((configuration) => configuration?.seats ?? []);
    this.#admitted = new Set([
      ...seats.map((seat) => toLatin1(seat.instance)),
      ...(candidate === undefined ? [] : [toLatin1(candidate)]),
    ]);
  }

  #onRequest(connection: Connection, request: ClientRequest): void {
    if (this.#desk !== undefined) return this.#desk.onRequest(connection, request);
    switch (request.kind) {
      case 'founding':
        if (this.#options.settings.launch.turn > 0) break;
        return void this.#answerFounding(connection, request.id);
      case 'found':
        return void this.#found(request.document).then((why) => {
          if (why === undefined) return connection.send({ kind: 'accepted', id: request.id });
          this.#journal.warn('genesis-refused', { why });
          connection.send({
            kind: 'refused',
            id: request.id,
            client: undefined,
            first: 0,
            reason: why.slice(0, 512),
            retryAfterMs: undefined,
          });
        });
      default:
        break;
    }
    const id = 'id' in request ? request.id : 0;
    connection.send({
      kind: 'refused',
      id,
      client: undefined,
      first: 0,
      reason: 'this instance has no service yet',
      retryAfterMs: 500,
    });
  }

  /** Ends in good order, because of this. */
  leave(reason: string): void {
    this.#exit(4, reason);
  }

  #exit(code: number, reason: string): void {
    if (this.#exiting) return;
    this.#exiting = true;
    this.#journal.info('exit', { reason });
    this.#options.tell({ event: 'exit', reason });
    this.#node?.stop();
    this.#channels.close();
    this.#door.close();
    const done = (): void => this.#options.exit(code, reason);
    if (this.#ledger === undefined) done();
    else this.#ledger.close(done);
  }
}

/** The same ledger, whose syncs are answered at once. */
function withoutFsync(ledger: Ledger): Ledger {
  return {
    append: (record) => ledger.append(record),
    beginSegment: () => ledger.beginSegment(),
    sync: (done) => void setImmediate(done),
    read: (sequence) => ledger.read(sequence),
    readFrom: (sequence, wanted) => ledger.readFrom(sequence, wanted),
    close: (done) => ledger.close(done),
    get bytesPending() {
      return ledger.bytesPending;
    },
    get end() {
      return ledger.end;
    },
    get durableEnd() {
      return ledger.durableEnd;
    },
  };
}
