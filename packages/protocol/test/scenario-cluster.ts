/**
 * The cluster of a scenario: real replicas and the real turn machine, on messages, disks and a clock that the script moves.
 *
 * Whatever happens becomes an event, a few words with the name of whom it happened to: `s2` is the first instance of slot 2,
 * `s2'` the next. Headers are named by their sequence number, with a mark for every further one at the same place: 5, 5', 5''.
 */
import {
  commitmentOf,
  decode,
  encode,
  encodeUtf8,
  fromHex,
  type Item,
  type Join,
  joinStatement,
  toHex,
  voteStatement,
} from '@coppice/wire';
import {
  defaultSettings,
  type Effect,
  genesisMembership,
  type Input,
  type InstanceId,
  type Message,
  messageCodec,
  type OpenTurn,
  type ProtocolSettings,
  type Replica,
  startReplica,
  step,
  configurationOf,
  type TurnPolicy,
  type Report,
} from '../src/index.ts';
import { adoptedBy } from '../src/view-change.ts';
import { ScenarioExecution, scenarioFacts, scenarioRelease } from './scenario-execution.ts';
import { idOf, identityOf, signerOf, toyCryptography } from './toy.ts';

export const scenarioService = toyCryptography.hash(encodeUtf8('scenario')!);
const began = 1_000_000;
export interface Envelope {
  readonly from: Instance;
  readonly to: Instance;
  readonly message: Message;
}

/** One launch of a replica, and what surrounds it. */
export interface Instance {
  readonly name: string;
  readonly slot: number;
  readonly launch: number;
  readonly id: InstanceId;
  readonly execution: ScenarioExecution;
  readonly replica: Replica;
  /** Header digests by sequence number, as committed. */
  readonly committed: Map<number, string>;
  /** Syncs that the disk has not answered. */
  readonly syncs: number[];
  readonly inputs: Input[];
  /** Keys of epochs below this are erased. */
  erasedBelow: number;
  /** An adversary has a copy of its keys of this epoch and later ones. */
  robbedFrom: number | undefined;
  state: 'runs' | 'paused' | 'crashed' | 'exited';
  diskHeld: boolean;
  clockOff: number;
}

export interface ScenarioSettings {
  readonly slots: number;
  readonly protocol: Partial<ProtocolSettings>;
  readonly policy: Partial<TurnPolicy>;
  readonly keys: number;
}

const defaultPolicy: TurnPolicy = {
  recoveryPeriodMs: 1_000_000,
  turnIntervalMs: 1_000_000,
  turnIntervalBatches: 0,
  turnDeadlineMs: 4000,
  sealDeadlineMs: 10_000,
  unsealed: 'wait',
  overdue: 'halt',
  epochKeys: 8,
};

export class ScenarioCluster {
  readonly instances: Instance[] = [];
  readonly settings: ScenarioSettings;
  readonly policy: TurnPolicy;
  queue: Envelope[] = [];
  /** Of each message: whether it is lost. */
  readonly losses: ((envelope: Envelope) => boolean)[] = [];
  /** Slots whose hosts launch promptly. */
  readonly hosts = new Set<number>();
  readonly #started = new Set<number>();
  now = began;
  #events: { who: string; what: string }[] = [];
  readonly #names = new Map<number, string[]>();
  #nonces = 0;
  #clients = 0;

  constructor(settings: ScenarioSettings) {
    this.settings = settings;
    this.policy = { ...defaultPolicy, ...settings.policy };
    for (let slot = 0; slot < settings.slots; slot++) this.launch(slot);
  }

  /** A fresh instance for a slot: incumbents at first, afterwards whoever a host starts. */
  launch(slot: number): Instance {
    const launch = this.instances.filter((one) => one.slot === slot).length;
    const founders = Array.from({ length: this.settings.slots }, (_, s) => this.#claims(s, 0, 0, this.settings.keys));
    const membership = genesisMembership(began, this.policy.recoveryPeriodMs, founders);
    const execution = new ScenarioExecution(scenarioService, this.policy, membership, (id) => this.nameOf(id));
    const environment = {
      cryptography: toyCryptography,
      execution,
      settings: { ...defaultSettings, checkpointInterval: 8, ...this.settings.protocol },
      instance: identityOf(slot, launch).publicKey,
      service: scenarioService,
    };
    const instance: Instance = {
      name: `s${slot}${"'".repeat(launch)}`,
      slot,
      launch,
      id: idOf(slot, launch),
      execution,
      replica: startReplica(environment, configurationOf(membership), this.now),
      committed: new Map(),
      syncs: [],
      inputs: [],
      erasedBelow: 0,
      robbedFrom: undefined,
      state: 'runs',
      diskHeld: false,
      clockOff: 0,
    };
    this.instances.push(instance);
    return instance;
  }

  #claims(slot: number, launch: number, firstEpoch: number, count: number) {
    const keys = Array.from({ length: count }, (_, k) => ({
      signingKey: signerOf(slot, launch, firstEpoch + k).publicKey,
      sealingKey: toyCryptography.hash(encodeUtf8(`seal ${slot} ${launch} ${firstEpoch + k}`)!),
    }));
    const { publicKey: instance } = identityOf(slot, launch);
    const about = { release: scenarioRelease, variant: 'v', address: '', clientAddress: '', ...scenarioFacts };
    return { instance, firstEpoch, keys, ...about };
  }

  /** The join of a launch that was bound to the open turn's challenge, or to another one. */
  #joinOf(instance: Instance, { turn, slot, drawn }: OpenTurn, epoch: number, challenge?: Uint8Array): Join {
    const {
      platform: _,
      provider: __,
      chip: ___,
      engineFamily: ____,
      ...claims
    } = this.#claims(instance.slot, instance.launch, epoch + 1, this.policy.epochKeys);
    const unsigned = { service: scenarioService, turn, slot, ...claims, evidence: challenge ?? drawn!.challenge };
    return { ...unsigned, signature: identityOf(instance.slot, instance.launch).sign(joinStatement(unsigned)) };
  }

  /** A bundle of one operation. Its signature is not looked at here. */
  item(text: string): Item {
    const client = toyCryptography.hash(encodeUtf8(`client ${++this.#clients}`)!);
    const operations = [{ target: 'service' as const, payload: encodeUtf8(text)! }];
    const bundle = { client, acknowledged: 0, time: 0, first: 1, operations, signature: new Uint8Array(64) };
    return { kind: 'bundle', bundle };
  }

  /** Tells only what is worth a line while much time goes by. */
  brief = false;

  tell(who: Instance, what: string): void {
    if (
      this.brief &&
      /^(proposes|votes for|prepares|reveals|commits \d+'*$|has the stable|refuses .*: (stale|wrong-view|wrong-epoch|not-seated|unknown-sender|no-such-vote)$)/.test(
        what,
      )
    ) {
      return;
    }
    this.#events.push({ who: who.name, what });
  }

  /** What happened since the last call, told of all to whom it happened. */
  events(): string[] {
    const whom = new Map<string, string[]>();
    for (const { who, what } of this.#events) {
      const known = whom.get(what);
      if (known === undefined) whom.set(what, [who]);
      else if (!known.includes(who)) known.push(who);
    }
    this.#events = [];
    return [...whom].map(([what, who]) => `${who.sort().join(' ')}: ${what}`);
  }

  nameOf(instance: Uint8Array): string {
    const hex = toHex(instance);
    const known = this.instances.find((one) => toHex(one.replica.environment.instance) === hex);
    return known?.name ?? hex.slice(0, 8);
  }

  nameOfId(id: InstanceId): string {
    return this.instances.find((one) => one.id === id)?.name ?? id;
  }

  header(sequence: number, digest: Uint8Array): string {
    const hex = toHex(digest);
    const known = this.#names.get(sequence) ?? [];
    this.#names.set(sequence, known);
    if (!known.includes(hex)) known.push(hex);
    return `${sequence}${"'".repeat(known.indexOf(hex))}`;
  }

  /** The header digest of that name. */
  digestOf(name: string): { sequence: number; digest: Uint8Array } {
    const sequence = Number.parseInt(name, 10);
    const hex = this.#names.get(sequence)?.[name.length - String(sequence).length];
    const digest = hex === undefined ? undefined : fromHex(hex);
    if (digest === undefined) throw new Error(`no header ${name}`);
    return { sequence, digest };
  }

  input(to: Instance, input: Input): void {
    if (to.state !== 'runs') return;
    to.inputs.push(input);
    if (to.inputs.length > 1) return;
    // What effects answer at once waits until all effects of this input are performed.
    for (; to.inputs.length > 0; to.inputs.shift()) this.#perform(to, step(to.replica, to.inputs[0]!));
  }

  #perform(by: Instance, effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.post(by, effect.to, effect.message);
          break;
        case 'broadcast':
          this.#tellOfMessage(by, effect.message);
          for (const to of effect.to) this.post(by, to, effect.message);
          break;
        case 'announce':
          for (const other of this.instances) if (other !== by) this.post(by, other.id, effect.message);
          break;
        case 'sync':
          if (by.diskHeld) by.syncs.push(effect.token);
          else this.input(by, { kind: 'synced', token: effect.token });
          break;
        case 'sign-vote':
          this.#vote(by, effect);
          break;
        case 'sign': {
          const { key, unsigned, statement } = effect;
          if (typeof key === 'number' && key < by.erasedBelow) throw new Error(`${by.name} signs with an erased key`);
          const signer = key === 'identity' ? identityOf(by.slot, by.launch) : signerOf(by.slot, by.launch, key);
          this.input(by, { kind: 'signed', unsigned, signature: signer.sign(statement) });
          break;
        }
        case 'append':
          this.#tellOfRecord(by, effect);
          break;
        case 'erase':
          by.erasedBelow = Math.max(by.erasedBelow, effect.epoch + 1);
          this.tell(by, `erases its keys of epoch ${effect.epoch}`);
          break;
        case 'committed': {
          const { header, headerDigest } = effect.batch;
          by.committed.set(header.sequence, toHex(headerDigest));
          const story = by.execution.story.get(header.sequence);
          this.tell(by, `commits ${this.header(header.sequence, headerDigest)}${story ? ` [${story}]` : ''}`);
          break;
        }
        case 'epoch':
          this.tell(by, `enters epoch ${effect.configuration.epoch}`);
          break;
        case 'rejected': {
          const from = this.nameOfId(effect.from);
          const detail = effect.detail === undefined ? '' : ` (${effect.detail})`;
          this.tell(by, `refuses ${effect.what} of ${from}: ${effect.reason}${detail}`);
          break;
        }
        case 'report':
          this.#tellOfReport(by, effect.report);
          break;
        case 'exit':
          by.state = 'exited';
          this.tell(by, `exits: ${effect.reason}`);
          break;
        case 'gap':
          this.tell(by, `lacks the ledger ${effect.from} … ${effect.to}`);
          break;
      }
    }
  }

  #vote(by: Instance, { subject }: Extract<Effect, { kind: 'sign-vote' }>): void {
    if (subject.epoch < by.erasedBelow) throw new Error(`${by.name} votes with an erased key`);
    const nonce = this.nonce(by);
    const commitment = commitmentOf(toyCryptography, nonce);
    const statement = voteStatement(scenarioService, subject, commitment);
    const signature = signerOf(by.slot, by.launch, subject.epoch).sign(statement);
    this.input(by, { kind: 'voted', subject, nonce, commitment, signature });
  }

  nonce(by: Instance): Uint8Array {
    return toyCryptography.hash(encodeUtf8(`nonce ${by.name} ${++this.#nonces}`)!);
  }

  #tellOfMessage(by: Instance, message: Message): void {
    if (message.kind === 'pre-prepare') {
      const { header, vote } = message;
      const story = by.execution.story.get(header.sequence);
      const what = `${this.header(header.sequence, vote.subject.headerDigest)}${story ? ` [${story}]` : ''}`;
      this.tell(by, `proposes ${what}`);
    } else if (message.kind === 'prepare') {
      const { subject } = message.vote;
      const view = subject.view === 0 ? '' : ` in view ${subject.view}`;
      this.tell(by, `votes for ${this.header(subject.sequence, subject.headerDigest)}${view}`);
    } else if (message.kind === 'commit') {
      this.tell(by, `reveals ${message.reveals.map(({ sequence }) => sequence).join(' ')}`);
    } else if (message.kind === 'refusal') {
      const { sequence, headerDigest } = message.refusal;
      this.tell(by, `signs a refusal of ${this.header(sequence, headerDigest)}`);
    }
  }

  #tellOfRecord(by: Instance, { record }: Extract<Effect, { kind: 'append' }>): void {
    if (record.kind === 'prepared') {
      const { subject } = record.certificate;
      this.tell(by, `prepares ${this.header(subject.sequence, subject.headerDigest)}`);
    } else if (record.kind === 'new-view') {
      const adopted = adoptedBy(record.newView);
      const subject = adopted?.certificate.subject;
      const what = subject === undefined ? 'nothing' : this.header(subject.sequence, subject.headerDigest);
      const from = record.newView.viewChanges.map(({ slot }) => slot).join(' ');
      this.tell(by, `enters view ${record.newView.view} by the view changes of ${from}: adopts ${what}`);
    }
  }

  #tellOfReport(by: Instance, report: Report): void {
    switch (report.kind) {
      case 'view-change-sent':
        return this.tell(by, `asks for view ${report.view}: ${report.why.replace(/ for \d+ ms/, '')}`);
      case 'stable':
        return this.tell(by, `has the stable checkpoint ${report.sequence}`);
      case 'installed':
        return this.tell(by, `installs the state of ${report.sequence}`);
      case 'fault': {
        const { slot, first, second } = report.proof;
        const names = [first, second].map(({ subject }) => this.header(subject.sequence, subject.headerDigest));
        return this.tell(by, `proves that slot ${slot} voted for ${names.join(' and ')}`);
      }
      case 'diverged':
        return this.tell(by, `takes over what others certified at ${report.sequence}`);
      case 'corrupt-state':
        return this.tell(by, `finds its state wrong at ${report.sequence}`);
      case 'contradiction':
        return this.tell(by, `sees certified histories contradict each other at ${report.sequence}`);
      case 'view':
      case 'transfer':
        return undefined;
    }
  }

  post(from: Instance, to: InstanceId, message: Message): void {
    const target = this.instances.find((one) => one.id === to);
    if (target === undefined || target.state === 'crashed' || target.state === 'exited') return;
    const envelope = { from, to: target, message };
    if (!this.losses.some((lost) => lost(envelope))) this.queue.push(envelope);
  }

  /** Delivers what is chosen until nothing of it is under way. A paused process finds its messages when it goes on. */
  deliver(chosen: (envelope: Envelope) => boolean = () => true): void {
    for (let i = 0; i < 100_000; i++) {
      const at = this.queue.findIndex((envelope) => envelope.to.state !== 'paused' && chosen(envelope));
      if (at < 0) return;
      const [{ from, to, message }] = this.queue.splice(at, 1) as [Envelope];
      const decoded = decode(messageCodec, encode(messageCodec, message));
      if (!decoded.ok) throw new Error(decoded.reason);
      this.input(to, { kind: 'message', from: from.id, message: decoded.value });
    }
    throw new Error('messages never end');
  }

  /** What the provider starts for the open turn, bound to its challenge or to another; a reason where there is nothing to start. */
  start(slot: number, challenge?: Uint8Array): { join: Join } | string {
    const by = this.seated.reduce((a, b) => (b.replica.committed > a.replica.committed ? b : a));
    const { open } = by.execution.committed.membership;
    if (open === undefined) return 'no turn is open: there is nothing to launch for';
    if (open.slot !== slot) return `turn ${open.turn} is of slot ${open.slot}`;
    if (open.drawn === undefined) return `turn ${open.turn} has no challenge yet`;
    this.#started.add(open.turn);
    return { join: this.#joinOf(this.launch(slot), open, by.execution.committed.membership.epoch, challenge) };
  }

  /** A fresh instance sends its join to all. */
  submitJoin(join: Join): void {
    for (const seat of this.seated) {
      this.input(seat, { kind: 'item', item: { kind: 'system', request: { kind: 'join', join } } });
    }
  }

  /** Hosts that launch by themselves, once a turn. */
  #launchDue(): void {
    for (const { execution } of this.seated) {
      const { open } = execution.committed.membership;
      if (open?.drawn === undefined || !this.hosts.has(open.slot) || this.#started.has(open.turn)) continue;
      const started = this.start(open.slot);
      if (typeof started !== 'string') this.submitJoin(started.join);
    }
  }

  /** Time goes by; what is sent meanwhile waits. */
  tick(ms: number): void {
    for (let i = 0; i < ms; i += 20) {
      this.now += 20;
      for (const one of this.instances) this.input(one, { kind: 'tick', now: this.now + one.clockOff });
    }
  }

  /** Time goes by, and everything is delivered. */
  pass(ms: number, until: () => boolean = () => false): boolean {
    for (let i = 0; i < ms; i += 20) {
      if (until()) return true;
      this.tick(20);
      this.deliver();
      this.#launchDue();
    }
    return until();
  }

  releaseDisk(of: Instance): void {
    of.diskHeld = false;
    for (const token of of.syncs.splice(0)) this.input(of, { kind: 'synced', token });
  }

  /** Throws where two instances committed different headers at one place. */
  checkAgreement(): void {
    const all = new Map<number, string>();
    for (const { committed } of this.instances) {
      for (const [sequence, digest] of committed) {
        const other = all.get(sequence);
        if (other !== undefined && other !== digest) throw new Error(`two headers committed at ${sequence}`);
        all.set(sequence, digest);
      }
    }
  }

  /** Where every running seat stands. */
  get seated(): Instance[] {
    return this.instances.filter((one) => one.state === 'runs' && one.replica.slot !== undefined);
  }
}
