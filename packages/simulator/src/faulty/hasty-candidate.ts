/**
 * A candidate that says it is ready before it is: with a header that nobody knows.
 */
import type { Effect } from '@coppice/protocol';
import { readyStatement } from '@coppice/wire';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';

export class HastyCandidate implements Faulty {
  readonly name = 'hasty-candidate';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'sign' || effect.unsigned.kind !== 'ready') return [effect];
    const ready = { ...effect.unsigned.ready, headerDigest: this.#random.bytes(32) };
    return [{ ...effect, statement: readyStatement(ready), unsigned: { kind: 'ready', ready } }];
  }
}
