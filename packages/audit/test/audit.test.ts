import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { challengeOf, type Header, type Join, sameBytes } from '@coppice/wire';
import { audit, type AuditOptions, type Launch } from '@coppice/audit';
import { bytesOf, testCryptography } from '../../ledger/test/fixtures.ts';
import { inputOf, LedgerScript, options } from './ledger-script.ts';
import { run, story, told } from './story.ts';

describe('an audit', () => {
  it('finds nothing wrong with an honest ledger, and says what is in it', async () => {
    const script = told;
    const report = await run(script.records);
    assert.deepEqual(report.problems, []);
    assert.ok(report.ok);
    assert.equal(report.end, 'clean');
    assert.deepEqual(report.service, script.log.service);
    assert.equal(report.batches, script.log.tree.size);
    assert.deepEqual(report.head?.root, script.log.tree.root());
    assert.equal(report.head?.sequence, script.log.tree.size);
    assert.equal(report.uncertifiedTail, 0);
    assert.deepEqual(report.checkpoints, { certified: 2, stateRecomputed: 2 });
    assert.deepEqual(
      report.epochs.map(({ epoch, from, to, sealedAt }) => [epoch, from, to, sealedAt]),
      [
        [0, 1, 10, 11],
        [1, 11, 15, 16],
        [2, 16, undefined, undefined],
      ],
    );
    assert.deepEqual(
      report.turns.map(({ turn, slot, challengedAt, joinedAt, readyAt, seatedAt, epoch }) => [
        turn,
        slot,
        challengedAt,
        joinedAt,
        readyAt,
        seatedAt,
        epoch,
      ]),
      [
        [1, 1, 8, 9, 10, 10, 1],
        [2, 3, 13, 14, 15, 15, 2],
      ],
    );
    assert.deepEqual(
      report.ages.map(({ slot, turn, until, overdueMs }) => [slot, turn, until === undefined, overdueMs]),
      [
        [0, 0, true, 0],
        [1, 0, false, 0],
        [2, 0, true, 0],
        [3, 0, false, 0],
        [1, 1, true, 0],
        [3, 2, true, 0],
      ],
    );
    const transactions = script.records.reduce(
      (sum, record) => sum + (record.kind === 'batch' ? record.header.transactions : 0),
      0,
    );
    // The batch that lost was read, but is not part of the log.
    assert.equal(report.transactions, transactions - 2);
  });

  it('leaves states and evidence aside where it is given nothing to judge them by', async () => {
    const { ok, checkpoints } = await audit(inputOf(told.records), { cryptography: options.cryptography });
    assert.deepEqual([ok, checkpoints], [true, { certified: 2, stateRecomputed: 0 }]);
  });

  it('reads from asynchronous sources, too, and reports progress', async () => {
    const script = new LedgerScript();
    for (let i = 0; i < 200; i++) script.batch();
    async function* slowly(): AsyncGenerator<ReturnType<typeof inputOf>[number]> {
      yield* inputOf(script.records);
    }
    const seen: number[] = [];
    const report = await audit(slowly(), { ...options, onProgress: ({ batches }) => seen.push(batches) });
    assert.ok(report.ok);
    assert.deepEqual(seen, [170]);
  });

  it('takes a crash for a crash, and damage for damage', async () => {
    const records = inputOf(told.records).slice(0, -1);
    const torn = await audit([...records, { kind: 'torn' }], options);
    assert.deepEqual([torn.ok, torn.end], [true, 'torn']);
    const damage = { reason: 'record-payload', segment: '0.ledger', offset: 77 };
    const corrupt = await audit([...records, { kind: 'corrupt', damage }], options);
    assert.deepEqual([corrupt.ok, corrupt.end, corrupt.firstProblem?.code], [false, 'corrupt', 'damaged']);
    assert.equal(corrupt.batches, 17);
  });

  it('takes a checkpoint that was signed after its epoch, wherever it stands', async () => {
    const script = new LedgerScript();
    script.batch();
    const at = script.records.length;
    const subject = { sequence: 1, ledgerRoot: script.log.tree.root(), stateDigest: script.state.digest() };
    script.turn(1, 's1b', 1);
    script.checkpoint(subject);
    const checkpoint = script.records.pop()!;
    script.checkpoint();
    for (const place of [at, script.records.length - 1]) {
      const { problems, checkpoints } = await run(script.records.toSpliced(place, 0, checkpoint));
      assert.deepEqual([problems, checkpoints], [[], { certified: 2, stateRecomputed: 2 }]);
    }
    const { firstProblem } = await run([...script.records.slice(0, at), checkpoint]);
    assert.equal(firstProblem?.code, 'checkpoint-certificate');
  });

  it('takes a checkpoint for the certificate of a batch that has no other', async () => {
    const script = new LedgerScript();
    script.commit([script.accept([]), script.accept([])]);
    script.records.splice(-2);
    script.checkpoint();
    script.batch();
    const { problems, batches, checkpoints, uncertifiedTail } = await run(script.records);
    assert.deepEqual(
      [problems, batches, checkpoints, uncertifiedTail],
      [[], 3, { certified: 1, stateRecomputed: 1 }, 0],
    );
  });

  it('says how much at the end nothing certifies', async () => {
    const script = story();
    script.accept([script.bundle('dave', 2)]);
    script.accept([]);
    const report = await run(script.records);
    assert.deepEqual([report.ok, report.uncertifiedTail, report.head?.sequence], [true, 2, 17]);
  });

  it('gives the appraiser the launch that the turn asked for', async () => {
    const script = told;
    const seen: [Join, Launch, number][] = [];
    const appraise: AuditOptions['appraise'] = (join, launch, time) => {
      seen.push([join, launch, time]);
      return { platform: 'simulated', provider: 'p' };
    };
    const report = await run(script.records, { appraise });
    assert.deepEqual(report.problems, []);
    assert.equal(seen.length, 2);
    const [join, launch, time] = seen[0]!;
    const opened = script.records.find(
      (record) => record.kind === 'commit' && record.certificate.subject.sequence === 7,
    );
    assert.ok(opened?.kind === 'commit');
    assert.ok(sameBytes(launch.challenge, challengeOf(testCryptography, 1, opened.certificate)));
    assert.deepEqual([launch.slot, launch.turn, launch.variant], [1, 1, 'v']);
    assert.ok(sameBytes(join.evidence, bytesOf('s1b')));
    assert.equal(time, headerAt(script, 9).time);
  });

  it('survives any byte changed anywhere', async () => {
    const inputs = inputOf(told.records);
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let i = 0; i < 60; i++) {
      const at = random(inputs.length - 1);
      const input = inputs[at]!;
      assert.ok(input.kind === 'record');
      const payload = input.record.payload.slice();
      payload[random(payload.length)]! ^= 1 + random(255);
      const changed = inputs.with(at, { kind: 'record', record: { ...input.record, payload } });
      const report = await audit(changed, options);
      assert.equal(report.ok, false, `record ${at}`);
    }
  });

  it('is not exhausted by a ledger that certifies nothing', async () => {
    const script = new LedgerScript();
    for (let i = 0; i < 1100; i++) script.accept([]);
    const report = await run(script.records);
    assert.deepEqual([report.firstProblem?.code, report.stopped === undefined], ['uncertified', false]);
  });

  it('stops at a hundred problems', async () => {
    const script = new LedgerScript();
    const { document } = script;
    const report = await run(Array.from({ length: 300 }, () => ({ kind: 'genesis', document })));
    assert.equal(report.problems.length, 100);
    assert.equal(report.stopped, 'too many problems');
  });
});

function headerAt(script: LedgerScript, sequence: number): Header {
  const record = script.records.findLast((each) => each.kind === 'batch' && each.header.sequence === sequence);
  assert.ok(record?.kind === 'batch');
  return record.header;
}
