/**
 * A primary that changes its mind: proposes a batch to everyone, and then another one at the same place.
 */
import type { Effect } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Faulty } from './faulty.ts';
import { fewer } from './proposal.ts';

export class WaveringPrimary implements Faulty {
  readonly name = 'wavering-primary';
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'broadcast' || effect.message.kind !== 'pre-prepare') return [effect];
    const other = fewer(this.#instance, effect.message);
    return other === undefined ? [effect] : [effect, ...other.map((one): Effect => ({ ...effect, message: one }))];
  }
}
