/**
 * Whole clusters. The seeds are small ones, so that they run with all other tests; `npm run sim -- --seeds 1000` runs
 * larger ones.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { faultKinds, type Outcome, simulate, smallPlan } from '@coppice/simulator';

describe('seeds', () => {
  const outcomes: Outcome[] = [];
  // Every twentieth, from 19 on, has the production cryptography.
  for (let seed = 1; seed <= 24; seed++) {
    it(`${seed}`, () => {
      const outcome = simulate(seed, { choices: smallPlan });
      outcomes.push(outcome);
      assert.deepEqual(outcome.violations, [], `npm run sim -- --seed ${seed} --small --log`);
      assert.ok(outcome.stopped || (outcome.operations > 20 && outcome.batches > 50), JSON.stringify(outcome));
    });
  }

  after(() => {
    const total = (count: (outcome: Outcome) => number): number => outcomes.reduce((sum, one) => sum + count(one), 0);
    assert.ok(total(({ turns }) => turns) > 48, 'turns seat instances');
    assert.ok(total(({ viewChanges }) => viewChanges) > 10, 'primaries are voted out');
    // The campaign sees to it that all of them are: there are too many for so few seeds.
    const kinds = faultKinds.filter((kind) => total(({ faults }) => faults[kind] ?? 0) > 0);
    assert.ok(kinds.length > 12, `only ${kinds.join()} in any seed`);
  });
});
