/**
 * The model of spec/model: `npm run model`, `npm run model -- --trace --seed 42`. docs/explanation/model.md
 *
 * Exit status 1: something was not as it should be; 2: the arguments make no sense.
 */
import { parseArgs } from 'node:util';
import { smallPlan } from '../plan.ts';
import { simulate } from '../simulation.ts';
import { hunt, huntsOf } from './hunts.ts';
import { quint } from './quint.ts';
import { replay } from './replay.ts';
import { textOf, TraceRecorder } from './trace.ts';

const usage = `npm run model -- [options]
  --only NAME   the hunts whose names contain this, and nothing else
  --times N     so many times as many runs where nothing is to be found (1)
  --seed N      of the hunts (1), or of the simulation with --trace
  --trace       instead: replay what simulated clusters did
  --seeds N     so many of them (1), from --seed on
  --events N    at most so many first events of each (1500)
  --json        totals in the last line`;

interface Failure {
  readonly what: string;
  readonly why: string;
}

interface Totals {
  readonly done: Record<string, number>;
  readonly failures: Failure[];
}

/** Processes at a time. */
const concurrency = 2;

/** For people: not where `--json` has an answer for programs. */
let out: { write(text: string): unknown } = process.stdout;

function print(line: string): void {
  out.write(`${line}\n`);
}

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${text} is no number`);
  return value;
}

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      times: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      trace: { type: 'boolean', default: false },
      seeds: { type: 'string', default: '1' },
      events: { type: 'string', default: '1500' },
      json: { type: 'boolean', default: false },
    },
  });
  const { only, times, seed, trace, seeds, events, json } = values;
  const numbers = { times: integer(times), seed: integer(seed), seeds: integer(seeds), events: integer(events) };
  if (numbers.times === 0 || numbers.seeds === 0 || numbers.events === 0)
    throw new TypeError('--times, --seeds and --events are at least 1');
  return { only, trace, json, ...numbers };
}

/** Types and stories, then hunts. */
async function check({ only, times, seed }: ReturnType<typeof options>): Promise<Totals> {
  const done = { types: 0, stories: 0, violationsFound: 0, nothingFound: 0 };
  const failures: Failure[] = [];
  const report = (what: string, ok: boolean, summary: string): void => {
    print(`${ok ? 'ok' : 'FAILED'} ${what}: ${summary}`);
    if (!ok) failures.push({ what, why: summary });
  };
  const typecheck = async (file: string): Promise<void> => {
    const { ok, output } = await quint('typecheck', [file]);
    done.types += 1;
    report(file, ok, ok ? 'types agree' : output);
  };
  const stories = async (): Promise<void> => {
    const { ok, output } = await quint('test', ['stories.qnt', '--max-samples=1']);
    done.stories = Number(/(\d+) passing/.exec(output)?.[1] ?? 0);
    const all = ok && done.stories > 0;
    report('stories.qnt', all, all ? `${done.stories} stories, each with and without its rule` : output);
  };
  const hunts = huntsOf(times).filter(({ name }) => name.includes(only ?? ''));
  if (hunts.length === 0) report(only ?? '', false, 'no hunt has such a name');
  const jobs = hunts.map((one) => async (): Promise<void> => {
    const { asExpected, summary } = await hunt(one, seed);
    done[one.finds ? 'violationsFound' : 'nothingFound'] += asExpected ? 1 : 0;
    report(one.name, asExpected, summary);
  });
  if (only === undefined)
    jobs.unshift(
      stories,
      () => typecheck('hunts.qnt'),
      () => typecheck('replay.qnt'),
    );
  const worker = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { done, failures };
}

async function replayTraces({ seed, seeds, events }: ReturnType<typeof options>): Promise<Totals> {
  const done = { seeds: 0, events: 0 };
  const failures: Failure[] = [];
  const fail = (what: string, why: string): void => {
    print(`${what}: FAILED ${why}`);
    failures.push({ what, why });
  };
  for (let one = seed; one < seed + seeds; one++) {
    const what = `seed ${one}`;
    const recorder = new TraceRecorder(events);
    const { violations } = simulate(one, { choices: smallPlan, observer: recorder });
    if (violations.length > 0) fail(what, `${violations[0]!.checker}: ${violations[0]!.message}`);
    const { trace } = recorder;
    const [verdict] = await replay([trace]);
    const { accepted, refused } = verdict!;
    done.seeds += 1;
    done.events += accepted;
    if (refused === undefined) {
      const kinds = new Map<string, number>();
      for (const { kind } of trace.events) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
      print(`${what}: the model accepts ${accepted} events: ${counts}`);
      continue;
    }
    for (const event of trace.events.slice(Math.max(0, accepted - 10), accepted)) print(`  ${textOf(event)}`);
    fail(what, `event ${accepted}, at ${refused.event.atMs} ms, is ${refused.why}: ${textOf(refused.event)}`);
  }
  return { done, failures };
}

let asked: ReturnType<typeof options> | undefined;
try {
  asked = options();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
if (asked !== undefined) {
  if (asked.json) out = process.stderr;
  const { done, failures } = asked.trace ? await replayTraces(asked) : await check(asked);
  if (asked.json) process.stdout.write(`${JSON.stringify({ ...done, failures })}\n`);
  if (failures.length > 0) process.exitCode = 1;
}
