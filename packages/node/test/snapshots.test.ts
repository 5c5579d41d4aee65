/** What the writer leaves at checkpoints, most of it increments, makes the state of the newest one again; and what was altered does not. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeCryptography } from '@coppice/cryptography';
import type { Snapshot } from '@coppice/state';
import { State } from '@coppice/state';
import { Snapshots } from '@coppice/storage';
import type { CheckpointCertificate } from '@coppice/wire';
import { restoreSnapshot, SnapshotWriter } from '../src/index.ts';

const service = new Uint8Array(32).fill(3);
const minute = 60_000;

test('a state is written once, and from then on what changed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-snapshots-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const snapshots = new Snapshots(folder, { service, share: 1 / 2 });
  const state = new State(nodeCryptography);
  const taken = new Map<number, Snapshot>();
  const lines: { base?: number; bytes: number }[] = [];
  let heard = (): void => undefined;
  const journal = {
    count: () => undefined,
    warn: (_: string, fields: object) => assert.fail(JSON.stringify(fields)),
    info: (_: string, fields: object) => {
      lines.push(fields as (typeof lines)[number]);
      heard();
    },
  };
  const writer = new SnapshotWriter(snapshots, { snapshot: (sequence) => taken.get(sequence) }, journal);
  const checkpoint = async (sequence: number, keys: number): Promise<void> => {
    const transaction = state.begin().transaction();
    for (let i = 0; i < keys; i++) transaction.set('m', `key ${i}`, new Uint8Array(500).fill(sequence));
    transaction.commit();
    state.fold();
    const snapshot = state.snapshot();
    taken.set(sequence, snapshot);
    const certificate: CheckpointCertificate = {
      epoch: 0,
      sequence,
      ledgerRoot: new Uint8Array(32),
      stateDigest: snapshot.digest,
      signatures: [],
    };
    const written = new Promise<void>((resolve) => (heard = resolve));
    // Each is due by then, however long the last one took.
    writer.stable(certificate, sequence * 1000 * minute);
    await written;
    assert.deepEqual(restoreSnapshot(snapshots, sequence).state.digest, snapshot.digest);
  };
  await checkpoint(1, 4000);
  await checkpoint(2, 10);
  await checkpoint(3, 10);
  assert.deepEqual(
    lines.map(({ base }) => base),
    [undefined, 1, 2],
  );
  assert.ok(lines[1]!.bytes < lines[0]!.bytes / 10, JSON.stringify(lines));
  // As much as the whole state, and it is written anew; what that does not take goes with the next one.
  await checkpoint(4, 4000);
  await checkpoint(5, 1);
  await checkpoint(6, 1);
  assert.deepEqual(
    lines.map(({ base }) => base),
    [undefined, 1, 2, 3, undefined, 5],
  );
  assert.deepEqual(snapshots.list(), [5, 6]);
  const all = [...restoreSnapshot(snapshots, 6).state.view.entries('m')];
  assert.deepEqual(
    [all.length, all.find(([key]) => key === 'key 0')![1][0], all.find(([key]) => key === 'key 1')![1][0]],
    [4000, 6, 4],
  );

  // Of another hash, nothing of the one before is known any more.
  state.hashBy(nodeCryptography.of(4));
  await checkpoint(7, 1);
  await checkpoint(8, 1);
  assert.deepEqual(
    lines.slice(6).map(({ base }) => base),
    [undefined, 7],
  );

  // One that is another's increment, and one that lacks its base.
  const [whole, increment] = readdirSync(folder)
    .sort()
    .map((name) => join(folder, name)) as [string, string];
  assert.ok(statSync(increment).size < statSync(whole).size / 10);
  const bytes = readFileSync(whole);
  writeFileSync(whole, bytes.with(5000, bytes[5000]! ^ 1));
  assert.throws(() => restoreSnapshot(snapshots, 8), /CORRUPT_SNAPSHOT/);
  rmSync(whole);
  assert.throws(() => restoreSnapshot(snapshots, 8), /base-missing/);
  const other = new State(nodeCryptography);
  await new Promise<void>((resolve) =>
    snapshots.write(7, new Uint8Array(3), other.snapshot().chunks(1000), () => resolve()),
  );
  assert.throws(() => restoreSnapshot(snapshots, 8), /no checkpoint/);
});
