import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '@coppice/wire';
import { State, StateTransfer } from '@coppice/state';
import { colliding, cryptography, digestOfContent, pageStores } from './model.ts';
import vectors from './vectors/digest.json' with { type: 'json' };

// Entry i of a vector: map "m", key "key" and i in decimal, `bytes` bytes of the value i modulo 256.
for (const { what, count, bytes, digest } of vectors) {
  test(`the digest of ${what}`, () => {
    const state = new State(cryptography);
    const transaction = state.begin().transaction();
    for (let i = 0; i < count; i++) transaction.set('m', `key${i}`, new Uint8Array(bytes).fill(i));
    transaction.commit();
    state.fold();
    assert.equal(toHex(state.digest()), digest);
  });
}

test('places that share many digits make the trie deep, and nothing else', () => {
  const state = new State(colliding);
  const content = new Map<string, Uint8Array>();
  const write = (from: number, to: number, value: Uint8Array | undefined): void => {
    const transaction = state.begin().transaction();
    for (let i = from; i < to; i++) {
      if (value === undefined) transaction.delete('c', `${i}`);
      else transaction.set('c', `${i}`, value);
      if (value === undefined) content.delete(`c\0${i}`);
      else content.set(`c\0${i}`, value);
    }
    transaction.commit();
    state.fold();
    assert.deepEqual(state.digest(), digestOfContent(content, colliding));
    for (const [address, expected] of content) assert.deepEqual(state.view().get('c', address.slice(2)), expected);
  };
  write(0, 300, Uint8Array.of(1));
  write(100, 200, Uint8Array.of(2, 3));
  const snapshot = state.snapshot();
  assert.notEqual(snapshot.part('1e2d3c4b5a69788796a5'), undefined);
  write(50, 280, undefined);
  write(0, 40, new Uint8Array(1000));
  write(10, 300, undefined);
  assert.equal(state.snapshot().part('')![0], 'L'.charCodeAt(0));
});

test('a digest finds little to be hashed, however much was written since the last one', () => {
  let hashes = 0;
  const counting = {
    ...cryptography,
    hash(bytes: Uint8Array) {
      hashes++;
      return cryptography.hash(bytes);
    },
  };
  const state = new State(counting);
  let keys = 0;
  const write = (): void => {
    const transaction = state.begin().transaction();
    for (let i = 0; i < 1000; i++) transaction.set('a', `key${keys++}`, Uint8Array.of(i));
    transaction.commit();
    state.fold();
  };
  for (let i = 0; i < 20; i++) write();
  hashes = 0;
  state.digest();
  // Of at most 4,096 entries, and of the leaves and nodes above them.
  assert.ok(hashes < 3 * 4096, `${hashes} hashes`);
  write();
  hashes = 0;
  state.digest();
  assert.ok(hashes > 1000, 'what is written is not hashed at once');
});

for (const [where, store] of Object.entries(pageStores))
  test(`a state that is hashed anew has the digest of its content, and leaves what it was alone, with pages in ${where}`, () => {
    const state = new State(cryptography, undefined, store());
    const content = new Map<string, Uint8Array>();
    const write = (from: number, to: number, value: Uint8Array): void => {
      const transaction = state.begin().transaction();
      for (let i = from; i < to; i++) {
        transaction.set('m', `key${i}`, value);
        content.set(`m\0key${i}`, value);
      }
      transaction.commit();
      state.fold();
    };
    write(0, 2000, Uint8Array.of(1));
    const before = state.snapshot();
    const shown = digestOfContent(content);
    const later = cryptography.of(4);
    // One batch that is executed and not committed.
    state.begin();
    state.hashBy(later);
    assert.notDeepEqual(state.digest(), shown);
    assert.deepEqual(state.digest(), digestOfContent(content, later));
    state.fold();
    write(1900, 2100, Uint8Array.of(2, 3));
    assert.deepEqual(state.digest(), digestOfContent(content, later));
    assert.deepEqual(state.view().get('m', 'key1950'), Uint8Array.of(2, 3));
    const snapshot = state.snapshot();
    for (let part = 0; part < 16; part++) {
      assert.equal(before.rehash(part, 16), undefined, 'the state before is whole');
      assert.equal(snapshot.rehash(part, 16), undefined);
    }
    assert.deepEqual(before.digest, shown);
    assert.deepEqual(before.view.get('m', 'key1950'), Uint8Array.of(1));
    const received = StateTransfer.begin(later, snapshot.digest, undefined, store());
    for (let asked = received.wanted(512); asked.length > 0; asked = received.wanted(512))
      for (const path of asked) assert.deepEqual(received.accept(path, snapshot.part(path)!), { ok: true });
    assert.deepEqual(new State(later, received.finish()).digest(), snapshot.digest);
  });
