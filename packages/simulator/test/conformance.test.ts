/**
 * The same bundle, the same vectors, the same audit hash on Node 22, 24 and 26, Bun and Deno, and by
 * programs that were diversified: COPPICE_VARIANTS says how many, each by a seed that is drawn at random.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/conformance.ts', import.meta.url));

const variants = Number(process.env['COPPICE_VARIANTS'] ?? 20);

it('every runtime and every variant computes the same', (test) => {
  const args = [script, '--variants', String(variants)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status === 2 && process.env['COPPICE_REQUIRE_RUNTIMES'] !== '1') {
    return test.skip(`the runtimes cannot be installed: ${stderr.trim().split('\n').at(-1)}`);
  }
  assert.equal(status, 0, `${stdout}${stderr}`);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { runtime: string; result: string });
  assert.ok(lines.length >= 3 + variants, stdout);
  const { outcomes, turns, vectors } = JSON.parse(lines[0]!.result) as Record<'outcomes' | 'turns' | 'vectors', number>;
  assert.ok(vectors > 150 && turns > 0 && outcomes > 50, lines[0]!.result);
});
