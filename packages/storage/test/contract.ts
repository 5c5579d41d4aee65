/**
 * What every ledger does, on disk and in memory. A harness makes one and drives it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ledger, StorageError } from '../src/index.ts';

export interface Harness {
  readonly ledger: Ledger;
  /** Lets everything that was asked for happen. */
  readonly settle: () => Promise<void>;
  /** From now on the disk fails. */
  readonly breakDisk: () => void;
  /** Ends the process, after which nothing is answered, and opens the ledger again. */
  readonly crash: () => Promise<Harness>;
  /** Closes the ledger and opens it again. */
  readonly reopen: () => Promise<Harness>;
}

/** Records with payloads that tell them apart. */
export function payloadOf(position: number): Uint8Array {
  return new Uint8Array((position * 37) % 300).fill(position % 256);
}

function appendSome(ledger: Ledger, count: number): void {
  for (let i = 0; i < count; i++) {
    const position = ledger.end;
    const record = { type: position % 256, sequence: position >> 1, payload: payloadOf(position) };
    assert.equal(ledger.append(record), position);
  }
}

function positions(records: Iterable<{ position: number }>): number[] {
  return [...records].map((record) => record.position);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

export function ledgerContract(name: string, create: () => Promise<Harness>): void {
  test(`${name}: gives back what was synced, as it was appended`, async () => {
    const { ledger, settle } = await create();
    appendSome(ledger, 20);
    ledger.sync(assert.ifError);
    await settle();
    for (const [position, record] of [...ledger.readFrom(0)].entries()) {
      const expected = { position, type: position, sequence: position >> 1, payload: payloadOf(position) };
      assert.deepEqual({ ...record, payload: new Uint8Array(record.payload) }, expected);
    }
    assert.equal(ledger.end, 20);
    assert.equal(ledger.durableEnd, 20);
  });

  test(`${name}: copies a payload when it is appended`, async () => {
    const { ledger, settle } = await create();
    const payload = Buffer.from([1, 2, 3]);
    ledger.append({ type: 0, sequence: 0, payload });
    payload.fill(9);
    ledger.sync(assert.ifError);
    await settle();
    assert.deepEqual([...[...ledger.read(0)][0]!.payload], [1, 2, 3]);
  });

  test(`${name}: finds records by sequence number, also where these do not ascend`, async () => {
    const { ledger, settle } = await create();
    const sequences = [5, 6, 5, 7, 3, 6, 9, 3];
    for (const sequence of sequences) ledger.append({ type: 1, sequence, payload: payloadOf(sequence) });
    ledger.sync(assert.ifError);
    await settle();
    assert.deepEqual(positions(ledger.read(5)), [0, 2]);
    assert.deepEqual(positions(ledger.read(3)), [4, 7]);
    assert.deepEqual(positions(ledger.read(4)), []);
    assert.deepEqual(positions(ledger.readFrom(6)), [1, 3, 5, 6]);
    assert.deepEqual(positions(ledger.readFrom(10)), []);
    const some = [...ledger.readFrom(6, ({ sequence }) => sequence !== 6)];
    assert.deepEqual(
      some.map(({ payload, position }) => [position, payload.length > 0]),
      [1, 3, 5, 6].map((position) => [position, sequences[position] !== 6]),
    );
  });

  test(`${name}: shows no record that is not durable, and counts its bytes`, async () => {
    const { ledger, settle } = await create();
    assert.equal(ledger.bytesPending, 0);
    appendSome(ledger, 3);
    const pending = ledger.bytesPending;
    assert.ok(pending > 3 * 37, String(pending));
    assert.deepEqual(positions(ledger.readFrom(0)), []);
    assert.equal(ledger.durableEnd, 0);
    ledger.sync(assert.ifError);
    appendSome(ledger, 1);
    await settle();
    assert.deepEqual(positions(ledger.readFrom(0)).slice(0, 3), [0, 1, 2]);
    assert.ok(ledger.bytesPending < pending);
  });

  test(`${name}: answers syncs in order, later, and not before the records before them are durable`, async () => {
    const { ledger, settle } = await create();
    const answered: [number, number][] = [];
    for (let i = 0; i < 10; i++) {
      appendSome(ledger, i % 3);
      const end = ledger.end;
      ledger.sync((error) => {
        assert.ifError(error);
        answered.push([i, end]);
        assert.ok(ledger.durableEnd >= end);
      });
      assert.deepEqual(answered, []);
    }
    await settle();
    assert.deepEqual(
      answered.map(([i]) => i),
      range(0, 10),
    );
  });

  test(`${name}: a callback may append and sync`, async () => {
    const { ledger, settle } = await create();
    let rounds = 0;
    const again = (error?: StorageError): void => {
      assert.ifError(error);
      if (rounds++ === 5) return;
      appendSome(ledger, 2);
      ledger.sync(again);
    };
    again();
    for (let i = 0; i < 10; i++) await settle();
    assert.equal(rounds, 6);
    assert.deepEqual(positions(ledger.readFrom(0)), range(0, 10));
  });

  test(`${name}: refuses records without an encoding, and goes on`, async () => {
    const { ledger, settle } = await create();
    const payload = new Uint8Array(1);
    assert.throws(() => ledger.append({ type: 256, sequence: 0, payload }), RangeError);
    assert.throws(() => ledger.append({ type: 0, sequence: -1, payload }), RangeError);
    assert.throws(() => ledger.append({ type: 0, sequence: 2 ** 53, payload }), RangeError);
    assert.equal(ledger.append({ type: 255, sequence: 2 ** 53 - 1, payload }), 0);
    ledger.sync(assert.ifError);
    await settle();
    assert.deepEqual(positions(ledger.read(2 ** 53 - 1)), [0]);
  });

  test(`${name}: after the disk failed nothing is durable any more, and nothing is appended`, async () => {
    const harness = await create();
    const { ledger, settle } = harness;
    appendSome(ledger, 2);
    ledger.sync(assert.ifError);
    await settle();

    harness.breakDisk();
    appendSome(ledger, 2);
    const answers: [string, string | undefined][] = [];
    for (const name of ['a', 'b']) ledger.sync((error) => answers.push([name, error?.detail.code]));
    await settle();
    ledger.sync((error) => answers.push(['c', error?.detail.code]));
    await settle();
    assert.deepEqual(answers, [
      ['a', 'WRITE_FAILED'],
      ['b', 'WRITE_FAILED'],
      ['c', 'WRITE_FAILED'],
    ]);
    assert.throws(() => appendSome(ledger, 1), StorageError);
    assert.equal(ledger.durableEnd, 2);
    assert.deepEqual(positions(ledger.readFrom(0)), [0, 1]);
  });

  test(`${name}: a crash loses nothing that was durable, and answers nothing`, async () => {
    const harness = await create();
    appendSome(harness.ledger, 5);
    harness.ledger.sync(assert.ifError);
    await harness.settle();
    appendSome(harness.ledger, 5);

    const { ledger, settle } = await harness.crash();
    assert.equal(ledger.end, 5);
    assert.deepEqual(positions(ledger.readFrom(0)), range(0, 5));
    appendSome(ledger, 2);
    ledger.sync(assert.ifError);
    await settle();
    assert.deepEqual(positions(ledger.readFrom(0)), range(0, 7));
  });

  test(`${name}: closing syncs; the next to open goes on where this one ended`, async () => {
    let harness = await create();
    const old = harness.ledger;
    for (let round = 1; round <= 3; round++) {
      appendSome(harness.ledger, 4);
      harness = await harness.reopen();
      assert.equal(harness.ledger.end, 4 * round);
      assert.deepEqual(positions(harness.ledger.readFrom(0)), range(0, 4 * round));
    }
    assert.throws(() => appendSome(old, 1), StorageError);
  });
}
