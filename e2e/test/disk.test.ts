/**
 * Disks that fail. One that is full: the replica whose disk it is stops voting at once and says why, the others go on, and its slot's next turn gives
 * it a successor.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DoorConnection } from '@coppice/client';
import { signerOf } from '@coppice/cryptography';
import type { RunningInstance } from '@coppice/host';
import { fromHex } from '@coppice/wire';
import { checkpointed, found, operation, rob, statusOf, until } from '../cluster.ts';
import type { DiskFaults } from '../faulty-disk.ts';
import { Load } from '../load.ts';
import { killAll, recover } from '../recovery.ts';

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

const faultyDisk = fileURLToPath(new URL('../faulty-disk.ts', import.meta.url));

function spoil({ folder }: RunningInstance, faults: DiskFaults): void {
  writeFileSync(join(folder, 'faults.json'), JSON.stringify(faults));
}

/** Changes one bit in the middle of what the instance wrote to its ledger so far. */
function flipBit({ folder }: RunningInstance): void {
  const ledger = join(folder, 'ledger');
  const segment = join(
    ledger,
    readdirSync(ledger).find((name) => name.endsWith('.seg'))!,
  );
  const written = readFileSync(segment).findLastIndex((byte) => byte !== 0);
  const fd = openSync(segment, 'r+');
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, written >> 1);
  byte[0]! ^= 4;
  writeSync(fd, byte, 0, 1, written >> 1);
  closeSync(fd);
}

it('slow disks and short writes cost time; a failed sync and a flipped bit cost a replica, which says why; nothing is lost', async (t) => {
  const cluster = await found(t, {
    nodeArguments: ['--import', faultyDisk],
    breach: true,
    policy: { checkpointInterval: 16 },
  });
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(50);
  spoil(cluster.at(1), { short: true });
  spoil(cluster.at(2), { delayMs: 50 });
  await load.progress(100);

  // A sync that failed once proves nothing when it succeeds the next time: the instance leaves.
  const unsynced = cluster.at(slot);
  spoil(unsynced, { failing: { fdatasync: 'EIO' } });
  await until('the replica whose disk fails has left', () => cluster.running().length === 3);
  assert.match(readFileSync(join(unsynced.folder, 'node.log'), 'utf8'), /"event":"exit".*storage: WRITE_FAILED.*EIO/);
  // With it gone, each of the others is needed, the slow one, too.
  await load.progress(50);

  const rotten = cluster.at(0);
  await checkpointed(client, cluster.running());
  flipBit(rotten);
  const door = await DoorConnection.open(rotten.clientAddress, fromHex(rotten.instance));
  t.after(() => door.close());
  // Another instance that fetches the log has it read what it wrote.
  const identity = signerOf(createPrivateKey((await rob(cluster, cluster.at(1))).identity));
  const as = door.callerProof(cluster.local.service, identity);
  await assert.rejects(door.ask({ kind: 'ledger', from: 1, as }, 'ledger'));
  await until('the replica whose ledger is damaged has left', () => cluster.running().length === 2);
  assert.match(readFileSync(join(rotten.folder, 'node.log'), 'utf8'), /"event":"exit".*storage: CORRUPT_SEGMENT/);

  // That was one too many. The disks of all four lead to everything that was acknowledged.
  await killAll(cluster);
  const { answer, status } = await recover(cluster.folder, '--check');
  assert.equal(status, 0);
  assert.equal(answer.shortage, null);
  assert.match(
    String(answer.disks.find((disk) => disk.slot === 0)!.altered),
    /^damaged: ledger-\d+\.seg at \d+: record-/,
  );
  for (const { committed } of load.acknowledged) assert.ok(committed.sequence <= answer.head.sequence);
});
