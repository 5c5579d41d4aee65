/** A batch is found on the disk wherever it was recorded, and what shows it is read from shortly before it on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeCryptography } from '@coppice/cryptography';
import { encodeRecord, includesHeader, MerkleTree, TransactionsTree } from '@coppice/ledger';
import { type LedgerReader, MemoryLedger, StorageError } from '@coppice/storage';
import { batchCodec, encode, type Header, headerDigest } from '@coppice/wire';
import { FairQueue } from '../src/fair-queue.ts';
import { Frontiers } from '../src/frontiers.ts';
import { Recall, type Steps } from '../src/recall.ts';

const service = new Uint8Array(32).fill(7);
const batches = 60;

/** Whether the batch has a certificate of its own. */
const certified = (sequence: number): boolean => sequence % 7 === 0;

const tree = new MerkleTree(nodeCryptography);
const headers = new Map<number, Header>();
for (let sequence = 1; sequence <= batches; sequence++) {
  const header: Header = {
    ...{ protocolVersion: 1, service, epoch: 0, sequence, time: 5, proposer: 0, transactions: 0 },
    previousRoot: tree.root(),
    transactionsRoot: new TransactionsTree(nodeCryptography, []).root,
    configuration: new Uint8Array(32),
  };
  headers.set(sequence, header);
  tree.append(headerDigest(nodeCryptography, header));
}

function batchOf(header: Header) {
  const batch = encode(batchCodec, { items: [] });
  return { ...encodeRecord({ kind: 'batch', header, batch, outcomes: [] }), sequence: header.sequence };
}

function commitOf(sequence: number) {
  const subject = { epoch: 0, view: 0, sequence, headerDigest: tree.leaf(sequence - 1)!, newView: new Uint8Array(32) };
  return { ...encodeRecord({ kind: 'commit', certificate: { subject, reveals: [] } }), sequence };
}

/** A ledger with these batches, and how many of its records were read. */
function ledgerOf(from: number, to: number, isThere = certified) {
  const ledger = new MemoryLedger();
  const append = (record: Parameters<MemoryLedger['append']>[0]) => void ledger.append(record);
  for (let sequence = from; sequence <= to; sequence++) {
    // Proposed, and come to nothing.
    append(batchOf({ ...headers.get(sequence)!, time: 4 }));
    append(batchOf(headers.get(sequence)!));
    if (isThere(sequence)) append(commitOf(sequence));
  }
  const counted = { reads: 0 };
  const count = function* <T>(records: Iterable<T>): Generator<T> {
    for (const record of records) {
      counted.reads += 1;
      yield record;
    }
  };
  const reader: LedgerReader = {
    read: (sequence) => count(ledger.read(sequence)),
    readFrom: (sequence, wanted) => count(ledger.readFrom(sequence, wanted)),
  };
  ledger.sync(() => undefined);
  ledger.complete();
  return { reader, counted };
}

function recallOf(ledger: LedgerReader, options: Partial<ConstructorParameters<typeof Recall>[0]> = {}) {
  const refused: string[] = [];
  const recall = new Recall({
    cryptography: nodeCryptography,
    ledger: ledger as never,
    filled: [],
    journal: { rejected: (...[, what, reason]) => void refused.push(`${what} ${reason}`) },
    inherited: 0,
    inheritedAt: undefined,
    ...options,
  });
  return { recall, refused };
}

function inSteps<T>(steps: Steps<T>): { value: T; steps: number } {
  for (let count = 0; ; count++) {
    const step = steps.next();
    if (step.done === true) return { value: step.value, steps: count };
  }
}

/** The batch, shown by the certificate that it names. */
function assertShown(recall: Recall, sequence: number, by: number): void {
  const { value: batch } = inSteps(recall.batchAt(sequence));
  assert.ok(batch !== undefined, `batch ${sequence}`);
  assert.deepEqual(batch.headerDigest, tree.leaf(sequence - 1));
  assert.equal(batch.certified.sequence, by);
  assert.equal(batch.certificate.subject.sequence, by);
  if (by === sequence) return assert.deepEqual(batch.path, []);
  const { path } = batch;
  assert.ok(
    includesHeader(nodeCryptography, batch.headerDigest, sequence, {
      ...{ path, root: batch.certified.previousRoot, size: by - 1 },
    }),
  );
}

test('a batch is shown by its certificate, or by a path to the next one', () => {
  const { reader } = ledgerOf(1, batches);
  const { recall } = recallOf(reader);
  recall.frontiers.keep(new MerkleTree(nodeCryptography), 0);
  for (const sequence of [1, 6, 7, 8, 20, 55, 2]) assertShown(recall, sequence, Math.ceil(sequence / 7) * 7);
  // Nothing certifies the last ones yet.
  assert.equal(inSteps(recall.batchAt(batches)).value, undefined);
  assert.equal(inSteps(recall.batchAt(batches + 1)).value, undefined);
});

test('reading begins at the last frontier below the batch, and where the last reading was', () => {
  const { reader, counted } = ledgerOf(1, batches);
  const { recall } = recallOf(reader);
  recall.frontiers.keep(new MerkleTree(nodeCryptography), 0);
  recall.frontiers.keep(tree, 50);
  assertShown(recall, 52, 56);
  assert.ok(counted.reads < 20, `${counted.reads} records`);
  assertShown(recall, 31, 35);
  counted.reads = 0;
  assertShown(recall, 33, 35);
  assert.ok(counted.reads < 15, `${counted.reads} records`);
});

test('what was filled in is read like the rest, and certified across its end', () => {
  const past = ledgerOf(1, 30);
  const live = ledgerOf(31, batches);
  const frontiers = new Frontiers();
  frontiers.keep(new MerkleTree(nodeCryptography), 0);
  const { recall } = recallOf(live.reader, { filled: [{ from: 1, to: 30, reader: past.reader, frontiers }] });
  recall.frontiers.keep(tree, 30);
  for (const sequence of [3, 14, 29, 30, 31, 42]) assertShown(recall, sequence, Math.ceil(sequence / 7) * 7);
});

test('batches of a service before this one, and those of an archive that is away, are not shown', () => {
  const { reader } = ledgerOf(1, batches);
  const { recall } = recallOf(reader, { inherited: 10 });
  recall.frontiers.keep(new MerkleTree(nodeCryptography), 0);
  assert.equal(inSteps(recall.batchAt(7)).value, undefined);
  assertShown(recall, 14, 14);
  const away = (): never => {
    throw new StorageError({ code: 'ARCHIVE_UNAVAILABLE' } as never);
  };
  const { recall: without, refused } = recallOf({ read: away, readFrom: away });
  assert.equal(inSteps(without.batchAt(7)).value, undefined);
  assert.deepEqual(refused, ['read archive-unavailable']);
});

test('a long reading leaves the thread between its steps, and others wait for it', async () => {
  const order: string[] = [];
  let taken = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const queue = new FairQueue<string, number>({
    sliceMs: 1,
    *handle(source, steps) {
      for (let step = 0; step < steps; step++) {
        taken += 1;
        // A step fills the slice.
        for (const end = performance.now() + 1; performance.now() < end;);
        yield;
      }
      order.push(source);
      if (order.length === 2) resolve();
    },
  });
  queue.add('long', 20);
  queue.add('short', 1);
  assert.ok(taken < 20);
  await promise;
  assert.deepEqual(order, ['long', 'short']);
});
