import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { merkleRoot, statement } from '@coppice/wire';
import {
  includesTransaction,
  outcomeLeaves,
  privateWriteSetDigest,
  publicWriteSetDigest,
  splitWriteSet,
  TransactionsTree,
  writeSetDigest,
} from '@coppice/ledger';
import { bytesOf, outcomesOf, testCryptography as cryptography, TestLog, writeSetOf } from './fixtures.ts';

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

  it('name what they wrote to public maps so that it can be shown without the rest', () => {
    const shown = { 'public/a': 'x', 'public/b': undefined };
    const rest = { 'service/a': 'y', 'service/public/': undefined };
    const salt = bytesOf('salt');
    const both = writeSetOf({ ...shown, ...rest });
    assert.deepEqual(splitWriteSet(both), { shown: writeSetOf(shown), rest: writeSetOf(rest) });
    assert.deepEqual(splitWriteSet(writeSetOf(shown)), { shown: writeSetOf(shown), rest: writeSetOf({}) });
    const digest = publicWriteSetDigest(
      cryptography,
      writeSetOf(shown),
      privateWriteSetDigest(cryptography, salt, writeSetOf(rest)),
    );
    assert.deepEqual(writeSetDigest(cryptography, salt, both), digest);
    // Histories come before, and count among the rest.
    const early = { 'history/a': 'z' };
    assert.deepEqual(splitWriteSet(writeSetOf({ ...early, ...shown, ...rest })), {
      shown: writeSetOf(shown),
      rest: writeSetOf({ ...early, ...rest }),
    });
    for (const hidden of [rest, {}, { $public: 'x' }, { 'public-': 'x' }, { 'history/public/': 'x' }, { p: 'x' }]) {
      const encoded = writeSetOf(hidden);
      assert.equal(splitWriteSet(encoded), undefined);
      assert.deepEqual(writeSetDigest(cryptography, salt, encoded), privateWriteSetDigest(cryptography, salt, encoded));
    }
  });

  it('split nothing that is no write set', () => {
    const whole = writeSetOf({ 'public/a': 'x', 'public/b': 'long enough', 'service/c': 'y' });
    for (let length = 0; length < whole.length; length++) {
      const cut = splitWriteSet(whole.subarray(0, length));
      // As many changes as it says, where those that are there are whole.
      if (cut !== undefined) assert.ok(cut.shown.length + cut.rest.length === length + 4, `${length}`);
    }
    for (let at = 0; at < whole.length; at++) splitWriteSet(whole.with(at, 255));
  });
});
