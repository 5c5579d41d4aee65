/** Segments that lie elsewhere are read as if they lay in the folder: by readers, by the writer, and with their keys. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { archiveOf, archiveSegments, openLedger, removeArchive, StorageError } from '../src/index.ts';
import { closed, newFolder, readAll, segmentsOf, service, synced } from './folders.ts';
import { recordAt } from './recorded.ts';
import { TestVault } from './vault.ts';

for (const vault of [undefined, new TestVault()]) {
  const name = vault === undefined ? 'in the clear' : 'encrypted';

  test(`${name}: the writer goes on, and reads what was moved`, async () => {
    const [folder, archives] = [newFolder(), join(newFolder(), 'deep', 'archives')];
    const archive = join(archives, basename(folder));
    const { ledger } = openLedger(folder, { service, vault, segmentBytes: 20_000 });
    const positions = (): number[] => [...ledger.readFrom(0)].map(({ position }) => position);
    for (let i = 0; i < 20; i++) ledger.append(recordAt(i));
    await synced(ledger);
    const before = segmentsOf(folder);
    assert.ok(before.length > 3);
    const all = positions();
    assert.deepEqual(await archiveSegments(folder, archives), before.slice(0, -1));
    assert.deepEqual([segmentsOf(folder), segmentsOf(archive)], [before.slice(-1), before.slice(0, -1)]);
    assert.equal(fs.readdirSync(archive).length, (vault === undefined ? 1 : 2) * (before.length - 1));
    assert.equal(archiveOf(folder), archive);
    assert.deepEqual(positions(), all);

    for (let i = 20; i < 40; i++) ledger.append(recordAt(i));
    await synced(ledger);
    await archiveSegments(folder, archives);
    assert.equal(segmentsOf(folder).length, 1);
    assert.deepEqual(await archiveSegments(folder, archives), []);
    await assert.rejects(archiveSegments(folder, join(archives, 'other')), /has an archive already/);
    assert.equal(positions().length, 40);
    await closed(ledger);

    const { records, end } = readAll(folder, vault);
    assert.deepEqual(end, { kind: 'clean', records: 40 });
    records.forEach((record, i) => assert.deepEqual({ ...record }, { ...recordAt(i), position: i }));
    const again = openLedger(folder, { service, vault });
    again.ledger.append(recordAt(40));
    await closed(again.ledger);
    assert.deepEqual(readAll(folder, vault).end, { kind: 'clean', records: 41 });
  });

  test(`${name}: what is altered or missing in the archive is damage`, async () => {
    const [folder, archives] = [newFolder(), newFolder()];
    const archive = join(archives, basename(folder));
    const { ledger } = openLedger(folder, { service, vault, segmentBytes: 20_000 });
    for (let i = 0; i < 20; i++) ledger.append(recordAt(i));
    await closed(ledger);
    await archiveSegments(folder, archives);
    const path = join(archive, segmentsOf(archive)[1]!);
    const bytes = fs.readFileSync(path);
    fs.writeFileSync(path, bytes.with(100, bytes[100]! ^ 1));
    assert.equal(readAll(folder, vault).end.kind, 'corrupt');
    fs.rmSync(path);
    const { end } = readAll(folder, vault);
    assert.ok(end.kind === 'corrupt' && end.damage.reason === 'records-missing');
  });
}

test('what is removed from an archive is what was moved there, and nothing else', async () => {
  const [folder, archives] = [newFolder(), newFolder()];
  const { ledger } = openLedger(folder, { service, vault: new TestVault(), segmentBytes: 20_000 });
  for (let i = 0; i < 20; i++) ledger.append(recordAt(i));
  await closed(ledger);
  removeArchive(folder);
  await archiveSegments(folder, archives);
  const archive = archiveOf(folder)!;
  fs.writeFileSync(join(archive, 'notes'), '');
  removeArchive(folder);
  assert.deepEqual(fs.readdirSync(archive), ['notes']);
  fs.rmSync(join(archive, 'notes'));
  removeArchive(folder);
  assert.ok(!fs.existsSync(archive));
  // As after a crash.
  removeArchive(folder);
});

const unavailable = (error: unknown): boolean =>
  error instanceof StorageError && error.detail.code === 'ARCHIVE_UNAVAILABLE';

test('an archive that is gone for a while keeps nobody from writing, and nothing but reading what it has', async () => {
  const [folder, archives] = [newFolder(), newFolder()];
  const { ledger } = openLedger(folder, { service, segmentBytes: 20_000 });
  const append = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) ledger.append(recordAt(ledger.end));
    await synced(ledger);
  };
  await append(20);
  await archiveSegments(folder, archives);
  const kept = [...ledger.readFrom(0)].length;
  const elsewhere = `${archives}-elsewhere`;
  fs.renameSync(archives, elsewhere);
  assert.throws(() => [...ledger.readFrom(0)], unavailable);
  assert.throws(() => readAll(folder), unavailable);
  // What it is mounted on is an empty folder.
  fs.mkdirSync(join(archives, basename(folder)), { recursive: true });
  assert.throws(() => readAll(folder), unavailable);
  fs.rmSync(archives, { recursive: true });
  await append(20);
  assert.ok([...ledger.readFrom(39)].length > 0);
  // It is not begun anew where it was not found.
  await assert.rejects(archiveSegments(folder, archives), StorageError);
  assert.ok(segmentsOf(folder).length > 2);
  fs.renameSync(elsewhere, archives);
  assert.equal([...ledger.readFrom(0)].length, kept + 20);
  await archiveSegments(folder, archives);
  assert.equal(segmentsOf(folder).length, 1);
  assert.equal([...ledger.readFrom(0)].length, kept + 20);
  await closed(ledger);
});

test('what was begun anew under the same name has an archive of its own', async () => {
  const [folder, archives] = [join(newFolder(), 'partial'), newFolder()];
  for (const records of [20, 30]) {
    fs.rmSync(folder, { recursive: true, force: true });
    const { ledger } = openLedger(folder, { service, segmentBytes: 20_000 });
    for (let i = 0; i < records; i++) ledger.append(recordAt(i));
    await closed(ledger);
    assert.ok((await archiveSegments(folder, archives)).length > 0);
    // It goes with the folder when that gets its name.
    fs.renameSync(folder, `${folder}-named`);
    assert.deepEqual(readAll(`${folder}-named`).end, { kind: 'clean', records });
    fs.rmSync(`${folder}-named`, { recursive: true });
  }
  assert.deepEqual(fs.readdirSync(archives).sort(), ['partial', 'partial.2']);
});

test('nothing is removed whose copy is not what it should be', async () => {
  const [folder, archives] = [newFolder(), newFolder()];
  const { ledger } = openLedger(folder, { service, segmentBytes: 20_000 });
  for (let i = 0; i < 20; i++) ledger.append(recordAt(i));
  await closed(ledger);
  const before = segmentsOf(folder);
  // A disk that takes everything, and keeps nothing.
  fs.mkdirSync(join(archives, basename(folder)));
  fs.writeFileSync(join(folder, 'archive'), join(archives, basename(folder)));
  fs.symlinkSync('/dev/null', join(archives, basename(folder), `${before[0]}.tmp`));
  await assert.rejects(archiveSegments(folder, archives), StorageError);
  assert.deepEqual(segmentsOf(folder), before);
});
