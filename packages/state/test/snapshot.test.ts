import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeParts, partBytesMax, type Snapshot, State, StateTransfer } from '@coppice/state';
import { cryptography } from './model.ts';

/** `count` keys of some bytes, and now and then a large value. */
function filled(count: number, state = new State(cryptography)): State {
  const transaction = state.begin().transaction();
  for (let i = 0; i < count; i++) {
    transaction.set(i % 3 === 0 ? 'a' : 'b', `key${i}`, new Uint8Array(i % 97 === 0 ? 20_000 : 20).fill(i));
  }
  transaction.commit();
  state.fold();
  return state;
}

function changed(state: State, map: string, key: string, value: Uint8Array): Snapshot {
  const transaction = state.begin().transaction();
  transaction.set(map, key, value);
  transaction.commit();
  state.fold();
  return state.snapshot();
}

function restore(chunks: Iterable<Uint8Array>, digest: Uint8Array, own?: Snapshot): StateTransfer {
  const transfer = StateTransfer.begin(cryptography, digest, own);
  for (const chunk of chunks) {
    const decoded = decodeParts(chunk);
    assert.ok(decoded.ok);
    for (const { path, bytes } of decoded.value) transfer.accept(path, bytes);
  }
  return transfer;
}

/** The paths of all parts. */
function paths(snapshot: Snapshot, path = ''): string[] {
  const bytes = snapshot.part(path);
  if (bytes === undefined) return [];
  return [path, ...'0123456789abcdef'.split('').flatMap((digit) => paths(snapshot, path + digit))];
}

test('a snapshot is written in bounded chunks and read back', () => {
  const snapshot = filled(3000).snapshot();
  const chunks = [...snapshot.chunks(30_000)];
  assert.ok(chunks.length > 10);
  for (const chunk of chunks) assert.ok(chunk.length <= 30_000);
  const transfer = restore(chunks, snapshot.digest);
  assert.ok(transfer.complete);
  const restored = new State(cryptography, transfer.finish());
  assert.deepEqual([...restored.view().entries('b')], [...snapshot.view.entries('b')]);
  assert.deepEqual(restored.digest(), snapshot.digest);
  const after = changed(restored, 'b', 'more', Uint8Array.of(1));
  assert.deepEqual(after.digest, changed(filled(3000), 'b', 'more', Uint8Array.of(1)).digest);
  assert.equal(after.rehash(0, 1), undefined);
});

test('a part that is larger than a chunk is a chunk by itself', () => {
  const snapshot = filled(300).snapshot();
  const chunks = [...snapshot.chunks(1)];
  assert.equal(chunks.length, paths(snapshot).length);
  assert.ok(restore(chunks, snapshot.digest).complete);
});

test('an empty snapshot has no parts', () => {
  const { digest } = new State(cryptography).snapshot();
  assert.deepEqual([...new State(cryptography).snapshot().chunks(1000)], []);
  assert.ok(restore([], digest).complete);
  const own = filled(100).snapshot();
  const emptied = restore([], digest, own).finish();
  assert.deepEqual([...emptied.view.entries('a')], []);
  assert.equal(emptied.rehash(0, 1), undefined);
});

test('an increment holds only what changed, and needs what it builds on', () => {
  const state = filled(3000);
  const before = state.snapshot();
  const after = changed(state, 'a', 'key0', Uint8Array.of(1));
  const increment = [...after.chunks(100_000, before)];
  const decoded = decodeParts(increment[0]!);
  assert.ok(decoded.ok && increment.length === 1);
  assert.deepEqual(
    decoded.value.map(({ path }) => path.length),
    decoded.value.map((_, depth) => depth),
    'one part at each depth: the way to the key',
  );
  const restored = restore(increment, after.digest, before).finish();
  assert.deepEqual(restored.view.get('a', 'key0'), Uint8Array.of(1));
  assert.deepEqual(restored.rehash(0, 1), undefined);
  assert.equal(restore(increment, after.digest).complete, false);
  assert.deepEqual([...before.chunks(1000, before)], []);
});

test('a damaged chunk costs the parts in it, and those below them', () => {
  const snapshot = filled(3000).snapshot();
  const chunks = [...snapshot.chunks(30_000)];
  const damaged = chunks.map((chunk) => chunk.slice());
  damaged[3]![20_000]! ^= 1;
  const transfer = restore(damaged, snapshot.digest);
  assert.equal(transfer.complete, false);
  const missing = transfer.wanted(1000);
  assert.ok(missing.length > 0 && missing.length < 20);
  for (const { path, bytes } of snapshot.answer(missing, Infinity))
    assert.deepEqual(transfer.accept(path, bytes), { ok: true });
  assert.deepEqual(transfer.finish().rehash(0, 1), undefined);
});

test('an answer has the parts that exist, as far as they fit, and at least one', () => {
  const snapshot = filled(300).snapshot();
  const all = paths(snapshot);
  assert.deepEqual(
    snapshot.answer(['x', ...all, '0'.repeat(64)], Infinity).map(({ path }) => path),
    all,
  );
  assert.equal(snapshot.answer(all, 0).length, 1);
  assert.equal(snapshot.answer(all, 513 + 8 + 100).length, 1);
  assert.deepEqual(snapshot.answer(['zz', '\u0100'], 1000), []);
  for (const path of all) assert.ok(snapshot.part(path)!.length <= partBytesMax);
});

test('rehashing in turn finds any changed byte, and none that is not', () => {
  const snapshot = filled(400).snapshot();
  const of = 5;
  const damage = (): (string | undefined)[] => Array.from({ length: of }, (_, part) => snapshot.rehash(part, of));
  assert.deepEqual(new Set(damage()), new Set([undefined]));
  let at = 0;
  for (const path of paths(snapshot)) {
    const bytes = snapshot.part(path)!;
    at = (at + 7919) % bytes.length;
    bytes[at]! ^= 0x10;
    assert.ok(damage().includes(path), `byte ${at} of ${bytes.length} at '${path}'`);
    bytes[at]! ^= 0x10;
  }
  assert.deepEqual(new Set(damage()), new Set([undefined]));
});

test('rehashing finds an index that does not fit', () => {
  const changedPlace = filled(100).snapshot();
  changedPlace.store.index.set('a\0key0', 1);
  assert.notEqual(changedPlace.rehash(0, 1), undefined);
  const additional = filled(100).snapshot();
  additional.store.index.set('a\0none', 1);
  assert.equal(additional.rehash(0, 1), '');
});
