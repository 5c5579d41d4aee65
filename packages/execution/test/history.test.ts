import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ChainVerifier,
  type HistoricalValue,
  historicalValueCodec,
  historicalValueVersion,
  holdsAt,
  type ShownValue,
  shownValueCodec,
  verifyHistoricalValue,
  verifyShownValue,
} from '@coppice/ledger';
import { command, defineService, encodeOperation, type Schema } from '@coppice/service';
import { runtimeOf } from '@coppice/service/runtime';
import { State } from '@coppice/state';
import {
  type CheckpointCertificate,
  checkpointStatement,
  type Cryptography,
  decode,
  encode,
  quorumOf,
  toHex,
} from '@coppice/wire';
import { answerHistory } from '@coppice/execution';
import type { CommittedState } from '../src/execution.ts';
import { bytesOf, epochSigner, testCryptography, TestLog } from '../../ledger/test/fixtures.ts';

const any: Schema<any> = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
const definition = {
  name: 'register',
  version: 1,
  roles: ['clerk'],
  commands: {
    put: command({ input: any, allow: 'anyone' }, (tx, [map, key, value]: [string, string, number | null]) => {
      if (value === null) tx.map(map).delete(key);
      else tx.map(map).set(key, value);
    }),
    fail: command({ allow: 'anyone' }, (tx) => {
      tx.map('kept').set('a', 99);
      tx.reject('no', 'not this');
    }),
  },
} as const;
const service = defineService({ ...definition, history: { kept: 'anyone', secret: 'clerk' } });
const runtime = runtimeOf(service);
/** Of the service's text `k`: tag, text, end. */
const keyOf = (text: string): Uint8Array => Buffer.from(`\x05${text}\0\x01`, 'latin1');

/** A state after these batches of commands, and a log whose checkpoint certifies it. */
function executed(batches: readonly (readonly [string, string, number | null])[][]) {
  const state = new State(testCryptography);
  for (const [i, batch] of batches.entries()) {
    const overlay = state.begin();
    for (const input of batch) {
      const tx = overlay.transaction();
      const operation = encodeOperation(input[0] === 'fail' ? { command: 'fail' } : { command: 'put', input });
      const caller = { id: '', roles: [] };
      const { ok } = runtime.execute(tx, { operation, caller, time: 1000 + i, sequence: i + 1, seed: bytesOf('') });
      if (ok) tx.commit();
      else tx.abort();
    }
    state.fold();
  }
  const snapshot = state.snapshot();
  const log = new TestLog();
  for (const _ of batches) log.header([]);
  return { state, snapshot, log };
}

function certificateOf(log: TestLog, stateDigest: Uint8Array, changes = {}, epoch = 0): CheckpointCertificate {
  const subject = { sequence: log.tree.size, ledgerRoot: log.tree.root(), stateDigest, ...changes };
  const statement = checkpointStatement(log.service, subject);
  const signatures = log.launches
    .slice(0, quorumOf(4))
    .map((name, slot) => ({ slot, signature: epochSigner(name, epoch).sign(statement) }));
  return { epoch, ...subject, signatures };
}

const batches = [
  [['other', 'x', 1]],
  [['kept', 'a', 1]],
  [
    ['kept', 'a', 2],
    ['kept', 'a', 3],
    ['kept', 'b', 1],
    ['secret', 'a', 7],
  ],
  [['fail', '', null]],
  [['kept', 'a', null]],
  [['kept', 'b', 1]],
] as [string, string, number | null][][];
const { snapshot, log, state } = executed(batches);
const certified = { certificate: certificateOf(log, snapshot.digest), snapshot };
const present = { view: state.view(), activation: { code: { version: 1 } } } as CommittedState;
const services = new Map([[1, runtime]]);

function ask(map: string, key: string, at: number | undefined, of = certified) {
  return answerHistory(present, of, services, { map, key: keyOf(key), at, caller: undefined });
}

function documentOf(shown: Uint8Array, of = log): HistoricalValue {
  const decoded = decode(shownValueCodec, shown);
  assert.ok(decoded.ok);
  return { version: historicalValueVersion, genesis: of.genesis, epochs: of.epochs, ...decoded.value };
}

function shownOf(key: string, at: number): HistoricalValue {
  const answer = ask('kept', key, at);
  assert.ok(answer.ok);
  return documentOf(answer.shown);
}

const verdictOf = (document: HistoricalValue, known = {}) =>
  verifyHistoricalValue(testCryptography, encode(historicalValueCodec, document), { service: log.service, ...known });

test('proves the value as of every batch, and the interval in which it held', () => {
  const expected: Record<string, [number | undefined, number, number | undefined, number | undefined][]> = {
    // As of batches 1 … 6: value, from, until, written at.
    a: [
      [undefined, 1, 2, undefined],
      [1, 2, 3, 1001],
      [3, 3, 5, 1002],
      [3, 3, 5, 1002],
      [undefined, 5, undefined, 1004],
      [undefined, 5, undefined, 1004],
    ],
    // Written as it was: still a write.
    b: [
      [undefined, 1, 3, undefined],
      [undefined, 1, 3, undefined],
      [1, 3, 6, 1002],
      [1, 3, 6, 1002],
      [1, 3, 6, 1002],
      [1, 6, undefined, 1005],
    ],
    never: Array.from({ length: 6 }, () => [undefined, 1, undefined, undefined]),
  };
  for (const [key, versions] of Object.entries(expected)) {
    for (const [i, [value, from, until, writtenAt]] of versions.entries()) {
      const verdict = verdictOf(shownOf(key, i + 1));
      assert.ok(verdict.ok, JSON.stringify(verdict));
      const { facts } = verdict;
      assert.deepEqual(
        [facts.value?.[0], facts.from, facts.until, facts.writtenAt, facts.checkpoint],
        [value, from, until, writtenAt, 6],
      );
      for (let at = 0; at < 9; at++) assert.equal(holdsAt(facts, at), at >= from && at < (until ?? 7));
    }
  }
});

test('refuses with a reason', () => {
  const reason = (...[map, key, at, of]: Parameters<typeof ask>) => {
    const answer = ask(map, key, at, of);
    return answer.ok ? 'ok' : answer.reason;
  };
  assert.equal(reason('kept', 'a', undefined), 'ok');
  assert.equal(reason('kept', 'a', 0), 'before-history');
  assert.equal(reason('kept', 'a', 7), 'not-stable');
  assert.equal(
    answerHistory(present, undefined, services, { map: 'kept', key: keyOf('a'), at: 1, caller: undefined }).ok,
    false,
  );
  assert.equal(reason('other', 'x', 1), 'not-allowed');
  assert.equal(reason('secret', 'a', 3), 'not-allowed');
  const empty = new State(testCryptography).snapshot();
  assert.equal(reason('kept', 'a', 1, { ...certified, snapshot: empty }), 'no-history');
  assert.equal(runtime.mayReadHistory('secret', ['clerk']), true);
  assert.equal(runtime.mayReadHistory('other', ['clerk']), false);
});

test('the first failing check is named', () => {
  const past = shownOf('a', 2);
  const absent = shownOf('a', 1);
  const newest = shownOf('b', 6);
  const never = shownOf('never', 6);
  const check = (document: HistoricalValue, known = {}): string => {
    const verdict = verdictOf(document, known);
    return verdict.ok ? 'ok' : verdict.check;
  };
  for (const document of [past, absent, newest, never]) assert.equal(check(document), 'ok');
  const shown = <K extends ShownValue['shown']['kind']>(document: HistoricalValue, kind: K) => {
    assert.equal(document.shown.kind, kind);
    return document.shown as Extract<ShownValue['shown'], { kind: K }>;
  };
  const truth = certified.certificate;

  assert.equal(check({ ...past, genesis: { ...log.genesis, time: 5 } }), 'genesis');
  assert.equal(check({ ...past, checkpoint: { ...truth, epoch: 1 } }), 'epoch-chain');
  for (const changes of [{ sequence: 7 }, { stateDigest: bytesOf('') }, { ledgerRoot: bytesOf('') }])
    assert.equal(check({ ...past, checkpoint: { ...truth, ...changes } }), 'checkpoint');
  assert.equal(check({ ...past, checkpoint: { ...truth, signatures: truth.signatures.slice(1) } }), 'checkpoint');
  assert.equal(check({ ...past, began: absent.began }), 'interval');
  assert.equal(check({ ...absent, began: undefined }), 'interval');
  assert.equal(check({ ...never, began: undefined }), 'interval');
  assert.equal(check({ ...past, shown: { ...shown(past, 'past'), until: 2 } }), 'interval');
  assert.equal(check({ ...past, shown: { ...shown(past, 'past'), until: 8 } }), 'interval');
  assert.equal(
    check({ ...newest, shown: { ...shown(newest, 'present'), newest: { from: 7, time: 1005 } } }),
    'interval',
  );
  // Another value, an interval that is none, another key, another map, and a newer value as if it were the only one.
  assert.equal(check({ ...past, value: Uint8Array.of(9) }), 'proof');
  assert.equal(check({ ...past, value: undefined }), 'proof');
  assert.equal(check({ ...past, shown: { ...shown(past, 'past'), until: 4 } }), 'proof');
  assert.equal(check({ ...past, key: keyOf('b') }), 'proof');
  assert.equal(check({ ...past, map: 'secret' }), 'proof');
  assert.equal(check({ ...newest, shown: { ...shown(newest, 'present'), newest: { from: 3, time: 1002 } } }), 'proof');
  assert.equal(
    check({ ...newest, shown: { ...shown(newest, 'present'), newest: undefined }, began: never.began }),
    'proof',
  );
  assert.equal(check({ ...never, began: { ...never.began!, since: 0 } }), 'proof');
});

test('a checkpoint beyond the end of its epoch is none; one that a later epoch signed is', () => {
  const { log: own, snapshot: of } = executed([[['kept', 'a', 1]], [['kept', 'a', 2]]]);
  own.close(own.nextConfiguration());
  const ofState = { certificate: certificateOf(own, of.digest, {}, 1), snapshot: of };
  const answer = ask('kept', 'a', 1, ofState);
  assert.ok(answer.ok);
  const document = documentOf(answer.shown, own);
  const trust = { service: own.service };
  const verify = (one: HistoricalValue, more = {}) =>
    verifyHistoricalValue(testCryptography, encode(historicalValueCodec, one), { ...trust, ...more });
  assert.equal(verify(document).ok, true);
  // Whoever knows the epoch needs no chain up to there.
  const known = { configuration: own.configuration, sequence: 3, time: own.time };
  assert.equal(verify({ ...document, epochs: [] }, { known }).ok, true);
  const check = (one: HistoricalValue): string | false => {
    const verdict = verify(one);
    return !verdict.ok && verdict.check;
  };
  assert.equal(check({ ...document, epochs: [] }), 'epoch-chain');
  // Keys of epoch 0 sign nothing after its end, as whoever knows that end can tell.
  own.header([]);
  const late = { ...document, checkpoint: certificateOf(own, of.digest), epochs: [] };
  const chain = ChainVerifier.fromGenesis(testCryptography, own.service, own.genesis);
  assert.ok(chain.ok);
  assert.equal(verifyShownValue(testCryptography, chain.value, late).ok, true);
  assert.equal(chain.value.extend(own.epochs[0]!), undefined);
  const verdict = verifyShownValue(testCryptography, chain.value, late);
  assert.equal(!verdict.ok && verdict.check, 'checkpoint');
});

/** The same signatures are verified thousands of times here. */
const verified = new Map<string, boolean>();
const remembering: Cryptography = {
  ...testCryptography,
  verify(...of) {
    const name = of.map(toHex).join();
    const valid = verified.get(name) ?? testCryptography.verify(...of);
    verified.set(name, valid);
    return valid;
  },
};

test('with any byte changed it is refused, or says itself that it is about another key, which had no value either', () => {
  for (const document of [shownOf('a', 1), shownOf('a', 2), shownOf('b', 6), shownOf('never', 6)]) {
    const bytes = encode(historicalValueCodec, document);
    const verify = (bent: Uint8Array) => verifyHistoricalValue(remembering, bent, { service: log.service });
    assert.equal(verify(bytes).ok, true);
    for (let i = 0; i < bytes.length; i++) {
      const bent = bytes.slice();
      bent[i]! ^= 1 << (i % 8);
      const verdict = verify(bent);
      if (!verdict.ok) continue;
      assert.deepEqual([verdict.facts.value, verdict.facts.writtenAt], [undefined, undefined]);
      assert.notDeepEqual(verdict.facts.key, document.key, `byte ${i}`);
    }
    for (const length of [0, 1, bytes.length - 1]) assert.equal(verify(bytes.subarray(0, length)).ok, false);
    assert.equal(verify(Buffer.concat([bytes, Buffer.of(0)])).ok, false);
  }
});
