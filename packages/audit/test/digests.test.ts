/** The two readings of a batch's transactions, ledger's and the audit's, agree on what was written, public or not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransactionsTree } from '@coppice/ledger';
import { bytesOf, testCryptography, writeSetOf } from '../../ledger/test/fixtures.ts';
import { BatchDigests } from '../src/digests.ts';

test('write sets with and without changes of public maps', () => {
  const writeSets = [
    {},
    { 'service/a': 'x' },
    { 'public/a': 'x' },
    { 'public/a': undefined },
    { 'public/a': 'x', 'public/b': undefined, 'service/a': 'y', 'service/b': undefined },
    { $a: 'x', 'history/b': undefined, 'public/a': 'y', 'service/b': 'z' },
    { 'history/public/': 'x', p: 'y' },
    { 'public-': 'x' },
    { p: 'x' },
  ].map(writeSetOf);
  const outcomes = [bytesOf('salt'), new Uint8Array(0)].flatMap((salt) =>
    writeSets.map((writeSet) => ({ request: bytesOf('request'), result: bytesOf('result'), salt, writeSet })),
  );
  const digests = new BatchDigests(testCryptography);
  assert.deepEqual(digests.rootOfTransactions(outcomes), new TransactionsTree(testCryptography, outcomes).root);
  for (const outcome of outcomes)
    assert.deepEqual(digests.rootOfTransactions([outcome]), new TransactionsTree(testCryptography, [outcome]).root);
});
