/**
 * A replica that says a great deal about epochs that nobody has reached.
 */
import type { Effect } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Faulty } from './faulty.ts';

/** More than anybody keeps of one sender. */
const messages = 600;

export class Flooder implements Faulty {
  readonly name = 'flooder';
  readonly #instance: Instance;
  #epoch = -1;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  perform(effect: Effect): readonly Effect[] {
    const { epoch } = this.#instance.replica!;
    if (effect.kind !== 'announce' || epoch === this.#epoch) return [effect];
    this.#epoch = epoch;
    const message = { kind: 'commit' as const, epoch: epoch + 1, view: 0, reveals: [] };
    return [effect, ...Array.from({ length: messages }, (): Effect => ({ kind: 'announce', message }))];
  }
}
