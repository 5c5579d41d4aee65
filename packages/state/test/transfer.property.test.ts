import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '@coppice/wire';
import { type Snapshot, State, StateTransfer } from '@coppice/state';
import { colliding, cryptography, digestOfContent, elsewhere, maps, type Write, write } from './model.ts';

function commit(state: State, writes: readonly Write[]): void {
  const transaction = state.begin().transaction();
  for (const { map, key, value } of writes) {
    if (value === undefined) transaction.delete(map, key);
    else transaction.set(map, key, value);
  }
  transaction.commit();
  state.fold();
}

function content(snapshot: Snapshot): Map<string, Uint8Array> {
  return new Map(
    [...maps, 'many'].flatMap((map) =>
      [...snapshot.view.entries(map)].map(([key, value]): [string, Uint8Array] => [`${map}\0${key}`, value]),
    ),
  );
}

/** Answers as somebody who wants the replica to end with another state, to fail, or never to end. */
function lie(honest: Uint8Array, other: Snapshot, path: string, how: number): Uint8Array {
  if (how % 6 === 0) return other.part(path) ?? new Uint8Array(0);
  if (how % 6 === 1) return honest.subarray(0, how % honest.length);
  if (how % 6 === 2) return other.part('') ?? new Uint8Array(1);
  if (how % 6 === 3) return Uint8Array.from([...honest, 0]);
  const bytes = honest.slice();
  bytes[how % bytes.length]! ^= 1 << (how % 8);
  return bytes;
}

const many = Array.from({ length: 400 }, (_, i): Write => ({
  map: 'many',
  key: `${i}`,
  value: Uint8Array.of(i, i >> 8),
}));
const writes = fc.array(write, { maxLength: 80, size: 'max' });
const choices = fc.infiniteStream(fc.nat(1_000_000));

for (const [name, provider] of Object.entries({ cryptography, colliding })) {
  test(`whatever a replica has, and whoever lies, it ends with the certified state, with ${name}`, () => {
    fc.assert(
      fc.property(fc.boolean(), writes, writes, writes, choices, (large, shared, ours, theirs, choice) => {
        const next = (below: number): number => choice.next().value! % below;
        const base = large ? [...many, ...shared] : shared;
        const store = next(2) === 0 ? undefined : elsewhere();
        const [own, certified] = [new State(provider, undefined, store), new State(provider)];
        commit(own, base);
        commit(certified, base);
        commit(own, ours);
        commit(certified, theirs);
        const [old, goal] = [own.snapshot(), certified.snapshot()];

        // Others forget a state while it is being received: then it goes on with a later one, with what it has.
        const between = new State(provider, old);
        commit(between, theirs);
        const states = [goal, old, between.snapshot()];
        const passing = Array.from({ length: next(5) }, () => states[next(3)]!);
        let transfer = StateTransfer.begin(
          provider,
          (passing[0] ?? goal).digest,
          next(3) === 0 ? undefined : old,
          store,
        );
        let [sought = goal] = passing;
        let underWay: string[] = [];
        for (let steps = 0; !transfer.complete || sought !== goal; steps++) {
          assert.ok(steps < 20_000, 'no progress');
          if (sought !== goal && (transfer.complete || next(40) === 0)) {
            passing.shift();
            [sought = goal] = passing;
            transfer = transfer.instead(sought.digest);
            underWay = [];
            continue;
          }
          underWay.push(...transfer.wanted(next(8)));
          if (underWay.length === 0) continue;
          const [path] = underWay.splice(next(underWay.length), 1);
          const honest = sought.part(path!)!;
          const manner = next(5);
          if (manner === 0) {
            transfer.lost(path!);
          } else if (manner === 1) {
            const lied = lie(honest, old, path!, next(1_000_000));
            const accepted = transfer.accept(path!, lied);
            if (accepted.ok) assert.equal(toHex(lied), toHex(honest));
          } else {
            const message = honest.slice();
            assert.deepEqual(transfer.accept(path!, message), { ok: true });
            message.fill(0);
            assert.deepEqual(transfer.accept(path!, honest), { ok: false, reason: 'not-wanted' });
          }
        }
        assert.deepEqual(transfer.wanted(1), []);

        const finished = transfer.finish();
        assert.deepEqual(finished.digest, goal.digest);
        assert.deepEqual(content(finished), content(goal));
        assert.equal(finished.rehash(0, 1), undefined);
        // It goes on from there as everybody else does, and our old state has not moved.
        const state = new State(provider, finished);
        commit(state, ours);
        const after = state.snapshot();
        assert.deepEqual(after.digest, digestOfContent(content(after), provider));
        assert.equal(after.rehash(0, 1), undefined);
        assert.equal(old.rehash(0, 1), undefined);
      }),
      { numRuns: 15 },
    );
  });
}

test('asks only for the parts that differ, and counts them', () => {
  const [own, certified] = [new State(cryptography), new State(cryptography)];
  const keys = Array.from({ length: 9000 }, (_, i): Write => ({ map: 'many', key: `${i}`, value: Uint8Array.of(i) }));
  commit(own, keys);
  commit(certified, keys);
  commit(certified, [{ map: 'many', key: '17', value: undefined }]);
  const goal = certified.snapshot();
  const transfer = StateTransfer.begin(cryptography, goal.digest, own.snapshot());
  const asked: string[] = [];
  assert.deepEqual(transfer.progress, { done: 0, bytes: 0, known: 1, share: 0 });
  while (!transfer.complete) {
    const paths = transfer.wanted(100);
    asked.push(...paths);
    for (const { path, bytes } of goal.answer(paths, Infinity)) transfer.accept(path, bytes);
  }
  assert.deepEqual(
    asked.map((path) => path.length),
    [0, 1, 2, 3],
  );
  const bytes = goal.answer(asked, Infinity).reduce((sum, part) => sum + part.bytes.length, 0);
  assert.deepEqual(transfer.progress, { done: 4, bytes, known: 4, share: 1 });
  const same = StateTransfer.begin(cryptography, goal.digest, goal);
  assert.ok(same.complete);
  assert.deepEqual(same.finish().digest, goal.digest);
});

test('refuses with a reason', () => {
  const state = new State(cryptography);
  commit(state, many);
  const goal = state.snapshot();
  const root = goal.part('')!;
  const transfer = StateTransfer.begin(cryptography, goal.digest);
  assert.deepEqual(transfer.accept('0', root), { ok: false, reason: 'not-wanted' });
  assert.deepEqual(transfer.accept('', new Uint8Array(513)), { ok: false, reason: 'malformed' });
  assert.deepEqual(transfer.accept('', goal.part('0')!), { ok: false, reason: 'wrong-digest' });
  assert.throws(() => transfer.finish());
  assert.deepEqual(transfer.wanted(5), ['']);
  assert.deepEqual(transfer.wanted(5), []);
  transfer.lost('');
  transfer.lost('');
  assert.deepEqual(transfer.wanted(5), ['']);
  assert.deepEqual(transfer.accept('', root), { ok: true });
  assert.deepEqual(transfer.wanted(2), ['0', '1']);
});
