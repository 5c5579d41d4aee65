/**
 * Many seeds, and what came of all of them.
 *
 * A failure is made smaller where that is cheap: a run that ends at its first violation is short, so the kinds of faults
 * it does not need are found by leaving them out one by one, and then how early the disturbance can end.
 */
import { add, missing, type Reached } from './coverage.ts';
import type { Violation } from './observer.ts';
import { reducible } from './faults.ts';
import type { Choices, Reduction } from './plan.ts';
import type { Outcome } from './simulation.ts';
import { simulateAll, type Task, Thread } from './threads.ts';

export interface Failure extends Violation {
  readonly seed: number;
  /** Shows it again, with no more than it takes. */
  readonly command: string;
}

export interface Totals {
  readonly seeds: number;
  readonly operations: number;
  readonly batches: number;
  readonly turns: number;
  readonly viewChanges: number;
  readonly stopped: number;
  /** Runs in which an attacker showed two histories. */
  readonly contradicted: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly judged: Readonly<Record<string, number>>;
  readonly reached: Reached | undefined;
  readonly failures: readonly Failure[];
}

export interface CampaignOptions {
  readonly from: number;
  readonly count: number;
  readonly threads: number;
  readonly choices: Choices;
  readonly reduction: Reduction;
  /** What the command line has beside the seed, for {@link Failure.command}. */
  readonly argumentsOf: (reduction: Reduction) => string;
  /** As soon as a seed has failed. */
  readonly onFound: (found: Found) => void;
  /** When it is as small as it gets. */
  readonly onFailure: (failure: Failure) => void;
  readonly onProgress: (seeds: number, failures: number) => void;
}

/** The first thing that a seed violated. */
interface Found extends Violation {
  readonly seed: number;
  /** What was injected; `undefined` where the simulation itself broke off. */
  readonly faults: Outcome['faults'] | undefined;
}

/** What no injection counts. */
const alwaysThere: ReadonlySet<string> = new Set(['hosts', 'ballots', 'upgrades']);

/** Failures that are made smaller; of more, the seed is enough. */
const minimisedMax = 5;

export async function campaign(options: CampaignOptions): Promise<Totals> {
  const { from, count, threads, choices, reduction, argumentsOf, onFound, onFailure, onProgress } = options;
  let totals: Totals = {
    ...{ seeds: 0, operations: 0, batches: 0, turns: 0, viewChanges: 0, stopped: 0, contradicted: 0 },
    ...{ faults: {}, judged: {}, reached: undefined, failures: [] },
  };
  const failed: Found[] = [];
  const tasks = Array.from({ length: count }, (_, i): Task => ({ seed: from + i, options: { choices, reduction } }));
  await simulateAll(tasks, { threads }, ({ seed }, outcome) => {
    if (outcome instanceof Error) totals = { ...totals, seeds: totals.seeds + 1 };
    else totals = including(totals, outcome);
    const found = outcome instanceof Error ? brokenOff(seed, outcome) : foundIn(outcome);
    if (found !== undefined) {
      failed.push(found);
      onFound(found);
    }
    onProgress(totals.seeds, failed.length);
    return false;
  });
  const failures: Failure[] = [];
  const thread = new Thread();
  for (const { seed, faults, ...violation } of failed.sort((a, b) => a.seed - b.seed)) {
    const task = { seed, options: { choices, reduction } };
    const smaller = faults !== undefined && failures.length < minimisedMax;
    const least = smaller ? await minimised(thread, task, violation, faults) : reduction;
    const failure = { ...violation, seed, command: `npm run sim -- --seed ${seed}${argumentsOf(least)} --log` };
    failures.push(failure);
    onFailure(failure);
  }
  await thread.close();
  return { ...totals, failures };
}

function foundIn({ seed, faults, violations: [first] }: Outcome): Found | undefined {
  return first && { ...first, seed, faults };
}

/** Nobody knows how far it came. */
function brokenOff(seed: number, error: Error): Found {
  return { checker: 'simulation', atMs: 0, message: error.stack ?? error.message, seed, faults: undefined };
}

function including(totals: Totals, outcome: Outcome): Totals {
  const { operations, batches, turns, viewChanges, faults, judged, reached } = outcome;
  return {
    seeds: totals.seeds + 1,
    operations: totals.operations + operations,
    batches: totals.batches + batches,
    turns: totals.turns + turns,
    viewChanges: totals.viewChanges + viewChanges,
    stopped: totals.stopped + (outcome.stopped ? 1 : 0),
    contradicted: totals.contradicted + (outcome.contradicted ? 1 : 0),
    faults: sum(totals.faults, faults),
    judged: sum(totals.judged, judged),
    reached: totals.reached === undefined ? reached : add(totals.reached, reached),
    failures: totals.failures,
  };
}

function sum(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const both: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) both[name] = (both[name] ?? 0) + count;
  return both;
}

/** The smallest reduction found with which the same checker still finds something. */
async function minimised(
  thread: Thread,
  { seed, options }: Task,
  { checker, atMs }: Violation,
  faults: NonNullable<Found['faults']>,
): Promise<Reduction> {
  let least: Reduction = options.reduction ?? {};
  const attempt = async (reduction: Reduction): Promise<void> => {
    const task = { seed, options: { ...options, reduction, untilViolation: true } };
    const outcome = await thread.run(task).catch(() => undefined);
    if (outcome?.violations[0]?.checker === checker) least = reduction;
  };
  // What hosts do wrong is left out as a whole, and what an attacker tries who holds too many cannot be.
  for (const kind of reducible.filter((one) => alwaysThere.has(one) || one in faults)) {
    await attempt({ ...least, without: [...(least.without ?? []), kind] });
  }
  for (let disturbedMs = Math.floor(atMs / 2); disturbedMs > 500; disturbedMs = Math.floor(disturbedMs / 2)) {
    await attempt({ ...least, disturbedMs });
  }
  return least;
}

/** Seeds from which on everything must have been reached. */
export const largeEnough = 500;

/** What a campaign that is large enough should have reached, and did not. */
export function unreached({ seeds, reached }: Totals): string[] {
  return seeds >= largeEnough && reached !== undefined ? missing(reached) : [];
}
