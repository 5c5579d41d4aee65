/**
 * The bench of evidence where there is none.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('without real evidence, the bench says what is missing, and that it did nothing', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../bench.ts'), '--evidence'], {
    encoding: 'utf8',
    env: { ...process.env, COPPICE_VECTORS: '/nowhere' },
  });
  assert.equal(status, 2);
  assert.match(stderr, /\/nowhere\/attestation\/sev-snp\/.*COPPICE_VECTORS/s);
  assert.ok(!stderr.includes('    at '), stderr);
});
