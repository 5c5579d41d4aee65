/**
 * Whether every runtime that replicas run on computes the same, and every diversified program: the frozen vectors of the
 * pure packages, a simulated cluster with turns, whose audit hash covers every message, and a confined service, whose
 * vectors have every step; if asked to, all tests of the protocol.
 *
 *     node scripts/conformance.ts [--variants N] [--protocol all|N] [--seed TEXT] [--from I]
 *
 * The programs as they are run on all runtimes, each of N diversified ones on one of them in turn; the tests of the protocol by all
 * of these, or by so many of the diversified ones. Seeds are drawn at random, or are TEXT and a number: from I on, so that a long run
 * can be done in parts, of which the first alone has all runtimes run the programs as they are. Prints a line of JSON for each run.
 * Exit status 1: they differ, or one failed; 2: runtimes could not be installed; 9: wrong use.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleSodium } from '@coppice/cryptography/bundle';
import type { Runtime } from '@coppice/host';
import { bundleProgram } from '@coppice/release';
import type { Plugin } from 'esbuild';
import { runtimes } from './runtimes.ts';
import { root } from './workspaces.ts';

const { values } = parseArgs({
  options: {
    protocol: { type: 'string', default: '0' },
    variants: { type: 'string', default: '0' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
  },
});

function numberOf(option: 'from' | 'protocol' | 'variants'): number {
  if (/^\d{1,6}$/.test(values[option])) return Number(values[option]);
  console.error(`--${option} must be a number${option === 'protocol' ? ', or all' : ''}, and not ${values[option]}`);
  process.exit(9);
}

const from = numberOf('from');
const variants = numberOf('variants');
/** How many of the variants run the tests of the protocol. */
const testing = values.protocol === 'all' ? variants : numberOf('protocol');
const folder = mkdtempSync(join(tmpdir(), 'coppice-conformance-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

function installed(): Runtime[] {
  try {
    return runtimes();
  } catch (error) {
    console.error(String(error));
    process.exit(2);
  }
}

const all = installed();
const define = bundleSodium(folder);
/** What each program gave: one thing, if they conform. */
const results = new Map<string, Set<string>>();

const programs = ['conformance-program', 'conformance-service'];
const testsOfProtocol = 'conformance-protocol';
/** Where the tests find their scenarios: beside them. */
const protocolTests = join(root, 'packages/protocol/test/tests.ts');
const inOneFile: Plugin = {
  name: 'tests-in-one-file',
  setup(bundle) {
    bundle.onResolve({ filter: /^node:test$/ }, () => ({ path: join(root, 'scripts/conformance-tests.ts') }));
    // Their package declares that evaluating its modules changes nothing: these run what they have.
    bundle.onResolve({ filter: /\.test\.ts$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path),
      sideEffects: true,
    }));
    bundle.onLoad({ filter: new RegExp(`/${testsOfProtocol}\\.ts$`) }, ({ path }) => ({
      contents: [
        ...readdirSync(dirname(protocolTests))
          .filter((name) => name.endsWith('.test.ts'))
          .sort()
          .map((name) => `import '../packages/protocol/test/${name}';`),
        readFileSync(path, 'utf8'),
      ].join('\n'),
      loader: 'ts',
      resolveDir: dirname(path),
    }));
  },
};

/** Runs the programs, diversified if there is a seed. */
async function check(seed: string | null, on: readonly Runtime[], names: readonly string[]): Promise<void> {
  for (const name of names) {
    const options =
      name === testsOfProtocol
        ? {
            define: { ...define, 'import.meta.url': JSON.stringify(pathToFileURL(protocolTests).href) },
            plugins: [inOneFile],
          }
        : { define };
    const { text } = await bundleProgram(`${root}/scripts/${name}.ts`, options, seed);
    writeFileSync(join(folder, `${name}.mjs`), text);
  }
  for (const runtime of on) run(names, seed, runtime);
}

function run(
  names: readonly string[],
  seed: string | null,
  { args, command, environment, name: runtime }: Runtime,
): void {
  const started = performance.now();
  const parts = names.map((name) => {
    const { status, stdout, stderr } = spawnSync(command, [...args, join(folder, `${name}.mjs`), `${root}/packages`], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    });
    const text = status === 0 ? stdout.trim() : JSON.stringify({ failed: stderr.trim().slice(-2000) });
    if (status !== 0) process.exitCode = 1;
    results.set(name, (results.get(name) ?? new Set()).add(text));
    return JSON.parse(text) as object;
  });
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  const result = JSON.stringify(Object.assign({}, ...parts));
  console.log(JSON.stringify({ runtime, ...(seed === null ? {} : { variant: seed }), seconds, result }));
}

await check(
  null,
  from === 0 ? all : all.slice(0, 1),
  values.protocol === 'all' ? [...programs, testsOfProtocol] : programs,
);
for (let i = from; i < from + variants; i++) {
  const seed = values.seed === undefined ? randomBytes(8).toString('hex') : `${values.seed}${i}`;
  await check(seed, [all[i % all.length]!], i - from < testing ? [...programs, testsOfProtocol] : programs);
}
if ([...results.values()].some((of) => of.size > 1)) process.exitCode = 1;
