/**
 * Looks for what runtimes compute differently: made-up programs of services, and hostile bytes for parsers, on all of them at once.
 *
 *     npm run fuzz:runtimes -- --programs 10000              on Node 22, 24 and 26, Bun and Deno
 *     npm run fuzz:runtimes -- --programs 10000 --seed 7     others
 *     npm run fuzz:runtimes -- --inputs 10000                of each parser
 *     npm run fuzz:runtimes -- --program 7/42                one program, as it is, and its outcome on each
 *     npm run fuzz:runtimes -- --statement 'f0.bind(1)'      one expression
 *
 * Compared are results, what they cost in steps, and writes to the state, in order. A program whose outcome differs is cut down to what makes
 * it differ. Exit status 1: something differs; 2: the runtimes could not be installed. `--json`: the last line has the counts.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { bundleSodium } from '@coppice/cryptography/bundle';
import { allRuntimesInstalled, installedRuntimes } from '@coppice/host';
import { instrument } from '@coppice/service/bundle';
import { build } from 'esbuild';
import { type Answer, Evaluator } from './evaluators.ts';
import { inputTargets } from './inputs.ts';
import type { Job, Judged } from './job.ts';
import { inputOf, type Program, programOf, scriptOf } from './program.ts';

const programsPerScript = 100;
const inputsPerJob = 200;
/** More are counted, and not cut down. */
const differencesToldMax = 20;
/** Executions of each program: what its variables begin with is another each time. */
const inputs = Array.from({ length: 50 }, (_, i) => inputOf(`input ${i}`));

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '0' },
    inputs: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    program: { type: 'string' },
    statement: { type: 'string' },
    /** For tests: runtimes of this name count one step more, as if their engine were wrong. */
    miscompute: { type: 'string' },
    'hang-seconds': { type: 'string', default: '120' },
    json: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'coppice-runtimes-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

const evaluators = await prepared();
const counts = { programs: 0, inputs: 0, evaluations: 0, differences: 0 };
let scripts = 0;

if (values.statement !== undefined) await tell([`t(() => ${values.statement});`]);
else if (values.program !== undefined) await tell(programOf(values.program));
else {
  await runPrograms(Number(values.programs));
  await runInputs(Number(values.inputs));
  const names = evaluators.map(({ runtime }) => runtime.name);
  console.log(
    `${counts.programs} programs and ${counts.inputs} inputs, ${counts.evaluations} evaluations on ${names.join(', ')}: ${counts.differences} differ`,
  );
  if (values.json) console.log(JSON.stringify({ ...counts, runtimes: names, seed: values.seed }));
  if (counts.differences > 0) process.exitCode = 1;
}
for (const evaluator of evaluators) evaluator.end();

async function prepared(): Promise<Evaluator[]> {
  if (!allRuntimesInstalled()) {
    const installing = spawnSync(process.execPath, [join(import.meta.dirname, '../../scripts/runtimes.ts')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (installing.status !== 0) process.exit(2);
  }
  const program = join(folder, 'evaluator.mjs');
  await build({
    ...{ entryPoints: [join(import.meta.dirname, 'evaluator.ts')], outfile: program, bundle: true },
    ...{ platform: 'node', format: 'esm', target: 'node22', logLevel: 'error', define: bundleSodium(folder) },
  });
  return installedRuntimes().map((runtime) => {
    const wrong = values.miscompute !== undefined && runtime.name.startsWith(`${values.miscompute}@`);
    return new Evaluator(runtime, wrong ? [program, 'miscompute'] : [program], Number(values['hang-seconds']) * 1000);
  });
}

function everyone(job: Job): Promise<Answer[]> {
  return Promise.all(evaluators.map((evaluator) => evaluator.ask(job)));
}

/** A script of these programs, instrumented as a release has it. */
function written(programs: readonly Program[]): string {
  const file = join(folder, `script-${scripts++ % 4}.js`);
  writeFileSync(file, instrument(scriptOf(programs)));
  return file;
}

async function runPrograms(count: number): Promise<void> {
  for (let from = 0; from < count; from += programsPerScript) {
    const labels = Array.from(
      { length: Math.min(programsPerScript, count - from) },
      (_, i) => `${values.seed}/${from + i}`,
    );
    const programs = labels.map(programOf);
    const answers = await everyone({ kind: 'programs', file: written(programs), inputs, whole: false });
    counts.programs += labels.length;
    counts.evaluations += labels.length * inputs.length * evaluators.length;
    if (answers.every((answer) => Array.isArray(answer))) {
      for (const [i, label] of labels.entries()) {
        if (new Set((answers as Judged[][]).map((judged) => judged[i])).size > 1) await differs(label, programs[i]!);
      }
    } else if (programs.length > 1) {
      // One of them ended a process, or kept a script from loading: which, each by itself shows.
      for (const [i, label] of labels.entries()) {
        if (!(await agrees(programs[i]!))) await differs(label, programs[i]!);
      }
    }
    if (from % 10_000 === 0 && from > 0) console.error(`${counts.programs} programs, ${counts.differences} differ`);
  }
}

async function agrees(program: Program): Promise<boolean> {
  const answers = await everyone({ kind: 'programs', file: written([program]), inputs, whole: true });
  return answers.every((answer) => isDeepStrictEqual(answer, answers[0]));
}

/** Tells of a program whose outcome differs, without the statements that do not matter. */
async function differs(label: string, program: Program): Promise<void> {
  counts.differences++;
  if (counts.differences > differencesToldMax) return;
  let least = program;
  for (let i = least.length - 1; i >= 0 && least.length > 1; i--) {
    const fewer = least.filter((_, k) => k !== i);
    if (!(await agrees(fewer))) least = fewer;
  }
  console.log(`\nprogram ${label} differs:`);
  await tell(least);
}

async function tell(program: Program): Promise<void> {
  for (const statement of program) console.log(`    ${statement}`);
  const answers = await everyone({ kind: 'programs', file: written([program]), inputs, whole: true });
  const groups = new Map<string, string[]>();
  // Of the executions, the first that differs.
  const differing = inputs.findIndex((_, i) =>
    answers.some((answer) => !isDeepStrictEqual(outcomeOf(answer, i), outcomeOf(answers[0]!, i))),
  );
  if (differing >= 0) console.log(`  with ${JSON.stringify(inputs[differing])}`);
  for (const [i, answer] of answers.entries()) {
    const text = JSON.stringify(outcomeOf(answer, Math.max(0, differing)));
    groups.set(text, [...(groups.get(text) ?? []), evaluators[i]!.runtime.name]);
  }
  for (const [text, names] of groups) console.log(`  ${names.join(', ')}\n    ${text.slice(0, 3000)}`);
}

function outcomeOf(answer: Answer, execution: number): unknown {
  const [judged] = Array.isArray(answer) ? (answer as readonly Judged[]) : [];
  return Array.isArray(judged) ? (judged as readonly unknown[])[execution] : answer;
}

async function runInputs(count: number): Promise<void> {
  for (const target of count > 0 ? inputTargets : []) {
    for (let from = 0; from < count; from += inputsPerJob) {
      const label = `${values.seed}/${target.name}/${from}`;
      const job = {
        ...({ kind: 'inputs', target: target.name, label } as const),
        count: Math.min(inputsPerJob, count - from),
      } as const;
      const answers = await everyone(job);
      counts.inputs += job.count;
      counts.evaluations += job.count * evaluators.length;
      const different = Array.from({ length: job.count }, (_, i) => i).find(
        (i) => new Set(answers.map((answer): unknown => (Array.isArray(answer) ? answer[i] : answer))).size > 1,
      );
      if (different === undefined) continue;
      // What comes after the first in a job may only follow from it.
      counts.differences++;
      if (counts.differences > differencesToldMax) continue;
      console.log(`\n${target.name}: input ${different} of ${job.label} differs:`);
      for (const [i, answer] of (await everyone({ ...job, only: different })).entries())
        console.log(
          `  ${evaluators[i]!.runtime.name}: ${JSON.stringify(Array.isArray(answer) ? answer[different] : answer).slice(0, 2000)}`,
        );
    }
  }
}
