import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeOperation, type GovernanceAction } from '@coppice/governance';
import { decodeResult, limits, refusalStatement, requestDigest, type Result, sameBytes, toHex } from '@coppice/wire';
import type { Executed } from '@coppice/protocol';
import { answerQuery } from '../src/queries.ts';
import {
  bytes,
  bytesOf,
  counts,
  cryptography,
  found,
  genesisTime,
  Log,
  services,
  release,
  signerNamed,
  system,
} from './fixture.ts';

const genesis = found();
const closed = found(
  (written) => (written.clients = [{ name: 'a', key: toHex(signerNamed('a').publicKey), roles: ['clerk'] }]),
);

function resultsOf({ outcomes }: Executed): Result[] {
  return outcomes
    .filter(({ request }) => request.some((byte) => byte !== 0))
    .map(({ result }) => {
      const decoded = decodeResult(result);
      assert.ok(decoded.ok, 'a result is encoded');
      return decoded.value;
    });
}

const valuesOf = (executed: Executed): unknown[] =>
  resultsOf(executed).map((result) => (result.ok ? result.value : result.error.code));

function read(log: Log, key: string): unknown {
  const answer = answerQuery(log.execution.committed(), services, {
    target: 'service',
    payload: bytes(key),
    caller: undefined,
  });
  const decoded = decodeResult(answer);
  return decoded.ok && decoded.value.ok ? decoded.value.value : decoded;
}

describe('requests', () => {
  it('executes each operation of a bundle as a transaction of its own', () => {
    const log = new Log(genesis);
    const executed = log.run([log.bundle('a', 1, ['add x', 'fail y', 'add x', 'set z 7'])]);
    assert.deepEqual(valuesOf(executed), [1, 'failed', 2, null]);
    assert.equal(executed.outcomes.length, 5, 'and one for what the batch itself writes');
    assert.deepEqual(read(log, 'x'), null, 'not committed yet');
    log.execution.commit(1);
    assert.deepEqual([read(log, 'x'), read(log, 'y'), read(log, 'z')], ['2', null, '7']);
  });

  it('names each transaction by the digest of its request', () => {
    const log = new Log(genesis);
    const { outcomes } = log.run([log.bundle('a', 5, ['add x', 'add y'])]);
    const operation = { target: 'service', payload: bytes('add y') } as const;
    assert.ok(sameBytes(outcomes[1]!.request, requestDigest(cryptography, signerNamed('a').publicKey, 6, operation)));
  });

  it('tells the service who calls, when, and a seed of its own for each transaction', () => {
    const log = new Log(closed);
    const [who, first, second] = valuesOf(log.run([log.bundle('a', 1, ['who', 'seed', 'seed'])], genesisTime + 9));
    assert.deepEqual(who, [toHex(signerNamed('a').publicKey), ['client', 'clerk'], genesisTime + 9]);
    assert.notEqual(first, second);
  });

  it('executes a request once, whatever bundle it comes in', () => {
    const log = new Log(genesis);
    log.run([log.bundle('a', 1, ['add x', 'add x'])]);
    const again = log.run([log.bundle('a', 2, ['add x', 'add x']), log.bundle('a', 2, ['add x'])]);
    assert.deepEqual(valuesOf(again), ['duplicate', 3, 'duplicate']);
    const [first, , third] = resultsOf(again);
    assert.deepEqual(!first!.ok && first!.error.data, { sequence: 1, index: 1 });
    assert.deepEqual(!third!.ok && third!.error.data, { sequence: 1, index: 1 });
    const client = signerNamed('a').publicKey;
    assert.deepEqual(log.execution.requestStatus(client, 3), { kind: 'executed', sequence: 2, index: 1 });
    assert.deepEqual(log.execution.requestStatus(client, 4), { kind: 'new' });
  });

  it('executes nothing at or below what the client acknowledged, or too far above', () => {
    const log = new Log(genesis);
    log.run([log.bundle('a', 1, ['add x', 'add x', 'add x'])]);
    const later = log.run([
      log.bundle('a', 4, ['add x'], { acknowledged: 3 }),
      log.bundle('a', 2, ['add x']),
      log.bundle('a', 3 + 4096, ['add x', 'add x']),
    ]);
    assert.deepEqual(valuesOf(later), [4, 'outside-window', 5, 'outside-window']);
    assert.equal(log.execution.requestStatus(signerNamed('a').publicKey, 3).kind, 'outside-window');
  });

  it('says whether a bundle has anything new', () => {
    const log = new Log(genesis);
    const of = (first: number, commands: string[], acknowledged = 0): boolean => {
      const item = log.bundle('a', first, commands, { acknowledged });
      return item.kind === 'bundle' && log.execution.hasNew(item.bundle);
    };
    assert.ok(of(1, ['add x']));
    log.run([log.bundle('a', 1, ['add x'])]);
    assert.ok(!of(1, ['add x']));
    assert.ok(of(1, ['add x', 'add x']));
    assert.ok(!of(4097, ['add x']));
    assert.ok(of(4097, ['add x'], 1));
  });

  it('refuses a batch with a forged bundle, and keeps nothing of it', () => {
    const log = new Log(genesis);
    const good = log.bundle('a', 1, ['add x']);
    assert.ok(good.kind === 'bundle');
    const forgeries = [
      { ...good.bundle, acknowledged: 1 },
      { ...good.bundle, time: good.bundle.time + 1 },
      { ...good.bundle, first: 2 },
      { ...good.bundle, client: signerNamed('b').publicKey },
      { ...good.bundle, operations: [{ target: 'service' as const, payload: bytes('add y') }] },
      { ...good.bundle, operations: [{ target: 'governance' as const, payload: bytes('add x') }] },
      { ...good.bundle, operations: [] },
      { ...good.bundle, first: 0 },
    ];
    const twin = new Log(genesis);
    for (const bundle of forgeries) {
      assert.notEqual(log.refused([good, { kind: 'bundle', bundle }]), 'accepted');
      assert.notEqual(log.execution.inadmissible({ kind: 'bundle', bundle }), undefined);
    }
    assert.equal(log.execution.inadmissible(good), undefined);
    log.run([good]);
    twin.run([good]);
    assert.deepEqual(log.digest(), twin.digest());
  });

  it('verifies a signature once', () => {
    const log = new Log(genesis);
    const item = log.bundle('a', 1, ['add x', 'add y']);
    const before = counts.verified;
    assert.equal(log.execution.inadmissible(item), undefined);
    // The same bundle in other memory, as it comes in a batch.
    assert.ok(item.kind === 'bundle');
    log.run([{ kind: 'bundle', bundle: { ...item.bundle } }]);
    log.rollback(0);
    log.run([item]);
    assert.equal(counts.verified, before + 1);
  });

  it('answers strangers of a closed service without effect', () => {
    const log = new Log(closed);
    const item = log.bundle('stranger', 1, ['add x']);
    assert.equal(log.execution.inadmissible(item), 'unknown-client');
    assert.deepEqual(valuesOf(log.run([item, log.bundle('a', 1, ['add x'])])), ['unknown-client', 1]);
  });

  it('does not execute what is dated ahead of the agreed time, and refuses a batch that f + 1 clients say is late', () => {
    const log = new Log(found((written) => (written.policy.clientClockBoundMs = 50)));
    const ahead = { time: genesisTime + 100 };
    const item = log.bundle('a', 1, ['add x'], ahead);
    assert.equal(log.execution.inadmissible(item), 'clock-ahead');
    assert.deepEqual(valuesOf(log.run([item, log.bundle('a', 2, ['add x'], ahead)])), ['clock-ahead', 'clock-ahead']);
    assert.equal(log.refused([item, log.bundle('b', 1, ['add x'], ahead)]), 'time-behind-clients');
    assert.deepEqual(valuesOf(log.run([item, log.bundle('b', 1, ['add x'], ahead)], genesisTime + 50)), [1, 2]);
  });
});

it('answers `busy` beyond what a batch has room for, and executes it later', () => {
  const log = new Log(genesis);
  const many = Array.from({ length: 512 }, () => 'none');
  const bundles = Array.from({ length: 34 }, (_, i) => log.bundle(`client ${i}`, 1, many));
  const values = valuesOf(log.run(bundles));
  assert.equal(values.filter((value) => value === 'busy').length, 512);
  assert.equal(valuesOf(log.run(bundles.slice(33)))[511], null);
});

it('answers `busy` within a bundle, too, once what its requests write is as much as a batch has room for', () => {
  const log = new Log(genesis);
  const bundle = log.bundle(
    'a',
    1,
    Array.from({ length: 7 }, (_, i) => `fill ${i}`),
  );
  const some = log.run([bundle]);
  assert.deepEqual(valuesOf(some), [null, null, null, null, 'busy', 'busy', 'busy']);
  const bytesWritten = some.outcomes.reduce((sum, { writeSet }) => sum + writeSet.length, 0);
  assert.ok(bytesWritten + limits.batchBytes < limits.recordBytes);
  assert.deepEqual(valuesOf(log.run([bundle])), [...Array.from({ length: 4 }, () => 'duplicate'), null, null, null]);
});

describe('divergence', () => {
  function refusals(log: Log, request: Uint8Array, views: number[], slots: number[]) {
    return views.flatMap((view) =>
      slots.map((slot) => {
        const unsigned = { service: log.service, epoch: 0, view, sequence: 1, headerDigest: request, request, slot };
        return { ...unsigned, signature: signerNamed(`g${slot} 0`).sign(refusalStatement(unsigned)) };
      }),
    );
  }

  it('answers a request that f + 1 of each of f + 1 primaries refused, without executing it', () => {
    const log = new Log(genesis);
    const operation = { target: 'service', payload: bytes('add x') } as const;
    const request = requestDigest(cryptography, signerNamed('a').publicKey, 2, operation);
    const item = log.bundle('a', 1, ['add x', 'add x', 'add x']);
    const divergent = (shown: ReturnType<typeof refusals>) => system({ kind: 'divergent', request, refusals: shown });
    const all = refusals(log, request, [0, 1], [1, 2]);
    assert.deepEqual(valuesOf(log.run([divergent(all), item])).slice(1), [1, 'divergent', 2]);
    assert.equal(log.execution.requestStatus(signerNamed('a').publicKey, 2).kind, 'executed');
    log.rollback(0);
    for (const few of [
      all.slice(1),
      refusals(log, request, [0, 4], [1, 2]),
      refusals(log, request, [0], [1, 2, 3]),
      [...all.slice(0, 3), all[0]!],
      all.map((refusal) => ({ ...refusal, request: bytes('x'.repeat(32)) })),
      all.map((refusal) => ({ ...refusal, view: refusal.view + 1 })),
    ]) {
      assert.equal(log.refused([divergent(few), item]), 'divergence-not-shown');
    }
    // Refusals of one primary in two of its views.
    assert.deepEqual(
      valuesOf(
        log.run([divergent([...refusals(log, request, [0, 1], [1]), ...refusals(log, request, [4, 5], [2])]), item]),
      )[2],
      'divergent',
    );
  });
});

describe('governance', () => {
  const early: GovernanceAction = { kind: 'early-turn', slot: 2 };
  const asked = (...payloads: Uint8Array[]) => ({ target: 'governance' as const, payloads });

  it('opens an early turn that the members decided on', () => {
    const log = new Log(genesis);
    const [proposed, decided] = log.decide(early, 'ada', 'bo') as { state: string }[];
    assert.deepEqual([proposed!.state, decided!.state], ['open', 'accepted']);
    log.run();
    assert.deepEqual(log.execution.challengeOwed(), { turn: 1, openedAt: 3 });
  });

  it('is for members, whoever carries what they sign', () => {
    const log = new Log(genesis);
    const proposal = { kind: 'proposal', action: early, nonce: new Uint8Array(16) } as const;
    const [own, view] = [log.statement('a', proposal), encodeOperation({ kind: 'view' })];
    const forged = log.statement('ada', proposal);
    forged[forged.length - 1]! ^= 1;
    const answers = log.run([log.bundle('a', 1, [], asked(own, view, forged))]);
    assert.deepEqual(valuesOf(answers), ['not-a-member', 'not-a-member', 'bad-signature']);
  });

  it('changes the policy that the next batch is executed under, and replaces whom it would not admit', () => {
    const log = new Log(genesis);
    log.decide({ kind: 'set-parameters', changes: [{ path: 'caps.provider', value: 3 }] }, 'ada', 'bo');
    assert.equal(log.execution.committed().constitution.policy.caps.provider, 3);
    log.run();
    log.execution.commit(3);
    assert.equal(log.execution.committed().membership.open?.reason, 'early');
  });

  const variants = genesis.constitution.releases[0]!.variants;

  it('launches the release that was approved last, and replaces the instances of one that was retired', () => {
    const log = new Log(genesis);
    const second = bytesOf('release 2');
    const earlySlots = (): number[] =>
      log.execution.committed().membership.slots.flatMap((slot, i) => (slot.early ? [i] : []));
    log.decide({ kind: 'approve-release', release: { digest: second, variants } }, 'ada', 'cy');
    assert.deepEqual(earlySlots(), []);
    log.decide({ kind: 'retire-release', digest: release }, 'ada', 'bo');
    assert.deepEqual(earlySlots(), [0, 1, 2, 3]);
    log.run();
    log.execution.commit(log.sequence);
    assert.ok(sameBytes(log.execution.committed().membership.open!.release, second));
  });

  it('has instances replaced whose variant is measured otherwise from now on', () => {
    const log = new Log(genesis);
    const values = [{ variant: 'b', platform: 'simulated', measurements: [bytesOf('other')] }];
    log.decide({ kind: 'set-reference-values', release, values }, 'ada', 'bo');
    const { slots } = log.execution.committed().membership;
    assert.deepEqual(
      slots.map(({ early: due }) => due),
      [false, true, false, false],
    );
  });

  it('takes a user out of a closed service, from the next request on', () => {
    const log = new Log(
      found(
        (written) =>
          (written.clients = ['a', 'carrier'].map((name) => ({ name, key: toHex(signerNamed(name).publicKey) }))),
      ),
    );
    assert.deepEqual(valuesOf(log.run([log.bundle('a', 1, ['add x'])])), [1]);
    log.decide({ kind: 'remove-client', key: signerNamed('a').publicKey }, 'ada', 'bo');
    assert.deepEqual(valuesOf(log.run([log.bundle('a', 2, ['add x'])])), ['unknown-client']);
  });

  it('answers a few operations a batch, and of those who are no members fewer', () => {
    const log = new Log(genesis);
    const view = asked(...Array.from({ length: 20 }, () => encodeOperation({ kind: 'view' })));
    const values = valuesOf(log.run([log.bundle('a', 1, [], view), log.bundle('ada', 1, [], view)]));
    const count = (some: unknown[]): number[] =>
      ['busy', 'not-a-member'].map((code) => some.filter((value) => value === code).length);
    assert.deepEqual(
      [count(values.slice(0, 20)), count(values.slice(20))],
      [
        [12, 8],
        [12, 0],
      ],
    );
    assert.equal(log.execution.requestStatus(signerNamed('ada').publicKey, 20).kind, 'new');
  });
});

describe('turns', () => {
  it('recovers a slot, from the opening to the next epoch', () => {
    const log = new Log(genesis);
    log.turn('new', genesisTime + 1000);
    const { membership } = log.execution.committed();
    assert.equal(membership.epoch, 1);
    assert.ok(sameBytes(membership.occupants[0]!.instance, signerNamed('new').publicKey));
    assert.ok(!['a', 'b', 'c', 'd'].includes(membership.occupants[0]!.variant), 'caps are one slot a variant');
    assert.deepEqual(
      log.inputs.map(({ executed }) => executed.checkpoint),
      [false, false, true, false, false, false],
    );
    const epochs = log.inputs.map(({ executed }) => executed.configuration.epoch);
    assert.deepEqual(epochs, [0, 0, 0, 0, 1, 1]);
    assert.ok(membership.previous.every(({ erased }) => erased));
  });

  it('puts every claim of the evidence, with its verdict, into the result of a join', () => {
    const log = new Log(genesis);
    log.turn('new', genesisTime + 1000);
    const [joined] = resultsOf(log.inputs[2]!.executed);
    assert.ok(joined?.ok);
    const { claims } = joined.value as unknown as { claims: { claim: string; verdict: string }[] };
    assert.ok(claims.some(({ claim }) => claim === 'launch-data'));
    assert.ok(claims.every(({ verdict }) => verdict === 'affirming'));
  });

  it('shows a candidate once its join is committed', () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 1000);
    log.run([log.challenge()]);
    log.execution.commit(2);
    log.run([system({ kind: 'join', join: log.join('new') })]);
    assert.equal(log.execution.candidate(), undefined);
    log.execution.commit(3);
    assert.deepEqual(log.execution.candidate(), { turn: 1, slot: 0, instance: signerNamed('new').publicKey });
    assert.equal(log.execution.inadmissible(system({ kind: 'ready', ready: log.ready('new') })), undefined);
    assert.match(log.execution.inadmissible(system({ kind: 'join', join: log.join('other') }))!, /already-done/);
  });

  it('refuses a join whose evidence is for another launch, and says why', () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 1000);
    log.run([log.challenge()]);
    log.execution.commit(2);
    const good = log.join('new');
    const other = new Log(found((written) => (written.name = 'Another')));
    other.run([], genesisTime + 1000);
    other.run([other.challenge()]);
    other.execution.commit(2);
    const { evidence } = other.join('new');
    assert.match(log.execution.inadmissible(system({ kind: 'join', join: { ...good, evidence } }))!, /bad signature/);
    assert.equal(log.refused([system({ kind: 'join', join: { ...good, evidence } })]), 'join with a bad signature');
    assert.equal(log.execution.inadmissible(system({ kind: 'join', join: good })), undefined);
  });

  it('looks at four joins a batch', () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 1000);
    log.run([log.challenge()]);
    log.execution.commit(2);
    const joins = ['v', 'w', 'x', 'y', 'z'].map((name) => system({ kind: 'join', join: log.join(name) }));
    const values = valuesOf(log.run(joins));
    assert.deepEqual(values.slice(1), ['already-done', 'already-done', 'already-done', 'busy']);
  });

  it('refuses a batch that goes on without the challenge', () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 1000);
    for (let i = 1; i < 32; i++) log.run([]);
    assert.equal(log.refused([]), 'challenge-missing');
    assert.equal(log.refused([log.bundle('a', 1, ['add x'])]), 'challenge-missing');
    log.run([log.challenge()]);
  });

  it('answers requests `overdue` while more than f slots are past their term', () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 1000);
    log.run([log.challenge()]);
    const late = log.run(
      [
        log.bundle('a', 1, ['add x']),
        log.bundle('ada', 1, [], { target: 'governance', payloads: [encodeOperation({ kind: 'view' })] }),
      ],
      genesisTime + 7000,
    );
    assert.equal(valuesOf(late)[0], 'overdue');
    assert.equal(resultsOf(late)[1]!.ok, true);
    assert.equal(log.execution.requestStatus(signerNamed('a').publicKey, 1).kind, 'executed');
  });

  it('does not let primaries and clients pass off what only a primary orders', () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 1000);
    assert.notEqual(log.execution.inadmissible(log.challenge()), undefined);
  });

  it('knows the last 64 headers only', () => {
    const log = new Log(genesis);
    log.run([], genesisTime + 1000);
    log.run([log.challenge()]);
    log.execution.commit(2);
    log.run([system({ kind: 'join', join: log.join('new') })]);
    log.execution.commit(3);
    const stale = log.ready('new');
    for (let i = 0; i < 64; i++) log.run([]);
    assert.deepEqual(valuesOf(log.run([system({ kind: 'ready', ready: stale })])), ['unknown-header']);
  });
});
