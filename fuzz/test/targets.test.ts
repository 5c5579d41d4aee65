/**
 * Every target, with few inputs: `npm run fuzz` has millions. What once broke something is tried each time.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../packages/simulator/src/random.ts';
import { runChunk, runInput } from '../chunk.ts';
import { keptInputs, loadTargets, targetsFolder } from '../corpus.ts';
import type { Target } from '../target.ts';

const targets = await loadTargets(targetsFolder);
const inputs = 300;

test('names are unique', () => {
  assert.equal(new Set(targets.map(({ name }) => name)).size, targets.length);
});

for (const target of targets) {
  test(target.name, () => {
    assert.ok(
      validInputs(target).some((input) => runInput(target, input) === undefined),
      'nothing is accepted',
    );
    const kept = keptInputs(target.name).map(({ input }) => input);
    for (const input of kept) assert.equal(typeof runInput(target, input) === 'object', false);
    const count = Math.ceil(inputs * (target.weight ?? 1));
    const { failures, refused } = runChunk(target, [...target.seeds(), ...kept], `test/${target.name}`, count);
    assert.deepEqual(failures, []);
    assert.ok(refused > 0, 'nothing is refused');
  });
}

function validInputs(target: Target): Uint8Array[] {
  const drawn = Array.from({ length: 5 }, (_, i) => target.draw?.(new Random(`valid ${i}`)));
  return [...target.seeds(), ...drawn.filter((input) => input !== undefined)];
}
