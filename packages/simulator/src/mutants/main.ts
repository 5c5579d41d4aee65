/**
 * `npm run sim:mutants`: leaves out one rule of the protocol after the other, and tells which checker noticed in which seed.
 *
 * Exit status 1: a mutant was not caught, or does not fit the code any more, or, with `--seed`, something did not hold; 2: the arguments make no sense. With `--json`, the
 * last line of stdout is the whole answer, and everything else goes to stderr.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { hunt, type Verdict } from './hunt.ts';
import { mutants } from './index.ts';
import type { Mutant } from './mutant.ts';
import { Thread } from '../threads.ts';

const usage = `npm run sim:mutants -- [options] [NAME…]
  NAME         these mutants only
  --seeds N    tried at most for each (40)
  --threads N  instead of as many as there are cores
  --list       names and rules, nothing else
  --seed N     one mutant in this seed, with everything that happens
  --sound      the same without the mutant
  --json       the whole answer in the last line`;

type Options = ReturnType<typeof options>;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seeds: { type: 'string', default: '40' },
      threads: { type: 'string', default: String(availableParallelism()) },
      list: { type: 'boolean', default: false },
      seed: { type: 'string' },
      sound: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  for (const name of positionals)
    if (!mutants.some((mutant) => mutant.name === name)) throw new TypeError(`there is no mutant ${name}`);
  const [seeds, threads] = [Number(values.seeds), Number(values.threads)];
  if (!(Number.isSafeInteger(seeds) && seeds > 0 && Number.isSafeInteger(threads) && threads > 0))
    throw new TypeError('--seeds and --threads are positive integers');
  const asked = mutants.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const { list, json, sound } = values;
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  if (seed !== undefined && (!Number.isSafeInteger(seed) || asked.length !== 1))
    throw new TypeError('--seed is of one mutant');
  return { asked, seeds, threads, seed, sound, list, json };
}

/** For people: not where `--json` has an answer for programs. */
function printer(json: boolean): (line: string) => void {
  return (line) => void (json ? process.stderr : process.stdout).write(`${line}\n`);
}

/** Everything that happens in one seed. */
async function replay(
  { name, patches, choices }: Mutant,
  { seed, sound, json }: Options & { seed: number },
): Promise<void> {
  const print = printer(json);
  const thread = new Thread(sound ? [] : patches);
  const { violations } = await thread.run({ seed, options: { choices } }, print);
  for (const { checker, atMs, message } of violations) print(`${checker} at ${atMs} ms: ${message}`);
  if (violations.length > 0) process.exitCode = 1;
  if (json) process.stdout.write(`${JSON.stringify({ mutant: name, seed, sound, violations })}\n`);
  await thread.close();
}

async function hunts({ asked, seeds, threads, list, json }: Options): Promise<void> {
  const print = printer(json);
  if (list) {
    for (const { name, rule } of asked) print(`${name.padEnd(32)} ${rule}`);
    const listed = asked.map(({ name, rule }) => ({ mutant: name, rule }));
    if (json) process.stdout.write(`${JSON.stringify({ mutants: asked.length, listed })}\n`);
    return;
  }
  const verdicts: Verdict[] = [];
  const errors: string[] = [];
  const waiting = [...asked];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      try {
        const verdict = await hunt(mutant, seeds);
        verdicts.push(verdict);
        print(lineOf(verdict));
      } catch (error) {
        errors.push(`${mutant.name}: ${error instanceof Error ? error.message : String(error)}`);
        print(errors.at(-1)!);
      }
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
  const escaped = verdicts.filter(({ checker }) => checker === undefined).map(({ mutant }) => mutant);
  print(`${asked.length} mutants, ${verdicts.length - escaped.length} caught`);
  if (escaped.length > 0) print(`not caught: ${escaped.join(', ')}`);
  if (escaped.length > 0 || errors.length > 0) process.exitCode = 1;
  if (json) process.stdout.write(`${JSON.stringify({ mutants: asked.length, verdicts, escaped, errors })}\n`);
}

function lineOf({ mutant, rule, checker, seeds }: Verdict): string {
  const found = checker === undefined ? `NOT CAUGHT in ${seeds} seeds` : `${checker.padEnd(10)} seed ${seeds}`;
  return `${mutant.padEnd(32)} ${found.padEnd(20)} ${rule}`;
}

let asked: Options | undefined;
try {
  asked = options();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
if (asked?.seed !== undefined) await replay(asked.asked[0]!, { ...asked, seed: asked.seed });
else if (asked !== undefined) await hunts(asked);
