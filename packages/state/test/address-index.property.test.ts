import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { AddressIndex } from '../src/address-index.ts';
import { pageStores } from './model.ts';

// Addresses that share beginnings, of all lengths: runs of numbers, bytes at the edges, and some that fill a page.
const address = fc.oneof(
  { weight: 8, arbitrary: fc.nat(3000).map((n) => `m\0key${n}`) },
  { weight: 2, arbitrary: fc.string({ unit: fc.constantFrom('\0', '\x01', 'a', '\xfe', '\xff'), maxLength: 6 }) },
  { weight: 1, arbitrary: fc.nat(40).map((n) => `m\0${'x'.repeat(1000)}${n}`) },
);
const addresses = fc.oneof(
  fc.array(address, { maxLength: 200, size: 'max' }),
  fc
    .tuple(fc.nat(3000), fc.nat(1000), fc.constantFrom(1, -1))
    .map(([start, length, by]) => Array.from({ length }, (_, i) => `n\0${start + 5000 + by * i}`)),
);
const step = fc.record({ kind: fc.constantFrom('set', 'set', 'delete', 'share'), addresses });
const bound = fc.oneof(address, fc.constantFrom('', 'm\0', 'm\x01', 'm\0k\u0100', 'n\0', '\u0100'));

function walk(index: AddressIndex, from: string, to: string, reverse: boolean): [string, number][] {
  const entries: [string, number][] = [];
  const cursor = index.cursor(from, to, reverse);
  while (cursor.next()) entries.push([cursor.key!, cursor.value!]);
  assert.equal(cursor.key, undefined);
  return entries;
}

/** Not `deepEqual`, which describes at length how long lists differ, at each step of the search for a short case. */
function assertSame(actual: readonly unknown[], expected: readonly unknown[]): void {
  assert.ok(isDeepStrictEqual(actual, expected), `${actual.length} entries, not the ${expected.length} expected`);
}

for (const [where, store] of Object.entries(pageStores)) {
  test(`an index is a sorted map, and so is each of its shared copies, with pages in ${where}`, () => {
    const spans = fc.array(fc.tuple(bound, bound), { maxLength: 20, size: 'max' });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15, size: 'max' }), spans, (steps, asked) => {
        const all = [{ index: new AddressIndex(store()), model: new Map<string, number>() }];
        let prefix = -5;
        for (const [i, { kind, addresses: some }] of steps.entries()) {
          const { index, model } = all[i % all.length]!;
          if (kind === 'share') all.push({ index: index.share(), model: new Map(model) });
          for (const one of some) {
            if (kind === 'set') {
              index.set(one, (prefix -= 1000));
              model.set(one, prefix);
            } else {
              index.delete(one);
              model.delete(one);
            }
          }
        }
        for (const { index, model } of all) {
          const sorted = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
          assert.equal(index.size, model.size);
          assertSame(walk(index, '', '\u0100', false), sorted);
          assertSame(walk(index, '', '\u0100', true), sorted.toReversed());
          for (const [one, value] of model) assert.equal(index.get(one), value);
          for (const [a, b] of asked) {
            const span = sorted.filter(([key]) => key >= a && key < b);
            assertSame(walk(index, a, b, false), span);
            assertSame(walk(index, a, b, true), span.toReversed());
            assert.equal(index.get(a), model.get(a));
          }
        }
      }),
      { numRuns: 25 },
    );
  });
}
