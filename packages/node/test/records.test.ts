/** A data folder is read in an order in which each record goes on from those before it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { recordTypes } from '@coppice/ledger';
import { openLedger } from '@coppice/storage';
import { readDataFolder } from '../src/records.ts';

const folder = mkdtempSync(join(tmpdir(), 'coppice-records-'));
after(() => rmSync(folder, { recursive: true }));

type Record = readonly [kind: keyof typeof recordTypes, sequence: number];

function write(name: string, records: readonly Record[]): Promise<void> {
  const { ledger } = openLedger(join(folder, name), { service: new Uint8Array(32) });
  for (const [kind, sequence] of records)
    ledger.append({ type: recordTypes[kind], sequence, payload: Buffer.from(name) });
  return new Promise((resolve) => ledger.close(() => resolve()));
}

test('a fill-in stands before the state that was received, also where more had been proposed', async () => {
  await write('ledger', [
    ['genesis', 0],
    ['batch', 1],
    ['commit', 1],
    // Proposed, and executed, and come to nothing.
    ['batch', 2],
    ['batch', 3],
    ['batch', 4],
    ['batch', 5],
    ['checkpoint', 3],
    ['batch', 4],
  ]);
  await write('history/2-3', [
    ['batch', 2],
    ['batch', 3],
    ['commit', 3],
  ]);
  const read: string[] = [];
  for (const item of readDataFolder(folder))
    read.push(
      item.kind === 'record' ? `${Buffer.from(item.record.payload).toString()} ${item.record.sequence}` : item.kind,
    );
  assert.deepEqual(read.slice(7), ['history/2-3 2', 'history/2-3 3', 'history/2-3 3', 'ledger 3', 'ledger 4', 'clean']);
});
