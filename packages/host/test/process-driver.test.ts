import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

function driverFor(t: TestContext, source: string): ProcessDriver {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-driver-'));
  t.after(() => rmSync(folder, { recursive: true }));
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
