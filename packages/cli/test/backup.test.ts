/**
 * Backups: of a ledger that is written to meanwhile, to a folder and to a real S3 server; stores that lie are found out.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { archiveSegments, fileKey, type Ledger, openLedger, readLedger, Snapshots, type Vault } from '@coppice/storage';
import { createBackup, listBackups, readManifest, restoreBackup, verifyBackup } from '../src/backup/backup.ts';
import { partBytes, partName } from '../src/backup/manifest.ts';
import { readMoment } from '../src/backup/moment.ts';
import { type BackupStore, openStore } from '../src/backup/store.ts';
import { list, restore, verifyStored } from '../src/commands/backup.ts';
import { Output } from '../src/output.ts';
import { UserError } from '../src/service-folder.ts';

const service = new Uint8Array(32).fill(5);

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-backup-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const synced = (ledger: Ledger): Promise<void> =>
  new Promise((resolve, reject) => ledger.sync((error) => (error === undefined ? resolve() : reject(error))));

async function append(ledger: Ledger, sequences: Iterable<number>, bytes = 1000): Promise<void> {
  for (const sequence of sequences)
    ledger.append({ type: 2, sequence, payload: new Uint8Array(bytes).fill(sequence % 251) });
  await synced(ledger);
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** A data folder with a fill-in, two segments and a snapshot; the ledger is open. */
async function instance(t: TestContext): Promise<{ data: string; ledger: Ledger }> {
  const data = folderOf(t);
  const past = openLedger(join(data, 'history', '1-9'), { service }).ledger;
  await append(past, upTo(1, 9));
  await new Promise<void>((resolve) => past.close(() => resolve()));
  const { ledger } = openLedger(join(data, 'ledger'), { service, segmentBytes: 6 * 1024 * 1024 });
  t.after(() => new Promise<void>((resolve) => ledger.close(() => resolve())));
  await append(ledger, upTo(10, 17), 1024 * 1024);
  const snapshots = new Snapshots(join(data, 'snapshots'), { service });
  for (const sequence of [11, 15])
    await new Promise<void>((resolve, reject) =>
      snapshots.write(
        sequence,
        Uint8Array.of(1),
        [new Uint8Array(5000)],
        (error) => (error === undefined ? resolve() : reject(error)),
        // The second is an increment of the first.
        sequence === 15 ? 11 : undefined,
      ),
    );
  return { data, ledger };
}

function sequencesIn(folder: string): number[] {
  const sequences: number[] = [];
  for (const item of readLedger(folder, { service })) {
    if (item.kind === 'record') sequences.push(item.record.sequence);
    else assert.equal(item.kind, 'clean');
  }
  return sequences;
}

async function backsUp(t: TestContext, place: string, endpoint?: string): Promise<void> {
  const store = openStore(place, endpoint);
  const { data, ledger } = await instance(t);
  const first = await createBackup(data, store);
  assert.equal(first.manifest.sequence, 17);
  assert.deepEqual(
    first.manifest.files.map(({ path }) => path),
    [
      'snapshots/snapshot-0000000000000011.snap',
      'snapshots/snapshot-0000000000000015-0000000000000011.snap',
      'history/1-9/ledger-0000000000000000.seg',
      'ledger/ledger-0000000000000000.seg',
      'ledger/ledger-0000000000000005.seg',
    ],
  );
  assert.ok(first.written > 4);
  // While it grows: only what is new is stored.
  await append(ledger, upTo(18, 20));
  const second = await createBackup(data, store);
  assert.equal(second.manifest.sequence, 20);
  assert.equal(second.written, 1);
  assert.ok(second.bytesWritten < partBytes);
  // Also from where closed segments were moved to.
  assert.equal((await archiveSegments(join(data, 'ledger'), folderOf(t))).length, 1);
  const third = await createBackup(data, store);
  assert.equal(third.written, 0);
  assert.deepEqual(third.manifest.files, second.manifest.files);

  assert.deepEqual(await listBackups(store), [first.name, second.name, third.name]);
  for (const { name, manifest } of [first, second]) {
    assert.deepEqual(await verifyBackup(store, manifest), []);
    const restored = join(folderOf(t), 'restored');
    await restoreBackup(store, (await readManifest(store, name)).manifest, restored);
    assert.deepEqual(sequencesIn(join(restored, 'ledger')), upTo(10, manifest.sequence));
    assert.deepEqual(sequencesIn(join(restored, 'history', '1-9')), upTo(1, 9));
    assert.equal([...new Snapshots(join(restored, 'snapshots'), { service }).read(15).chunks()].length, 1);
    await assert.rejects(restoreBackup(store, manifest, restored), UserError);
  }
  assert.equal((await readManifest(store)).name, third.name);

  // As of a moment: from the oldest backup that has it.
  const { createdAt } = second.manifest;
  for (const [at, from, last] of [
    [{ sequence: 16 }, first, 17],
    [{ time: Date.parse(createdAt) }, second, 20],
  ] as const) {
    const out = join(folderOf(t), 'then');
    const heard = new Heard();
    await restore(undefined, { store: place, ...(endpoint !== undefined && { endpoint }), out, at }, heard);
    assert.deepEqual([heard.said.name, heard.said.sequence, heard.said.at], [from.name, last, at]);
    assert.deepEqual(readMoment(out), at);
    assert.deepEqual(sequencesIn(join(out, 'ledger')), upTo(10, last));
  }
  const beyond = { store: place, ...(endpoint !== undefined && { endpoint }), out: join(data, 'x') };
  await assert.rejects(restore(undefined, { ...beyond, at: { sequence: 21 } }, new Heard()), /no backup goes up to/);
  await assert.rejects(restore(first.name, { ...beyond, at: { sequence: 18 } }, new Heard()), /goes up to batch 17/);
}

/** Hears what a command answers. */
class Heard extends Output {
  said: any;

  constructor() {
    super(true);
  }

  override answer(document: unknown): void {
    this.said = document;
  }
}

test('to a folder, again and again', async (t) => {
  await backsUp(t, join(folderOf(t), 'store'));
});

const moto = spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;

test(
  'to a real S3 server',
  { skip: moto ? false : 'there is no moto_server on this machine (pip install "moto[server]")' },
  async (t) => {
    const server = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(async () => {
      server.kill('SIGKILL');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    });
    let said = '';
    const endpoint = await new Promise<string>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        said += chunk.toString();
        const address = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
        if (address !== undefined) resolve(address);
      };
      server.stdout.on('data', hear);
      server.stderr.on('data', hear);
      server.once('exit', () => reject(new Error(`moto_server ended: ${said}`)));
    });
    const before = { ...process.env };
    t.after(() => (process.env = before));
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'us-east-1' });
    await assert.rejects(createBackup((await instance(t)).data, openStore('s3://nowhere/x', endpoint)), UserError);
    await assert.rejects(listBackups(openStore('s3://nowhere/x', endpoint)), UserError);
    assert.ok((await fetch(`${endpoint}/bucket`, { method: 'PUT' })).ok);
    await backsUp(t, 's3://bucket/some/prefix', endpoint);
    // Another prefix is another store.
    assert.deepEqual(await listBackups(openStore('s3://bucket', endpoint)), []);
  },
);

test('a store that lies is found out, when it is written to and when it is read', async (t) => {
  const { data } = await instance(t);
  const kept = openStore(join(folderOf(t), 'store'), undefined);
  const { name, manifest } = await createBackup(data, kept);
  const bent = (bytes: Uint8Array | undefined): Uint8Array | undefined => {
    const changed = bytes?.slice();
    if (changed !== undefined) changed[changed.length >> 1]! ^= 1;
    return changed;
  };
  const lying = (changes: Partial<BackupStore>): BackupStore => ({
    has: (of) => kept.has(of),
    put: (of, bytes) => kept.put(of, bytes),
    get: (of, max) => kept.get(of, max),
    list: (prefix) => kept.list(prefix),
    ...changes,
  });
  const emptied = join(folderOf(t), 'other');
  const empty = openStore(emptied, undefined);
  // It forgets, or changes, what it is given.
  await assert.rejects(
    createBackup(data, {
      ...lying({}),
      has: async () => false,
      put: async () => {},
      get: (of, max) => empty.get(of, max),
    }),
    /missing/,
  );
  await assert.rejects(
    createBackup(data, lying({ has: async () => false, get: async (of, max) => bent(await kept.get(of, max)) })),
    /changed/,
  );
  // It gives another manifest, an older part, or none.
  await assert.rejects(
    readManifest(lying({ get: async (of, max) => bent(await kept.get(of, max)) }), name),
    /not what was written/,
  );
  await assert.rejects(readManifest(empty), /there is no folder/);
  mkdirSync(emptied);
  await assert.rejects(readManifest(empty), /no backup/);
  const [part] = manifest.files[3]!.parts;
  for (const [answer, reason] of [
    [bent, /changed/],
    [() => undefined, /missing/],
  ] as const) {
    const store = lying({
      get: async (of, max) => (of.endsWith(part!) ? answer(await kept.get(of, max)) : kept.get(of, max)),
    });
    const problems = await verifyBackup(store, manifest);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!, reason);
    assert.match(problems[0]!, /^ledger\/ledger-0000000000000000\.seg/);
    const out = join(folderOf(t), 'out');
    await assert.rejects(restoreBackup(store, manifest, out), reason);
    await assert.rejects(restoreBackup(store, manifest, out), /^UserError: ledger\/ledger-0000000000000000\.seg: part/);
    assert.deepEqual(readdirSync(join(out, '..')), []);
  }
});

test('what was damaged in the store is found by the next backup, and mended', async (t) => {
  const { data } = await instance(t);
  const place = join(folderOf(t), 'store');
  const store = openStore(place, undefined);
  const { manifest } = await createBackup(data, store);
  const pathOf = (i: number): string => join(place, partName(manifest.files[i]!.parts[0]!));
  const bytes = readFileSync(pathOf(3));
  writeFileSync(pathOf(3), bytes.with(100, bytes[100]! ^ 1));
  truncateSync(pathOf(2), 10);
  const again = await createBackup(data, store);
  assert.equal(again.written, 2);
  assert.deepEqual(
    again.mended.map((problem) => problem.split(':')[0]),
    ['history/1-9/ledger-0000000000000000.seg', 'ledger/ledger-0000000000000000.seg'],
  );
  for (const one of [manifest, again.manifest]) assert.deepEqual(await verifyBackup(store, one), []);
  assert.deepEqual((await createBackup(data, store)).mended, []);
});

test('every backup of a store is verified, not only the newest', async (t) => {
  const { data, ledger } = await instance(t);
  const place = join(folderOf(t), 'store');
  const store = openStore(place, undefined);
  const first = await createBackup(data, store);
  await append(ledger, upTo(18, 20));
  const second = await createBackup(data, store);
  t.after(() => (process.exitCode = undefined));
  const verify = async (name?: string): Promise<any> => {
    const heard = new Heard();
    process.exitCode = 0;
    await verifyStored(name, { store: place }, heard);
    return { ...heard.said, status: process.exitCode };
  };
  const good = await verify();
  assert.deepEqual([good.ok, good.status, good.backups.length], [true, 0, 2]);

  // A part that only the first one has, and its manifest.
  const later = new Set(second.manifest.files.flatMap(({ parts }) => parts));
  const { path, parts } = first.manifest.files.find((file) => file.parts.some((part) => !later.has(part)))!;
  truncateSync(join(place, partName(parts.find((part) => !later.has(part))!)), 10);
  const bad = await verify();
  assert.deepEqual([bad.ok, bad.status], [false, 1]);
  assert.deepEqual(
    bad.backups.map(({ problems }: { problems: string[] }) => problems.map((problem) => problem.split(':')[0])),
    [[path], []],
  );
  assert.equal((await verify(second.name)).ok, true);
  truncateSync(join(place, first.name), 10);
  assert.match((await verify()).backups[0].problems[0], /not what was written/);
  const heard = new Heard();
  await list({ store: place }, heard);
  assert.deepEqual([heard.said.length, process.exitCode], [2, 1]);
});

test('an encrypted file is not backed up without its own key file', async (t) => {
  const data = folderOf(t);
  const vault: Vault = {
    keyOf: () => undefined,
    create: async () => ({ key: fileKey(new Uint8Array(randomBytes(32))), slots: [] }),
  };
  const { ledger } = openLedger(join(data, 'ledger'), { service, vault, segmentBytes: 20_000 });
  await append(ledger, upTo(1, 40));
  await new Promise<void>((resolve) => ledger.close(() => resolve()));
  const snapshots = new Snapshots(join(data, 'snapshots'), { service, vault });
  await new Promise<void>((resolve, reject) =>
    snapshots.write(9, Uint8Array.of(1), [new Uint8Array(5000)], (error) =>
      error === undefined ? resolve() : reject(error),
    ),
  );
  const store = openStore(join(folderOf(t), 'store'), undefined);
  await createBackup(data, store);
  const before = await listBackups(store);
  const keys = readdirSync(join(data, 'ledger')).filter((name) => name.endsWith('.key'));
  assert.ok(keys.length > 1);
  const [first, second] = keys.sort().map((name) => join(data, 'ledger', name)) as [string, string];
  for (const path of [first, join(data, 'snapshots', 'snapshot-0000000000000009.key')]) {
    const whole = readFileSync(path);
    for (const [damage, reason] of [
      [() => writeFileSync(path, whole.with(70, whole[70]! ^ 1)), /: key-checksum/],
      [() => truncateSync(path, 20), /: key-checksum/],
      [() => writeFileSync(path, readFileSync(second)), /: key-name/],
      [() => rmSync(path), /: key-file-missing/],
    ] as const) {
      damage();
      await assert.rejects(
        createBackup(data, store),
        (error) => error instanceof UserError && reason.test(error.message),
      );
      writeFileSync(path, whole);
    }
  }
  assert.deepEqual(await listBackups(store), before);
});

test('no path of a manifest leads out of the folder, and a damaged ledger is not backed up', async (t) => {
  const { data } = await instance(t);
  const store = openStore(join(folderOf(t), 'store'), undefined);
  const { manifest } = await createBackup(data, store);
  const { decodeManifest, encodeManifest } = await import('../src/backup/manifest.ts');
  for (const path of ['../x.seg', '/etc/x.key', 'ledger/../../x.seg', 'history/1-2/../x.seg', 'node.log']) {
    const forged = encodeManifest({ ...manifest, files: [{ ...manifest.files[0]!, path }] });
    assert.equal(decodeManifest(forged.name, forged.bytes), 'malformed');
  }
  const segment = join(data, 'ledger', 'ledger-0000000000000000.seg');
  const bytes = readFileSync(segment);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(segment, bytes);
  await assert.rejects(createBackup(data, store), /damaged/);
  truncateSync(segment, 100);
  await assert.rejects(createBackup(data, store), /damaged/);
});
