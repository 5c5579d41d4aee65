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
  type CommitCertificate,
  commitmentOf,
  type Configuration,
  decode,
  encode,
  type Header,
  headerDigest,
  limits,
  type Outcome,
  type Seat,
  type Signer,
  voteStatement,
} from '@coppice/wire';
import { ClientDoor } from '../src/client-door.ts';
import { LogSources } from '../src/filling.ts';
import { GapFiller, RecordError } from '../src/history.ts';
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

const digest = new Uint8Array(32);
const signers = Array.from({ length: 4 }, newSigner);
const seats = signers.map(({ publicKey }, slot): Seat => {
  const keys = { instance: publicKey, signingKey: publicKey, sealingKey: publicKey };
  const names = { variant: '', platform: '', provider: '', address: '', clientAddress: '' };
  return { slot, ...keys, ...names, release: digest, turn: 0, since: 0, termEnd: 0 };
});
const configuration: Configuration = { epoch: 0, slots: 4, seats };

function certificateOf(header: Header): CommitCertificate {
  const { epoch, sequence } = header;
  const subject = { epoch, view: 0, sequence, headerDigest: headerDigest(nodeCryptography, header), newView: digest };
  const reveals = [0, 1, 2].map((slot) => {
    const nonce = new Uint8Array(32).fill(slot);
    const statement = voteStatement(service, subject, commitmentOf(nodeCryptography, nonce));
    return { slot, nonce, signature: signers[slot]!.sign(statement) };
  });
  return { subject, reveals };
}

/** Batches without requests, of which a quorum certified these, and the tree of their headers. */
function logOf(
  batches: number,
  {
    time = 1000,
    certified = () => true,
    outcomes = [],
  }: {
    readonly time?: number;
    readonly certified?: (sequence: number) => boolean;
    readonly outcomes?: Outcome[];
  } = {},
): { records: Stored[]; tree: MerkleTree } {
  const tree = new MerkleTree(nodeCryptography);
  const records: Stored[] = [];
  const { root: transactionsRoot } = new TransactionsTree(nodeCryptography, outcomes);
  for (let sequence = 1; sequence <= batches; sequence++) {
    const header: Header = {
      ...{ protocolVersion: 1, service, epoch: 0, sequence, time, proposer: 0, transactions: outcomes.length },
      ...{ previousRoot: tree.root(), transactionsRoot, configuration: digest },
    };
    tree.append(headerDigest(nodeCryptography, header));
    const batch = encode(batchCodec, { items: [] });
    records.push({ ...encodeRecord({ kind: 'batch', header, batch, outcomes }), sequence });
    if (certified(sequence))
      records.push({ ...encodeRecord({ kind: 'commit', certificate: certificateOf(header) }), sequence });
  }
  return { records, tree };
}

const to = 20;
const { records, tree } = logOf(to);
const uncertified = records.filter(({ type }) => type === recordTypes.batch);
const other = logOf(to, { time: 2000, certified: () => false }).records;

/** A replica that gives up to five batches at a time, of these and no more; it was asked from these places. */
async function replicaWith(
  t: { after: (done: () => void) => void },
  has: readonly Stored[],
  endsAt = Infinity,
  batchesPerPage = 5,
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
      const page = has.filter(({ sequence }) => sequence >= request.from && sequence < request.from + batchesPerPage);
      connection.send({ kind: 'ledger', id: request.id, records: page, more: true }, 4096);
    },
  });
  const port = await door.listen();
  t.after(() => door.close());
  return { seat: { clientAddress: `127.0.0.1:${port}`, instance: identity.publicKey }, asked };
}

function filler(
  name: string,
  of: { readonly tree: MerkleTree } = { tree },
): { filler: GapFiller; folder: string; identity: Signer } {
  const folder = join(root, name);
  const options = {
    cryptography: nodeCryptography,
    service,
    vault: undefined,
    dataFolder: folder,
    filled: 0,
    turnDeadlineMs: 60_000,
    configurationOf: (epoch: number) => (epoch === 0 ? configuration : undefined),
  };
  const gap = { from: 1, to: of.tree.size, below: new MerkleTree(nodeCryptography), ledgerRoot: of.tree.root() };
  return { filler: new GapFiller(options, gap), folder, identity: newSigner() };
}

test('goes on with the next replica where the last one ended', async (t) => {
  const [ending, behind, whole] = [
    await replicaWith(t, records, 10),
    await replicaWith(t, records.slice(0, 24)),
    await replicaWith(t, records),
  ];
  const { filler: filling, folder, identity } = filler('ending');
  await assert.rejects(filling.fill(ending.seat, identity));
  assert.equal(filling.progress.at, 10);
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
    records.slice(28).map(({ payload, sequence }) => [sequence, payload]),
  );
  assert.deepEqual(readdirSync(join(folder, 'history')), [`1-${to}`]);
});

test('who gives what does not hold is told from who gave what does, and that stays', async (t) => {
  const certificates = records.filter(({ type }) => type === recordTypes.commit);
  const [stranger, borrower, forger, shuffler, whole] = [
    await replicaWith(t, other),
    await replicaWith(t, [other[0]!, certificates[0]!, ...other.slice(1)]),
    await replicaWith(t, [...records.slice(0, 14), ...other.slice(7)]),
    await replicaWith(t, [...records.slice(0, 15), certificates[9]!, ...records.slice(15)]),
    await replicaWith(t, records),
  ];
  const { filler: filling, identity } = filler('liars');
  const lies = async (liar: typeof whole, message: RegExp): Promise<number> => {
    const isNamed = (error: unknown): boolean => error instanceof RecordError && message.test(error.message);
    await assert.rejects(filling.fill(liar.seat, identity), isNamed);
    return filling.progress.at;
  };
  assert.equal(await lies(stranger, /do not lead to the certified ledger root/), 0);
  assert.equal(await lies(borrower, /what certifies batch 1 does not/), 0);
  assert.equal(await lies(forger, /batch 8 is of another log/), 5);
  assert.equal(await lies(shuffler, /a record of 10 at 8/), 5);
  await filling.fill(whole.seat, identity);
  assert.equal(whole.asked[0], 6);
});

test('what nothing certifies is dropped with whoever gave it, and counts once the whole leads to the checkpoint', async (t) => {
  const sparse = records.filter(({ sequence, type }) => type === recordTypes.batch || sequence === 7);
  const [ending, bare] = [await replicaWith(t, sparse, 15), await replicaWith(t, uncertified)];
  const { filler: filling, identity } = filler('uncertified');
  await assert.rejects(filling.fill(ending.seat, identity));
  assert.equal(filling.progress.at, 7);
  const { reader } = await filling.fill(bare.seat, identity);
  assert.deepEqual(bare.asked, [8, 13, 18]);
  assert.deepEqual(
    [...reader.readFrom(1)].map(({ sequence, type }) => [sequence, type]),
    sparse.map(({ sequence, type }) => [sequence, type]),
  );
});

test('so much that nothing certifies that it is in the ledger is asked for again from the beginning', async (t) => {
  const outcome = { request: digest, result: new Uint8Array(0), salt: new Uint8Array(0) };
  // More than any message may hold, and as much as a batch may give.
  const outcomes = Array.from({ length: 3 }, () => ({ ...outcome, writeSet: new Uint8Array(limits.writeSetBytes) }));
  const large = logOf(4, { certified: (sequence) => sequence === 4, outcomes });
  const one = (has: readonly Stored[], endsAt?: number) => replicaWith(t, has, endsAt, 1);
  const [ending, whole] = [await one(large.records, 3), await one(large.records)];
  const { filler: filling, identity } = filler('large', large);
  await assert.rejects(filling.fill(ending.seat, identity));
  assert.equal(filling.progress.at, 0);
  await filling.fill(whole.seat, identity);
  assert.deepEqual(
    [ending.asked, whole.asked],
    [
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ],
  );
});

test('who lied is asked last, and the primary after the others', () => {
  const sources = new LogSources();
  const asked = (): number | undefined => sources.best(seats, 0)?.slot;
  const order: (number | undefined)[] = [];
  for (const lied of [true, false, false, false, false]) {
    const slot = asked();
    order.push(slot);
    sources.failed(seats[slot!]!, lied);
  }
  assert.deepEqual(order, [1, 2, 3, 0, 2]);
  assert.deepEqual(sources.liars.length, 1);
  assert.equal(sources.best([seats[1]!], 0)?.slot, 1);
});

test('pages are made of what was filled in, whatever is asked for', async (t) => {
  const whole = await replicaWith(t, uncertified);
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
    uncertified.map(({ sequence }) => sequence),
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
