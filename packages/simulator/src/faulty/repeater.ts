/**
 * A replica whose messages come late, in another order, twice, and again long afterwards: all that a channel keeps a network from
 * doing to them.
 */
import type { Effect } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';

/** What it remembers to say again. */
const keptMax = 256;

export class Repeater implements Faulty {
  readonly name = 'repeater';
  readonly #instance: Instance;
  readonly #random: Random;
  readonly #kept: Effect[] = [];

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'send' && effect.kind !== 'broadcast' && effect.kind !== 'announce') return [effect];
    const random = this.#random;
    if (this.#kept.length < keptMax) this.#kept.push(effect);
    else this.#kept[random.below(keptMax)] = effect;
    const again = random.percent(30) ? [random.pick(this.#kept)] : [];
    if (!random.percent(20)) return random.percent(20) ? [effect, effect, ...again] : [effect, ...again];
    this.#instance.world.scheduler.after(random.between(1, 100), () => this.#instance.act(effect));
    return again;
  }
}
