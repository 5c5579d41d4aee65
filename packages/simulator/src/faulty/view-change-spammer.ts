/**
 * A replica that asks for other views all the time, for near ones and for far ones.
 */
import type { Effect } from '@coppice/protocol';
import { viewChangeStatement } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';

export class ViewChangeSpammer implements Faulty {
  readonly name = 'view-change-spammer';
  readonly #instance: Instance;
  readonly #random: Random;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    const { replica, keyring } = this.#instance;
    const { epoch, slot, environment, highestPrepared } = replica!;
    const signer = keyring.signer(epoch);
    if (effect.kind !== 'announce' || slot === undefined || signer === undefined) return [effect];
    const prepared = this.#random.percent(50) ? highestPrepared : undefined;
    const view = replica!.view + this.#random.pick([1, 1, 2, 5, 1000]);
    const unsigned = { service: environment.service, epoch, view, slot, prepared };
    const viewChange = { ...unsigned, signature: signer.sign(viewChangeStatement(unsigned)) };
    return [effect, { kind: 'announce', message: { kind: 'view-change', viewChange } }];
  }
}
