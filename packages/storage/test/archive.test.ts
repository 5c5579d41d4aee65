/** Segments that lie elsewhere are read as if they lay in the folder: by readers, by the writer, and with their keys. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { archiveOf, archiveSegments, openLedger } from '../src/index.ts';
import { closed, newFolder, readAll, segmentsOf, service, synced } from './folders.ts';
import { recordAt } from './recorded.ts';
import { TestVault } from './vault.ts';

for (const vault of [undefined, new TestVault()]) {
  const name = vault === undefined ? 'in the clear' : 'encrypted';

  test(`${name}: the writer goes on, and reads what was moved`, async () => {
    const [folder, archive] = [newFolder(), join(newFolder(), 'deep', 'archive')];
    const { ledger } = openLedger(folder, { service, vault, segmentBytes: 20_000 });
    const positions = (): number[] => [...ledger.readFrom(0)].map(({ position }) => position);
    for (let i = 0; i < 20; i++) ledger.append(recordAt(i));
    await synced(ledger);
    const before = segmentsOf(folder);
    assert.ok(before.length > 3);
    const all = positions();
    assert.deepEqual(archiveSegments(folder, archive), before.slice(0, -1));
    assert.deepEqual([segmentsOf(folder), segmentsOf(archive)], [before.slice(-1), before.slice(0, -1)]);
    assert.equal(fs.readdirSync(archive).length, (vault === undefined ? 1 : 2) * (before.length - 1));
    assert.equal(archiveOf(folder), archive);
    assert.deepEqual(positions(), all);

    for (let i = 20; i < 40; i++) ledger.append(recordAt(i));
    await synced(ledger);
    archiveSegments(folder, archive);
    assert.equal(segmentsOf(folder).length, 1);
    assert.deepEqual(archiveSegments(folder, archive), []);
    assert.throws(() => archiveSegments(folder, newFolder()), /has an archive already/);
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
    const [folder, archive] = [newFolder(), newFolder()];
    const { ledger } = openLedger(folder, { service, vault, segmentBytes: 20_000 });
    for (let i = 0; i < 20; i++) ledger.append(recordAt(i));
    await closed(ledger);
    archiveSegments(folder, archive);
    const path = join(archive, segmentsOf(archive)[1]!);
    const bytes = fs.readFileSync(path);
    fs.writeFileSync(path, bytes.with(100, bytes[100]! ^ 1));
    assert.equal(readAll(folder, vault).end.kind, 'corrupt');
    fs.rmSync(path);
    const { end } = readAll(folder, vault);
    assert.ok(end.kind === 'corrupt' && end.damage.reason === 'records-missing');
  });
}
