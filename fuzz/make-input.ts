/** Inputs of a target: drawn, or made of others. */
import type { Random } from '../packages/simulator/src/random.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

export function makeInput(target: Target, pool: readonly Uint8Array[], random: Random): Uint8Array {
  const fresh =
    target.draw !== undefined && (pool.length === 0 || random.percent(40)) ? target.draw(random) : undefined;
  if (fresh !== undefined && random.percent(25)) return fresh;
  const base = fresh ?? (pool.length === 0 ? random.bytes(random.below(64)) : random.pick(pool));
  return mutate(target.dialect, base, pool.length === 0 ? base : random.pick(pool), random);
}
