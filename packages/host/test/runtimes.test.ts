/**
 * Runtimes are launched as they are named, with the settings that they are given, and measured with both.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { toHex } from '@coppice/wire';
import {
  engineSettingNames,
  findRuntime,
  installedRuntimes,
  type Runtime,
  RuntimeMissing,
  runtimeMeasurement,
} from '../src/index.ts';

/** Runs a program in a folder of its own, in which `files` lie about. */
function run(
  t: TestContext,
  { command, args, environment }: Runtime,
  program: string,
  files: Record<string, string> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-runtimes-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries({ 'program.mjs': program, ...files }))
    writeFileSync(join(folder, name), content);
  return spawnSync(command, [...args, join(folder, 'program.mjs'), 'argument'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
}

const program = `
  const { deno, bun, node } = process.versions;
  console.log([deno ? 'deno@' + deno : bun ? 'bun@' + bun : 'node@' + node, process.argv[2], process.env.PLANTED].join(' '));`;

test('each is what it is called, and says nothing besides, with every setting', (t) => {
  for (const { name } of installedRuntimes()) {
    for (const settings of [[], ...engineSettingNames.map((one) => [one]), [...engineSettingNames.slice(1)]]) {
      const { stderr, stdout } = run(t, findRuntime(name, settings), program);
      assert.deepEqual([stdout.trim(), stderr], [`${name} argument`, ''], settings.join());
    }
  }
});

test('what lies about where it is started changes nothing', (t) => {
  for (const runtime of installedRuntimes()) {
    const planted = `process.env.PLANTED = 'planted';`;
    const files = {
      '.env': 'PLANTED=planted',
      'bunfig.toml': 'preload = ["./planted.mjs"]',
      'deno.json': '{ "imports": { "node:fs": "./planted.mjs" }, "compilerOptions": { "nonsense": 1 } }',
      'planted.mjs': planted,
    };
    assert.equal(run(t, runtime, program, files).stdout.trim(), `${runtime.name} argument`);
  }
});

test('a measurement is of one runtime and its settings', () => {
  const measured = installedRuntimes().flatMap(({ name }) =>
    [[], ...engineSettingNames.map((one) => [one])].map((settings) =>
      toHex(runtimeMeasurement(findRuntime(name, settings))),
    ),
  );
  assert.equal(new Set(measured).size, measured.length);
  assert.equal(measured[0], toHex(runtimeMeasurement(installedRuntimes()[0]!)));
  const [{ name }] = installedRuntimes() as [Runtime];
  assert.ok(!measured.includes(toHex(runtimeMeasurement(findRuntime(name, [], 'node-crypto')))));
});

test('what is not here is missed by name', () => {
  assert.throws(() => findRuntime('node@1.0.0'), RuntimeMissing);
  assert.throws(() => findRuntime('node@1.0.0'), /node@1\.0\.0 is not on this machine, which has node@/);
  const [{ name }] = installedRuntimes() as [Runtime];
  assert.throws(() => findRuntime(name, ['faster']), /no engine setting faster, but jitless/);
  assert.throws(() => findRuntime(name, [], 'rot13'), /no cryptography rot13, but libsodium, node-crypto/);
});
