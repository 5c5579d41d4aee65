/**
 * An operator's executable that launches and ends instances, and those that fail at it.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { launchDigest } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { toHex } from '@coppice/wire';
import { CommandDriver, type Driver, type RunningInstance } from '../src/index.ts';

const key = 'ab'.repeat(32);
const launch = {
  ...{ service: new Uint8Array(32), slot: 2, turn: 5, challenge: new Uint8Array(32).fill(5) },
  ...{ release: new Uint8Array(32).fill(6), variant: 'node-26' },
};
const request = { launch, bootstrap: ['a:1'], epochKeys: 9, protocol: 2 };

/** A driver of an executable with this body, which has `action`, `input`, `folder`, and `say`. */
function driverOf(t: TestContext, body: string) {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-command-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const script = join(folder, 'command.mjs');
  writeFileSync(
    script,
    `import { existsSync, readFileSync, writeFileSync } from 'node:fs';
     const folder = ${JSON.stringify(folder)};
     const action = process.argv.at(-1);
     const input = JSON.parse(readFileSync(0, 'utf8'));
     const say = (what) => process.stdout.write(JSON.stringify(what));
     ${body}`,
  );
  const ended: RunningInstance[] = [];
  const earlier: RunningInstance = {
    ...{ slot: 0, turn: 1, pid: 77, folder: '/elsewhere', clientAddress: 'c:1', address: 'c:2', instance: key },
  };
  const before: Driver = {
    launch: () => Promise.reject(new Error('not asked')),
    destroy: (instance) => void ended.push(instance),
    running: () => [earlier],
    handOver: () => Promise.reject(new Error('not asked')),
    forget: () => undefined,
    endStarting: () => undefined,
  };
  const open = (): CommandDriver => new CommandDriver({ folder, command: [process.execPath, script], before });
  return { folder, open, ended, earlier };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('launches with the launch data, remembers across hosts, and ends with what was said', async (t) => {
  const { earlier, ended, folder, open } = driverOf(
    t,
    `writeFileSync(folder + '/' + action, JSON.stringify(input));
     say({ address: 'a:1', clientAddress: 'a:2', instance: '${key}', machine: 'm-17' });`,
  );
  const running = await open().launch(request);
  assert.deepEqual([running.slot, running.turn, running.clientAddress, running.instance], [2, 5, 'a:2', key]);
  const told = JSON.parse(readFileSync(join(folder, 'launch'), 'utf8')) as Record<string, unknown>;
  assert.equal(told['launchDigest'], toHex(launchDigest(nodeCryptography, launch)));
  assert.deepEqual(told['settings'], { epochKeys: 9, protocol: 2, bootstrap: ['a:1'] });

  const later = open();
  const [first, second] = later.running();
  assert.deepEqual([first, second?.instance], [earlier, key]);
  later.destroy(first!);
  assert.deepEqual(ended, [earlier]);
  later.destroy(second!);
  later.destroy(second!);
  await until(() => existsSync(join(folder, 'destroy')) && later.running().length === 1);
  assert.match(readFileSync(join(folder, 'destroy'), 'utf8'), /"machine":"m-17"/);
});

test('an instance that could not be ended is still there to be ended', async (t) => {
  const { folder, open } = driverOf(
    t,
    `if (action === 'launch') say({ address: 'a:1', clientAddress: 'a:2', instance: '${key}' });
     else if (!existsSync(folder + '/once')) { writeFileSync(folder + '/once', ''); process.exit(1); }`,
  );
  const driver = open();
  const running = await driver.launch(request);
  driver.destroy(running);
  await until(() => existsSync(join(folder, 'once')));
  await until(() => {
    driver.destroy(running);
    return readdirSync(join(folder, 'launched')).length === 0;
  });
});

test('a founder is handed the log by the command, and instances of a lost service are kept on record and not counted', async (t) => {
  const { folder, open } = driverOf(
    t,
    `if (action === 'launch') say({ address: 'a:1', clientAddress: 'a:2', instance: '${key}', machine: 'm-17' });
     writeFileSync(folder + '/' + action, JSON.stringify(input));`,
  );
  const driver = open();
  const running = await driver.launch({ ...request, firstEpoch: 12 });
  await driver.handOver(running, '/recovered', 'history/1-99');
  const told = JSON.parse(readFileSync(join(folder, 'inherit'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([told['machine'], told['files'], told['as']], ['m-17', '/recovered', 'history/1-99']);
  assert.deepEqual(told['settings'], { epochKeys: 9, firstEpoch: 12, protocol: 2, bootstrap: ['a:1'] });

  driver.forget(running);
  assert.equal(open().running().length, 1);
  assert.equal(readdirSync(join(folder, 'lost')).length, 1);
  assert.ok(!existsSync(join(folder, 'destroy')));
});

const faults: [string, string, RegExp][] = [
  ['fails', "console.error('no quota left'); process.exit(4);", /launch ended with 4: no quota left/],
  ['says nothing', '', /did not say where/],
  ['says too little', "say({ address: 'a:1' });", /did not say where/],
  ['names a key that is none', "say({ address: 'a', clientAddress: 'b', instance: 'xyz' });", /did not say where/],
];
for (const [name, body, expected] of faults) {
  test(`a command that ${name} launches nothing`, async (t) => {
    const { folder, open } = driverOf(t, body);
    await assert.rejects(open().launch(request), expected);
    assert.deepEqual(readdirSync(join(folder, 'launched')), []);
  });
}
