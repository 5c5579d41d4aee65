import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ProcessDriver } from '@coppice/host';

const request = {
  launch: {
    service: new Uint8Array(32),
    slot: 2,
    turn: 0,
    challenge: new Uint8Array(32),
    release: new Uint8Array(32),
    variant: '',
  },
  bootstrap: [],
  epochKeys: 8,
  protocol: 1,
};

function driverFor(
  t: TestContext,
  source: string,
  folder = mkdtempSync(join(tmpdir(), 'coppice-driver-')),
): ProcessDriver {
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'program.mjs');
  writeFileSync(program, source);
  return new ProcessDriver({ folder, programOf: () => program });
}

test('an instance that ends before it listens is said to have, with its last words', async (t) => {
  const driver = driverFor(t, `console.error('no room here'); process.exit(7);`);
  await assert.rejects(
    driver.launch(request),
    /turn-0000-slot-2 did not start: it ended \(exit status 7\):\nno room here/,
  );
  assert.deepEqual(driver.running(), []);
});

test('an instance that is killed before it listens is said to have been', async (t) => {
  const driver = driverFor(t, `process.kill(process.pid, 'SIGKILL');`);
  await assert.rejects(driver.launch(request), /did not start: it ended \(SIGKILL\)/);
});

test('a founder that does not listen yet is ended where nobody launches any more', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-driver-'));
  const driver = driverFor(t, `setInterval(() => undefined, 1000);`, folder);
  const launched = assert.rejects(driver.launch(request), /did not start: it ended \(SIGKILL\)/);
  const noted = join(folder, 'instances', 'turn-0000-slot-2', 'process.json');
  while (!existsSync(noted)) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(driver.running(), []);
  driver.endStarting();
  await launched;
});

test('an instance is found that listens, and whose launcher was ended before it heard so', async (t) => {
  const said = { event: 'listening', address: 'a:1', clientAddress: 'a:2', instance: '11'.repeat(32) };
  const driver = driverFor(t, `console.log('${JSON.stringify(said)}'); setInterval(() => undefined, 1000);`);
  const launched = await driver.launch(request);
  t.after(() => driver.destroy(launched));
  const { slot, turn, pid, folder } = launched;
  writeFileSync(join(folder, 'process.json'), JSON.stringify({ slot, turn, pid, folder }));
  driver.endStarting();
  assert.deepEqual(driver.running(), [launched]);
});
