import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configurationDigest, type Cryptography, type Genesis, type Header, serviceDigest } from '@coppice/wire';
import { ChainVerifier } from '@coppice/ledger';
import { bytesOf, outcomesOf, seatNamed, testCryptography, TestLog } from './fixtures.ts';

/** Counts signature checks. */
function counting(): { cryptography: Cryptography; verified: () => number } {
  let count = 0;
  const verify: Cryptography['verify'] = (...args) => {
    count++;
    return testCryptography.verify(...args);
  };
  return { cryptography: { ...testCryptography, verify }, verified: () => count };
}

function chainOf(log: TestLog, cryptography = testCryptography): ChainVerifier {
  const chain = ChainVerifier.fromGenesis(cryptography, log.service, log.genesis);
  assert.ok(chain.ok);
  return chain.value;
}

describe('a chain verifier', () => {
  it('checks a certificate once, however many receipts rest on it', () => {
    const log = new TestLog();
    const { cryptography, verified } = counting();
    const chain = chainOf(log, cryptography);
    const outcomes = outcomesOf(log.bundle('c', 1, [bytesOf('a')]));
    const [first, second] = [log.header(outcomes), log.header(outcomes)];
    const certificate = log.commit(second);
    const via = { header: second, path: log.tree.inclusionPath(0, 1) };
    for (let i = 0; i < 5; i++) {
      assert.equal(chain.verifyCertified(second, undefined, certificate), undefined);
      assert.equal(chain.verifyCertified(first, via, certificate), undefined);
    }
    assert.equal(verified(), 3);
  });

  it('does not take another certificate for the one that it remembers', () => {
    const log = new TestLog();
    const chain = chainOf(log);
    const header = log.header([]);
    const certificate = log.commit(header);
    assert.equal(chain.verifyCertified(header, undefined, certificate), undefined);
    const spoilt = {
      ...certificate,
      reveals: certificate.reveals.map((reveal) => ({ ...reveal, nonce: bytesOf('x') })),
    };
    assert.equal(chain.verifyCertified(header, undefined, spoilt)?.check, 'certificate');
    assert.equal(chain.verifyCertified(header, undefined, log.commit(header, { view: 3 })), undefined);
  });

  it('follows epochs one by one', () => {
    const log = new TestLog();
    const chain = chainOf(log);
    const first = log.close(log.nextConfiguration(2, 'new', 1), ['s0', 's1', 'new', 's3']);
    const second = log.close(log.nextConfiguration());
    assert.match(chain.extend(second)!, /closes epoch 1/);
    assert.equal(chain.extend(first), undefined);
    assert.match(chain.extend(first)!, /closes epoch 0/);
    assert.equal(chain.extend(second), undefined);
    assert.equal(chain.epoch, 2);
    assert.deepEqual([chain.start(1)?.sequence, chain.start(2)?.sequence, chain.start(3)], [1, 2, undefined]);
  });

  it('begins with no genesis in which a quorum cannot be counted', () => {
    const log = new TestLog();
    const refused = (configuration: Genesis['configuration']): string => {
      const genesis = { ...log.genesis, configuration };
      const chain = ChainVerifier.fromGenesis(testCryptography, serviceDigest(testCryptography, genesis), genesis);
      return chain.ok ? 'none' : chain.reason;
    };
    const { configuration } = log.genesis;
    const { seats } = configuration;
    assert.equal(refused(configuration), 'none');
    assert.throws(() => refused({ ...configuration, epoch: 1 }), /has a predecessor/);
    assert.match(refused({ ...configuration, slots: 0, seats: [] }), /0 slots/);
    assert.match(refused({ ...configuration, slots: 65 }), /65 slots/);
    assert.match(refused({ ...configuration, slots: 3 }), /does not exist/);
    assert.match(
      refused({ ...configuration, seats: [{ ...seats[0]! }, { ...seats[1]!, signingKey: seats[0]!.signingKey }] }),
      /two seats/,
    );
  });

  it('goes on only by a header that stands in its epoch', () => {
    for (const changes of [{ sequence: 1 }, { time: 5 }]) {
      const log = new TestLog();
      const chain = chainOf(log);
      assert.equal(chain.extend(log.close(log.nextConfiguration())), undefined);
      const next = log.nextConfiguration();
      const header = log.header([], { configuration: configurationDigest(testCryptography, next), ...changes });
      assert.match(chain.extend({ header, certificate: log.commit(header), next })!, /before its epoch/);
    }
  });

  it('goes from version to version, and not back', () => {
    const code = { version: 1, script: bytesOf('script') };
    const log = new TestLog();
    const chain = chainOf(log);
    const first = log.header([]);
    const old = log.header([], { protocolVersion: 2, code });
    log.time += 10;
    const closing = (changes: Partial<Header>) => {
      const next = log.nextConfiguration();
      const header = log.header([], { configuration: configurationDigest(testCryptography, next), ...changes });
      const certificate = log.commit(header);
      log.configuration = next;
      return { header, certificate, next };
    };
    const second = closing({ protocolVersion: 2, code });
    const via = (header: Header) => ({
      header: second.header,
      path: log.tree.inclusionPath(header.sequence - 1, second.header.sequence - 1),
    });
    assert.equal(chain.extend(second), undefined);
    assert.equal(chain.verifyCertified(first, via(first), second.certificate), undefined);
    assert.equal(chain.verifyCertified(old, via(old), second.certificate), undefined);
    const back = log.header([]);
    assert.deepEqual(chain.verifyCertified(back, undefined, log.commit(back))?.reason, 'of a version before its epoch');
    assert.equal(chain.extend(closing({}))!, 'of a version before its epoch');
  });

  it('in an epoch of version 1 has no header of version 2', () => {
    const log = new TestLog();
    const chain = chainOf(log);
    const early = log.header([], { protocolVersion: 2, code: { version: 1, script: bytesOf('script') } });
    const certificate = log.commit(early);
    assert.equal(chain.verifyCertified(early, undefined, certificate), undefined);
    assert.equal(chain.extend(log.close(log.nextConfiguration())), undefined);
    assert.deepEqual(chain.verifyCertified(early, undefined, certificate)?.reason, 'of a version after its epoch');
  });

  it('that begins later judges earlier headers by what later ones certify', () => {
    const log = new TestLog();
    const [first, second] = [log.header([]), log.header([])];
    const ofEpoch0 = log.commit(second);
    const { header: closing } = log.close(log.nextConfiguration());
    const chain = new ChainVerifier(testCryptography, log.service, {
      configuration: log.configuration,
      sequence: closing.sequence,
      time: closing.time,
    });
    const later = log.header([]);
    const certificate = log.commit(later);
    const via = (header: Header): { header: Header; path: Uint8Array[] } => ({
      header: later,
      path: log.tree.inclusionPath(header.sequence - 1, 3),
    });
    assert.equal(chain.verifyCertified(first, via(first), certificate), undefined);
    assert.equal(chain.verifyCertified(closing, via(closing), certificate), undefined);
    assert.equal(chain.verifyCertified(second, undefined, ofEpoch0)?.check, 'certificate');
    assert.equal(chain.verifyCertified({ ...second, sequence: 4 }, undefined, ofEpoch0)?.check, 'header');
  });

  it('goes on only to a configuration that the closing header names, of as many slots', () => {
    const log = new TestLog();
    const next = log.nextConfiguration();
    const fork = (changes: Partial<typeof next>): string | undefined => {
      const other = new TestLog();
      return chainOf(other).extend(other.close({ ...next, ...changes }));
    };
    assert.equal(fork({}), undefined);
    assert.match(fork({ epoch: 2 })!, /epoch 2/);
    assert.match(fork({ slots: 5 })!, /number of slots/);
    assert.match(fork({ seats: [seatNamed('s0', 4, 1)] })!, /does not exist/);
    const certificate = log.close(next);
    assert.match(
      chainOf(log).extend({ ...certificate, next: { ...next, seats: next.seats.slice(1) } })!,
      /another configuration/,
    );
  });
});
