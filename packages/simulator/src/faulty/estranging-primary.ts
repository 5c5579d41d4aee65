/**
 * A primary that estranges one backup: shows it another batch than everyone at the place of a checkpoint, and gives it the others' state as
 * soon as theirs is certified. The backup is then asked to vote on top of a history that its last vote was not for.
 */
import type { Effect, InstanceId } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { fewer } from './proposal.ts';
import { snapshotOf } from './snapshot.ts';

export class EstrangingPrimary implements Faulty {
  readonly name = 'estranging-primary';
  readonly #instance: Instance;
  readonly #random: Random;
  #victim: { readonly id: InstanceId; readonly sequence: number } | undefined;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    this.#offer();
    if (effect.kind !== 'broadcast' || effect.message.kind !== 'pre-prepare') return [effect];
    const { sequence } = effect.message.header;
    const { checkpointInterval } = this.#instance.replica!.environment.settings;
    if (sequence % checkpointInterval !== 0) return [effect];
    const other = fewer(this.#instance, effect.message);
    if (other === undefined) return [effect];
    const [id] = this.#random.shuffled(effect.to);
    this.#victim = { id: id!, sequence };
    for (const message of other) this.#instance.act({ kind: 'broadcast', to: [id!], message });
    return [{ ...effect, to: effect.to.filter((one) => one !== id) }];
  }

  #offer(): void {
    const { replica } = this.#instance;
    if (this.#victim === undefined || replica!.stable < this.#victim.sequence) return;
    const message = snapshotOf(replica!);
    if (message !== undefined) this.#instance.act({ kind: 'broadcast', to: [this.#victim.id], message });
    this.#victim = undefined;
  }
}
