import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Outcome } from '@coppice/wire';
import { ReplicaExecution } from '../src/execution.ts';
import type { Service } from '../src/service.ts';
import { bytes, cryptography, found, Log, register, services, signerNamed } from './fixture.ts';

const genesis = found();
const founded = (): ReplicaExecution => new ReplicaExecution({ cryptography, genesis, services });

describe('the stack of executions', () => {
  it('leaves no trace of what was rolled back', () => {
    const log = new Log(genesis);
    const before = log.digest();
    log.run([log.bundle('a', 1, ['add x'])]);
    log.run([log.bundle('a', 2, ['add x'])]);
    log.rollback(1);
    assert.equal(log.execution.requestStatus(signerNamed('a').publicKey, 2).kind, 'new');
    log.rollback(0);
    log.rollback(0);
    assert.deepEqual(log.digest(), before);
  });

  it('commits from the bottom and rolls back from the top', () => {
    const log = new Log(genesis);
    for (let i = 1; i <= 4; i++) log.run([log.bundle('a', i, ['add x'])]);
    log.execution.commit(2);
    log.rollback(3);
    log.execution.rollback(9);
    const twin = new Log(genesis);
    for (let i = 1; i <= 3; i++) twin.run([twin.bundle('a', i, ['add x'])]);
    assert.deepEqual(log.digest(), twin.digest());
    assert.equal(log.execution.committed().sequence, 3);
  });
});

describe('adopting', () => {
  const log = new Log(genesis);
  const { outcomes } = log.run([log.bundle('a', 1, ['add x', 'set y 1'])]);
  const { input } = log.inputs[0]!;

  it('takes over what this replica would not have computed', () => {
    const replica = founded();
    const otherwise = new Log(genesis, {
      services: new Map<number, Service>([
        [
          1,
          {
            ...register,
            execute: (access, call) => {
              const outcome = register.execute(access, call);
              access.set('service/map', 'more', bytes('1'));
              return outcome;
            },
          },
        ],
      ]),
    });
    const theirs = otherwise.run([log.bundle('a', 1, ['add x', 'set y 1'])]);
    const adopted = replica.adopt(input, theirs.outcomes);
    assert.deepEqual(adopted?.transactionsRoot, theirs.transactionsRoot);
    replica.commit(1);
    assert.deepEqual(replica.checkpoint(1), otherwise.digest());
  });

  it('refuses outcomes that are not those of the batch, and keeps nothing of them', () => {
    const changed = (index: number, change: Partial<Outcome>): Outcome[] =>
      outcomes.map((outcome, i) => (i === index ? { ...outcome, ...change } : outcome));
    const bad: (readonly Outcome[])[] = [
      [],
      outcomes.slice(0, 1),
      outcomes.slice(1),
      [...outcomes, outcomes[2]!],
      [outcomes[1]!, outcomes[0]!, outcomes[2]!],
      changed(0, { request: new Uint8Array(32) }),
      changed(0, { writeSet: bytes('no write set') }),
      changed(2, { request: outcomes[0]!.request }),
    ];
    const replica = founded();
    for (const outcomesOf of bad) assert.equal(replica.adopt(input, outcomesOf), undefined);
    assert.ok(replica.adopt(input, outcomes) !== undefined);
    replica.commit(1);
    log.execution.commit(1);
    assert.deepEqual(replica.checkpoint(1), log.execution.checkpoint(1));
  });
});

describe('state transfer', () => {
  it('keeps snapshots until they are released', () => {
    const log = new Log(genesis);
    log.run([log.bundle('a', 1, ['add x'])]);
    const digest = log.digest();
    log.run([log.bundle('a', 2, ['add x'])]);
    log.digest();
    const paths = founded().transfer(digest, 1).wanted(10);
    assert.equal(log.execution.parts(1, paths, 100_000).length, 1);
    log.execution.release(2);
    assert.equal(log.execution.parts(1, paths, 100_000).length, 0);
    assert.equal(log.execution.parts(7, paths, 100_000).length, 0);
    assert.ok(log.execution.snapshot(2) !== undefined && log.execution.snapshot(1) === undefined);
  });

  it('refuses parts of another state, and asks again for what nobody sent', () => {
    const log = new Log(genesis);
    log.run([log.bundle('a', 1, ['add x'])]);
    const digest = log.digest();
    const transfer = founded().transfer(digest, 1);
    const [path] = transfer.wanted(1);
    assert.equal(transfer.wanted(1).length, 0);
    transfer.forget([path!]);
    assert.deepEqual(transfer.wanted(1), [path]);
    assert.notEqual(transfer.accept({ path: path!, bytes: bytes('lies') }), undefined);
    assert.notEqual(transfer.accept({ path: bytes('no path'), bytes: bytes('lies') }), undefined);
    assert.equal(transfer.complete, false);
  });

  it('finds bytes that changed under it, and then receives all of the state from others', () => {
    const log = new Log(genesis);
    log.run([log.bundle('a', 1, ['add x', 'set y 1'])]);
    const digest = log.digest();
    assert.ok(log.execution.transfer(digest, 1).complete, 'nothing to receive');
    const snapshot = log.execution.snapshot(1)!;
    const leaf = ['', ...'0123456789abcdef'.split('')]
      .map((path) => snapshot.part(path))
      .find((part) => part?.[0] === 0x4c)!;
    leaf[leaf.length - 1]! ^= 1;
    let damaged: string | undefined;
    for (let i = 0; i < 64; i++) damaged ??= log.execution.damage();
    assert.notEqual(damaged, undefined);
    assert.ok(!log.execution.transfer(digest, 1).complete);
  });

  it('finds nothing wrong with a sound state', () => {
    const log = new Log(genesis);
    assert.equal(log.execution.damage(), undefined);
    log.run([log.bundle('a', 1, ['add x'])]);
    log.digest();
    for (let i = 0; i < 70; i++) assert.equal(log.execution.damage(), undefined);
  });
});
