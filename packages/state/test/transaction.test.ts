import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionError } from '@coppice/wire';
import { encodeWriteSet, State, type StateLimit, StateLimitError, writeSetBytesMax } from '@coppice/state';
import { Overlay, Speculation } from '../src/overlay.ts';
import { Store } from '../src/store.ts';
import { cryptography } from './model.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function stateWith(...keys: string[]): State {
  const state = new State(cryptography);
  const transaction = state.begin().transaction();
  for (const key of keys) transaction.set('m', key, bytes(1));
  transaction.commit();
  state.fold();
  return state;
}

test('an iteration does not see what is written during it', () => {
  const transaction = stateWith('a', 'b', 'd').begin().transaction();
  transaction.set('m', 'c', bytes(2));
  const seen: string[] = [];
  for (const [key, value] of transaction.entries('m')) {
    seen.push(`${key}${value[0]}`);
    transaction.set('m', `${key}x`, bytes(3));
    transaction.set('m', 'c', bytes(4));
    transaction.delete('m', 'd');
  }
  assert.deepEqual(seen, ['a1', 'b1', 'c2', 'd1']);
  assert.deepEqual(
    [...transaction.entries('m', { reverse: true, limit: 3 })].map(([key]) => key),
    ['dx', 'cx', 'c'],
  );
});

test('a deletion hides what is below, also where nothing is left', () => {
  const state = stateWith('a');
  const overlay = state.begin();
  const first = overlay.transaction();
  first.delete('m', 'a');
  assert.deepEqual(first.commit(), [{ address: 'm\0a', value: undefined }]);
  const second = overlay.transaction();
  assert.equal(second.get('m', 'a'), undefined);
  assert.deepEqual([...second.entries('m')], []);
  second.set('m', 'a', bytes(9));
  second.abort();
  assert.deepEqual(state.view().get('m', 'a'), bytes(1), 'a speculative deletion is not seen in the committed state');
  state.fold();
  assert.equal(state.view().get('m', 'a'), undefined);
  assert.deepEqual(state.digest(), new State(cryptography).digest());
});

test('the write set has the last write of each key, in order of map and key', () => {
  const transaction = stateWith().begin().transaction();
  transaction.set('b', 'k', bytes(1));
  transaction.set('a', 'z', bytes(2));
  transaction.set('a', 'k', bytes(3));
  transaction.set('b', 'k', bytes(4));
  transaction.delete('a', 'z');
  transaction.set('a!', '', bytes());
  assert.deepEqual(transaction.commit(), [
    { address: 'a\0k', value: bytes(3) },
    { address: 'a\0z', value: undefined },
    { address: 'a!\0', value: bytes() },
    { address: 'b\0k', value: bytes(4) },
  ]);
});

const beyond: [StateLimit, string, () => [string, string, Uint8Array]][] = [
  ['map-name', 'no name', () => ['', 'k', bytes()]],
  ['map-name', 'a name of 65 characters', () => ['m'.repeat(65), 'k', bytes()]],
  ['map-name', 'a name with a space', () => ['m m', 'k', bytes()]],
  ['map-name', 'a name with a zero', () => ['m\0', 'k', bytes()]],
  ['key', 'a key of 1,025 bytes', () => ['m', 'k'.repeat(1025), bytes()]],
  ['key', 'a key that is not of bytes', () => ['m', 'k\u0100', bytes()]],
  ['value', 'a value of 1 MiB and a byte', () => ['m', 'k', new Uint8Array(1_048_577)]],
];

for (const [code, what, write] of beyond) {
  test(`refuses ${what}, without effect`, () => {
    const transaction = stateWith('a').begin().transaction();
    assert.throws(
      () => transaction.set(...write()),
      (error) => error instanceof StateLimitError && error.code === code,
    );
    assert.deepEqual(transaction.commit(), []);
  });
}

test('takes names, keys and values at the bounds', () => {
  const state = stateWith();
  const transaction = state.begin().transaction();
  const [map, key, value] = ['~'.repeat(64), '\xff'.repeat(1024), new Uint8Array(1_048_576).fill(5)];
  transaction.set(map, key, value);
  transaction.commit();
  state.fold();
  assert.deepEqual([...state.view().entries(map)], [[key, value]]);
  assert.equal(state.snapshot().rehash(0, 1), undefined);
});

test('a transaction writes what fits into a write set, and not a byte more', () => {
  const transaction = stateWith().begin().transaction();
  for (let i = 0; i < 4; i++) transaction.set('m', `${i}`, new Uint8Array(1_000_000));
  const rest = writeSetBytesMax - 4 - 5 * (9 + 3) - 4_000_000;
  assert.throws(() => transaction.set('m', '4', new Uint8Array(rest + 1)), { code: 'write-set' });
  assert.equal(transaction.has('m', '4'), false);
  transaction.set('m', '4', new Uint8Array(rest));
  assert.throws(() => transaction.delete('m', '5'), { code: 'write-set' });
  transaction.delete('m', '3');
  transaction.set('m', '3', new Uint8Array(1_000_000));
  assert.equal(encodeWriteSet(transaction.commit()).length, writeSetBytesMax);
});

test('whoever misuses overlays and transactions is told', () => {
  const state = stateWith('a', 'b');
  const older = state.begin();
  const overlay = state.begin();
  assert.throws(() => older.transaction(), AssertionError);
  const transaction = overlay.transaction();
  const iteration = transaction.entries('m');
  iteration.next();
  assert.throws(() => overlay.transaction(), AssertionError);
  assert.throws(() => overlay.apply([]), AssertionError);
  assert.throws(() => state.begin(), AssertionError);
  assert.throws(() => state.fold(), AssertionError);
  assert.throws(() => state.rollback(0), AssertionError);
  transaction.commit();
  assert.throws(() => transaction.get('m', 'a'), AssertionError);
  assert.throws(() => transaction.set('m', 'a', bytes()), AssertionError);
  assert.throws(() => transaction.commit(), AssertionError);
  assert.throws(() => iteration.next(), AssertionError);
  state.rollback(0);
  assert.throws(() => overlay.transaction(), AssertionError);
  assert.throws(() => state.fold(), AssertionError);
});

test('an iteration of the committed state goes on through changes', () => {
  for (const reverse of [false, true]) {
    const state = stateWith('a', 'b', 'c', 'd');
    const seen: string[] = [];
    for (const [key] of state.view().entries('m', { reverse })) {
      seen.push(key);
      const transaction = state.begin().transaction();
      transaction.delete('m', key);
      transaction.delete('m', 'c');
      transaction.set('m', 'bb', bytes());
      transaction.commit();
      state.fold();
    }
    assert.deepEqual(seen, reverse ? ['d', 'bb', 'b', 'a'] : ['a', 'b', 'bb', 'd']);
  }
});

test('nothing is left of overlays that were folded or discarded', () => {
  const speculation = new Speculation(Store.empty(cryptography));
  const write = (value: number): void => {
    const overlay = new Overlay(speculation);
    speculation.overlays.push(overlay);
    overlay.apply([{ address: 'm\0k', value: bytes(value) }]);
  };
  for (const value of [1, 2, 3, 4]) write(value);
  speculation.fold();
  speculation.fold();
  speculation.discard();
  speculation.discard();
  assert.deepEqual(speculation.versions.sorted(), []);
  assert.deepEqual(speculation.store.get('m', 'k'), bytes(2));
});
