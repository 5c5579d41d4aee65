/**
 * Throws made-up and spoilt inputs at every parser of bytes from outside.
 *
 *     npm run fuzz -- --inputs 1000000                    all targets, all cores
 *     npm run fuzz -- --only receipt-json --seed 7        those whose name contains this
 *     npm run fuzz -- --only x509 --input FILE            one input, as it was kept
 *     npm run fuzz -- --list
 *
 * A target must refuse or accept: not throw, not hang, not allocate a multiple of what it is given; what it accepts is
 * encoded to the same bytes, where the format has one form. What breaks that is kept in fuzz/corpus/, and is tried first in every
 * later run. `--json`: the last line has the counts. docs/explanation/what-is-checked.md.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runInput } from './chunk.ts';
import { keep, keptInputs, loadTargets, targetsFolder } from './corpus.ts';
import type { Target } from './target.ts';
import type { Job, JobResult } from './worker.ts';

const inputsPerJob = 500;
/** In use after a garbage collection: more is kept from input to input. */
const inUseMax = 512 * 1024 * 1024;
/** Failures of one target that are kept; the rest is counted. */
const failuresKept = 5;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    input: { type: 'string' },
    targets: { type: 'string', default: targetsFolder },
    workers: { type: 'string', default: String(availableParallelism()) },
    /** Nothing takes so long: whoever is not done with an input is hanging. */
    'hang-seconds': { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

/** More lines than the answer to a program. */
const print = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`);

function positive(name: 'inputs' | 'workers' | 'hang-seconds'): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  console.error(`--${name} is a positive integer, not ${values[name]}`);
  process.exit(2);
}

const [inputsAsked, workersMax, hangSeconds] = [positive('inputs'), positive('workers'), positive('hang-seconds')];

interface Total {
  inputs: number;
  accepted: number;
  refused: number;
  failures: number;
  readonly reasons: Record<string, number>;
}

const folder = resolve(values.targets);
const targets = (await loadTargets(folder)).filter(
  ({ name }) => values.only === undefined || name.includes(values.only),
);
if (targets.length === 0) {
  console.error(`no target's name contains ${values.only}: see --list`);
  process.exitCode = 2;
} else if (values.list) {
  for (const { name } of targets) console.log(name);
} else if (values.input !== undefined) {
  runFile(targets, values.input);
} else {
  await runAll();
}

function runFile(targets: readonly Target[], path: string): void {
  const input = new Uint8Array(readFileSync(path));
  for (const target of targets) {
    const start = performance.now();
    const judged = runInput(target, input);
    const what = judged === undefined ? 'accepted' : typeof judged === 'string' ? `refused: ${judged}` : judged.kind;
    console.log(`${target.name}: ${what}, ${(performance.now() - start).toFixed(1)} ms`);
    if (typeof judged !== 'object') continue;
    console.log(judged.message);
    process.exitCode = 1;
  }
}

async function runAll(): Promise<void> {
  const started = Date.now();
  const scratch = mkdtempSync(join(tmpdir(), 'coppice-fuzz-'));
  const totals = new Map<string, Total>(
    targets.map(({ name }) => [name, { inputs: 0, accepted: 0, refused: 0, failures: 0, reasons: {} }]),
  );

  const fail = (target: string, kind: string, message: string, input: Uint8Array): void => {
    const total = totals.get(target)!;
    total.failures += 1;
    if (total.failures > failuresKept) return;
    const file = relative(process.cwd(), keep(target, kind, input));
    print(`\n${target} ${kind}: ${message}\n    npm run fuzz -- --only ${target} --input ${file}\n`);
  };

  // What once broke something first.
  for (const target of targets) {
    for (const { input } of keptInputs(target.name)) {
      const judged = runInput(target, input);
      if (typeof judged === 'object') fail(target.name, judged.kind, judged.message, input);
    }
  }

  const jobs = jobsOf(targets, inputsAsked, values.seed);
  const take = (result: JobResult): void => {
    const total = totals.get(result.target)!;
    total.inputs += result.inputs;
    total.accepted += result.accepted;
    total.refused += result.refused;
    for (const [reason, count] of Object.entries(result.reasons)) {
      total.reasons[reason] = (total.reasons[reason] ?? 0) + count;
    }
    for (const { kind, message, input } of result.failures) {
      fail(result.target, kind, message, new Uint8Array(Buffer.from(input, 'base64')));
    }
    if (result.inUse > inUseMax) {
      const message = `${Math.round(result.inUse / 1024 / 1024)} MiB in use after its inputs: something is kept`;
      fail(result.target, 'memory', message, new Uint8Array(0));
    }
  };
  const all = jobs.length;
  const progress = setInterval(() => {
    console.error(`${all - jobs.length} of ${all} jobs, ${Math.round((Date.now() - started) / 1000)} s`);
  }, 30_000);
  const workers = Math.min(workersMax, jobs.length);
  await Promise.all(Array.from({ length: workers }, (_, i) => work(jobs, join(scratch, String(i)), take, fail)));
  clearInterval(progress);
  rmSync(scratch, { recursive: true });

  for (const [name, { inputs, accepted, reasons, failures }] of totals) {
    const broken = failures === 0 ? '' : `, ${failures} BROKEN`;
    print(
      `${name.padEnd(28)} ${String(inputs).padStart(8)} inputs ${String(accepted).padStart(8)} accepted ${String(Object.keys(reasons).length).padStart(4)} reasons${broken}`,
    );
  }
  const sum = (of: (total: Total) => number): number => [...totals.values()].reduce((all, total) => all + of(total), 0);
  const failures = sum((total) => total.failures);
  print(
    `\n${sum((total) => total.inputs)} inputs, ${failures} failures, ${Math.round((Date.now() - started) / 1000)} s`,
  );
  if (failures > 0) process.exitCode = 1;
  if (values.json) console.log(JSON.stringify({ seed: values.seed, failures, targets: Object.fromEntries(totals) }));
}

function jobsOf(of: readonly Target[], inputs: number, seed: string): Job[] {
  const weights = of.reduce((sum, { weight = 1 }) => sum + weight, 0);
  const jobs: (Job & { at: number })[] = [];
  for (const { name, weight = 1 } of of) {
    const share = Math.max(1, Math.ceil((inputs * weight) / weights));
    for (let done = 0; done < share; done += inputsPerJob) {
      const count = Math.min(inputsPerJob, share - done);
      jobs.push({ target: name, label: `${seed}/${name}/${done / inputsPerJob}`, count, at: done / share });
    }
  }
  // All targets advance together.
  return jobs.sort((a, b) => a.at - b.at);
}

/** One process after the other: a new one for each that hung or died. */
async function work(
  jobs: Job[],
  scratch: string,
  take: (result: JobResult) => void,
  fail: (target: string, kind: string, message: string, input: Uint8Array) => void,
): Promise<void> {
  while (jobs.length > 0) {
    const job = await untilGone(jobs, scratch, take);
    if (job === undefined) return;
    fail(job.lost.target, job.how, job.message, job.input);
  }
}

/** Undefined where all jobs are done; else which one the process did not come back from. */
function untilGone(
  jobs: Job[],
  scratch: string,
  take: (result: JobResult) => void,
): Promise<{ lost: Job; how: 'hangs' | 'dies'; message: string; input: Uint8Array } | undefined> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'worker.ts'), [folder, scratch], {
    execArgv: ['--max-old-space-size=1024', '--no-warnings'],
  });
  let current: Job | undefined;
  let hung = false;
  let seen = { number: 0, at: Date.now() };
  const watchdog = setInterval(() => {
    const { number } = lastInput(scratch);
    if (number !== seen.number) seen = { number, at: Date.now() };
    else if (current !== undefined && Date.now() - seen.at > 1000 * hangSeconds) {
      hung = true;
      child.kill('SIGKILL');
    }
  }, 1000);
  const next = (): void => {
    current = jobs.shift();
    seen = { ...seen, at: Date.now() };
    if (current === undefined) child.disconnect();
    else child.send(current);
  };
  child.on('message', (message: 'ready' | JobResult) => {
    if (message !== 'ready') take(message);
    next();
  });
  return new Promise((done) => {
    child.on('exit', (code, signal) => {
      clearInterval(watchdog);
      if (current === undefined) return done(undefined);
      const { input } = lastInput(scratch);
      const message = hung ? `nothing for ${hangSeconds} s` : `the process ended: ${signal ?? code}`;
      done({ lost: current, how: hung ? 'hangs' : 'dies', message, input });
    });
  });
}

function lastInput(scratch: string): { number: number; input: Uint8Array } {
  try {
    const bytes = readFileSync(scratch);
    if (bytes.length < 12) return { number: 0, input: new Uint8Array(0) };
    return { number: bytes.readDoubleLE(0), input: new Uint8Array(bytes.subarray(12, 12 + bytes.readUInt32LE(8))) };
  } catch {
    return { number: 0, input: new Uint8Array(0) };
  }
}
