/**
 * A disk that is full: the replica whose disk it is stops voting at once and says why, the others go on, and its slot's next turn gives
 * it a successor.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { found, operation, statusOf, until } from '../cluster.ts';
import { Load } from '../load.ts';

const slot = 3;

function mount(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).status === 0;
}

function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
}

it('a replica whose disk is full stops, and says so; the others go on', async (t) => {
  const trial = mkdtempSync(join(tmpdir(), 'coppice-e2e-'));
  const allowed = mount(trial);
  if (allowed) unmount(trial);
  rmdirSync(trial);
  if (!allowed) return t.skip('a small file system cannot be mounted here');

  const mounted: string[] = [];
  t.after(() => mounted.forEach(unmount));
  const cluster = await found(t, {
    // Between its launch and its first record.
    onInstances(folders) {
      const ledger = join(folders[slot]!, 'ledger');
      assert.ok(mount(ledger));
      mounted.push(ledger);
    },
  });
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(50);
  const { folder } = cluster.at(slot);
  const value = 'x'.repeat(20_000);
  for (let i = 0; cluster.running().length === 4; i++) {
    assert.ok(i < 1000, 'the disk is never full');
    await client.submit(operation({ command: 'put', input: { key: `large ${i % 10}`, value } }));
  }
  const log = readFileSync(join(folder, 'node.log'), 'utf8');
  assert.match(log, /"event":"exit","slot":3,.*storage: DISK_FULL/);
  assert.match(readFileSync(join(folder, 'events.jsonl'), 'utf8'), /"event":"exit".*DISK_FULL/);
  await load.progress(100);

  // Silence is suspicious: the members of the epoch have a turn opened, and the host gives the slot an instance on another disk.
  cluster.local.startHost();
  await until('the slot has another instance', async () => {
    const { seats } = await statusOf(cluster.at(0));
    return seats.some((seat) => seat.slot === slot && seat.turn > 0);
  });
  await load.progress(50);
  await load.finish();
});
