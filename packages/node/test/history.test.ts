/** The log before a received state is fetched from whoever has it: those who end halfway, and those who lie, cost time only. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newSigner, nodeCryptography } from '@coppice/cryptography';
import { encodeRecord, MerkleTree, recordTypes, TransactionsTree } from '@coppice/ledger';
import {
  batchCodec,
  clientAnswerCodec,
  decode,
  encode,
  type Header,
  headerDigest,
  limits,
  type Signer,
} from '@coppice/wire';
import { ClientDoor } from '../src/client-door.ts';
import { GapFiller } from '../src/history.ts';
import { Keyring } from '../src/keyring.ts';
import { ledgerPage } from '../src/records.ts';

const service = new Uint8Array(32).fill(7);
const root = mkdtempSync(join(tmpdir(), 'coppice-history-'));
after(() => rmSync(root, { recursive: true }));

interface Stored {
  readonly type: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Batches without requests, and the tree of their headers. */
function logOf(batches: number, time: number): { records: Stored[]; tree: MerkleTree } {
  const tree = new MerkleTree(nodeCryptography);
  const records: Stored[] = [];
  for (let sequence = 1; sequence <= batches; sequence++) {
    const header: Header = {
      ...{ protocolVersion: 1, service, epoch: 0, sequence, time, proposer: 0, transactions: 0 },
      previousRoot: tree.root(),
      transactionsRoot: new TransactionsTree(nodeCryptography, []).root,
      configuration: new Uint8Array(32),
    };
    tree.append(headerDigest(nodeCryptography, header));
    const batch = encode(batchCodec, { items: [] });
    records.push({ ...encodeRecord({ kind: 'batch', header, batch, outcomes: [] }), sequence });
  }
  return { records, tree };
}

const to = 20;
const { records, tree } = logOf(to, 1000);
const other = logOf(to, 2000).records;

/** A replica that gives up to five records at a time, of these and no more; it was asked from these places. */
async function replicaWith(
  t: { after: (done: () => void) => void },
  has: readonly Stored[],
  endsAt = Infinity,
): Promise<{ seat: { clientAddress: string; instance: Uint8Array }; asked: number[] }> {
  const { identity } = new Keyring();
  const asked: number[] = [];
  const door = new ClientDoor({
    identity: identity.privateKey,
    host: '127.0.0.1',
    port: 0,
    founding: () => false,
    count: () => undefined,
    onRequest(connection, request) {
      if (request.kind !== 'ledger') return;
      asked.push(request.from);
      if (request.from > endsAt) return connection.destroy();
      const page = has.filter(({ sequence }) => sequence >= request.from).slice(0, 5);
      connection.send({ kind: 'ledger', id: request.id, records: page, more: (page.at(-1)?.sequence ?? to) < to });
    },
  });
  const port = await door.listen();
  t.after(() => door.close());
  return { seat: { clientAddress: `127.0.0.1:${port}`, instance: identity.publicKey }, asked };
}

function filler(name: string): { filler: GapFiller; folder: string; identity: Signer } {
  const folder = join(root, name);
  const options = {
    cryptography: nodeCryptography,
    service,
    vault: undefined,
    dataFolder: folder,
    filled: 0,
    turnDeadlineMs: 60_000,
  };
  const gap = { from: 1, to, below: new MerkleTree(nodeCryptography), ledgerRoot: tree.root() };
  return { filler: new GapFiller(options, gap), folder, identity: newSigner() };
}

test('goes on with the next replica where the last one ended', async (t) => {
  const [ending, behind, whole] = [
    await replicaWith(t, records, 10),
    await replicaWith(t, records.slice(0, 12)),
    await replicaWith(t, records),
  ];
  const { filler: filling, folder, identity } = filler('ending');
  await assert.rejects(filling.fill(ending.seat, identity));
  assert.equal(filling.at, 10);
  await assert.rejects(filling.fill(behind.seat, identity), /no more than batch 12/);
  const { from, reader } = await filling.fill(whole.seat, identity);
  assert.deepEqual(
    [ending.asked, behind.asked, whole.asked],
    [
      [1, 6, 11],
      [11, 13],
      [13, 18],
    ],
  );
  assert.equal(from, 1);
  assert.deepEqual(
    [...reader.readFrom(15)].map(({ payload, sequence }) => [sequence, payload]),
    records.slice(14).map(({ payload, sequence }) => [sequence, payload]),
  );
  assert.deepEqual(readdirSync(join(folder, 'history')), [`1-${to}`]);
});

test('a log that is not the certified one is thrown away, and all of it is asked of the next replica', async (t) => {
  const [liar, forger, whole] = [
    await replicaWith(t, other),
    await replicaWith(t, [...records.slice(0, 7), ...other.slice(7)]),
    await replicaWith(t, records),
  ];
  const { filler: filling, identity } = filler('liar');
  await assert.rejects(filling.fill(liar.seat, identity), /do not lead to the certified ledger root/);
  assert.equal(filling.at, 0);
  await assert.rejects(filling.fill(forger.seat, identity), /batch 8 is of another log/);
  assert.equal(filling.at, 0);
  await filling.fill(whole.seat, identity);
  assert.equal(whole.asked[0], 1);
});

test('pages are made of what was filled in, whatever is asked for', async (t) => {
  const whole = await replicaWith(t, records);
  const { filler: filling, identity } = filler('pages');
  const filled = [await filling.fill(whole.seat, identity)];
  const live = { read: () => [], readFrom: () => [] };
  const bytesMax = 2.5 * records[0]!.payload.length;
  const pages: number[][] = [];
  for (let from = 1; from <= to;) {
    const { more, records: page } = ledgerPage(live, filled, { from, to, bytesMax, recordsMax: 100, within: 16 });
    assert.ok(page.every(({ payload, type }) => type === recordTypes.batch && payload.length > 0));
    pages.push(page.map(({ sequence }) => sequence));
    from = page.at(-1)!.sequence + 1;
    assert.equal(more, from <= to);
  }
  assert.deepEqual(
    pages.flat(),
    records.map(({ sequence }) => sequence),
  );
  assert.ok(pages.every((page) => page.length <= 3));
});

test('pages of batches without requests, which are small and many, can be sent', () => {
  const last = 10_000;
  const idle = {
    read: () => [],
    *readFrom(from: number) {
      for (let sequence = from; sequence <= last + 8; sequence++) {
        yield { type: recordTypes.batch, sequence, payload: new Uint8Array(20) };
        // Certified some batches later.
        if (sequence > 8) yield { type: recordTypes.commit, sequence: sequence - 8, payload: new Uint8Array(60) };
      }
    },
  };
  const limit = { bytesMax: 512 * 1024, recordsMax: limits.ledgerRecords, within: 16 };
  let pages = 0;
  let next = 1;
  for (let more = true; more; pages++) {
    const page = ledgerPage(idle as never, [], { from: next, to: last, ...limit });
    assert.ok(decode(clientAnswerCodec, encode(clientAnswerCodec, { kind: 'ledger', id: 1, ...page })).ok);
    const certified = page.records.map(({ sequence, type }) => [sequence, type]);
    const expected = Array.from({ length: certified.length / 2 }, (_, i) => next + i);
    assert.deepEqual(
      certified,
      expected.flatMap((sequence) => [
        [sequence, recordTypes.batch],
        [sequence, recordTypes.commit],
      ]),
    );
    next += expected.length;
    more = page.more;
  }
  assert.deepEqual([next, pages], [last + 1, 5]);
});
