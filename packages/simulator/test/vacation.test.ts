/**
 * A replica dies and its host launches nothing for a while, so that terms run out. Whoever is past its term goes on voting
 * until the dead one is replaced: vacated beside it, it would take the quorum along for good.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { simulate } from '@coppice/simulator';
import { noManners } from '../src/plan.ts';

it('a slot past its term is not vacated beside a dead one', () => {
  for (const seed of [1, 2, 3, 4]) {
    const outcome = simulate(seed, {
      choices: {
        ...{ slots: 4, clients: 2, disturbedMs: 14_000, undisturbedMs: 7000, realCryptography: false },
        faults: [{ atMs: 400, kind: 'crash', durationMs: 0 }],
        hosts: { manners: { ...noManners, refused: 100 }, starve: true },
      },
    });
    assert.deepEqual(outcome.violations, [], `seed ${seed}`);
    assert.ok(!outcome.stopped, `seed ${seed}`);
    assert.ok(outcome.turns > 0, `seed ${seed}`);
  }
});
