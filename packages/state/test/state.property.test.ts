import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeWriteSet, encodeWriteSet, type Snapshot, State, type View, type WriteSet } from '@coppice/state';
import {
  anyRange,
  colliding,
  type Content,
  cryptography,
  digestOfContent,
  keys,
  pageStores,
  mapName,
  maps,
  range,
  type Write,
  write,
} from './model.ts';

function assertReads(view: View, content: Content, ranges: readonly { map: string; range: object }[]): void {
  for (const map of maps) assert.deepEqual([...view.entries(map)], range(content, map, {}));
  for (const { map, range: bounds } of ranges) {
    assert.deepEqual([...view.entries(map, bounds)], range(content, map, bounds), JSON.stringify({ map, bounds }));
  }
  for (const map of maps) {
    for (const key of keys) {
      const value = content.get(`${map}\0${key}`);
      assert.deepEqual(view.get(map, key), value);
      assert.equal(view.has(map, key), value !== undefined);
    }
  }
}

type Step =
  | { kind: 'begin' | 'fold' | 'snapshot' | 'apply' }
  | { kind: 'rollback'; keep: number }
  | { kind: 'transaction'; writes: Write[]; commit: boolean; iterate: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('begin' as const, 'fold' as const, 'apply' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const), keep: fc.nat(4) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('transaction' as const),
      writes: fc.array(write, { maxLength: 12, size: 'max' }),
      commit: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
      iterate: fc.boolean(),
    }),
  },
);

const ranges = fc.array(fc.record({ map: mapName, range: anyRange }), { maxLength: 8, size: 'max' });

function put(content: Map<string, Uint8Array>, { map, key, value }: Write): void {
  if (value === undefined) content.delete(`${map}\0${key}`);
  else content.set(`${map}\0${key}`, value);
}

const variants = Object.entries({ cryptography, colliding }).flatMap(([name, provider]) =>
  Object.entries(pageStores).map(([where, store]) => ({ name: `${name}, pages in ${where}`, provider, store })),
);

for (const { name, provider, store } of variants) {
  test(`a state is a stack of maps, with ${name}`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), ranges, (steps, someRanges) => {
        const state = new State(provider, undefined, store());
        // The content after the committed batches, and after each overlay.
        const stack: Map<string, Uint8Array>[] = [new Map()];
        const snapshots: { snapshot: Snapshot; content: Content }[] = [];
        let overlay: ReturnType<State['begin']> | undefined;
        let lastWriteSet: WriteSet = [];
        for (const current of steps) {
          const { kind } = current;
          if (kind === 'begin' || (overlay === undefined && kind !== 'snapshot')) {
            overlay = state.begin();
            stack.push(new Map(stack.at(-1)));
          } else if (kind === 'fold') {
            state.fold();
            stack.shift();
            if (stack.length === 1) overlay = undefined;
          } else if (kind === 'rollback') {
            state.rollback(current.keep);
            if (current.keep < stack.length - 1) overlay = undefined;
            stack.length = Math.min(stack.length, current.keep + 1);
          } else if (kind === 'snapshot') {
            snapshots.push({ snapshot: state.snapshot(), content: new Map(stack[0]) });
          } else if (kind === 'apply') {
            overlay!.apply(lastWriteSet);
            for (const { address, value } of lastWriteSet) {
              if (value === undefined) stack.at(-1)!.delete(address);
              else stack.at(-1)!.set(address, value);
            }
          } else if (kind === 'transaction') {
            const content = new Map(stack.at(-1));
            const transaction = overlay!.transaction();
            if (current.iterate) assertReads(transaction, content, someRanges);
            for (const one of current.writes) {
              if (one.value === undefined) transaction.delete(one.map, one.key);
              else transaction.set(one.map, one.key, one.value);
              put(content, one);
            }
            assertReads(transaction, content, someRanges);
            if (current.commit) {
              const decoded = decodeWriteSet(encodeWriteSet(transaction.commit()));
              assert.ok(decoded.ok);
              lastWriteSet = decoded.value;
              assert.equal(lastWriteSet.length, new Set(current.writes.map(({ map, key }) => `${map}\0${key}`)).size);
              stack[stack.length - 1] = content;
            } else {
              transaction.abort();
            }
          }
          assert.equal(state.overlays, stack.length - 1);
        }
        assertReads(state.view(), stack[0]!, someRanges);
        assert.deepEqual(state.digest(), digestOfContent(stack[0]!, provider));
        for (const { snapshot, content } of snapshots) {
          assertReads(snapshot.view, content, someRanges);
          assert.deepEqual(snapshot.digest, digestOfContent(content, provider));
          assert.equal(snapshot.rehash(0, 1), undefined);
          assert.equal(snapshot.count, content.size);
        }
      }),
      { numRuns: 40 },
    );
  });
}

test('the digest is of the content, whatever led to it', () => {
  const writes = fc.array(write, { minLength: 1, maxLength: 400, size: 'max' });
  fc.assert(
    fc.property(writes, fc.infiniteStream(fc.nat(1000)), (all, numbers) => {
      const content = new Map<string, Uint8Array>();
      for (const one of all) put(content, one);
      const direct = commit(new State(cryptography), all);
      // The same content in another order, after a detour, with digests on the way.
      const shuffled = [...content]
        .map(([address, value]) => ({ address, value, at: numbers.next().value! }))
        .toSorted((a, b) => a.at - b.at);
      const other = commit(new State(cryptography), all.toReversed());
      other.digest();
      const overlay = other.begin();
      const transaction = overlay.transaction();
      for (const { map, key } of all) transaction.delete(map, key);
      transaction.commit();
      for (const { address, value } of shuffled) overlay.apply([{ address, value }]);
      other.fold();
      assert.deepEqual(direct.digest(), digestOfContent(content));
      assert.deepEqual(other.digest(), direct.digest());
    }),
    { numRuns: 25 },
  );
});

function commit(state: State, writes: readonly Write[]): State {
  const transaction = state.begin().transaction();
  for (const { map, key, value } of writes) {
    if (value === undefined) transaction.delete(map, key);
    else transaction.set(map, key, value);
  }
  transaction.commit();
  state.fold();
  return state;
}
