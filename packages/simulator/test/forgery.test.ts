/**
 * The attempts to forge are real: where instances do not erase, they succeed; where they do, none does.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulate } from '@coppice/simulator';
import { type Choices, kindHosts } from '../src/plan.ts';

const choices: Choices = {
  ...{ slots: 4, clients: 2, disturbedMs: 14_000, undisturbedMs: 3000, hosts: kindHosts, realCryptography: false },
  ...{ choice: 'ample', ballots: false, upgrades: 'none', policy: { unsealed: 'wait', overdue: 'halt' } },
  faults: [
    { atMs: 100, kind: 'mobile', durationMs: 0 },
    // Batches that have votes when nobody hears anything any more are abandoned.
    ...Array.from({ length: 12 }, (_, i) => ({ atMs: 500 + 1000 * i, kind: 'freeze' as const, durationMs: 700 })),
  ],
};

const forgeries = (seed: number, erasure: NonNullable<Choices['erasure']>): string[] =>
  simulate(seed, { choices: { ...choices, erasure } })
    .violations.filter(({ checker }) => checker === 'forgery')
    .map(({ message }) => message);

describe('a mobile adversary, in the end,', () => {
  it('forges all of the past where keys are not erased', () => {
    const found = forgeries(3, { keys: false, nonces: true });
    for (const what of ['receipt', 'clean start', 'epoch certificate'])
      assert.ok(
        found.some((message) => message.startsWith(`a forged ${what} of epoch 0`)),
        found.join('; '),
      );
  });

  it('commits what was abandoned where nonces are not erased', () => {
    const found = [12, 13, 17].flatMap((seed) => forgeries(seed, { keys: true, nonces: false }));
    assert.ok(found.length > 0 && found.every((message) => /abandoned/.test(message)), found.join('; '));
  });

  it('forges nothing where both are', () => {
    for (const seed of [3, 12, 13, 17]) assert.deepEqual(forgeries(seed, { keys: true, nonces: true }), []);
  });
});

describe('an attacker with more slots than are tolerated', () => {
  it('can show two histories, and is named', () => {
    const outcomes = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) =>
      simulate(seed, { choices: { beyond: true, disturbedMs: 6000, undisturbedMs: 500 } }),
    );
    for (const { seed, violations } of outcomes)
      assert.deepEqual(violations, [], `npm run sim -- --seed ${seed} --beyond`);
    assert.ok(outcomes.some(({ contradicted }) => contradicted));
  });
});
