/**
 * What a simulation is to be, drawn from its seed: size, timing, load, what goes wrong and when.
 *
 * A seed has only some of the kinds of faults: all of them together always would hide what some of them do alone.
 */
import type { Caps } from '@coppice/attestation';
import { faultsTolerated } from '@coppice/wire';
import type { FaultKind } from './faults.ts';
import { type AttackerKind, attackerKinds } from './faulty/index.ts';
import type { LaunchManner } from './provider.ts';
import type { Random } from './random.ts';
import type { Choice } from './founding.ts';
import type { MigrationManner } from './register.ts';

export interface PlannedFault {
  readonly atMs: number;
  /** `coup`: one attacker takes more slots than are tolerated. */
  readonly kind: FaultKind | 'coup';
  readonly durationMs: number;
  /** What an attacker does besides. */
  readonly beside?: readonly AttackerKind[];
}

export interface Plan {
  readonly seed: number;
  readonly slots: number;
  readonly clients: number;
  /** Most milliseconds between two bundles of a client. */
  readonly thinkMs: number;
  /** Most milliseconds of a message without trouble. */
  readonly latencyMs: number;
  readonly realCryptography: boolean;
  /** The service is founded by a release of this version of the protocol: 3 is that in which all seats sign by scheme 2. */
  readonly protocol: 1 | 3;
  /** As the constitution has it. */
  readonly policy: {
    readonly recoveryPeriodMs: number;
    readonly turnIntervalMs: number;
    readonly turnDeadlineMs: number;
    readonly sealDeadlineMs: number;
    readonly heartbeatMs: number;
    readonly viewTimeoutMs: number;
    readonly clockBoundMs: number;
    readonly checkpointInterval: number;
    readonly unsealed: 'wait' | 'continue';
    readonly overdue: 'halt' | 'continue';
    readonly waiversMax: number;
    readonly caps: Pick<Caps, 'platform' | 'engineFamily' | 'variant'> & Partial<Caps>;
  };
  /** How many variants turns choose from. */
  readonly choice: Choice;
  /** Disturbed until then. */
  readonly disturbedMs: number;
  /** Undisturbed for so long afterwards, at most. */
  readonly undisturbedMs: number;
  /** For so long, even if all that is asked for has been seen before. */
  readonly patient: boolean;
  readonly faults: readonly PlannedFault[];
  readonly hosts: Hosts;
  /** Whether instances erase keys and nonces. Where they do not, an attacker has to succeed. */
  readonly erasure: { readonly keys: boolean; readonly nonces: boolean };
  /** One attacker takes more slots than are tolerated: nobody can lie then without being named, and that is all. */
  readonly beyond: boolean;
  /** Members govern meanwhile. */
  readonly ballots: boolean;
  /** Members upgrade the service meanwhile: first by a migration of this manner, or of one that is drawn. */
  readonly upgrades: 'none' | 'any' | MigrationManner;
}

/** How hosts treat the launches that turns ask for. */
export interface Hosts {
  /** Shares of a hundred launches. */
  readonly manners: Readonly<Record<Exclude<LaunchManner, 'prompt'>, number>>;
  /** Even if more than f slots run out of their terms. Nothing else may break for good then. */
  readonly starve: boolean;
}

/** Faults of these kinds, and no others: about one in `everyMs`, for at most `lastMs`. */
export interface Focus {
  readonly kinds: readonly FaultKind[];
  readonly everyMs: number;
  readonly lastMs: number;
}

/** What a caller may fix. */
export type Choices = Partial<
  Pick<
    Plan,
    | 'slots'
    | 'disturbedMs'
    | 'undisturbedMs'
    | 'clients'
    | 'latencyMs'
    | 'faults'
    | 'hosts'
    | 'realCryptography'
    | 'protocol'
    | 'erasure'
    | 'beyond'
    | 'ballots'
    | 'upgrades'
    | 'choice'
  >
> & { readonly focus?: Focus; readonly checkpointInterval?: number; readonly policy?: Partial<Plan['policy']> };

/** What is left out of a plan that was drawn, to see whether a failure needs it. */
export interface Reduction {
  /** Kinds of faults; `hosts`: theirs; `ballots` and `upgrades`: what members do. */
  readonly without?: readonly string[];
  readonly disturbedMs?: number;
}

export function reduced(plan: Plan, { without = [], disturbedMs = plan.disturbedMs }: Reduction = {}): Plan {
  const faults = plan.faults
    .filter(({ kind, atMs }) => !without.includes(kind) && atMs < disturbedMs)
    .map(({ beside = [], ...fault }) => ({ ...fault, beside: beside.filter((kind) => !without.includes(kind)) }));
  return {
    ...{ ...plan, faults, disturbedMs },
    hosts: without.includes('hosts') ? kindHosts : plan.hosts,
    ballots: plan.ballots && !without.includes('ballots'),
    upgrades: without.includes('upgrades') ? 'none' : plan.upgrades,
  };
}

/** As short as tests need it. */
export const smallPlan: Choices = { disturbedMs: 3500, undisturbedMs: 4500 };

export function planOf(
  seed: number,
  random: Random,
  { focus, checkpointInterval, policy, ...choices }: Choices = {},
): Plan {
  // One seed in eight has members who govern, and one has members who upgrade.
  const ballots = choices.ballots ?? (choices.beyond !== true && seed % 8 === 3);
  const upgrades = choices.upgrades ?? (choices.beyond !== true && seed % 8 === 5 ? 'any' : 'none');
  const slots = choices.slots ?? random.pick([4, 4, 4, 4, 4, 5, 6, 7]);
  // An upgrade takes a round of turns.
  const turnIntervalMs = upgrades !== 'none' ? random.between(1000, 1200) : random.between(1000, 2500);
  // Most are short, since most faults need one or two turns to show what they do, and seeds find more than time does.
  const disturbedMs =
    choices.disturbedMs ?? (random.percent(15) ? random.between(6000, 10_000) : random.between(2000, 5500));
  const choice = choices.choice ?? random.fork('choice').pick(['ample', 'ample', 'ample', 'scarce', 'meagre'] as const);
  const hosts = choices.hosts ?? random.pick([kindHosts, kindHosts, moodyHosts, hostileHosts]);
  return {
    seed,
    slots,
    clients: random.between(1, 3),
    thinkMs: random.pick([50, 100, 300]),
    latencyMs: random.between(2, 15),
    realCryptography: seed % 20 === 19,
    // ML-DSA takes its time, and upgrades come to version 3 by themselves.
    protocol: seed % 20 !== 19 && upgrades === 'none' && random.fork('protocol').percent(12) ? 3 : 1,
    policy: {
      // Hardly more than a round of turns takes, or with some time to spare.
      recoveryPeriodMs: (slots + 1) * turnIntervalMs + random.pick([0, turnIntervalMs]),
      turnIntervalMs,
      turnDeadlineMs: Math.floor(turnIntervalMs / 2),
      heartbeatMs: random.between(40, 100),
      viewTimeoutMs: random.between(200, 400),
      clockBoundMs: 1000,
      checkpointInterval: checkpointInterval ?? random.pick([8, 16, 32]),
      ...leniencyOf(random.fork('leniency'), turnIntervalMs, policy?.unsealed),
      ...selectionOf(random.fork('selection'), choice, slots),
      ...policy,
    },
    choice,
    disturbedMs,
    undisturbedMs: 6000,
    // An upgrade takes as long. What is late comes to light in some of the others.
    patient: upgrades !== 'none' || choices.undisturbedMs !== undefined || seed % 5 === 0,
    faults:
      choices.beyond === true
        ? coupsOf(random, disturbedMs)
        : focus === undefined
          ? faultsOf(seed, random, disturbedMs, hosts.starve)
          : focused(random, disturbedMs, focus),
    hosts,
    erasure: { keys: true, nonces: true },
    beyond: false,
    ...choices,
    ...{ ballots, upgrades },
  };
}

/** Some members would rather go on, with what is overdue, or soon with what is not sealed. */
function leniencyOf(
  random: Random,
  turnIntervalMs: number,
  asked: Plan['policy']['unsealed'] | undefined,
): Pick<Plan['policy'], 'unsealed' | 'sealDeadlineMs' | 'overdue'> {
  const overdue = random.percent(12) ? 'continue' : 'halt';
  const unsealed = asked ?? (random.percent(12) ? 'continue' : 'wait');
  return { unsealed, sealDeadlineMs: unsealed === 'wait' ? turnIntervalMs : random.between(50, 300), overdue };
}

/** Where there are few variants, no two slots share one, more share an engine than is usual, and rules are seldom waived. */
function selectionOf(random: Random, choice: Choice, slots: number): Pick<Plan['policy'], 'waiversMax' | 'caps'> {
  const tolerated = faultsTolerated(slots);
  if (choice === 'ample')
    return { waiversMax: slots, caps: { platform: slots, engineFamily: tolerated, variant: tolerated } };
  const engineFamily = tolerated + random.below(2);
  return { waiversMax: random.pick([0, 1, slots]), caps: { platform: slots, engineFamily, variant: 1 } };
}

export const noManners = {
  ...{ refused: 0, late: 0, twice: 0, cloned: 0, many: 0, early: 0 },
  ...{ 'other-release': 0, misdirected: 0, hasty: 0 },
};
export const kindHosts: Hosts = { manners: noManners, starve: false };
const moodyHosts: Hosts = {
  manners: {
    ...{ refused: 8, late: 8, twice: 8, cloned: 8, many: 8, early: 8 },
    ...{ 'other-release': 8, misdirected: 16, hasty: 8 },
  },
  starve: false,
};
const hostileHosts: Hosts = { manners: { ...noManners, refused: 50, late: 20, misdirected: 20 }, starve: true };

/** What passes by itself, or is over when everything is healed. */
const passingKinds: readonly FaultKind[] = [
  'stop',
  'isolate',
  'split',
  'delay',
  'storm',
  'slow-disk',
  'rotten-disk',
  'clock',
  'clock-rate',
  'freeze',
];
/** What is there no more afterwards. */
const lastingKinds: readonly FaultKind[] = ['crash', 'full-disk', 'altered-disk'];

/** Coups, and what makes them easier. */
function coupsOf(random: Random, disturbedMs: number): PlannedFault[] {
  const faults: PlannedFault[] = [];
  for (let atMs = random.between(200, 2000); atMs < disturbedMs; atMs += random.between(500, 3000)) {
    const kind = random.pick(['coup', 'coup', 'delay', 'stop'] as const);
    faults.push({ atMs, kind, durationMs: random.between(500, 4000) });
  }
  return faults;
}

function faultsOf(seed: number, random: Random, disturbedMs: number, starve: boolean): PlannedFault[] {
  const kinds = random.shuffled([...passingKinds, random.pick(lastingKinds)]).slice(0, random.between(1, 4));
  // One after the other, so that no campaign misses any of them by chance.
  const attacker = random.percent(85) ? attackerKinds[seed % attackerKinds.length]! : undefined;
  const beside = random.shuffled(attackerKinds).slice(0, random.below(3));
  if (attacker !== undefined) kinds.push(attacker);
  const roams = random.percent(20);
  let meanMs = random.pick([300, 800, 2000]);
  if (attacker === 'sleeper') {
    // It waits for others to be out of reach, in one view after the other.
    kinds.push('split', 'isolate', 'stop');
    meanMs = 150;
  }
  const faults: PlannedFault[] = [];
  if (roams && !starve) faults.push({ atMs: random.between(1, 1000), kind: 'mobile', durationMs: 0 });
  if (attacker !== undefined && !starve)
    faults.push({
      ...{ atMs: random.between(1, Math.floor(disturbedMs / 2)), kind: attacker, beside },
      durationMs: Math.floor(disturbedMs / 2),
    });
  // At most one, and late: there may be nothing to see after it.
  const blackout = random.percent(5);
  if (blackout)
    faults.push({ atMs: random.between(Math.floor(disturbedMs / 2), disturbedMs), kind: 'blackout', durationMs: 0 });
  for (let atMs = random.between(1, 2 * meanMs); atMs < disturbedMs; atMs += random.between(1, 2 * meanMs)) {
    const fault = {
      ...{ atMs, kind: random.pick(kinds), durationMs: random.between(20, random.pick([200, 1000, 4000])) },
      beside,
    };
    if (!starve || passingKinds.includes(fault.kind)) faults.push(fault);
  }
  return faults;
}

function focused(random: Random, disturbedMs: number, { kinds, everyMs, lastMs }: Focus): PlannedFault[] {
  const faults: PlannedFault[] = [];
  const next = (): number => random.between(1, 2 * everyMs);
  for (let atMs = next(); kinds.length > 0 && atMs < disturbedMs; atMs += next())
    faults.push({ atMs, kind: random.pick(kinds), durationMs: random.between(20, Math.max(20, lastMs)) });
  return faults;
}
