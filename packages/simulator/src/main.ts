/**
 * Runs simulations: one seed with its log and a picture of it, or a campaign on all cores. docs/explanation/simulation.md.
 *
 * Exit status 1: something did not hold, or was never reached; 2: the arguments make no sense. With `--json`, the last line of
 * stdout is the whole answer, and everything else goes to stderr.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { operationLine } from '@coppice/history';
import { campaign, type Failure, largeEnough, type Totals, unreached } from './campaign.ts';
import { expected } from './coverage-expected.ts';
import { Diagram } from './diagram.ts';
import { reducible } from './faults.ts';
import { type Choices, type Reduction, smallPlan } from './plan.ts';
import { type Outcome, simulate } from './simulation.ts';

const usage = `npm run sim -- [options]
  --seed N             this seed only, in this thread
  --log                what happens in it, a line each: also where a diagram or --json is asked for
  --diagram FROM-TO    who said what to whom about these sequence numbers
  --svg FILE           that as a picture
  --history FILE       what its clients saw: docs/reference/linearizability.md
  --seeds N            so many seeds (1), on all cores
  --from N             the first of them (1)
  --threads N          instead of as many as there are cores
  --coverage           how often everything that is to be reached was, and whether nothing never was
  --beyond             one attacker takes more slots than are tolerated: nothing is promised then, but that he is named
  --ballots            members govern meanwhile: in every seed, not in one of eight
  --upgrades           members upgrade the service meanwhile: in every seed, not in one of eight
  --small              as short as the ones that npm test runs
  --without KIND,…     leaves out these kinds of faults, what the hosts do wrong (hosts), what members do (ballots, upgrades)
  --disturbed MS       nothing is disturbed any more from then on
  --json               the whole answer in the last line`;

/** Between two lines of progress. */
const progressMs = 5000;

type Options = ReturnType<typeof options>;

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${text} is no such number`);
  return value;
}

function range(text: string): { readonly from: number; readonly to: number } {
  const [from, to = from] = text.split('-').map(integer);
  if (from === undefined || to! < from) throw new TypeError(`${text} is no range of sequence numbers`);
  return { from, to: to! };
}

function options() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      log: { type: 'boolean', default: false },
      diagram: { type: 'string' },
      svg: { type: 'string' },
      history: { type: 'string' },
      seeds: { type: 'string', default: '1' },
      from: { type: 'string', default: '1' },
      threads: { type: 'string', default: String(availableParallelism()) },
      coverage: { type: 'boolean', default: false },
      beyond: { type: 'boolean', default: false },
      ballots: { type: 'boolean', default: false },
      upgrades: { type: 'boolean', default: false },
      small: { type: 'boolean', default: false },
      without: { type: 'string' },
      disturbed: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const { seed, log, seeds, from, small, json, svg, history, coverage, beyond, ballots, upgrades } = values;
  const choices: Choices = {
    ...{ ...(small ? smallPlan : {}), ...(beyond && { beyond }), ...(ballots && { ballots }) },
    ...(upgrades && { upgrades: 'any' as const }),
  };
  const without = values.without?.split(',') ?? [];
  for (const kind of without)
    if (!reducible.includes(kind)) throw new TypeError(`${kind} is none of: ${reducible.join(', ')}`);
  const disturbed = values.disturbed === undefined ? {} : { disturbedMs: integer(values.disturbed) };
  const window = values.diagram === undefined ? undefined : range(values.diagram);
  // A person who asks for one seed wants to see it.
  const tells = log || (seed !== undefined && window === undefined && !json);
  if (svg !== undefined && window === undefined) throw new TypeError('--svg needs --diagram');
  if (seed === undefined && (log || window !== undefined || history !== undefined))
    throw new TypeError('--log, --diagram and --history need --seed');
  const reduction: Reduction = { without, ...disturbed };
  const [threads, count] = [integer(values.threads), integer(seeds)];
  if (threads === 0 || count === 0) throw new TypeError('--seeds and --threads are at least 1');
  if (seed !== undefined && (coverage || count > 1))
    throw new TypeError('--seed is one seed: not with --seeds or --coverage');
  if (beyond && coverage) throw new TypeError('beyond the budget nothing has to be reached: not with --coverage');
  const single = seed === undefined ? undefined : integer(seed);
  return {
    single,
    log: tells,
    window,
    svg,
    history,
    count,
    from: integer(from),
    threads,
    coverage,
    beyond,
    ballots,
    upgrades,
    small,
    json,
    choices,
    reduction,
  };
}

function argumentsOf({ small, beyond, ballots, upgrades }: Options): (reduction: Reduction) => string {
  return ({ without = [], disturbedMs }) =>
    (beyond ? ' --beyond' : '') +
    (ballots ? ' --ballots' : '') +
    (upgrades ? ' --upgrades' : '') +
    (small ? ' --small' : '') +
    (without.length > 0 ? ` --without ${without.join()}` : '') +
    (disturbedMs === undefined ? '' : ` --disturbed ${disturbedMs}`);
}

function told({ seed, checker, atMs, message, command }: Failure): string {
  return `seed ${seed}: ${checker} at ${(atMs / 1000).toFixed(3)} s: ${message.split('\n')[0]}: ${command}`;
}

function runOne(seed: number, asked: Options, print: (line: string) => void): Outcome {
  const { choices, reduction, log, window, svg, history } = asked;
  const diagram = window && new Diagram(window);
  const outcome = simulate(seed, {
    ...{ choices, reduction },
    ...(log && { onLine: print }),
    ...(diagram && { observer: diagram }),
    ...(history !== undefined && {
      onHistory: (operations) => writeFileSync(history, operations.map((one) => `${operationLine(one)}\n`).join('')),
    }),
  });
  if (diagram !== undefined) print(diagram.text());
  if (diagram !== undefined && svg !== undefined) writeFileSync(svg, diagram.svg());
  const { activations, violations, stopped, contradicted, operations, turns, viewChanges, auditHash } = outcome;
  const well = contradicted ? 'ok (contradicted)' : stopped ? 'ok (stopped)' : 'ok';
  const verdict = violations.length > 0 ? 'FAILED' : well;
  const attempts = Object.entries(activations).map(([how, count]) => `, ${count} times ${how}`);
  const what = `${operations} operations, ${turns} turns, ${viewChanges} views entered${attempts.join('')}`;
  print(`seed ${seed}: ${verdict}, ${what}, audit ${auditHash.slice(0, 16)}`);
  for (const { checker, atMs, message } of violations)
    print(`  ${checker} at ${(atMs / 1000).toFixed(3)} s: ${message}`);
  return outcome;
}

async function runMany(asked: Options, print: (line: string) => void): Promise<Totals> {
  const { from, count, threads, choices, reduction, coverage } = asked;
  const begin = performance.now();
  let lastProgress = begin;
  const totals = await campaign({
    ...{ from, count, threads, choices, reduction },
    argumentsOf: argumentsOf(asked),
    onFound: ({ seed, checker, message }) =>
      process.stderr.write(`seed ${seed} failed: ${checker}: ${message.split('\n')[0]}\n`),
    onFailure: (failure) => print(told(failure)),
    onProgress: (seeds, failures) => {
      const now = performance.now();
      if (now - lastProgress < progressMs && seeds < count) return;
      lastProgress = now;
      const rate = (seeds / ((now - begin) / 1000)).toFixed(1);
      process.stderr.write(`${seeds} of ${count} seeds, ${failures} failed, ${rate} a second\n`);
    },
  });
  const { seeds, operations, turns, viewChanges, stopped, contradicted, failures } = totals;
  if (coverage) for (const line of coverageLines(totals)) print(line);
  if (coverage) for (const what of unreached(totals)) print(`never reached: ${what}`);
  print(
    `${seeds} seeds, ${failures.length} failed, ${stopped} stopped by their own rules, ` +
      `${contradicted} with two histories: ` +
      `${operations} operations, ${turns} turns, ${viewChanges} views entered`,
  );
  return totals;
}

function coverageLines({ reached, seeds }: Totals): string[] {
  if (reached === undefined) return [];
  const lines = Object.entries(expected).flatMap(([group, members]) =>
    Object.entries(members as Readonly<Record<string, string | undefined>>).map(([member, why]) => {
      const count = reached[group as keyof Totals['reached']][member] ?? 0;
      return `${String(count).padStart(10)}  ${group}: ${member}${why === undefined ? '' : ` (not expected: ${why})`}`;
    }),
  );
  return seeds < largeEnough ? [...lines, `(a campaign of ${largeEnough} seeds has to reach all of it)`] : lines;
}

async function run(asked: Options): Promise<void> {
  const print = (line: string): void => void (asked.json ? process.stderr : process.stdout).write(`${line}\n`);
  if (asked.single !== undefined) {
    const outcome = runOne(asked.single, asked, print);
    if (outcome.violations.length > 0) process.exitCode = 1;
    if (asked.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
    return;
  }
  const totals = await runMany(asked, print);
  const never = asked.coverage ? unreached(totals) : [];
  if (totals.failures.length > 0 || never.length > 0) process.exitCode = 1;
  if (asked.json) process.stdout.write(`${JSON.stringify({ ...totals, unreached: never })}\n`);
}

// Whoever reads no further has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

let asked: Options | undefined;
try {
  asked = options();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
if (asked !== undefined) await run(asked);
