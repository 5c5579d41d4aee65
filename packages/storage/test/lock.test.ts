import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { lockFolder, openLedger, StorageError } from '../src/index.ts';
import { closed, newFolder, service } from './folders.ts';

function isLocked(pid: number): (error: unknown) => boolean {
  return (error) => error instanceof StorageError && error.detail.code === 'LOCKED' && error.detail.pid === pid;
}

function locksOf(folder: string): string[] {
  return fs.readdirSync(folder).filter((name) => name.startsWith('lock.'));
}

test('a folder is opened once, and again when it was closed', async () => {
  const folder = newFolder();
  const { ledger } = openLedger(folder, { service });
  assert.throws(() => openLedger(folder, { service }), isLocked(process.pid));
  assert.equal(locksOf(folder).length, 1);
  await closed(ledger);
  assert.deepEqual(locksOf(folder), []);
  await closed(openLedger(folder, { service }).ledger);
});

test('a folder that a living process holds is refused; when it died it is taken over', async () => {
  const folder = newFolder();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'appender.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  assert.throws(() => openLedger(folder, { service }), isLocked(child.pid!));
  assert.equal(locksOf(folder).length, 1);

  child.kill('SIGKILL');
  child.stdout.resume();
  await once(child, 'close');
  const { ledger } = openLedger(folder, { service });
  assert.ok(ledger.end > 0);
  assert.match(locksOf(folder).join(), new RegExp(`^lock\\.${process.pid}\\.\\d*$`));
  await closed(ledger);
});

test('a process id that came again is another process', { skip: !fs.existsSync('/proc/1/stat') }, async () => {
  const folder = newFolder();
  fs.writeFileSync(join(folder, 'lock.1.123456789'), '');
  await closed(openLedger(folder, { service }).ledger);
  assert.deepEqual(locksOf(folder), []);
});

test('what is locked by name beside others is locked alone', () => {
  const folder = newFolder();
  const [first, second] = ['a.lock', 'b.lock'].map((name) => lockFolder(folder, name));
  assert.throws(() => lockFolder(folder, 'a.lock'), isLocked(process.pid));
  fs.writeFileSync(join(folder, 'a.lock.1.123456789'), '');
  first!.release();
  lockFolder(folder, 'a.lock').release();
  second!.release();
  assert.deepEqual(fs.readdirSync(folder), []);
});
