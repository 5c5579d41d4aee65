import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { audit, type AuditReport, readDisk } from '@coppice/audit';
import { bytesOf, testCryptography as cryptography } from '../../ledger/test/fixtures.ts';
import { inputOf, LedgerScript, options } from './ledger-script.ts';

const successors = ['n0', 'n1', 'n2', 'n3'];

/** A service that was lost in the middle of a batch, and the one that goes on with it. */
function twice(changes: Parameters<LedgerScript['succeed']>[2] = {}): { script: LedgerScript; before: Uint8Array } {
  const script = new LedgerScript();
  const before = script.log.service;
  for (let i = 0; i < 3; i++) script.batch(script.bundle('alice', 2));
  script.checkpoint();
  const tail = [script.accept([script.bundle('alice', 1)]), script.accept([script.bundle('bob', 1)])];
  script.succeed(successors, tail, changes);
  for (let i = 0; i < 3; i++) script.batch(script.bundle('carol', 2));
  script.checkpoint();
  return { script, before };
}

const run = (script: LedgerScript, service?: Uint8Array): Promise<AuditReport> =>
  audit(inputOf(script.records), { ...options, ...(service === undefined ? {} : { service }) });

describe('an audit of a service that goes on from one that was lost', () => {
  it('crosses over, under either digest', async () => {
    const { script, before } = twice();
    for (const service of [before, script.log.service, undefined]) {
      const report = await run(script, service);
      assert.deepEqual(report.problems, []);
      assert.deepEqual(report.service, script.log.service);
      assert.equal(report.batches, 8);
      assert.deepEqual(report.checkpoints, { certified: 2, stateRecomputed: 2 });
      assert.deepEqual(report.head?.root, script.log.tree.root());
      assert.deepEqual(
        report.epochs.map(({ epoch, from, to }) => [epoch, from, to]),
        [
          [0, 1, 5],
          [1, 6, undefined],
        ],
      );
      assert.equal(report.ages.length, 8);
      assert.equal(report.ages.filter(({ until }) => until === undefined).length, 4);
    }
    assert.deepEqual(
      (await run(script, bytesOf('x'))).problems.map(({ code }) => code),
      ['genesis'],
    );
  });

  it('names what a succession does not hold by', async () => {
    const honest = twice().script.records.find(
      (one) => one.kind === 'genesis' && one.document.inheritance !== undefined,
    );
    assert.ok(honest?.kind === 'genesis');
    const predecessor = honest.document.genesis.predecessor!;
    const votes = predecessor.certificate.votes.slice(1);
    const cases = [
      { predecessor: { ...predecessor, service: bytesOf('x') } },
      { predecessor: { ...predecessor, stateDigest: bytesOf('x') } },
      { predecessor: { ...predecessor, ledgerRoot: bytesOf('x') } },
      { predecessor: { ...predecessor, certificate: { ...predecessor.certificate, votes } } },
    ];
    for (const changes of cases)
      assert.equal((await run(twice(changes).script)).firstProblem?.code, 'succession', JSON.stringify(changes));
  });

  it('reads its disk as one log', () => {
    const { script } = twice();
    const disk = readDisk(cryptography, inputOf(script.records), { name: 'n0', instance: undefined });
    assert.equal(disk?.problem, undefined);
    assert.deepEqual(disk?.service, script.log.service);
    assert.equal(disk?.documents.length, 2);
    assert.equal(disk?.length, 8);
    assert.equal(disk?.best?.header.sequence, 8);
    assert.equal(disk?.certain, 8);
  });
});
