import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Item, type Suspicion, suspicionStatement } from '@coppice/wire';
import { bytesOf, epochSigner, seatNamed } from '../../ledger/test/fixtures.ts';
import { LedgerScript } from './ledger-script.ts';
import { codesOf, run } from './story.ts';

describe('an audit of views', () => {
  it('follows the primary across epochs', async () => {
    // [slot that gets a new instance, proposer of the closing batch, primary of view 1 afterwards]
    for (const [slot, proposer, primary] of [
      [1, 0, 1],
      [1, 2, 3],
      [1, 1, 3],
      [3, 3, 1],
    ] as const) {
      const script = new LedgerScript();
      script.turn(slot, 'new', 1, { proposer });
      script.newView(1, undefined, { slot: primary });
      assert.deepEqual(await codesOf(script.records), [], `${slot} ${proposer}`);
      script.newView(1, undefined, { slot: (primary + 1) % 4 });
      assert.deepEqual(await codesOf(script.records), ['new-view']);
    }
  });
});

describe('an audit for faults', () => {
  it('convicts those who voted for two headers in one view', async () => {
    const script = new LedgerScript();
    const first = script.accept([script.bundle('alice', 1)]);
    script.records.push({ kind: 'prepared', certificate: script.log.prepare(first.header) });
    script.log.tree.rollback(0);
    const second = script.accept([]);
    script.records.push({ kind: 'commit', certificate: script.log.commit(second.header, {}, { slots: [1, 2, 3] }) });
    const { ok, faults } = await run(script.records);
    assert.ok(ok);
    assert.deepEqual(
      faults.map(({ slot, found, sequence }) => [slot, found, sequence]),
      [
        [1, 'audit', 1],
        [2, 'audit', 1],
      ],
    );
    // What it found is a proof that can be ordered.
    script.batch(...faults.map(({ proof }) => script.system({ kind: 'fault', proof })));
    const ordered = await run(script.records);
    assert.deepEqual(
      ordered.faults.map(({ slot, found }) => [slot, found]),
      [
        [1, 'audit'],
        [2, 'audit'],
        [1, 'ordered'],
        [2, 'ordered'],
      ],
    );
  });

  it('convicts those who voted under two new-views of one view', async () => {
    const script = new LedgerScript();
    const first = script.accept([]);
    script.commit([first], { view: 1, newView: bytesOf('a') });
    const second = script.accept([]);
    script.commit([second], { view: 1, newView: bytesOf('b') });
    const { faults } = await run(script.records);
    assert.deepEqual(
      faults.map(({ slot }) => slot),
      [0, 1, 2],
    );
  });

  it('convicts nobody for votes of two epochs', async () => {
    const script = new LedgerScript();
    const early = script.commit([script.accept([])], { view: 1, newView: bytesOf('a') });
    script.turn(1, 's1b', 1);
    script.commit([script.accept([])], { view: 1, newView: bytesOf('b') });
    script.records.push({ kind: 'commit', certificate: early });
    const { ok, faults } = await run(script.records);
    assert.deepEqual([ok, faults], [true, []]);
  });

  it('does not count proofs that convict nobody', async () => {
    const script = new LedgerScript();
    const { header } = script.accept([]);
    script.commit([{ header, outcomes: [] }]);
    const { nonce: _, ...vote } = script.log.vote(0, script.log.subject(header));
    const proof = { slot: 0, instance: seatNamed('s0', 0, 0).instance, first: vote, second: vote, fork: undefined };
    const later = { ...proof, first: { ...vote, subject: { ...vote.subject, epoch: 9 } } };
    script.batch(script.system({ kind: 'fault', proof }), script.system({ kind: 'fault', proof: later }));
    assert.deepEqual((await run(script.records)).faults, []);
  });
});

it('an audit names who was suspected, by whom, and why, if it is signed', async () => {
  const script = new LedgerScript();
  const { service, configuration } = script.log;
  const suspicion = (by: number, changes: Partial<Suspicion> = {}): Item => {
    const unsigned = {
      ...{ service, epoch: 0, slot: by, suspect: 2, instance: configuration.seats[2]!.instance },
      ...{ reason: 'refusing' as const, ...changes },
    };
    const signature = epochSigner(`s${by}`, 0).sign(suspicionStatement(unsigned));
    return script.system({ kind: 'suspicion', suspicion: { ...unsigned, signature, ...changes } });
  };
  script.batch(suspicion(0), suspicion(0), suspicion(2, { reason: 'diverging' }));
  script.batch(suspicion(1, { signature: new Uint8Array(64) }), suspicion(1, { epoch: 7 }));
  script.batch(suspicion(1, { instance: configuration.seats[3]!.instance }), suspicion(1, { service: bytesOf('x') }));
  const { ok, suspicions } = await run(script.records);
  assert.ok(ok);
  assert.deepEqual(
    suspicions.map(({ by, reason, sequence, slot }) => [slot, by, reason, sequence]),
    [
      [2, 0, 'refusing', 1],
      [2, 2, 'diverging', 1],
    ],
  );
  assert.equal(suspicions[0]!.variant, configuration.seats[2]!.variant);
});
