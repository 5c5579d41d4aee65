import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { merkleRoot, statement } from '@coppice/wire';
import { includesTransaction, outcomeLeaves, TransactionsTree, writeSetDigest } from '@coppice/ledger';
import { bytesOf, outcomesOf, testCryptography as cryptography, TestLog } from './fixtures.ts';

describe('the transactions of a batch', () => {
  it('have paths under the root that the header names', () => {
    const log = new TestLog();
    for (const count of [1, 2, 3, 7, 8, 13]) {
      const payloads = Array.from({ length: count }, (_, i) => Uint8Array.of(i));
      const outcomes = outcomesOf(log.bundle('c', 1, payloads));
      const header = log.header(outcomes);
      const leaves = outcomeLeaves(cryptography, outcomes);
      assert.deepEqual(header.transactionsRoot, merkleRoot(cryptography, leaves));
      const tree = new TransactionsTree(cryptography, outcomes);
      leaves.forEach((leaf, i) => {
        assert.ok(includesTransaction(cryptography, header, leaf, i, tree.path(i)));
        assert.ok(!includesTransaction(cryptography, header, leaf, i + 1, tree.path(i)));
      });
    }
  });

  it('may be none', () => {
    assert.deepEqual(new TransactionsTree(cryptography, []).root, merkleRoot(cryptography, []));
  });

  it('name what they wrote by a digest in which salt and content do not run together', () => {
    const digest = writeSetDigest(cryptography, Uint8Array.of(1, 2), Uint8Array.of(3));
    assert.deepEqual(digest, cryptography.hash(statement('write-set', Uint8Array.of(2, 1, 2, 3))));
    assert.notDeepEqual(digest, writeSetDigest(cryptography, Uint8Array.of(1), Uint8Array.of(2, 3)));
    assert.notDeepEqual(writeSetDigest(cryptography, bytesOf('salt'), Uint8Array.of(3)), digest);
  });
});
