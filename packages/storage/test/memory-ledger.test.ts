import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLedger, StorageError } from '../src/index.ts';
import { type Harness, ledgerContract } from './contract.ts';

const failure = new StorageError({ code: 'WRITE_FAILED', path: 'memory', operation: 'fdatasync', errno: 'EIO' });

function harnessOf(ledger: MemoryLedger): Harness {
  return {
    ledger,
    settle: async () => void ledger.complete(),
    breakDisk: () => ledger.fail(failure),
    crash: async () => harnessOf(ledger.crash()),
    reopen: async () => {
      ledger.close(assert.ifError);
      ledger.complete();
      return harnessOf(ledger.crash());
    },
  };
}

ledgerContract('memory', async () => harnessOf(new MemoryLedger()));

const record = { type: 0, sequence: 0, payload: new Uint8Array(3) };

test('completes only the syncs that were asked for, and only on command', () => {
  let asked = 0;
  const ledger = new MemoryLedger({ onSync: () => asked++ });
  ledger.append(record);
  ledger.sync(assert.ifError);
  ledger.append(record);
  assert.equal(asked, 1);
  assert.equal(ledger.durableEnd, 0);
  assert.equal(ledger.complete(), 1);
  assert.equal(ledger.durableEnd, 1);
  assert.equal(ledger.complete(), 0);
  assert.equal(ledger.durableEnd, 1);
});

test('a crash may keep some of what was not durable, and never answers', () => {
  const ledger = new MemoryLedger();
  for (let i = 0; i < 5; i++) ledger.append(record);
  ledger.sync(assert.ifError);
  ledger.complete();
  for (let i = 0; i < 5; i++) ledger.append(record);
  ledger.sync(() => assert.fail('answered after a crash'));
  const next = ledger.crash(2);
  assert.equal(ledger.complete(), 0);
  assert.equal(next.end, 7);
  assert.equal(next.durableEnd, 7);
});
