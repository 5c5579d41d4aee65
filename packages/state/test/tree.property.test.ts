import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { Tree } from '../src/tree.ts';

type Step = { kind: 'set' | 'delete'; keys: number[] } | { kind: 'share' };

const keys = fc.oneof(
  fc.array(fc.nat(9000), { maxLength: 150, size: 'max' }),
  // Runs, up and down, or with gaps: they split at the edge, and empty whole nodes.
  fc
    .tuple(fc.nat(9000), fc.nat(3000), fc.constantFrom(1, -1, 3))
    .map(([start, length, by]) => Array.from({ length }, (_, i) => (start + by * i + 9000) % 9000)),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant<'set'>('set'), keys }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant<'delete'>('delete'), keys }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant<'share'>('share') }) },
);

const text = (n: number): string => `${n + 1000}`.padStart(5, '0');

function walk(tree: Tree<number>, from: string, to: string, reverse: boolean): [string, number][] {
  const entries: [string, number][] = [];
  const cursor = tree.cursor(from, to, reverse);
  while (cursor.next()) entries.push([cursor.key!, cursor.value!]);
  assert.equal(cursor.next(), false, 'a walk that has ended stays so');
  return entries;
}

/** Not `deepEqual`, which describes at length how long lists differ, at each step of the search for a short case. */
function assertSame(actual: readonly unknown[], expected: readonly unknown[]): void {
  assert.ok(isDeepStrictEqual(actual, expected), `${actual.length} entries, not the ${expected.length} expected`);
}

test('a tree is a sorted map, and so is each of its shared copies', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 25, size: 'max' }),
      fc.array(fc.tuple(fc.nat(9900), fc.nat(9900))),
      (steps, spans) => {
        const trees = [{ tree: new Tree<number>(), model: new Map<string, number>() }];
        let value = 0;
        for (const [i, { kind, ...rest }] of steps.entries()) {
          const { tree, model } = trees[i % trees.length]!;
          if (kind === 'share') trees.push({ tree: tree.share(), model: new Map(model) });
          for (const n of 'keys' in rest ? rest.keys : []) {
            if (kind === 'set') {
              tree.set(text(n), ++value);
              model.set(text(n), value);
            } else {
              tree.delete(text(n));
              model.delete(text(n));
            }
          }
        }
        for (const { tree, model } of trees) {
          const sorted = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
          assert.equal(tree.size, model.size);
          assertSame(walk(tree, '', '~', false), sorted);
          assertSame(walk(tree, '', '~', true), sorted.toReversed());
          for (const [a, b] of spans) {
            const span = sorted.filter(([key]) => key >= text(a) && key < text(b));
            assertSame(walk(tree, text(a), text(b), false), span);
            assertSame(walk(tree, text(a), text(b), true), span.toReversed());
            assert.equal(tree.get(text(a)), model.get(text(a)));
            const below = sorted.findLast(([key]) => key <= text(a));
            assert.deepEqual(tree.floor(text(a)), below && { key: below[0], value: below[1] });
          }
        }
      },
    ),
    { numRuns: 25 },
  );
});
