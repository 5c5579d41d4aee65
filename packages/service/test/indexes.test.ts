import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, defineService, encodeOperation, query, type Schema } from '@coppice/service';
import { testService } from '@coppice/service/testing';
import type { Outcome } from '@coppice/service/runtime';
import { loaded } from './loaded.ts';

const any: Schema<any> = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };

for (const maps of [{}, { maps: { lots: { public: true } } }]) {
  const which = 'maps' in maps ? 'public' : 'private';
  test(`a service queries its ${which} map in another order`, async () => {
    const service = defineService({
      name: 'lots',
      version: 1,
      ...maps,
      commands: {
        put: command({ input: any }, (tx, { lot, place }: { lot: number; place: string }) => {
          tx.map('lots').set(lot, { place });
        }),
      },
      queries: {
        at: query({ input: any }, (tx, place: string) => {
          const index = tx.index('byPlace');
          return { lots: [...index.entries([place])].map(([, lot]) => lot), through: index.through };
        }),
      },
      indexes: { byPlace: { of: 'lots', keys: ({ place }: { place: string }) => [[place]] } },
    });
    const client = testService(service).as('alice');
    for (const [lot, place] of [
      ['3', 'b'],
      ['1', 'a'],
      ['2', 'b'],
      ['1', 'b'],
    ] as const)
      await client.put({ lot: Number(lot), place });
    assert.deepEqual(await client.at('b'), { lots: [1, 2, 3], through: 4 });
    assert.deepEqual(await client.at('a'), { lots: [], through: 4 });
  });
}

test('an index is of a declared map, and has a function', () => {
  const of = { name: 'a', version: 1, commands: {} };
  const keys = () => [];
  assert.deepEqual(defineService({ ...of, indexes: { i: { of: 'm', keys } } }).indexes, { i: { of: 'm', keys } });
  assert.throws(() => defineService({ ...of, maps: { other: any }, indexes: { i: { of: 'm', keys } } }), TypeError);
  assert.throws(() => defineService({ ...of, indexes: { 'no name': { of: 'm', keys } } }), TypeError);
  assert.throws(() => defineService({ ...of, indexes: { i: { of: 'm', keys: 1 as never } } }), TypeError);
});

test('what gives keys is confined and counted, and a command has no index', () => {
  const { runtime, state, call, give } = loaded(`var service = (() => {
    const any = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
    let asked = 0;
    const commands = {
      put: { kind: 'command', allow: ['anyone'], input: any, handler(tx, [key, value]) { tx.map('m').set(key, value); } },
      cheat: { kind: 'command', allow: ['anyone'], handler(tx) { return tx.index('i').through; } },
    };
    const queries = { all: { kind: 'query', allow: ['anyone'], handler(tx) {
      const { through, failed } = tx.index('i');
      return { through, failed, pairs: [...tx.index('i').entries()] };
    } }, none: { kind: 'query', allow: ['anyone'], handler(tx) { tx.index('toString'); } } };
    const indexes = { i: { of: 'm', keys(value, key) {
      asked += 1;
      if (value === 'throw') throw new Error();
      if (value === 'loop') for (;;);
      if (value === 'odd') return 7;
      if (value === 'deep') { const d = (n) => d(n + 1); return d(0); }
      return [[value, asked], [value, asked]];
    } } };
    return { default: { name: 'test', version: 1, roles: [], commands, queries, indexes } };
  })();`);
  for (const [i, value] of ['throw', 'loop', 'odd', 'deep', 'b', 'a'].entries()) assert.ok(call('put', [i, value]).ok);
  assert.equal(give('cheat'), 'failed');
  const ask = (command: string): Outcome =>
    runtime.query(state, {
      ...{ caller: { id: 'alice', roles: [] }, time: 0, sequence: 9, seed: new Uint8Array(32) },
      operation: encodeOperation({ command }),
    });
  assert.equal(runtime.indexes.used, false);
  assert.deepEqual(ask('none').ok, false);
  const before = ask('all');
  assert.deepEqual(before.ok && before.value, { through: 0, failed: 0, pairs: [] });
  assert.equal(runtime.indexes.used, true);
  while (runtime.indexes.work(state, 2));
  const after = ask('all');
  // A variable of the script is as it was loaded, each time.
  const pairs = [
    [['a', 1], 5],
    [['b', 1], 4],
  ];
  assert.deepEqual(after.ok && after.value, { through: 9, failed: 4, pairs });
});
