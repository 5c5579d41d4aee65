/**
 * One launch of a replica: a virtual process around the real protocol and the real execution.
 *
 * It performs effects as docs/reference/host-contract.md demands, on virtual time, network and disk. It can be stopped
 * and continued, and killed; a killed one never comes back.
 */
import type { LaunchData } from '@coppice/attestation';
import { ReplicaExecution } from '@coppice/execution';
import { encodeRecord, MerkleTree } from '@coppice/ledger';
import {
  type CommittedBatch,
  type Effect,
  type Input,
  type InstanceId,
  type Message,
  messageCodec,
  type Replica,
  startReplica,
  step,
} from '@coppice/protocol';
import { StorageError } from '@coppice/storage';
import {
  commitmentOf,
  type Configuration,
  type EpochCertificate,
  decode,
  type Digest,
  encode,
  type Item,
  sameBytes,
  toLatin1,
  voteStatement,
} from '@coppice/wire';
import { Disk } from './disk.ts';
import { Door } from './door.ts';
import type { Faulty } from './faulty/faulty.ts';
import { genesisTime, hardwareOf, servicesOf } from './founding.ts';
import { Keyring } from './keyring.ts';
import { told } from './narrator.ts';
import type { Endpoint } from './network.ts';
import type { Founded, World } from './world.ts';

type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>;

const tickMs = 10;
/** Between attempts to fill a gap in the ledger. */
const fillAgainMs = 100;

/** What an instance is once it serves. */
export interface Serving {
  readonly founded: Founded;
  readonly replica: Replica;
  readonly execution: ReplicaExecution;
  readonly door: Door;
}

export class Instance implements Endpoint {
  readonly number: number;
  /** Slot and turn, and a letter for the second launch of a turn. */
  readonly name: string;
  readonly launch: LaunchData;
  readonly launchedAt: number;
  readonly id: InstanceId;
  readonly keyring: Keyring;
  readonly disk: Disk;
  readonly world: World;
  /** What it does instead of what it should, once somebody has broken into it. */
  faulty: Faulty | undefined;
  /** Another process has its keys. */
  cloned = false;
  /** What it shares with neighbours, as its evidence shows. */
  hardware: ReturnType<typeof hardwareOf>;
  /** In what it is not what its turn asked for, where that is so: it must never sit. */
  amiss: string | undefined;
  state: 'booting' | 'running' | 'stopped' | 'killed' | 'exited' = 'booting';
  serving: Serving | undefined;
  /** How far its clock is off, and by how many thousandths it is fast. */
  clockOffsetMs = 0;
  clockDrift = 0;
  /** Nonces as they are in its memory: all zeros, once it has erased them. */
  readonly nonces: Uint8Array[] = [];
  /** The newest configuration that a candidate has heard of. */
  latest: Configuration | undefined;
  /** What waits for the step under way. */
  readonly #inputs: Input[] = [];
  /** What happened while it was stopped. */
  readonly #backlog: (() => void)[] = [];
  #admitted: { readonly epoch: number; readonly committed: number; readonly ids: Set<InstanceId> } | undefined;
  #refusal: EffectOf<'rejected'> | undefined;
  #gaps = 0;
  /** The newest sync that is done, while a gap keeps it from counting. */
  #heldToken: number | undefined;
  /** Digests of the headers that its disk has the batches of. */
  readonly #headers = new Map<number, Digest>();
  /** Incumbents that were asked to fill a gap. */
  #asked = 0;

  constructor(world: World, number: number, name: string, launch: LaunchData, keys: string) {
    const random = world.random.fork(`instance ${number}`);
    this.world = world;
    this.number = number;
    this.name = name;
    this.launch = launch;
    this.launchedAt = world.scheduler.now;
    this.hardware = hardwareOf(launch.slot);
    this.keyring = new Keyring(world.provider, world.random.fork(`keys ${keys}`), random.fork('nonces'));
    this.disk = new Disk(world.scheduler, random.fork('disk'));
    this.id = toLatin1(this.keyring.identity.publicKey);
  }

  get alive(): boolean {
    return this.state === 'running' || this.state === 'stopped';
  }

  /** Nothing is expected of it. */
  get corrupt(): boolean {
    return this.faulty !== undefined || this.cloned;
  }

  get replica(): Replica | undefined {
    return this.serving?.replica;
  }

  /** The slot in which it sits, by its own knowledge. */
  get slot(): number | undefined {
    return this.serving?.replica.slot;
  }

  /** Begins to follow the log, or to vote in epoch 0. */
  begin(founded: Founded, proven: readonly EpochCertificate[] = []): void {
    const { provider, network, settings } = this.world;
    const { cryptography } = provider;
    const { document, genesis } = founded;
    const execution = new ReplicaExecution({
      cryptography,
      genesis,
      services: servicesOf(this.launch.release, this.launch.slot),
    });
    const instance = this.keyring.identity.publicKey;
    const environment = { cryptography, execution, settings, instance, service: genesis.service };
    const replica = startReplica(environment, document.genesis.configuration, this.#clock(), proven);
    this.disk.ledger.append({ ...encodeRecord({ kind: 'genesis', document }), sequence: 0 });
    this.state = 'running';
    this.serving = { founded, replica, execution, door: new Door(this, replica, execution) };
    network.add(this);
    this.#tick();
  }

  admits(id: InstanceId): boolean {
    if (this.serving === undefined) return false;
    const { replica, execution } = this.serving;
    if (this.#admitted?.epoch !== replica.epoch || this.#admitted.committed !== replica.committed) {
      // Seats of this epoch and the last, the candidate, and for a newcomer the seats that it has only heard of.
      const candidate = execution.candidate()?.instance;
      const before = replica.epochs[replica.epoch - 2]?.next ?? replica.genesisConfiguration;
      const seats = [replica.configuration, before, this.latest].flatMap((configuration) => configuration?.seats ?? []);
      const ids = new Set(seats.map((seat) => toLatin1(seat.instance)));
      if (candidate !== undefined) ids.add(toLatin1(candidate));
      this.#admitted = { epoch: replica.epoch, committed: replica.committed, ids };
    }
    return this.#admitted.ids.has(id);
  }

  connected(peer: InstanceId): void {
    this.#whenRunning(() => this.input({ kind: 'connected', peer }));
  }

  receive(from: InstanceId, frame: Uint8Array): void {
    this.#whenRunning(() => {
      const message = decodeMessage(frame);
      if (message !== undefined) this.input({ kind: 'message', from, message });
    });
  }

  /** Hands in what came to the client door. Gives why it was refused, if it was. */
  offer(item: Item): EffectOf<'rejected'> | undefined {
    this.#refusal = undefined;
    this.input({ kind: 'item', item });
    return this.#refusal;
  }

  /** One input after the other: what an effect gives at once waits until all effects of the step are performed. */
  input(input: Input): void {
    if (this.state !== 'running' || this.#inputs.push(input) > 1) return;
    try {
      for (; this.#inputs.length > 0; this.#inputs.shift()) this.#step(this.#inputs[0]!);
    } catch (error) {
      if (error instanceof StorageError) return this.#failDisk(error);
      // A process whose code throws is gone.
      this.world.log(this.name, () => `fails: ${String(error)}`);
      this.world.tell('failed', this, error);
      this.kill();
    }
  }

  #step(input: Input): void {
    if (this.faulty?.hears?.(input) === false) return;
    const effects = step(this.serving!.replica, input);
    this.world.tell('stepped', this, input.kind, effects);
    for (const effect of effects) {
      if (this.faulty === undefined) this.#perform(effect);
      else for (const instead of this.faulty.perform(effect)) this.#perform(instead);
    }
  }

  /** Does what its attacker decided earlier, or elsewhere. */
  act(effect: Effect): void {
    if (this.state === 'running') this.#perform(effect);
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.state === 'running') this.state = 'stopped';
  }

  /** SIGCONT. */
  continue(): void {
    if (this.state !== 'stopped') return;
    this.state = 'running';
    for (const work of this.#backlog.splice(0)) if (this.alive) work();
  }

  /** SIGKILL. */
  kill(): void {
    this.#end('killed');
    this.disk.crash();
  }

  #end(state: 'killed' | 'exited'): void {
    if (this.alive) this.world.network.remove(this);
    this.state = state;
    this.#backlog.length = 0;
    this.#inputs.length = 0;
  }

  #whenRunning(work: () => void): void {
    if (this.state === 'running') work();
    else if (this.state === 'stopped') this.#backlog.push(work);
  }

  #clock(): number {
    const { now } = this.world.scheduler;
    return genesisTime + now + this.clockOffsetMs + Math.trunc((now * this.clockDrift) / 1000);
  }

  #tick(): void {
    if (!this.alive) return;
    this.input({ kind: 'tick', now: this.#clock() });
    this.world.scheduler.after(tickMs, () => this.#tick());
  }

  #perform(effect: Effect): void {
    const { world, keyring } = this;
    switch (effect.kind) {
      case 'send':
        world.tell('sent', this, effect.message);
        return world.network.send(this, effect.to, encodeMessage(effect.message));
      case 'broadcast': {
        const { message } = effect;
        world.tell('sent', this, message);
        if (message.kind === 'commit') {
          const nonces = message.reveals.map(({ nonce }) => nonce);
          world.tell('revealed', this, nonces);
        }
        const frame = encodeMessage(message);
        for (const id of effect.to) world.network.send(this, id, frame);
        return;
      }
      case 'announce': {
        world.tell('sent', this, effect.message);
        const frame = encodeMessage(effect.message);
        for (const id of world.network.peers(this)) world.network.send(this, id, frame);
        return;
      }
      case 'append': {
        const { type, payload } = encodeRecord(effect.record);
        const position = this.disk.ledger.append({ type, sequence: effect.sequence, payload });
        return world.tell('appended', this, effect.record, position);
      }
      case 'sync':
        return this.disk.ledger.sync((error) =>
          this.#whenRunning(() => (error === undefined ? this.#onSynced(effect.token) : this.#failDisk(error))),
        );
      case 'sign-vote':
        return this.#vote(effect);
      case 'sign': {
        const { key, statement, unsigned } = effect;
        const signer = key === 'identity' ? keyring.identity : keyring.signer(key);
        if (key !== 'identity') world.tell('signed', this, key, unsigned.kind, signer !== undefined);
        if (signer !== undefined) this.input({ kind: 'signed', unsigned, signature: signer.sign(statement) });
        return;
      }
      case 'erase':
        if (world.erasure.keys) keyring.erase(effect.epoch);
        return world.tell('erased', this, effect.epoch);
      case 'committed':
        this.#headers.set(effect.batch.header.sequence, effect.batch.headerDigest);
        world.tell('committed', this, effect.batch);
        return this.serving!.door.committed(effect.batch);
      case 'epoch':
        world.log(this.name, () => `enters epoch ${effect.configuration.epoch}: ${seatsOf(effect.configuration)}`);
        if ((this.latest?.epoch ?? 0) <= effect.configuration.epoch) this.latest = undefined;
        return world.tell('epoch', this, effect.certificate, effect.configuration);
      case 'gap':
        world.tell('installed', this, effect.to);
        this.#gaps += 1;
        return this.#fill(effect.from, effect.to, this.replica!.tree.root(effect.to));
      case 'rejected': {
        if (effect.from === 'client') this.#refusal = effect;
        const { what, reason, detail } = effect;
        world.log(this.name, () => `rejects ${what}: ${reason}${detail === undefined ? '' : ` (${detail})`}`);
        return world.tell('rejected', this, effect.from, what, reason);
      }
      case 'report': {
        world.log(this.name, () => told(effect.report));
        return world.tell('reported', this, effect.report);
      }
      case 'exit':
        world.log(this.name, () => `exits: ${effect.reason}`);
        this.#end('exited');
        this.disk.close();
        return world.tell('exited', this, effect.reason);
    }
  }

  /** What is not durable cannot be promised: a process whose disk fails ends. */
  #failDisk(error: StorageError): void {
    this.world.log(this.name, () => `ends: ${error.message}`);
    this.kill();
  }

  /** While the ledger lacks what came before a received state, nothing counts as durable. */
  #onSynced(token: number): void {
    if (this.#gaps > 0) this.#heldToken = token;
    else this.input({ kind: 'synced', token });
  }

  /** Asks one incumbent after the other for all committed batches from `from` to `to`, which lead to this ledger root. */
  #fill(from: number, to: number, root: Digest): void {
    const { instances, network, scheduler } = this.world;
    scheduler.after(2 * network.delay() + this.disk.latencyMs, () =>
      this.#whenRunning(() => {
        const incumbents = instances.filter((one) => one !== this && this.replica!.slotOf.has(one.id));
        const asked = incumbents[this.#asked++ % incumbents.length];
        const door = asked?.state === 'running' && network.reachable(asked, this) ? asked.serving!.door : undefined;
        const batches = door?.batches(from, to);
        if (batches === undefined || !this.#leads(batches, from, root))
          return scheduler.after(fillAgainMs, () => this.#fill(from, to, root));
        for (const batch of batches) {
          this.disk.history.set(batch.header.sequence, batch);
          this.#headers.set(batch.header.sequence, batch.headerDigest);
          this.world.tell('filled', this, batch);
        }
        this.#gaps -= 1;
        const token = this.#heldToken;
        if (this.#gaps > 0 || token === undefined) return;
        this.#heldToken = undefined;
        this.input({ kind: 'synced', token });
      }),
    );
  }

  /** Whether these batches, above those that are here, lead to this ledger root. Nobody is believed. */
  #leads(batches: readonly CommittedBatch[], from: number, root: Digest): boolean {
    const { cryptography } = this.world.provider;
    const tree = new MerkleTree(cryptography);
    const rehashed = batches.at(-1)?.header.rehashed;
    for (let sequence = 1; sequence < from; sequence++) {
      const known = this.#headers.get(sequence);
      // An earlier gap is not filled yet.
      if (known === undefined) return false;
      tree.append(known, sequence > (rehashed ?? sequence) ? rehashed : undefined);
    }
    for (const { header } of batches) tree.appendHeader(header);
    return sameBytes(tree.root(), root);
  }

  #vote({ subject }: EffectOf<'sign-vote'>): void {
    const { keyring, world } = this;
    const signer = keyring.signer(subject.epoch);
    world.tell('signed', this, subject.epoch, 'vote', signer !== undefined);
    if (signer === undefined) return;
    const nonce = keyring.nonce();
    const commitment = commitmentOf(world.provider.cryptography, nonce);
    const signature = signer.sign(voteStatement(this.serving!.founded.genesis.service, subject, commitment));
    this.nonces.push(world.erasure.nonces ? nonce : Uint8Array.from(nonce));
    world.tell('voted', this, { subject, slot: this.replica!.slot!, commitment, signature }, nonce);
    this.input({ kind: 'voted', subject, nonce, commitment, signature });
  }
}

function encodeMessage(message: Message): Uint8Array {
  return encode(messageCodec, message, message.kind === 'pre-prepare' ? message.batch.length + 1024 : 512);
}

/** A broadcast is one frame, for everyone. */
const decoded = new WeakMap<Uint8Array, Message>();

function decodeMessage(frame: Uint8Array): Message | undefined {
  const known = decoded.get(frame);
  if (known !== undefined) return known;
  const message = decode(messageCodec, frame);
  if (!message.ok) return undefined;
  decoded.set(frame, message.value);
  return message.value;
}

function seatsOf({ seats }: Configuration): string {
  return seats.map((seat) => `${seat.slot}.${seat.turn}`).join(' ');
}
