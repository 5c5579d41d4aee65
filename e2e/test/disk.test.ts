/**
 * Disks that fail. One that is full: the replica whose disk it is stops voting at once and says why, the others go on, and its slot's next turn gives
 * it a successor.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decide } from '@coppice/cli';
import { signerOf } from '@coppice/cryptography';
import type { RunningInstance } from '@coppice/host';
import { checkpointed, doorTo, found, operation, rob, statusOf, told, until } from '../cluster.ts';
import type { DiskFaults } from '../faulty-disk.ts';
import { ask, bundleOf, tls } from '../hostile.ts';
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
  // Before that, it says how little is left, takes no more from clients, and votes.
  const small = cluster.at(slot);
  assert.ok((await statusOf(small)).diskBytesFree! <= 2 ** 21);
  const socket = await tls(small.clientAddress);
  t.after(() => socket.destroy());
  const put = operation({ command: 'put', input: { key: 'k', value: 'v' } });
  ask(socket, { kind: 'submit', bundle: bundleOf(cluster.local.service, { operations: [put] }) });
  await until('it refuses', async () => (await statusOf(small)).counters['rejected bundle disk-low'] !== undefined);
  await load.progress(50);
  const { folder } = small;
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
  // In the first page of the ledger that whoever fetches it asks for.
  const place = Math.min(written >> 1, 1 << 16);
  const fd = openSync(segment, 'r+');
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, place);
  byte[0]! ^= 4;
  writeSync(fd, byte, 0, 1, place);
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
  const door = await doorTo(rotten);
  t.after(() => door.close());
  // Another instance that fetches the log has it read what it wrote, if it has not by itself.
  const identity = signerOf(createPrivateKey((await rob(cluster, cluster.at(1))).identity));
  const as = door.callerProof(cluster.local.service, identity);
  flipBit(rotten);
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

it('what nobody asks for is read again: a key file that is gone is written anew, a bit that flipped costs a replica', async (t) => {
  const cluster = await found(t);
  const load = new Load(await cluster.client());
  await load.progress(50);
  const robbed = cluster.at(1);
  const ledger = join(robbed.folder, 'ledger');
  const key = join(
    ledger,
    readdirSync(ledger).find((name) => name.endsWith('.key'))!,
  );
  const written = readFileSync(key);
  rmSync(key);
  await until('the key file is there again', () => told(robbed, 'key-file-mended') > 0);
  assert.deepEqual(readFileSync(key), written);

  const rotten = cluster.at(2);
  flipBit(rotten);
  await until('the replica whose ledger is damaged has left', () => cluster.running().length === 3);
  assert.match(readFileSync(join(rotten.folder, 'node.log'), 'utf8'), /"event":"exit".*storage: CORRUPT_SEGMENT/);
  await load.progress(50);
  await load.finish();
  t.diagnostic(load.describe());
});

/** What may be done to the files of a ledger when nobody is there. Each takes the paths of its segments, the oldest first. */
const alterations: Readonly<Record<string, (segments: readonly [string, string, ...string[]]) => void>> = {
  'the first segment cut short': ([first]) => truncateSync(first, statSync(first).size >> 1),
  'the last segment cut short': (segments) => {
    const last = segments.at(-1)!;
    truncateSync(last, readFileSync(last).findLastIndex((byte) => byte !== 0) >> 1);
  },
  'two segments swapped, with their keys': ([a, b]) => {
    for (const [one, other] of [
      [a, b],
      [keyOf(a), keyOf(b)],
    ] as const) {
      renameSync(one, `${one}.away`);
      renameSync(other, one);
      renameSync(`${one}.away`, other);
    }
  },
  'a segment twice, in the place of the next': ([a, b]) => {
    copyFileSync(a, b);
    copyFileSync(keyOf(a), keyOf(b));
  },
  'a key gone': ([a]) => rmSync(keyOf(a)),
  'a segment gone': ([, b]) => rmSync(b),
  'the key of another segment': ([a, b]) => copyFileSync(keyOf(a), keyOf(b)),
  'a bit of a key flipped': ([a]) => {
    const key = readFileSync(keyOf(a));
    key[key.length >> 1]! ^= 1;
    writeFileSync(keyOf(a), key);
  },
};

const keyOf = (segment: string): string => segment.replace(/seg$/, 'key');

it('what is done to the files of a dead replica is named, and loses nothing', async (t) => {
  const cluster = await found(t, { nodeArguments: ['--import', faultyDisk] });
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(30);
  // Other readers, other segments.
  const { folder } = cluster.local;
  const members = folder.keys('members').map((name) => folder.key('members', name));
  const first = { name: 'auditor-1', key: folder.auditorKey('auditor-1').publicKey };
  const second = { name: 'auditor-2', key: folder.auditorKey('auditor-2').publicKey };
  for (const auditors of [[first, second], [first]]) {
    assert.equal((await decide(client, members, { kind: 'set-auditors', auditors })).state, 'accepted');
    await load.progress(30);
  }
  // A process dies in the middle of a write.
  const torn = cluster.at(slot);
  spoil(torn, { torn: true });
  await until('it is gone', () => cluster.running().length === 3);
  await load.progress(30);
  const disks = [0, 1, 2].map((one) => cluster.at(one).folder);
  await killAll(cluster);

  const cut = await recover(cluster.folder, '--check', '--from', torn.folder, disks[0]!, disks[1]!);
  assert.deepEqual([cut.status, cut.answer.shortage], [0, null], cut.said);
  assert.equal(cut.answer.disks[0]!.altered, null);
  assert.equal(cut.answer.disks[0]!.end, 'torn');

  const copies = mkdtempSync(join(tmpdir(), 'coppice-e2e-'));
  t.after(() => rmSync(copies, { recursive: true, force: true }));
  for (const [name, alter] of Object.entries(alterations)) {
    const copy = join(copies, name);
    cpSync(disks[0]!, copy, { recursive: true });
    const ledger = join(copy, 'ledger');
    const segments = readdirSync(ledger)
      .filter((one) => one.endsWith('.seg'))
      .sort()
      .map((one) => join(ledger, one));
    assert.ok(segments.length >= 3, `${segments.length} segments`);
    alter(segments as [string, string, ...string[]]);
    const { answer, said, status } = await recover(
      cluster.folder,
      '--check',
      '--from',
      copy,
      ...disks.slice(1),
      torn.folder,
    );
    assert.equal(status, 0, `${name}: ${said}`);
    assert.equal(answer.shortage, null, name);
    const [spoilt] = answer.disks;
    assert.match(
      String(spoilt!.altered ?? spoilt!.unreadable),
      /^(?:damaged|rolled back|does not begin|is encrypted|its ledger-\d+\.key (?:was altered|is not there))/,
      name,
    );
    for (const { committed } of load.acknowledged) assert.ok(committed.sequence <= answer.head.sequence, name);
  }
});
