/**
 * Members who upgrade the service while replicas fail, are replaced and attacked. `npm run sim -- --seeds 500 --upgrades` runs more.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Outcome, simulate } from '@coppice/simulator';

describe('seeds in which the service is upgraded', () => {
  const outcomes: Outcome[] = [];
  for (const seed of [4, 11, 12]) {
    it(`${seed}`, () => {
      const outcome = simulate(seed, { choices: { upgrades: true } });
      outcomes.push(outcome);
      assert.deepEqual(outcome.violations, [], `npm run sim -- --seed ${seed} --upgrades --log`);
    });
  }

  after(() => {
    for (const how of ['activated', 'unready', 'divergent'])
      assert.ok(
        outcomes.some(({ activations }) => (activations[how] ?? 0) > 0),
        how,
      );
  });
});
