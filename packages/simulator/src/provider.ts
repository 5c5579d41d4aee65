/**
 * The cloud provider: untrusted hands that launch what committed challenges ask for, when and how they please.
 */
import type { LaunchData } from '@coppice/attestation';
import { ChainVerifier } from '@coppice/ledger';
import { type Configuration, schemeOf, toLatin1 } from '@coppice/wire';
import { hardwareOf, joinOf, type OtherEvidence } from './founding.ts';
import { HastyCandidate } from './faulty/hasty-candidate.ts';
import { Instance } from './instance.ts';
import type { Random } from './random.ts';
import type { Founded, World } from './world.ts';

/** What becomes of one turn's launch. */
export type LaunchManner =
  /** One instance, soon. */
  | 'prompt'
  /** None. */
  | 'refused'
  /** One, around the deadline or after it. */
  | 'late'
  /** Two, each with keys of its own: one is admitted. */
  | 'twice'
  /** One, copied right after it made its keys: two processes of one identity. */
  | 'cloned'
  /** Several, each with keys of its own. */
  | 'many'
  /** One that was launched before the challenge was known, for one that was guessed. */
  | 'early'
  /** One of another release or variant than the turn asks for, as its evidence says, too. */
  | 'other-release'
  /** One whose keys begin too early or are of an old scheme, or whose evidence is of another launch, other code, outdated, or another instance's. */
  | 'misdirected'
  /** One that is an attacker's, and says that it is ready before it is. */
  | 'hasty';

/** Manners by which nobody is seated. */
export const failingManners: ReadonlySet<LaunchManner> = new Set([
  'refused',
  'late',
  'early',
  'other-release',
  'misdirected',
  'hasty',
]);

export interface ProviderOptions {
  readonly world: World;
  readonly random: Random;
  readonly epochKeys: number;
  /** With which the service begins. */
  readonly protocol: number;
  readonly turnDeadlineMs: number;
  readonly manner: (slot: number) => LaunchManner;
}

const pollMs = 50;
const bootMs = 150;
/** How often a newcomer asks another replica for the chain of epochs. */
const askMs = 100;
const questionsMax = 50;
/** How long an instance without a seat may go on serving. */
const graceMs = 8000;

export class Provider {
  readonly #options: ProviderOptions;
  #founded: Founded | undefined;
  readonly #handled = new Set<number>();
  /** Evidence that was presented well, by instance. */
  readonly #presented: Uint8Array[] = [];
  readonly #unseatedSince = new Map<Instance, number>();

  constructor(options: ProviderOptions) {
    this.#options = options;
  }

  /** Launches a founding instance, which has its keys and waits for the genesis document. */
  launchFounder(launch: LaunchData): Instance {
    const instance = this.#instance(launch, '');
    instance.keyring.generate(0, this.#options.epochKeys, schemeOf(this.#options.protocol));
    return instance;
  }

  /** Hands every founder the document, and acts on challenges from now on. */
  begin(founded: Founded): void {
    this.#founded = founded;
    for (const instance of this.#options.world.instances) {
      this.#options.world.tell('launched', instance);
      instance.begin(founded);
    }
    this.#poll();
  }

  /** The incumbent that has committed most, of those that run and are not an attacker's. */
  get head(): Instance | undefined {
    let best: Instance | undefined;
    for (const instance of this.#options.world.instances) {
      if (instance.state !== 'running' || instance.slot === undefined || instance.faulty !== undefined) continue;
      if (best === undefined || instance.replica!.committed > best.replica!.committed) best = instance;
    }
    return best;
  }

  /** The instances of a configuration, by slot. */
  seated({ seats }: Configuration): Instance[] {
    return seats.flatMap(({ instance }) => {
      const id = toLatin1(instance);
      return this.#options.world.instances.find((one) => one.id === id) ?? [];
    });
  }

  #instance(launch: LaunchData, letter: string): Instance {
    const name = launch.turn === 0 ? `${launch.slot}` : `${launch.slot}.${launch.turn}${letter}`;
    const number = this.#options.world.instances.length;
    const keys = letter === "'" ? `${launch.slot}.${launch.turn}` : name;
    const instance = new Instance(this.#options.world, number, name, launch, keys);
    this.#options.world.instances.push(instance);
    return instance;
  }

  #poll(): void {
    const { world } = this.#options;
    const { head } = this;
    if (head !== undefined) {
      const { membership } = head.serving!.execution.committed();
      const { open } = membership;
      if (open?.drawn !== undefined && !this.#handled.has(open.turn)) {
        this.#handled.add(open.turn);
        const { service } = head.replica!.environment;
        const { slot, turn, release, drawn } = open;
        const { challenge, variant } = drawn;
        if (variant === '') world.log('provider', () => `turn ${turn} of slot ${slot}: no variant may be launched`);
        else this.#launchFor({ service, slot, turn, release, challenge, variant });
      }
      this.#destroyUnneeded(head, open?.turn);
    }
    world.scheduler.after(pollMs, () => this.#poll());
  }

  #launchFor(launch: LaunchData): void {
    const { world, random, manner, turnDeadlineMs } = this.#options;
    const how = manner(launch.slot);
    world.log('provider', () => `turn ${launch.turn} of slot ${launch.slot}: ${how}`);
    const soon = (): number => random.between(10, bootMs);
    const begin = (delay: number, letter: string): void => {
      world.scheduler.after(delay, () => {
        const otherwise = this.#otherwise(how);
        const evidence = how === 'misdirected' ? this.#otherEvidence(launch) : {};
        const instance = this.#instance({ ...launch, ...otherwise }, letter);
        instance.cloned = how === 'cloned';
        // Whether it may share what it shares with a neighbour, is for the caps to say.
        instance.amiss = Object.keys({ ...otherwise, ...evidence }).find((one) => one !== 'beside');
        instance.hardware = hardwareOf(launch.slot, evidence);
        world.tell('launched', instance);
        if (how === 'hasty') instance.faulty = new HastyCandidate(random.fork(instance.name));
        this.#bootstrap(instance, evidence, 0);
      });
    };
    if (how === 'late') begin(random.between(Math.floor(turnDeadlineMs / 2), 2 * turnDeadlineMs), '');
    else if (how !== 'refused') begin(soon(), '');
    if (how === 'twice') begin(soon(), 'b');
    if (how === 'cloned') begin(soon(), "'");
    if (how === 'many') for (const letter of ['b', 'c', 'd', 'e']) begin(soon(), letter);
  }

  /** What an untrusted host launches instead. */
  #otherwise(how: LaunchManner): Partial<LaunchData> {
    const { random } = this.#options;
    if (how === 'early') return { challenge: random.bytes(32) };
    if (how !== 'other-release') return {};
    return random.pick<Partial<LaunchData>>([{ release: random.bytes(32) }, { variant: 'v999' }]);
  }

  /** What else an untrusted host can present. */
  #otherEvidence(launch: LaunchData): OtherEvidence {
    const { random } = this.#options;
    if (schemeOf(this.#protocol()) > 1 && random.percent(50)) return { oldScheme: true };
    const others = this.head?.replica!.configuration.seats.filter(({ slot }) => slot !== launch.slot) ?? [];
    const neighbour = others.length === 0 ? launch.slot : random.pick(others).slot;
    const presented = this.#presented.length === 0 ? random.bytes(100) : random.pick(this.#presented);
    return random.pick<OtherEvidence>([
      { beside: { slot: neighbour, shares: 'provider' } },
      { beside: { slot: neighbour, shares: 'chip' } },
      { launch: { ...launch, service: random.bytes(32) } },
      { launch: { ...launch, slot: launch.slot + 1 } },
      { launch: { ...launch, turn: launch.turn - 1 } },
      { launch: { ...launch, challenge: random.bytes(32) } },
      { launch: { ...launch, release: random.bytes(32) } },
      { launch: { ...launch, variant: 'v999' } },
      { measurement: random.bytes(32) },
      { begun: true },
      { outdated: true },
      { older: true },
      { debug: true },
      { instance: random.bytes(32) },
      { replayed: presented },
    ]);
  }

  /** Version that is active, as hosts are told. */
  #protocol(): number {
    return this.head?.serving!.execution.committed().activation.protocol ?? this.#options.protocol;
  }

  /** A newcomer gets the chain from genesis of whoever answers, verifies it, makes its keys, joins and follows. */
  #bootstrap(instance: Instance, evidence: OtherEvidence, questions: number): void {
    const { world, random } = this.#options;
    const { scheduler, network } = world;
    const { head } = this;
    const again = (): void => {
      if (questions < questionsMax) scheduler.after(askMs, () => this.#bootstrap(instance, evidence, questions + 1));
    };
    if (instance.state !== 'booting') return;
    if (head === undefined) return again();
    const asked = random.pick(this.seated(head.replica!.configuration));
    scheduler.after(network.delay(), () => {
      if (asked.state !== 'running' || !network.reachable(asked, instance)) return again();
      const chain = asked.serving!.door.chain();
      scheduler.after(network.delay(), () => {
        if (instance.state === 'booting') this.#join(instance, evidence, chain);
      });
    });
  }

  #join(
    instance: Instance,
    evidence: OtherEvidence,
    { document, epochs }: ReturnType<NonNullable<Instance['serving']>['door']['chain']>,
  ): void {
    const { world, epochKeys } = this.#options;
    const { provider, scheduler, network } = world;
    const verifier = ChainVerifier.fromGenesis(provider.cryptography, instance.launch.service, document.genesis);
    if (!verifier.ok) throw new Error(verifier.reason);
    for (const certificate of epochs) {
      const wrong = verifier.value.extend(certificate);
      if (wrong !== undefined) throw new Error(wrong);
    }
    const { configuration } = verifier.value.start(verifier.value.epoch)!;
    const scheme = evidence.oldScheme === true ? 1 : schemeOf(this.#protocol());
    instance.keyring.generate(configuration.epoch + (evidence.begun === true ? 0 : 1), epochKeys, scheme);
    instance.latest = configuration;
    instance.begin(this.#founded!, epochs);
    const join = joinOf(provider, instance.launch, instance.keyring, `${instance.number}`, evidence);
    if (Object.keys(evidence).length === 0) this.#presented.push(join.evidence);
    for (const target of this.seated(configuration)) {
      scheduler.after(network.delay(), () => {
        if (target.state !== 'running' || !network.reachable(target, instance)) return;
        const why = target.serving!.door.system({ kind: 'join', join });
        if (why !== undefined) world.log(target.name, () => `does not take the join of ${instance.name}: ${why}`);
      });
    }
  }

  /** A candidate whose turn is over is of no use; whoever sat in a slot may serve for a while. */
  #destroyUnneeded(head: Instance, openTurn: number | undefined): void {
    const { now } = this.#options.world.scheduler;
    const seats = new Set(head.replica!.slotOf.keys());
    for (const instance of this.#options.world.instances) {
      if (!instance.alive || seats.has(instance.id) || instance.launch.turn === openTurn) continue;
      const since = this.#unseatedSince.get(instance) ?? now;
      this.#unseatedSince.set(instance, since);
      const sat = instance.slot !== undefined || instance.replica!.retired;
      if (sat ? now - since > graceMs : now - since > 1000) {
        this.#options.world.log('provider', () => `destroys ${instance.name}`);
        instance.kill();
      }
    }
  }
}
