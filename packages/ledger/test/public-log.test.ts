import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decode,
  encode,
  type Genesis,
  type Outcome,
  resultDigest,
  type SystemRequest,
  systemRequestDigest,
} from '@coppice/wire';
import {
  privateWriteSetDigest,
  type PublicRecord,
  publicRecordCodec,
  PublicLogVerifier,
  splitWriteSet,
  TransactionsTree,
} from '../src/index.ts';
import { bytesOf, outcomesOf, testCryptography, TestLog, writeSetOf } from './fixtures.ts';

type Records = Exclude<PublicRecord, { kind: 'genesis' }>[];
type Batch = Extract<PublicRecord, { kind: 'batch' }>;

const request: SystemRequest = {
  kind: 'erasure',
  erasure: {
    service: bytesOf('service'),
    epoch: 0,
    slot: 1,
    instance: bytesOf('instance'),
    signature: new Uint8Array(64),
  },
};

const writes = writeSetOf({ 'public/shown': 'everybody', 'service/hidden': 'private' });

/** The public part of a log of two epochs: batches of a client's requests with one of an instance, certified now and then. */
function publicLog(): { log: TestLog; records: Records } {
  const log = new TestLog();
  const records: Records = [];
  const batch = (outcomes: readonly Outcome[], header = log.header(outcomes)): Batch => {
    const tree = new TransactionsTree(testCryptography, outcomes);
    const system = outcomes.flatMap(({ result, request: asked }, index) =>
      Buffer.from(asked).equals(systemRequestDigest(testCryptography, request))
        ? [{ index, request, result, writeSetDigest: tree.writeSetDigest(index), path: tree.path(index) }]
        : [],
    );
    const written = outcomes.flatMap(({ request: asked, result, salt, writeSet }, index) => {
      const parts = splitWriteSet(writeSet);
      if (parts === undefined) return [];
      const rest = privateWriteSetDigest(testCryptography, salt, parts.rest);
      const of = { index, request: asked, result: resultDigest(testCryptography, result), path: tree.path(index) };
      return [{ ...of, writes: parts.shown, rest }];
    });
    return { kind: 'batch', header, system, written };
  };
  const outcomes = (first: number): Outcome[] => {
    const clients = outcomesOf(log.bundle('client', first, [bytesOf('a'), bytesOf('b')]), writes);
    const own = {
      request: systemRequestDigest(testCryptography, request),
      result: bytesOf('done'),
      salt: new Uint8Array(0),
      writeSet: new Uint8Array(0),
    };
    return [clients[0]!, own, clients[1]!];
  };
  for (let epoch = 0; epoch < 2; epoch++) {
    for (let i = 0; i < 3; i++) records.push(batch(outcomes(1 + 2 * i)));
    records.push({ kind: 'commit', certificate: log.commit((records.at(-1) as Batch).header) });
    const closing = outcomes(7);
    const certificate = log.close(
      log.nextConfiguration(epoch, `new ${epoch}`, epoch + 1),
      log.launches.with(epoch, `new ${epoch}`),
      closing,
    );
    records.push(batch(closing, certificate.header));
    records.push({ kind: 'commit', certificate: certificate.certificate }, { kind: 'epoch', certificate });
  }
  return { log, records };
}

/** Where it fails and why, or what it came to. */
function judged(genesis: Genesis, service: Uint8Array, records: Records): string | PublicLogVerifier {
  const verifier = new PublicLogVerifier(testCryptography);
  const begun = verifier.begin(service, { genesis, constitution: new Uint8Array(0), joins: [], signatures: [] });
  if (begun !== undefined) return begun;
  for (const [i, record] of records.entries()) {
    const reason = verifier.add(record);
    if (reason !== undefined) return `${i}: ${reason}`;
  }
  return verifier;
}

test('the public part of a log holds, from the service digest on', () => {
  const { log, records } = publicLog();
  const verifier = judged(log.genesis, log.service, records);
  assert.ok(typeof verifier !== 'string');
  assert.deepEqual(
    [verifier.committed?.sequence, verifier.uncertified, verifier.epoch, verifier.shown],
    [8, 0, 2, { system: 8, written: 16, transactions: 24 }],
  );
  assert.equal(judged(log.genesis, bytesOf('another'), records), 'of another service');
  assert.equal(new PublicLogVerifier(testCryptography).add(records[0]!), 'it does not begin with genesis');
});

test('nothing of what clients asked, got and wrote is in it', () => {
  const { records } = publicLog();
  const bytes = Buffer.concat(records.map((record) => encode(publicRecordCodec, record)));
  for (const secret of [bytesOf('a'), bytesOf('b'), Buffer.from('private'), Buffer.from('hidden')])
    assert.ok(!bytes.includes(secret));
  for (const shown of ['shown', 'everybody']) assert.ok(bytes.includes(shown));
});

test('no byte of it can be altered, no record left out, repeated or moved', () => {
  const { log, records } = publicLog();
  const holds = (altered: Records): boolean => {
    const verdict = judged(log.genesis, log.service, altered);
    return typeof verdict !== 'string' && verdict.uncertified === 0 && verdict.committed?.sequence === 8;
  };
  assert.ok(holds(records));
  for (const [i, record] of records.entries()) {
    const encoded = encode(publicRecordCodec, record);
    for (let at = 0; at < encoded.length; at += 7) {
      const bytes = Uint8Array.from(encoded);
      bytes[at]! ^= 1;
      const altered = decode(publicRecordCodec, bytes);
      if (altered.ok && altered.value.kind !== 'genesis')
        assert.ok(!holds(records.with(i, altered.value)), `byte ${at} of record ${i}, ${record.kind}`);
    }
    // A later certificate of the epoch may do the work of an earlier one.
    if (record.kind !== 'commit')
      assert.ok(!holds(records.toSpliced(i, 1)) || i === records.length - 1, `without record ${i}`);
    if (record.kind === 'batch') assert.ok(!holds(records.toSpliced(i, 0, record)), `record ${i} twice`);
  }
  assert.ok(!holds(records.slice(0, -3)));
  assert.ok(!holds([records[1]!, records[0]!, ...records.slice(2)]));
});
