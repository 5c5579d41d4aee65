/**
 * Processes killed in the middle of appending, and power cut in the middle of a write.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { sameBytes } from '@coppice/wire';
import { openLedger } from '../src/index.ts';
import { closed, newFolder, readAll, segmentsOf, service, synced } from './folders.ts';
import { recordAt } from './recorded.ts';

function assertRecords(folder: string, recordsMin: number): number {
  const { records, end } = readAll(folder);
  assert.notEqual(end.kind, 'corrupt', JSON.stringify(end));
  assert.ok(records.length >= recordsMin, `${records.length} records, ${recordsMin} were durable`);
  for (const [position, { type, sequence, payload }] of records.entries()) {
    assert.deepEqual({ type, sequence, payload }, recordAt(position));
  }
  return records.length;
}

/** Starts a process that appends, kills it after some syncs, and returns the end that it was told is durable. */
async function appendAndKill(folder: string, syncs: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'appender.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    output += text;
    if (output.split(',').length > syncs) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  return Number(output.split(',').at(-2));
}

test('kill -9 while appending: everything that was reported durable is there, and the next process goes on', async () => {
  const folder = newFolder();
  let end = 0;
  for (const syncs of [3, 50, 120]) {
    const durable = await appendAndKill(folder, syncs);
    assert.ok(durable > end, `${durable} > ${end}`);
    end = assertRecords(folder, durable);
    // The killed process left its lock.
    assert.ok(fs.readdirSync(folder).some((name) => name.startsWith('lock.')));
  }
  const { ledger } = openLedger(folder, { service });
  assert.equal(ledger.end, end);
  ledger.append(recordAt(end));
  await closed(ledger);
  assertRecords(folder, end + 1);
});

interface Write {
  readonly path: string;
  /** The segment before and after the write, and the starts of the sectors in which they differ. */
  readonly older: Uint8Array;
  readonly newer: Uint8Array;
  readonly sectors: number[];
  /** What was durable before it. */
  readonly end: number;
}

/** Writes two groups; the second goes over zeros that the first left. */
async function writeGroups(folder: string): Promise<Write> {
  const { ledger } = openLedger(folder, { service, segmentBytes: 100_000 });
  for (let i = 0; i < 4; i++) ledger.append(recordAt(ledger.end));
  await synced(ledger);
  const path = join(folder, segmentsOf(folder)[0]!);
  const older = new Uint8Array(fs.readFileSync(path));
  const { end } = ledger;
  for (let i = 0; i < 4; i++) ledger.append(recordAt(ledger.end));
  await closed(ledger);
  const newer = new Uint8Array(fs.readFileSync(path));

  const starts = Array.from({ length: older.length / 512 }, (_, i) => 512 * i);
  const sectors = starts.filter((at) => !sameBytes(older.subarray(at, at + 512), newer.subarray(at, at + 512)));
  assert.ok(sectors.length > 20);
  return { path, older, newer, sectors, end };
}

test('a write of which the first sectors reached the disk is a torn tail', async () => {
  const folder = newFolder();
  const { path, older, newer, sectors, end } = await writeGroups(folder);
  const bytes = older.slice();
  const kinds = new Set<string>();
  for (const [i, at] of sectors.entries()) {
    fs.writeFileSync(path, bytes);
    const records = assertRecords(folder, end);
    const how = readAll(folder).end;
    kinds.add(how.kind);
    // Clean only where a record happens to end with the sector; before the first sector there is nothing torn.
    if (how.kind === 'clean') assert.ok(i === 0 || records > end, `${i}`);
    bytes.set(newer.subarray(at, at + 512), at);
  }
  assert.ok(kinds.has('torn'));
  fs.writeFileSync(path, bytes);
  assert.equal(assertRecords(folder, end), end + 4);
  assert.equal(readAll(folder).end.kind, 'clean');
});

test('a write of which some sector did not reach the disk never costs a durable record, nor passes for whole', async () => {
  const folder = newFolder();
  const { path, older, newer, sectors, end } = await writeGroups(folder);
  for (const at of sectors) {
    const bytes = newer.slice();
    bytes.set(older.subarray(at, at + 512), at);
    fs.writeFileSync(path, bytes);
    const { records, end: how } = readAll(folder);
    assert.notEqual(how.kind, 'clean');
    assert.ok(records.length >= end);
  }
});
