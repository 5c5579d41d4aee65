import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLedger, StorageError, type Vault } from '../src/index.ts';
import { type Harness, ledgerContract, payloadOf } from './contract.ts';
import { FaultLayer } from './fault-layer.ts';
import { closed, newFolder, readAll, segmentsOf, service, synced } from './folders.ts';
import { TestVault } from './vault.ts';

function harnessOf(folder: string, segmentBytes: number, vault?: Vault): Harness {
  const files = new FaultLayer();
  const { ledger } = openLedger(folder, { service, segmentBytes, files, vault });
  return {
    ledger,
    settle: () => new Promise((resolve) => ledger.sync(() => resolve())),
    breakDisk: () => files.failing.set('fdatasync', 'EIO'),
    crash: async () => {
      files.dead = true;
      for (const name of fs.readdirSync(folder)) if (name.startsWith('lock')) fs.rmSync(join(folder, name));
      return harnessOf(folder, segmentBytes, vault);
    },
    reopen: async () => {
      await closed(ledger);
      return harnessOf(folder, segmentBytes, vault);
    },
  };
}

ledgerContract('disk', async () => harnessOf(newFolder(), 64 * 1024 * 1024));
ledgerContract('disk, small segments', async () => harnessOf(newFolder(), 700));
ledgerContract('encrypted disk', async () => harnessOf(newFolder(), 64 * 1024 * 1024, new TestVault()));
ledgerContract('encrypted disk, small segments', async () => harnessOf(newFolder(), 700, new TestVault()));

const record = { type: 1, sequence: 1, payload: new Uint8Array(100) };

test('what arrives during a write goes with the next one: two writes for a hundred callers', async () => {
  const files = new FaultLayer();
  const { ledger } = openLedger(newFolder(), { service, files });
  ledger.append(record);
  await synced(ledger);
  files.operations.length = 0;

  const all: Promise<void>[] = [];
  for (let i = 0; i < 100; i++) {
    ledger.append(record);
    all.push(synced(ledger));
    while (files.operations.length === 0) await Promise.resolve();
  }
  await Promise.all(all);
  assert.deepEqual(files.operations, ['writev', 'fdatasync', 'writev', 'fdatasync']);
});

test('a sync of nothing new does not touch the disk', async () => {
  const files = new FaultLayer();
  const { ledger } = openLedger(newFolder(), { service, files });
  await synced(ledger);
  assert.deepEqual(files.operations, []);
});

test('the name of a new segment is durable before a sync is answered', async () => {
  const files = new FaultLayer();
  const { ledger } = openLedger(newFolder(), { service, files });
  ledger.append(record);
  await synced(ledger);
  assert.deepEqual(files.operations, ['open', 'writev', 'fdatasync', 'open', 'fsync', 'close']);
});

test('segments begin when the last is full, and a record may be larger than one', async () => {
  const folder = newFolder();
  const { ledger } = openLedger(folder, { service, segmentBytes: 1000 });
  for (const bytes of [300, 300, 300, 5000, 10]) ledger.append({ ...record, payload: new Uint8Array(bytes) });
  await synced(ledger);
  assert.deepEqual(segmentsOf(folder), [
    'ledger-0000000000000000.seg',
    'ledger-0000000000000002.seg',
    'ledger-0000000000000003.seg',
    'ledger-0000000000000004.seg',
  ]);
  for (const name of segmentsOf(folder)) {
    const { size } = fs.statSync(join(folder, name));
    assert.ok(size <= 1000 || name === 'ledger-0000000000000003.seg', `${name} ${size}`);
  }
  await closed(ledger);
  assert.deepEqual(readAll(folder).end, { kind: 'clean', records: 5 });
});

test('a group has no more buffers than a system takes in one writev', async () => {
  const folder = newFolder();
  const files = new FaultLayer();
  const { ledger } = openLedger(folder, { service, files });
  for (let i = 0; i < 2500; i++) ledger.append(record);
  await closed(ledger);
  assert.ok(files.buffersMax > 500 && files.buffersMax <= 1024, String(files.buffersMax));
  assert.deepEqual(files.operations.slice(-3), ['writev', 'fdatasync', 'close']);
  assert.deepEqual(readAll(folder).end, { kind: 'clean', records: 2500 });
});

test('goes on where the system writes only a part', async () => {
  const folder = newFolder();
  const files = new FaultLayer();
  files.bytesPerWrite = 333;
  const { ledger } = openLedger(folder, { service, segmentBytes: 4000, files });
  for (let i = 0; i < 50; i++) ledger.append({ type: 0, sequence: i, payload: payloadOf(i) });
  await closed(ledger);
  const { records, end } = readAll(folder);
  assert.equal(end.kind, 'clean');
  assert.deepEqual(
    records.map(({ payload }) => payload),
    records.map((_, i) => payloadOf(i)),
  );
  assert.equal(records.length, 50);
});

for (const [operation, code, expected] of [
  ['writev', 'ENOSPC', 'DISK_FULL'],
  ['writev', 'EDQUOT', 'DISK_FULL'],
  ['writev', 'EIO', 'WRITE_FAILED'],
  ['fdatasync', 'EIO', 'WRITE_FAILED'],
  ['fdatasync', 'ENOSPC', 'DISK_FULL'],
  ['open', 'EMFILE', 'WRITE_FAILED'],
  ['fsync', 'EIO', 'WRITE_FAILED'],
  ['close', 'EIO', 'WRITE_FAILED'],
] as const) {
  test(`${code} of ${operation} ends the ledger with ${expected}, also when the next attempt would succeed`, async () => {
    const folder = newFolder();
    const files = new FaultLayer();
    // Segments of one record each: every operation happens in every sync.
    const { ledger } = openLedger(folder, { service, segmentBytes: 200, files });
    ledger.append(record);
    await synced(ledger);

    files.failing.set(operation, code);
    ledger.append(record);
    const failed = (error: unknown): boolean => error instanceof StorageError && error.detail.code === expected;
    await assert.rejects(synced(ledger), failed);
    files.failing.clear();
    await assert.rejects(synced(ledger), failed);
    assert.throws(() => ledger.append(record), failed);
    assert.equal(ledger.durableEnd, 1);
    await assert.rejects(closed(ledger), failed);

    // The process may start again: what was durable is there.
    const again = openLedger(folder, { service }).ledger;
    assert.ok(again.end >= 1);
  });
}

test('cuts a torn tail when it opens, reports it, and goes on there', async () => {
  const folder = newFolder();
  const { ledger } = openLedger(folder, { service });
  for (let i = 0; i < 3; i++) ledger.append(record);
  await closed(ledger);
  const path = join(folder, segmentsOf(folder)[0]!);
  fs.truncateSync(path, 64 + 2 * 144 + 50);

  const { ledger: again, torn } = openLedger(folder, { service });
  const segment = 'ledger-0000000000000000.seg';
  assert.deepEqual(torn, { segment, offset: 64 + 2 * 144, position: 2, bytesLost: 32 });
  // Shorter than what was there, which would otherwise show behind it.
  again.append({ ...record, sequence: 9, payload: new Uint8Array(0) });
  await closed(again);
  const { records, end } = readAll(folder);
  assert.deepEqual(end, { kind: 'clean', records: 3 });
  assert.equal(records[2]!.sequence, 9);
  assert.equal(openLedger(folder, { service }).torn, undefined);
});

for (const bytes of [0, 1, 63, 64, 65, 100]) {
  test(`a last segment of ${bytes} bytes gives way to the next write`, async () => {
    const folder = newFolder();
    const { ledger } = openLedger(folder, { service, segmentBytes: 200 });
    for (let i = 0; i < 2; i++) ledger.append(record);
    await closed(ledger);
    fs.truncateSync(join(folder, segmentsOf(folder)[1]!), bytes);

    const { ledger: again, torn } = openLedger(folder, { service, segmentBytes: 200 });
    assert.equal(again.end, 1);
    assert.equal(torn === undefined, bytes === 64);
    assert.deepEqual(readAll(folder).end, { kind: 'clean', records: 1 });
    for (let i = 0; i < 2; i++) again.append({ ...record, sequence: 5 });
    await closed(again);
    const { records, end } = readAll(folder);
    assert.deepEqual(end, { kind: 'clean', records: 3 });
    assert.deepEqual(
      records.map(({ sequence }) => sequence),
      [1, 5, 5],
    );
  });
}

test('does not open a damaged ledger, and leaves it as it is', async () => {
  const folder = newFolder();
  const { ledger } = openLedger(folder, { service });
  for (let i = 0; i < 3; i++) ledger.append(record);
  await closed(ledger);
  const path = join(folder, segmentsOf(folder)[0]!);
  const bytes = fs.readFileSync(path);
  bytes[64 + 144 + 40]! ^= 1;
  fs.writeFileSync(path, bytes);
  assert.throws(
    () => openLedger(folder, { service }),
    (error) => error instanceof StorageError && error.detail.code === 'CORRUPT_SEGMENT' && error.detail.position === 1,
  );
  assert.deepEqual(fs.readFileSync(path), bytes);
  assert.deepEqual(fs.readdirSync(folder), segmentsOf(folder));
});

test('what was written is found where the folder is now', async () => {
  const folder = newFolder();
  const { ledger, readerIn } = openLedger(folder, { service, segmentBytes: 4096 });
  for (let i = 0; i < 50; i++) ledger.append({ type: 0, sequence: i, payload: payloadOf(i) });
  await closed(ledger);
  const moved = `${folder}-moved`;
  fs.renameSync(folder, moved);
  assert.ok(segmentsOf(moved).length > 1);
  const read = [...readerIn(moved).readFrom(20)];
  assert.deepEqual(
    read.map(({ payload, sequence }) => [sequence, payload]),
    Array.from({ length: 30 }, (_, i) => [20 + i, payloadOf(20 + i)]),
  );
});

test('a record that is damaged while the ledger is open is named when it is read', async () => {
  const folder = newFolder();
  const { ledger } = openLedger(folder, { service });
  for (let i = 0; i < 3; i++) ledger.append({ ...record, sequence: i });
  await synced(ledger);
  const fd = fs.openSync(join(folder, segmentsOf(folder)[0]!), 'r+');
  fs.writeSync(fd, new Uint8Array([1]), 0, 1, 64 + 144 + 40);
  fs.closeSync(fd);
  assert.throws(
    () => [...ledger.read(1)],
    (error) => error instanceof StorageError && /record-payload .* position=1 .*sequence=1/.test(error.message),
  );
});

test('reads across blocks and segments, from an index built by writing and by opening', async () => {
  const folder = newFolder();
  const options = { service, segmentBytes: 4 * 1024 * 1024 };
  const { ledger } = openLedger(folder, options);
  for (let i = 0; i < 100; i++) {
    ledger.append({ type: 1, sequence: 1000 + i, payload: new Uint8Array(100_000).fill(i) });
    ledger.append({ type: 2, sequence: 990 + i, payload: new Uint8Array(0) });
    if (i % 7 === 0) await synced(ledger);
  }
  await synced(ledger);
  assert.ok(segmentsOf(folder).length >= 3);
  const check = (reader: typeof ledger): void => {
    assert.deepEqual(
      [...reader.read(1050)].map(({ position }) => position),
      [100, 121],
    );
    assert.equal([...reader.readFrom(1050)].length, 50 + 40);
    for (const { type, sequence, payload } of reader.readFrom(0))
      if (type === 1) assert.equal(payload[99_999], sequence - 1000);
  };
  check(ledger);
  await closed(ledger);
  check(openLedger(folder, options).ledger);
});
