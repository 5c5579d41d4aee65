import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { newestSnapshotFiles, Snapshots, StorageError } from '../src/index.ts';
import { encodeFrame } from '../src/frame.ts';
import { FaultLayer } from './fault-layer.ts';
import { newFolder, service } from './folders.ts';

function written(snapshots: Snapshots, sequence: number, chunks: Iterable<Uint8Array>, base?: number): Promise<void> {
  return new Promise((resolve, reject) =>
    snapshots.write(sequence, metadata, chunks, (error) => (error === undefined ? resolve() : reject(error)), base),
  );
}

const metadata = Uint8Array.of(1, 2, 3);
const chunks = [0, 1, 500, 4096].map((bytes, i) => new Uint8Array(bytes).fill(i));
const corrupt = (error: unknown): boolean => error instanceof StorageError && error.detail.code === 'CORRUPT_SNAPSHOT';

test('gives back metadata and chunks, of the newest', async () => {
  const snapshots = new Snapshots(newFolder(), { service });
  assert.equal(snapshots.latest(), undefined);
  await written(snapshots, 64, chunks);
  await written(snapshots, 1024, chunks.slice(2));
  await written(snapshots, 128, []);
  const latest = snapshots.latest()!;
  assert.equal(latest.sequence, 1024);
  assert.deepEqual(latest.metadata, metadata);
  assert.deepEqual([...latest.chunks()], chunks.slice(2));
  assert.deepEqual([...snapshots.read(64).chunks()], chunks);
  assert.deepEqual([...snapshots.read(128).chunks()], []);
  assert.deepEqual(snapshots.list(), [64, 128, 1024]);
  snapshots.prune(128);
  assert.deepEqual(snapshots.list(), [128, 1024]);
});

test('increments are kept with what they take, and pruned with it', async () => {
  const folder = newFolder();
  const snapshots = new Snapshots(folder, { service });
  for (const [sequence, base] of [[1], [2, 1], [3, 2], [4, 2], [5], [6, 5]] as const)
    await written(snapshots, sequence, chunks.slice(0, sequence), base);
  assert.deepEqual(snapshots.chain(4), [1, 2, 4]);
  const { base, sequence } = snapshots.read(4);
  assert.deepEqual([sequence, base], [4, 2]);
  assert.deepEqual([...snapshots.read(3).chunks()], chunks.slice(0, 3));
  snapshots.prune(4);
  assert.deepEqual(snapshots.list(), [1, 2, 4, 5, 6]);
  snapshots.prune(5);
  assert.deepEqual(snapshots.list(), [5, 6]);
  assert.deepEqual(newestSnapshotFiles(fs.readdirSync(folder)), [
    'snapshot-0000000000000005.snap',
    'snapshot-0000000000000006-0000000000000005.snap',
  ]);
  fs.rmSync(join(folder, 'snapshot-0000000000000005.snap'));
  assert.throws(() => snapshots.chain(6), corrupt);
  assert.deepEqual(newestSnapshotFiles(fs.readdirSync(folder)), []);
  // One that would be its own base is nobody's.
  fs.writeFileSync(join(folder, 'snapshot-0000000000000007-0000000000000007.snap'), '');
  assert.throws(() => snapshots.chain(7), corrupt);
  // What has lost its base goes, too.
  snapshots.prune(8);
  assert.deepEqual(fs.readdirSync(folder), []);
});

test('takes chunks as it writes them, in writes of about a mebibyte', async () => {
  const files = new FaultLayer();
  const snapshots = new Snapshots(newFolder(), { service, files });
  let taken = 0;
  let takenAtFirstWrite = 0;
  function* produce(): Generator<Uint8Array> {
    for (; taken < 50; taken++) {
      if (takenAtFirstWrite === 0 && files.operations.includes('writev')) takenAtFirstWrite = taken;
      yield new Uint8Array(100_000).fill(taken);
    }
  }
  await written(snapshots, 1, produce());
  assert.equal(takenAtFirstWrite, 11);
  let read = 0;
  for (const chunk of snapshots.latest()!.chunks()) assert.equal(chunk[99_999], read++);
  assert.equal(read, 50);
});

test('is synced before it gets its name, and its name is synced before it is reported', async () => {
  const files = new FaultLayer();
  await written(new Snapshots(newFolder(), { service, files }), 1, chunks);
  assert.deepEqual(files.operations, ['open', 'writev', 'fsync', 'close', 'open', 'fsync', 'close']);
});

for (const [operation, code, expected] of [
  ['writev', 'ENOSPC', 'DISK_FULL'],
  ['fsync', 'EIO', 'WRITE_FAILED'],
  ['close', 'EIO', 'WRITE_FAILED'],
] as const) {
  test(`${code} of ${operation}: no snapshot, nothing left, and the next attempt may succeed`, async () => {
    const folder = newFolder();
    const files = new FaultLayer();
    const snapshots = new Snapshots(folder, { service, files });
    files.failing.set(operation, code);
    const failed = (error: unknown): boolean => error instanceof StorageError && error.detail.code === expected;
    await assert.rejects(written(snapshots, 1, chunks), failed);
    assert.deepEqual(fs.readdirSync(folder), []);
    files.failing.clear();
    await written(snapshots, 1, chunks);
    assert.deepEqual(snapshots.list(), [1]);
  });
}

test('what an interrupted write left is never seen, and removed', async () => {
  const folder = newFolder();
  const files = new FaultLayer();
  files.bytesPerWrite = 1000;
  const snapshots = new Snapshots(folder, { service, files });
  const writing = written(snapshots, 5, chunks);
  while (files.operations.length < 3) await new Promise((resolve) => setImmediate(resolve));
  files.dead = true;
  assert.deepEqual(fs.readdirSync(folder), ['snapshot-0000000000000005.snap.tmp']);
  const next = new Snapshots(folder, { service });
  assert.deepEqual(fs.readdirSync(folder), []);
  assert.equal(next.latest(), undefined);
  void writing;
});

test('any flipped byte is found, and so is every cut', async () => {
  const folder = newFolder();
  const snapshots = new Snapshots(folder, { service });
  await written(snapshots, 3, [new Uint8Array(5).fill(1), new Uint8Array(40)]);
  const path = join(folder, 'snapshot-0000000000000003.snap');
  const bytes = new Uint8Array(fs.readFileSync(path));
  const readIt = (): unknown => [...snapshots.latest()!.chunks()];
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [1, 128, 255]) {
      const altered = bytes.slice();
      altered[at]! ^= mask;
      fs.writeFileSync(path, altered);
      assert.throws(readIt, corrupt, `byte ${at}`);
    }
    fs.writeFileSync(path, bytes.subarray(0, at));
    assert.throws(readIt, corrupt, `cut to ${at}`);
  }
  fs.writeFileSync(path, Buffer.concat([bytes, Uint8Array.of(0)]));
  assert.throws(readIt, corrupt, 'a byte too many');
  fs.renameSync(path, join(folder, 'snapshot-0000000000000004.snap'));
  assert.throws(readIt, corrupt, 'under another name');
  fs.writeFileSync(join(folder, 'snapshot-0000000000000004.snap'), bytes);
  assert.throws(readIt, corrupt, 'under another name');
  fs.rmSync(join(folder, 'snapshot-0000000000000004.snap'));
  fs.writeFileSync(path, bytes);
  assert.throws(() => new Snapshots(folder, { service: new Uint8Array(32) }).latest(), corrupt);
  readIt();
});

test('parts of other snapshots, and frames out of place, are found', async () => {
  const folder = newFolder();
  const snapshots = new Snapshots(folder, { service });
  await written(snapshots, 3, chunks);
  await written(snapshots, 4, chunks);
  const [three, four] = [3, 4].map((n) => fs.readFileSync(join(folder, `snapshot-000000000000000${n}.snap`)));
  const readIt = (...parts: Uint8Array[]): unknown => {
    fs.writeFileSync(join(folder, 'snapshot-0000000000000004.snap'), Buffer.concat(parts));
    return [...snapshots.latest()!.chunks()];
  };
  readIt(four!);
  assert.throws(() => readIt(three!.subarray(0, 64), four!.subarray(64)), corrupt);
  assert.throws(() => readIt(four!.subarray(0, 64), three!.subarray(64)), corrupt);
  assert.throws(() => readIt(four!.subarray(0, 64 + 48), three!.subarray(64 + 48)), corrupt);

  const frame = (position: number, type: number): Uint8Array =>
    encodeFrame({ position, type, sequence: 4, payload: new Uint8Array(0) });
  const header = four!.subarray(0, 64);
  readIt(header, frame(0, 0), frame(1, 1), frame(2, 2));
  for (const types of [[2], [1, 2], [0, 0, 2], [0, 3, 2], [0, 1], [0, 1, 2, 1]]) {
    assert.throws(
      () => readIt(header, ...types.map((type, position) => frame(position, type))),
      corrupt,
      String(types),
    );
  }
});
