/**
 * A primary that proposes twice, like the wavering one, and in between pushes its newest checkpoint upon everyone: whoever is a
 * little behind receives a state, and forgets what it voted for above it.
 */
import type { Effect } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Faulty } from './faulty.ts';
import { snapshotOf } from './snapshot.ts';
import { WaveringPrimary } from './wavering-primary.ts';

export class PushingPrimary implements Faulty {
  readonly name = 'pushing-primary';
  readonly #instance: Instance;
  readonly #wavering: WaveringPrimary;
  #pushed = 0;

  constructor(instance: Instance) {
    this.#instance = instance;
    this.#wavering = new WaveringPrimary(instance);
  }

  perform(effect: Effect): readonly Effect[] {
    const [first, ...rest] = this.#wavering.perform(effect);
    return first === undefined || rest.length === 0 ? [effect] : [first, ...this.#snapshot(), ...rest];
  }

  #snapshot(): Effect[] {
    const message = snapshotOf(this.#instance.replica!);
    if (message === undefined || message.certificate.sequence <= this.#pushed) return [];
    this.#pushed = message.certificate.sequence;
    return [{ kind: 'announce', message }];
  }
}
