import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findVersion, historyKeyBytesMax, keepVersion, State, StateLimitError, valueMapOf } from '@coppice/state';
import { cryptography } from './model.ts';

const keys = ['', 'a', 'a\0', 'b', 'a\0\0\0\0\0\0\0\0\0\x05'];
/** Writes of one batch, each a transaction; `undefined` deletes. */
const batch = fc.array(
  fc.record({ key: fc.constantFrom(...keys), value: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }) }),
  { maxLength: 4 },
);

interface Write {
  readonly key: string;
  readonly value: number | undefined;
}

function write(state: State, sequence: number, writes: readonly Write[], declared = true): void {
  const overlay = state.begin();
  for (const { key, value } of writes) {
    const tx = overlay.transaction();
    const bytes = value === undefined ? undefined : Uint8Array.of(value);
    keepVersion(tx, { name: 'm', key, value: bytes, sequence, time: 1000 + sequence }, declared);
    if (bytes === undefined) tx.delete(valueMapOf('m'), key);
    else tx.set(valueMapOf('m'), key, bytes);
    tx.commit();
  }
  state.fold();
}

test('a history gives the value of each key as of each batch, and the whole interval in which it held', () => {
  const early = fc.array(batch, { maxLength: 3 });
  const later = fc.array(batch, { maxLength: 12 });
  fc.assert(
    fc.property(early, later, fc.nat(20), (before, since, dropped) => {
      const state = new State(cryptography);
      // values[i] is the map after batch i.
      const values: Map<string, number | undefined>[] = [new Map()];
      let began: number | undefined;
      for (const [i, writes] of [...before, ...since].entries()) {
        const sequence = i + 1;
        // Once it has begun, a history does not depend on the declaration.
        const declared = i >= before.length && (began === undefined || i !== dropped);
        const after = new Map(values.at(-1));
        for (const { key, value } of writes) {
          if (declared && (value !== undefined || after.get(key) !== undefined)) began ??= sequence - 1;
          after.set(key, value);
        }
        write(state, sequence, writes, declared);
        values.push(after);
      }
      const view = state.view();
      for (const key of keys) {
        for (let at = 0; at < values.length; at++) {
          const found = findVersion(view, 'm', key, at);
          if (began === undefined || at < began) {
            assert.deepEqual(found, { ok: false, reason: began === undefined ? 'no-history' : 'before-history' });
            continue;
          }
          assert.ok(found.ok);
          const { version } = found;
          const newest = version.kind === 'past' ? version : version.newest;
          const from = newest === undefined || newest.from === 0 ? found.since : newest.from;
          const until = version.kind === 'past' ? version.until : values.length;
          assert.ok(from <= at && at < until);
          for (let i = from; i < until; i++) assert.equal(version.value?.[0], values[i]!.get(key));
          if (from > found.since) assert.equal(newest!.time, 1000 + from);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('refuses what a history cannot hold, before anything is written', () => {
  const state = new State(cryptography);
  const tx = state.begin().transaction();
  const of = { name: 'm', key: 'k', value: new Uint8Array(1), sequence: 7, time: 0 };
  assert.throws(
    () => keepVersion(tx, { ...of, key: 'k'.repeat(historyKeyBytesMax + 1) }, true),
    (error) => error instanceof StateLimitError && error.code === 'key',
  );
  assert.throws(
    () => keepVersion(tx, { ...of, value: new Uint8Array(1 << 20) }, true),
    (error) => error instanceof StateLimitError && error.code === 'value',
  );
  assert.equal(keepVersion(tx, { ...of, value: new Uint8Array(1 << 20) }, false), 0);
  assert.equal(tx.commit().length, 0);
  state.fold();
});

test('what a history takes can be replaced: the longest key, the largest value', () => {
  const state = new State(cryptography);
  for (const sequence of [1, 2]) {
    const tx = state.begin().transaction();
    const key = 'k'.repeat(historyKeyBytesMax);
    const value = new Uint8Array((1 << 20) - 64);
    keepVersion(tx, { name: 'm', key, value, sequence, time: 0 }, true);
    tx.set(valueMapOf('m'), key, value);
    tx.commit();
    state.fold();
  }
  const found = findVersion(state.view(), 'm', 'k'.repeat(historyKeyBytesMax), 1);
  assert.equal(found.ok && found.version.value?.length, (1 << 20) - 64);
});
