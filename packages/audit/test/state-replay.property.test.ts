/** Two readings of the state digest: the replica's, and the audit's. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { testCryptography as cryptography } from '../../ledger/test/fixtures.ts';
import { encodeWriteSet, State } from '../../state/src/index.ts';
import { StateReplay, StateWatch } from '../src/state-replay.ts';

const change = fc.record({
  key: fc.nat({ max: 150 }),
  /** Bytes of the value: often small, at times a leaf's fill. */
  value: fc.option(fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 20_000 })), { nil: undefined, freq: 3 }),
});

it('a replayed state has the digest that a replica computes', () => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 60, size: 'max' }), { maxLength: 6 }), (batches) => {
      const state = new State(cryptography);
      const replay = new StateReplay(cryptography);
      for (const changes of batches) {
        const byAddress = new Map(
          changes.map(({ key, value }) => [
            `m\0${key}`,
            value === undefined ? undefined : new Uint8Array(value).fill(key),
          ]),
        );
        const writeSet = [...byAddress]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([address, value]) => ({ address, value }));
        state.begin().apply(writeSet);
        state.fold();
        assert.equal(replay.apply(encodeWriteSet(writeSet)), undefined);
        assert.deepEqual(replay.digest(), state.digest());
      }
    }),
    { numRuns: 60 },
  );
});

it('a state is that of the checkpoint, not of the head', () => {
  const writeSet = (value: number): Uint8Array => encodeWriteSet([{ address: 'm\0k', value: Uint8Array.of(value) }]);
  const digestAfter = (value: number): Uint8Array => {
    const replay = new StateReplay(cryptography);
    replay.apply(writeSet(value));
    return replay.digest();
  };
  const watch = new StateWatch(cryptography, writeSet(0));
  for (const value of [1, 2, 3]) assert.equal(watch.add(value, [writeSet(9), writeSet(value)]), undefined);
  assert.deepEqual(watch.digestAt(2, false), digestAfter(2));
  assert.deepEqual(watch.digestAt(3, false), digestAfter(3));
  assert.match(watch.digestAt(2, false) as string, /too late/);
});

it('what is no write set is named with its batch', () => {
  const watch = new StateWatch(cryptography, encodeWriteSet([]));
  assert.equal(watch.add(1, [Uint8Array.of(1)]), undefined);
  assert.match(watch.digestAt(1, false) as string, /batch 1/);
  const change = (key: string): Uint8Array => encodeWriteSet([{ address: `m\0${key}`, value: undefined }]).subarray(4);
  const unordered = new StateReplay(cryptography);
  assert.match(unordered.apply(Uint8Array.of(0, 0, 0, 2, ...change('b'), ...change('a')))!, /ascend/);
  assert.equal(unordered.apply(Uint8Array.of(0, 0, 0, 2, ...change('a'), ...change('b'))), undefined);
});
