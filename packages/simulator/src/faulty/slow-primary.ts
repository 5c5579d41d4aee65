/**
 * A primary that crawls: lets one proposal after the other go, each a while after the last, and not so late, perhaps, that
 * it would be silent.
 */
import type { Effect } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';

export class SlowPrimary implements Faulty {
  readonly name = 'slow-primary';
  readonly #instance: Instance;
  readonly #delayMs: number;
  #nextAt = 0;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#delayMs = random.between(100, 2 * instance.world.settings.viewTimeoutMs);
  }

  perform(effect: Effect): readonly Effect[] {
    const says = effect.kind === 'broadcast' || effect.kind === 'send';
    if (!says || effect.message.kind !== 'pre-prepare') return [effect];
    // What was lost is not sent again: that would be quick.
    if (effect.kind === 'send') return [];
    const { scheduler } = this.#instance.world;
    this.#nextAt = Math.max(this.#nextAt, scheduler.now) + this.#delayMs;
    scheduler.at(this.#nextAt, () => this.#instance.act(effect));
    return [];
  }
}
