import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeKey } from '@coppice/service';
import { stateMap } from '@coppice/service/runtime';
import { ServiceIndex } from '../src/indexes.ts';
import { MemoryState } from '../src/testing.ts';

const map = stateMap('m', false);
const keys = Array.from({ length: 12 }, (_, i) => encodeKey(i % 3 === 0 ? `k${i}` : [`k${i}`, i]));
const value = fc.option(fc.uint8Array({ maxLength: 3, max: 4 }), { nil: undefined });
const batch = fc.array(fc.record({ key: fc.constantFrom(...keys), value }), { maxLength: 5 });
/** What happens: a batch is committed, the index gets time, or this replica receives the state of a later batch. */
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ batch, jump: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.nat(6) },
  { weight: 1, arbitrary: fc.record({ batch, jump: fc.integer({ min: 1, max: 9 }) }) },
);

/** An entry is found under each of its bytes, and not at all if one is 4. */
const keysOf = (_: string, bytes: Uint8Array): readonly string[] | undefined =>
  bytes.includes(4) ? undefined : [...new Set(bytes)].map((byte) => encodeKey([byte]));

const pairsOf = (key: string, bytes: Uint8Array): string[] =>
  (keysOf(key, bytes) ?? []).map((indexKey) => JSON.stringify([indexKey, key]));

test('an index says up to which batch it is complete, and comes to be what its map makes it', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.integer({ min: 2, max: 8 }), (events, waitingMax) => {
      const state = new MemoryState();
      state.set(map, keys[0]!, Uint8Array.of(1, 2));
      let committed = 3;
      const index = new ServiceIndex(map, keysOf, committed, { waitingMax, entriesMax: 1000 });
      const writtenAt = new Map<string, number>();
      const pairs = (): string[] => [...index.entries({}, undefined)].map((pair) => JSON.stringify(pair));
      for (const one of [...events, 1000]) {
        if (typeof one === 'number') {
          index.work(state, one);
          continue;
        }
        committed += 1 + one.jump;
        for (const { key, value: bytes } of one.batch) {
          writtenAt.set(key, committed);
          if (bytes === undefined) state.delete(map, key);
          else state.set(map, key, bytes);
        }
        // Of what led to a state that was received, it is told nothing.
        index.committed(committed, one.jump > 0 ? [] : new Set(one.batch.map(({ key }) => key)));

        const { through } = index;
        assert.ok(through <= committed);
        if (through === 0) continue;
        const found = pairs();
        for (const key of keys) {
          if ((writtenAt.get(key) ?? 0) > through) continue;
          const bytes = state.get(map, key);
          const expected = bytes === undefined ? [] : pairsOf(key, bytes);
          assert.deepEqual(found.filter((pair) => JSON.parse(pair)[1] === key).toSorted(), expected.toSorted());
        }
      }
      assert.ok(index.idle);
      assert.equal(index.through, committed);
      const entries = [...state.entries(map)];
      assert.equal(index.failed, entries.filter(([, bytes]) => bytes.includes(4)).length);
      // In order, forwards and backwards, in pages, by prefix.
      const all = [...index.entries({}, undefined)];
      const expected = entries.flatMap(([key, bytes]) => (keysOf(key, bytes) ?? []).map((one) => [one, key]));
      const order = ([a, b]: readonly string[], [c, d]: readonly string[]): number =>
        a! < c! ? -1 : a! > c! ? 1 : b! < d! ? -1 : 1;
      assert.deepEqual(all, expected.toSorted(order));
      assert.deepEqual([...index.entries({ reverse: true }, undefined)], all.toReversed());
      for (const reverse of [false, true]) {
        const pages: [string, string][] = [];
        for (;;) {
          const page = [...index.entries({ reverse, limit: 3 }, pages.at(-1))];
          pages.push(...page);
          if (page.length < 3) break;
        }
        assert.deepEqual(pages, reverse ? all.toReversed() : all);
      }
      for (const byte of [0, 1, 2, 3]) {
        const prefix = encodeKey([byte]);
        assert.deepEqual(
          [...index.entries({ prefix }, undefined)],
          all.filter(([key]) => key === prefix),
        );
        assert.deepEqual(
          [...index.entries({ from: prefix }, undefined)],
          all.filter(([key]) => key >= prefix),
        );
        assert.deepEqual(
          [...index.entries({ to: prefix }, undefined)],
          all.filter(([key]) => key < prefix),
        );
      }
    }),
    { numRuns: 200 },
  );
});

test('of too many entries it is never complete, and does no more', () => {
  const state = new MemoryState();
  for (const key of keys) state.set(map, key, Uint8Array.of(1));
  const index = new ServiceIndex(map, keysOf, 1, { waitingMax: 10, entriesMax: 5 });
  while (!index.idle) index.work(state, 2);
  assert.equal(index.through, 0);
});
