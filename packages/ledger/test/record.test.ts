import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeRecord, encodeRecord, type LedgerRecord, recordTypes } from '@coppice/ledger';
import { batchOf, bytesOf, outcomesOf, TestLog } from './fixtures.ts';

const log = new TestLog();
const bundle = log.bundle('c', 1, [bytesOf('a'), bytesOf('b')]);
const header = log.header(outcomesOf(bundle));
const view = { service: log.service, epoch: 0, view: 1, slot: 1 };

const records: LedgerRecord[] = [
  { kind: 'genesis', document: { genesis: log.genesis, constitution: bytesOf('c'), joins: [], signatures: [] } },
  { kind: 'batch', header, batch: batchOf({ kind: 'bundle', bundle }), outcomes: outcomesOf(bundle, bytesOf('w')) },
  { kind: 'prepared', certificate: log.prepare(header) },
  { kind: 'commit', certificate: log.commit(header) },
  {
    kind: 'new-view',
    newView: {
      ...view,
      viewChanges: [{ ...view, prepared: undefined, signature: new Uint8Array(64) }],
      signature: new Uint8Array(64),
    },
  },
  {
    kind: 'checkpoint',
    certificate: { epoch: 0, sequence: 1, ledgerRoot: log.tree.root(), stateDigest: bytesOf('s'), signatures: [] },
  },
  { kind: 'epoch', certificate: log.close(log.nextConfiguration()) },
];

describe('ledger records', () => {
  it('come back as they were', () => {
    assert.deepEqual(
      records.map(({ kind }) => recordTypes[kind]),
      [1, 2, 3, 4, 5, 6, 7],
    );
    for (const record of records) {
      const { type, payload } = encodeRecord(record);
      const decoded = decodeRecord(type, payload);
      assert.ok(decoded.ok);
      assert.equal(decoded.value.kind, record.kind);
      assert.deepEqual(encodeRecord(decoded.value).payload, payload);
    }
  });

  it('are refused when cut, extended or of an unknown type', () => {
    for (const record of records) {
      const { type, payload } = encodeRecord(record);
      assert.equal(decodeRecord(type, payload.subarray(0, -1)).ok, false);
      assert.equal(decodeRecord(type, Uint8Array.of(...payload, 0)).ok, false);
      assert.equal(decodeRecord(8, payload).ok, false);
      assert.equal(decodeRecord(0, payload).ok, false);
    }
  });
});
