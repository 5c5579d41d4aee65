/**
 * The same bundle, the same vectors, the same audit hash on Node 22, 24 and 26, Bun and Deno, and by
 * programs that were diversified, each by a seed that is drawn at random: COPPICE_VARIANTS says how many, and COPPICE_PROTOCOL_VARIANTS how
 * many of these run all tests of the protocol, too, by default one on each runtime.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/conformance.ts', import.meta.url));

const variants = Number(process.env['COPPICE_VARIANTS'] ?? 20);
const testing = Number(process.env['COPPICE_PROTOCOL_VARIANTS'] ?? 5);

type Result = Readonly<Record<'outcomes' | 'turns' | 'vectors', number>> & { readonly tests?: number };

it('every runtime and every variant computes the same', (test) => {
  const args = [script, '--variants', String(variants), '--protocol', String(testing)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status === 2 && process.env['COPPICE_REQUIRE_RUNTIMES'] !== '1') {
    return test.skip(`the runtimes cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
  }
  assert.equal(status, 0, `${stdout}${stderr}`);
  const runs = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { runtime: string; variant?: string; result: string })
    .map(({ result, ...run }) => ({ ...run, ...(JSON.parse(result) as Result) }));
  const runtimes = runs.filter(({ variant }) => variant === undefined).length;
  assert.ok(runtimes >= 3 && runs.length === runtimes + variants, stdout);
  assert.ok(runs.every(({ outcomes, turns, vectors }) => vectors > 150 && turns > 0 && outcomes > 50));
  const tested = runs.filter(({ tests = 0 }) => tests > 100).map(({ runtime }) => runtime);
  assert.equal(tested.length, testing);
  assert.equal(new Set(tested).size, Math.min(testing, runtimes));
});
