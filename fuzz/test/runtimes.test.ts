/**
 * Every runtime computes the same: some made-up programs and hostile bytes in each test run, the others by `npm run fuzz:runtimes`. And the
 * comparison finds what it is for.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

const program = join(import.meta.dirname, '../runtimes/fuzz-runtimes.ts');

/** What it printed, unless the runtimes are not here. */
function compared(t: TestContext, ...args: readonly string[]): { status: number | null; output: string } | undefined {
  const { status, stderr, stdout } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  if (status === 2 && process.env['COPPICE_REQUIRE_RUNTIMES'] !== '1') {
    t.skip(`the runtimes cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
    return undefined;
  }
  return { status, output: `${stdout}${stderr}` };
}

test('made-up programs and hostile bytes come to the same on every runtime', (t) => {
  const run = compared(t, '--programs', '40', '--inputs', '40', '--seed', 'test');
  if (run !== undefined) assert.equal(run.status, 0, run.output);
});

test('what differed once does not again', (t) => {
  const run = compared(t, '--statement', '({ [/xy/]: (() => { throw new Error("first"); })() })');
  // One outcome, of all of them.
  if (run !== undefined) assert.equal(run.output.split('"steps"').length, 2, run.output);
});

test('a difference is found, and cut down to what makes it', (t) => {
  // A service cannot see its engine; what stands for one that computes otherwise is in the evaluator.
  const run = compared(t, '--programs', '3', '--seed', 'test', '--miscompute', 'bun');
  if (run === undefined) return;
  assert.equal(run.status, 1, run.output);
  assert.match(run.output, /program test\/0 differs:\n {4}t\(\(\) => /);
  assert.match(run.output, /3 differ/);
});
