import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const [coppice, demo] = ['../src/main.ts', '../src/demo/main.ts'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
) as [string, string];

for (const [what, program, args] of [
  ['no such option', coppice, ['status', '--nothing']],
  ['no option that must be', coppice, ['turn']],
  ['nothing for a number', coppice, ['turn', '--slot', '']],
  ['no such option of the demo', demo, ['--nothing']],
] as const) {
  test(`with --json, wrong use is one document, too: ${what}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args, '--json'], { encoding: 'utf8' });
    assert.equal(status, 1);
    const { ok, error } = JSON.parse(stdout) as { ok: boolean; error: { code: string; message: string } };
    assert.deepEqual([ok, error.code], [false, 'wrong-use']);
    assert.ok(stderr.includes(error.message), stderr);
  });
}

test('a file that is not there is no mistake of ours: it is named, without a stack', () => {
  const args = ['member', 'share', 'key', '--out', '/nowhere/at/all.key', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [coppice, ...args], { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, 'failed');
  assert.equal(stderr, 'coppice: cannot open /nowhere/at/all.key: no such file or directory\n');
});

test('help is no failure', () => {
  const { status, stdout } = spawnSync(process.execPath, [coppice, 'turn', '--help'], { encoding: 'utf8' });
  assert.equal(status, 0);
  assert.match(stdout, /--slot/);
});
