/**
 * One simulation, from its seed to a verdict: found a service, disturb it, leave it alone, kill everything.
 */
import { createHash } from 'node:crypto';
import type { Operation } from '@coppice/history';
import { type Constitution, constitutionDigest } from '@coppice/governance';
import { defaultSettings, type ProtocolSettings } from '@coppice/protocol';
import { Accountability } from './checkers/accountability.ts';
import { Agreement } from './checkers/agreement.ts';
import { Authentic } from './checkers/authentic.ts';
import { Conduct } from './checkers/conduct.ts';
import { Disaster } from './checkers/disaster.ts';
import { Durability } from './checkers/durability.ts';
import { Forgery } from './checkers/forgery.ts';
import { History } from './checkers/history.ts';
import { Keys } from './checkers/keys.ts';
import { Linearizability } from './checkers/linearizability.ts';
import { Memory } from './checkers/memory.ts';
import { Progress } from './checkers/progress.ts';
import { Promises } from './checkers/promises.ts';
import { Receipts } from './checkers/receipts.ts';
import { Recovery } from './checkers/recovery.ts';
import { Selection } from './checkers/selection.ts';
import { Upgrades } from './checkers/upgrades.ts';
import { Governance } from './checkers/governance.ts';
import { Client } from './client.ts';
import type { Instance } from './instance.ts';
import { Members } from './members.ts';
import { Narrator } from './narrator.ts';
import { quickProvider, realProvider } from './cryptography.ts';
import { Faults } from './faults.ts';
import { Coverage, type Reached } from './coverage.ts';
import { constitutionOf, found, foundingRelease, genesisTime, joinOf } from './founding.ts';
import { historyOf } from './history.ts';
import { Loot } from './loot.ts';
import { type Endpoint, Network } from './network.ts';
import { type Observer, Observers, type Violation } from './observer.ts';
import { type Choices, type Plan, planOf, reduced, type Reduction } from './plan.ts';
import { failingManners, type LaunchManner, Provider } from './provider.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { Upgrader } from './upgrader.ts';
import type { Founded, World } from './world.ts';

export interface Outcome {
  readonly seed: number;
  /** SHA-256 over every delivery and every commit, in order, with its time. */
  readonly auditHash: string;
  readonly batches: number;
  readonly operations: number;
  /** Epochs that ended. */
  readonly turns: number;
  readonly viewChanges: number;
  /** It ended with less than a quorum of sound incumbents, because slots were vacated beside faulty ones. */
  readonly stopped: boolean;
  /** An attacker held more than f slots, and showed two histories. */
  readonly contradicted: boolean;
  readonly faults: Faults['counts'];
  /** What members decided, by kind of action. */
  readonly decided: Readonly<Record<string, number>>;
  /** Activations, by how they ended. */
  readonly activations: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  /** How many events each checker was shown. */
  readonly judged: Readonly<Record<string, number>>;
  readonly reached: Reached;
}

export interface SimulationOptions {
  readonly choices?: Choices;
  /** What is left out of what the seed drew. */
  readonly reduction?: Reduction;
  /** Ends at the first violation. */
  readonly untilViolation?: boolean;
  /** Watches, too. */
  readonly observer?: Observer;
  /** Gets what clients saw, in the end. */
  readonly onHistory?: (operations: readonly Operation[]) => void;
  /** Gets every line of the log. */
  readonly onLine?: (line: string) => void;
}

/** The same seed and choices give the same outcome, on every runtime. */
export function simulate(seed: number, options: SimulationOptions = {}): Outcome {
  const random = new Random(`seed ${seed}`);
  const plan = planOf(seed, random.fork('plan'), options.choices);
  return new Simulation(reduced(plan, options.reduction), random, options).run();
}

/** View timeouts within which something must commit, once something has and nobody disturbs anything: f bad primaries. */
const stillTimeouts = 12;

/** Between two looks at whether anything is still waited for. */
const lookMs = 100;

class Simulation {
  readonly #plan: Plan;
  readonly #scheduler = new Scheduler();
  readonly #audit = createHash('sha256');
  readonly #world: World;
  readonly #provider: Provider;
  readonly #faults: Faults;
  readonly #manners: Random;
  readonly #clients: readonly Client[];
  readonly #members: Members;
  readonly #upgrader: Upgrader;
  readonly #upgrades: Upgrades;
  readonly #governance: Governance;
  readonly #agreement: Agreement;
  readonly #accountability: Accountability;
  readonly #progress: Progress;
  readonly #coverage: Coverage;
  readonly #untilViolation: boolean;
  readonly #onHistory: SimulationOptions['onHistory'];
  readonly #observers: Observers;
  readonly #narrator: Narrator | undefined;
  #viewChanges = 0;

  constructor(plan: Plan, random: Random, { onLine, onHistory, untilViolation = false, observer }: SimulationOptions) {
    this.#onHistory = onHistory;
    this.#plan = plan;
    this.#untilViolation = untilViolation;
    const scheduler = this.#scheduler;
    const narrator = (this.#narrator = onLine && new Narrator(() => scheduler.now, onLine));
    const provider = plan.realCryptography ? realProvider() : quickProvider();
    const members = ['ada', 'bo', 'cy'].map((name) => provider.signerOf(random.fork(name).bytes(32)));
    const constitution = constitutionOf({ ...plan, members });
    const { policy } = constitution;
    const world: World = (this.#world = {
      random,
      scheduler,
      network: new Network({
        scheduler,
        random: random.fork('network'),
        latencyMs: plan.latencyMs,
        onDelivery: (from, to, frame, sentAt) => {
          this.#record(from, to, frame);
          this.#observers.tell('delivered', from, to, frame, sentAt, scheduler.now);
        },
      }),
      provider,
      settings: settingsOf(policy),
      erasure: plan.erasure,
      instances: [],
      tell: (event, ...details) => this.#observers.tell(event, ...details),
      log: (who, line) => narrator?.say(who, line()),
    });
    const { epochKeys, turnDeadlineMs } = policy;
    const manner = (slot: number): LaunchManner => this.#manner(slot);
    const { protocol } = plan;
    const host = new Provider({ world, random: random.fork('provider'), epochKeys, protocol, turnDeadlineMs, manner });
    this.#provider = host;
    this.#faults = new Faults(world, host, random.fork('faults'), policy.clockBoundMs);
    this.#manners = random.fork('manners');

    const service = constitutionDigest(provider.cryptography, constitution);
    const release = foundingRelease(plan.protocol).digest;
    const founders = Array.from({ length: plan.slots }, (_, slot) =>
      host.launchFounder({ service, slot, turn: 0, challenge: service, release, variant: `v${slot}` }),
    );
    const joins = founders.map(({ launch, keyring, number }) => joinOf(provider, launch, keyring, `${number}`));
    const founded = found(provider, constitution, members, joins);

    this.#clients = this.#makeClients(founded);
    const governing = { world, random: random.fork('members'), service: founded.genesis.service, slots: plan.slots };
    this.#members = new Members({ ...governing, members, fickle: plan.choice === 'ample', doors: () => this.#doors() });
    const upgrading = {
      scheduler,
      random: random.fork('upgrader'),
      members: this.#members,
      slots: plan.slots,
      choice: plan.choice,
    };
    const migration = plan.upgrades === 'none' || plan.upgrades === 'any' ? undefined : plan.upgrades;
    this.#upgrader = new Upgrader({ ...upgrading, manner: migration, head: () => host.head });
    const genesis = founded.document.genesis.configuration;
    this.#observers = new Observers(() => scheduler.now);
    const violate = (checker: string) => (message: string) => this.#observers.violate(checker, message);
    const disagree = plan.beyond ? (): void => {} : violate('agreement');
    this.#agreement = new Agreement(disagree, provider.cryptography, genesis);
    const turnMs = policy.turnIntervalMs + 2 * policy.turnDeadlineMs;
    this.#progress = new Progress({
      ...{ violate: violate('progress'), now: () => scheduler.now, provider: host, clients: this.#clients, turnMs },
      turnDeadlineMs: policy.turnDeadlineMs,
      blackout: () => this.#faults.blackout,
      stillMsMax: policy.heartbeatMs + stillTimeouts * policy.viewTimeoutMs,
    });
    const checkers = this.#checkers(violate, policy, founded);
    this.#governance = new Governance(
      violate('governance'),
      provider.cryptography,
      founded.genesis.service,
      founded.document.constitution,
    );
    const selection = new Selection({
      ...{ violate: violate('selection'), genesis },
      constitution: () => this.#governance.constitution,
    });
    this.#upgrades = new Upgrades({
      ...{ violate: violate('upgrades'), cryptography: provider.cryptography, service: founded.genesis.service },
      constitution: founded.document.constitution,
      configurations: this.#agreement.configurations,
    });
    const { instances } = world;
    this.#accountability = new Accountability({
      ...{ violate: violate('accountability'), cryptography: provider.cryptography, service: founded.genesis.service },
      configurations: this.#agreement.configurations,
      corrupt: (id) => instances.some((one) => one.id === id && one.corrupt),
      log: (line) => world.log('checker', line),
    });
    this.#coverage = new Coverage(genesis);
    // Beyond what is tolerated, nothing else is promised.
    const judges = plan.beyond
      ? [this.#accountability]
      : [this.#progress, ...checkers, selection, this.#governance, this.#upgrades, this.#coverage];
    const others = [narrator, observer].filter((one) => one !== undefined);
    this.#observers.watch(this.#agreement, ...judges, this.#counter(), ...others);
    host.begin(founded);
  }

  run(): Outcome {
    const { disturbedMs, undisturbedMs, faults, seed, patient } = this.#plan;
    const scheduler = this.#scheduler;
    for (const client of this.#clients) client.start();
    if (this.#plan.ballots) this.#members.start();
    if (this.#plan.upgrades !== 'none') this.#upgrader.start();
    for (const { atMs, ...fault } of faults) scheduler.at(atMs, () => this.#faults.inject(fault));
    const enough = (): boolean => this.#untilViolation && this.#observers.violations.length > 0;
    scheduler.runUntil(disturbedMs, enough);
    this.#faults.heal();
    this.#world.log('fault', () => 'none any more');
    this.#observers.tell('healed');
    // Clients are answered and turns seat somebody: seeds find more than time does.
    const end = disturbedMs + undisturbedMs;
    const over = (): boolean => enough() || (!patient && this.#progress.shown);
    while (scheduler.now < end && !over()) scheduler.runUntil(Math.min(scheduler.now + lookMs, end), enough);
    if (!enough()) this.#observers.tell('recovered');
    // In the midst of it all.
    for (const instance of this.#world.instances) if (instance.alive) instance.kill();
    if (!enough()) this.#observers.tell('ended');
    this.#narrator?.end();
    this.#onHistory?.(historyOf(this.#clients));
    return {
      seed,
      auditHash: this.#audit.digest('hex'),
      batches: this.#agreement.log.size,
      operations: this.#clients.flatMap(({ operations }) => operations).filter(({ answer }) => answer !== undefined)
        .length,
      turns: this.#agreement.configurations.length - 1,
      viewChanges: this.#viewChanges,
      stopped: this.#progress.stopped,
      contradicted: this.#accountability.contradicted,
      faults: this.#faults.counts,
      decided: this.#governance.decided,
      activations: this.#upgrades.attempts,
      violations: this.#observers.violations,
      judged: this.#judged(),
      reached: this.#coverage.reached,
    };
  }

  #judged(): Record<string, number> {
    const { counter: _, coverage: __, narrator: ___, ...judged } = this.#observers.judged;
    return judged;
  }

  /** Whom clients and members can reach. */
  #doors(): readonly Instance[] {
    const { head } = this.#provider;
    return head === undefined ? [] : this.#provider.seated(head.replica!.configuration);
  }

  #makeClients(founded: Founded): Client[] {
    const { clients, thinkMs } = this.#plan;
    const { service } = founded.genesis;
    const world = this.#world;
    const doors = (): readonly Instance[] => this.#doors();
    return Array.from({ length: clients }, (_, i) => {
      const name = `c${i}`;
      return new Client({ world, name, random: world.random.fork(name), service, doors, thinkMs });
    });
  }

  #checkers(
    violate: (checker: string) => (message: string) => void,
    policy: Constitution['policy'],
    founded: Founded,
  ): Observer[] {
    const now = (): number => this.#scheduler.now;
    const { log, configurations } = this.#agreement;
    const { instances, provider, random } = this.#world;
    const { cryptography } = provider;
    const loot = new Loot(cryptography);
    const forgery = { provider, founded, loot, log, random: random.fork('forgery') };
    const corrupt = (id: string): boolean => instances.some((one) => one.id === id && one.corrupt);
    return [
      new History(violate('history'), log, this.#clients),
      new Linearizability(violate('linearizability'), this.#clients),
      new Receipts(violate('receipts'), cryptography, founded.genesis.service),
      new Recovery(violate('recovery'), now, configurations[0]!, policy),
      new Keys(violate('keys')),
      new Memory(violate('memory'), this.#world.settings),
      new Promises(violate('promises'), cryptography),
      new Authentic({
        violate: violate('authentic'),
        cryptography,
        genesis: configurations[0]!,
        now: () => genesisTime + now(),
        clockBoundMs: policy.clockBoundMs,
        turnDeadlineMs: policy.turnDeadlineMs,
        corrupt,
      }),
      new Conduct(violate('conduct'), corrupt, this.#plan.upgrades !== 'none'),
      new Durability(violate('durability'), cryptography, configurations),
      new Disaster(violate('disaster'), cryptography, founded.genesis.service, configurations),
      loot,
      new Forgery({ ...forgery, violate: violate('forgery') }),
    ];
  }

  #counter(): Observer {
    return {
      name: 'counter',
      reported: (_, report) => {
        if (report.kind === 'view') this.#viewChanges += 1;
      },
      committed: (instance, { headerDigest }) => this.#record(instance, instance, headerDigest),
    };
  }

  /** What the host does with the launch that a turn asks for. */
  #manner(slot: number): LaunchManner {
    if (this.#scheduler.now >= this.#plan.disturbedMs) return 'prompt';
    const { manners, starve } = this.#plan.hosts;
    let draw = this.#manners.below(100);
    for (const [manner, share] of Object.entries(manners) as [keyof typeof manners, number][]) {
      draw -= share;
      if (draw >= 0) continue;
      // A clone is an attacker's, and a slot whose launches fail will be vacant: both count.
      const counts = manner === 'cloned' || failingManners.has(manner);
      if (counts && !starve && !this.#faults.budget.allows(slot)) return 'prompt';
      this.#faults.count(manner);
      return manner;
    }
    return 'prompt';
  }

  #record(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.#audit.update(`${this.#scheduler.now} ${from.number} ${to.number}\n`);
    this.#audit.update(bytes);
  }
}

/** As the node has them, and quicker where the constitution does not say. */
function settingsOf(policy: Constitution['policy']): ProtocolSettings {
  const { window, checkpointInterval, batchBytesMax, heartbeatMs, viewTimeoutMs, clockBoundMs } = policy;
  return {
    ...defaultSettings,
    ...{ window, checkpointInterval, batchBytesMax, heartbeatMs, viewTimeoutMs, clockBoundMs },
    requestTimeoutMs: 4 * viewTimeoutMs,
    suspectAfterMs: 4 * viewTimeoutMs,
  };
}
