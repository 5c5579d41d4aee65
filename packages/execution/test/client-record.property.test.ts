import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { ClientRecord, requestWindow, runsMax } from '../src/client-record.ts';

/** What a client does in one batch: acknowledges, and has numbers executed where they stand open. */
const step = fc.record({
  acknowledge: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
  numbers: fc.array(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 4000, max: 4200 })), { maxLength: 12 }),
});

it('agrees with a table of every number', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 0, max: 10 }), (steps, floor) => {
      let record = new ClientRecord(floor);
      let acknowledged = floor;
      const executed = new Map<number, { sequence: number; index: number }>();
      for (const [i, { acknowledge, numbers }] of steps.entries()) {
        record = record.copy();
        record.acknowledge(acknowledge);
        const highest = Math.max(acknowledged, ...executed.keys());
        acknowledged = Math.max(acknowledged, Math.min(acknowledge, highest));
        for (const [index, number] of numbers.entries()) {
          const known = executed.get(number);
          const inside = number > acknowledged && number <= acknowledged + requestWindow;
          const expected = !inside ? 'outside-window' : known === undefined ? 'new' : 'executed';
          const status = record.standing(number);
          assert.equal(status.kind, expected);
          if (status.kind === 'executed') assert.deepEqual({ sequence: status.sequence, index: status.index }, known);
          if (status.kind !== 'new') continue;
          record.add(number, i, index);
          executed.set(number, { sequence: i, index });
        }
        assert.equal(record.acknowledged, acknowledged);
        assert.equal(record.highest, Math.max(acknowledged, ...executed.keys()));
        record.lastTime = i;
        const encoded = record.encode();
        assert.equal(encoded.length, record.bytes);
        const read = ClientRecord.decode(encoded)!;
        for (let number = 0; number < 60; number++) assert.deepEqual(read.standing(number), record.standing(number));
        assert.deepEqual(read.encode(), encoded);
      }
    }),
    { numRuns: 200 },
  );
});

it('joins what one batch executes in a row into one run', () => {
  const record = new ClientRecord(0);
  for (let i = 0; i < 100; i++) record.add(1 + i, 7, 3 + i);
  assert.equal(record.bytes, new ClientRecord(0).bytes + 24);
  assert.deepEqual(record.standing(100), { kind: 'executed', sequence: 7, index: 102 });
});

it('is bounded: with all its runs in use, the client has to acknowledge', () => {
  const record = new ClientRecord(0);
  for (let i = 0; i < runsMax; i++) record.add(1 + 2 * i, i, 0);
  assert.equal(record.standing(2).kind, 'outside-window');
  assert.equal(record.standing(1).kind, 'executed');
  record.acknowledge(1);
  assert.equal(record.standing(2).kind, 'new');
  record.encode();
});

it('is not read from other bytes', () => {
  const record = new ClientRecord(3);
  record.add(5, 1, 1);
  const encoded = record.encode();
  assert.equal(ClientRecord.decode(encoded.slice(1)), undefined);
  assert.equal(ClientRecord.decode(new Uint8Array(0)), undefined);
});
