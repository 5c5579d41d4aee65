/**
 * Folders that tests write to, and ledgers in them.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type Ledger, type LedgerEnd, type LedgerRecord, readLedger, type ReadOptions } from '../src/index.ts';

export const service = new Uint8Array(32).fill(7);

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

/** A new folder, removed when the process ends. */
export function newFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'coppice-storage-'));
  folders.push(folder);
  return folder;
}

export function synced(ledger: Ledger): Promise<void> {
  return new Promise((resolve, reject) => ledger.sync((error) => (error === undefined ? resolve() : reject(error))));
}

export function closed(ledger: Ledger): Promise<void> {
  return new Promise((resolve, reject) => ledger.close((error) => (error === undefined ? resolve() : reject(error))));
}

/** Everything the reader says of a folder. */
export function readAll(folder: string, keys?: ReadOptions['keys']): { records: LedgerRecord[]; end: LedgerEnd } {
  const records: LedgerRecord[] = [];
  for (const item of readLedger(folder, { service, keys })) {
    if (item.kind !== 'record') return { records, end: item };
    records.push(item.record);
  }
  throw new Error('the reader stopped without a word');
}

export function segmentsOf(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.seg'))
    .sort();
}
