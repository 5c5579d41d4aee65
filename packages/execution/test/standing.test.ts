/**
 * Whoever was admitted is judged again when the members want something else, or the ledger knows something newer.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GovernanceAction } from '@coppice/governance';
import { pinnedAnchors } from '@coppice/attestation';
import { decodeResult, toLatin1 } from '@coppice/wire';
import { bytesOf, found, genesisTime, Log, signerNamed, system } from './fixture.ts';

/** Two of three members decide what they accept of the simulated platform. */
function decide(log: Log, platform: object): void {
  const accepted = { name: 'simulated', generations: [{ name: 'simulated', minimumTcb: [] }], ...platform };
  const action = { kind: 'set-platform', platform: accepted } as GovernanceAction;
  const outcomes = log.decide(action, 'ada', 'bo');
  assert.equal((outcomes.at(-1) as { state: string }).state, 'accepted');
}

const early = (log: Log): number[] =>
  log.execution.committed().membership.slots.flatMap((slot, i) => (slot.early ? [i] : []));

function minimum(version: number): object {
  return { generations: [{ name: 'simulated', minimumTcb: [{ component: 'firmware', version }] }] };
}

describe('a platform that members want more of', () => {
  it('has every instance replaced that falls short, and no other', () => {
    const log = new Log(found(undefined, { devices: { 1: { firmware: 7 }, 2: { firmware: 9 } } }));
    decide(log, minimum(1));
    assert.deepEqual(early(log), []);
    decide(log, minimum(8));
    assert.deepEqual(early(log), [0, 1, 3]);
  });

  it('can deny a generation', () => {
    const log = new Log(found());
    decide(log, { deniedGenerations: ['another'] });
    assert.deepEqual(early(log), []);
    decide(log, { deniedGenerations: ['simulated'] });
    assert.deepEqual(early(log), [0, 1, 2, 3]);
  });

  it('can be trusted by other roots', () => {
    const known = pinnedAnchors.find(({ platform }) => platform === 'simulated')!.spki;
    const log = new Log(found());
    decide(log, { roots: [bytesOf('another root'), known] });
    assert.deepEqual(early(log), []);
    decide(log, { roots: [bytesOf('another root')] });
    assert.deepEqual(early(log), [0, 1, 2, 3], 'what rests on the root of before is replaced');
    log.run([], genesisTime + 2000);
    log.execution.commit(log.sequence);
    log.run([log.challenge()]);
    log.execution.commit(log.sequence);
    const { outcomes } = log.run([system({ kind: 'join', join: log.join('new') })]);
    const result = decodeResult(outcomes[0]!.result);
    assert.match(JSON.stringify(result), /root-not-pinned/);
  });

  it('does not seat the candidate that was admitted under the old rule', () => {
    const log = new Log(found());
    log.run([], genesisTime + 2000);
    log.execution.commit(log.sequence);
    log.run([log.challenge()]);
    log.execution.commit(log.sequence);
    log.run([system({ kind: 'join', join: log.join('new') })]);
    log.execution.commit(log.sequence);
    assert.ok(log.execution.candidate());
    decide(log, minimum(2));
    log.run([system({ kind: 'ready', ready: log.ready('new') })]);
    log.run([]);
    log.execution.commit(log.sequence);
    const { finished, epoch } = log.execution.committed().membership;
    assert.deepEqual([epoch, finished.at(-1)?.outcome], [0, 'discarded']);
  });
});

describe('evidence in the state', () => {
  it('is that of occupants and candidate, and of nobody else', () => {
    const log = new Log(found());
    const kept = (): string[] => [...log.execution.committed().view.entries('$evidence')].map(([key]) => key).sort();
    const keys = (...names: string[]): string[] => names.map((name) => toLatin1(signerNamed(name).publicKey)).sort();
    assert.deepEqual(kept(), keys('g0', 'g1', 'g2', 'g3'));
    log.turn('new', genesisTime + 2000);
    assert.deepEqual(kept(), keys('new', 'g1', 'g2', 'g3'));
  });
});
