/**
 * Whether every runtime that replicas run on computes the same, and every diversified program: the frozen vectors of the
 * pure packages, a simulated cluster with turns, whose audit hash covers every message, and a confined service, whose
 * vectors have every step; if asked to, all tests of the protocol.
 *
 *     node scripts/conformance.ts [--protocol] [--variants N] [--seed TEXT] [--from I]
 *
 * The programs as they are run on all runtimes, each of N diversified ones on one of them in turn; their seeds are drawn at
 * random, or are TEXT and a number: from I on, so that a long run can be done in parts. Prints a line of JSON for each run. Exit status 1: they differ, or one failed; 2: runtimes
 * could not be installed.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
    protocol: { type: 'boolean', default: false },
    variants: { type: 'string', default: '0' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
  },
});
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
const results = new Set<string>();

const programs = ['conformance-program', 'conformance-service', ...(values.protocol ? ['conformance-protocol'] : [])];
/** The tests of the protocol find their scenarios beside them. */
const protocolTests = pathToFileURL(join(root, 'packages/protocol/test/tests.ts')).href;
const inOneFile: Plugin = {
  name: 'tests-in-one-file',
  setup(bundle) {
    bundle.onResolve({ filter: /^node:test$/ }, () => ({ path: join(root, 'scripts/conformance-tests.ts') }));
    // Their package declares that evaluating its modules changes nothing: these run what they have.
    bundle.onResolve({ filter: /\.test\.ts$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path),
      sideEffects: true,
    }));
  },
};

/** Runs the programs, diversified if there is a seed. */
async function check(seed: string | null, on: readonly Runtime[]): Promise<void> {
  const files: string[] = [];
  for (const name of programs) {
    const file = join(folder, `${name}.mjs`);
    const options =
      name === 'conformance-protocol'
        ? { define: { ...define, 'import.meta.url': JSON.stringify(protocolTests) }, plugins: [inOneFile] }
        : { define };
    const { text } = await bundleProgram(`${root}/scripts/${name}.ts`, options, seed);
    writeFileSync(file, text);
    files.push(file);
  }
  for (const runtime of on) run(files, seed, runtime);
}

function run(files: readonly string[], seed: string | null, { args, command, environment, name }: Runtime): void {
  const started = performance.now();
  const parts = files.map((file) => {
    const { status, stdout, stderr } = spawnSync(command, [...args, file, `${root}/packages`], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    });
    if (status === 0) return JSON.parse(stdout) as object;
    process.exitCode = 1;
    return { failed: stderr.trim().slice(-2000) };
  });
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  const result = JSON.stringify(Object.assign({}, ...parts));
  results.add(result);
  console.log(JSON.stringify({ runtime: name, ...(seed === null ? {} : { variant: seed }), seconds, result }));
}

await check(null, all);
const from = Number(values.from);
for (let i = from; i < from + Number(values.variants); i++) {
  const seed = values.seed === undefined ? randomBytes(8).toString('hex') : `${values.seed}${i}`;
  await check(seed, [all[i % all.length]!]);
}
if (results.size > 1) process.exitCode = 1;
