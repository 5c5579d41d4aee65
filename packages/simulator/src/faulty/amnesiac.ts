/**
 * A replica that forgets: in every view it works with some of the others only, and when the view changes it has never
 * prepared anything. Alone it achieves nothing; more than f of them undo what was committed.
 */
import type { Effect, Input, InstanceId } from '@coppice/protocol';
import { viewChangeStatement } from '@coppice/wire';
import type { Faulty } from './faulty.ts';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';

/** Whom an attacker favours in even views, and in odd ones. */
export type Sides = readonly [ReadonlySet<InstanceId>, ReadonlySet<InstanceId>];

export class Amnesiac implements Faulty {
  readonly name = 'amnesiac';
  readonly #instance: Instance;
  readonly #sides: Sides;

  constructor(instance: Instance, random: Random, sides?: Sides) {
    this.#instance = instance;
    const others = random.shuffled([...instance.replica!.slotOf.keys()].filter((id) => id !== instance.id));
    const half = Math.floor(others.length / 2);
    this.#sides = sides ?? [new Set(others.slice(0, half)), new Set(others.slice(half))];
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind === 'sign' && effect.unsigned.kind === 'view-change') {
      const viewChange = { ...effect.unsigned.viewChange, prepared: undefined };
      return [{ ...effect, statement: viewChangeStatement(viewChange), unsigned: { kind: 'view-change', viewChange } }];
    }
    // What is about the view itself goes to everyone.
    if (effect.kind === 'announce') return this.#told([...this.#instance.replica!.slotOf.keys()], effect);
    if (effect.kind === 'broadcast') return this.#told(effect.to, effect);
    if (effect.kind === 'send') return this.#told([effect.to], effect);
    return [effect];
  }

  #told(
    to: readonly InstanceId[],
    effect: Extract<Effect, { kind: 'broadcast' | 'send' | 'announce' }>,
  ): readonly Effect[] {
    const { message } = effect;
    if (message.kind === 'view-change' || message.kind === 'new-view' || message.kind === 'forward') return [effect];
    const ignored = this.#sides[(this.#instance.replica!.view + 1) % 2]!;
    return [{ kind: 'broadcast', to: to.filter((id) => id !== this.#instance.id && !ignored.has(id)), message }];
  }

  /** A view change that names what was prepared would be in the next new-view. */
  hears(input: Input): boolean {
    return input.kind !== 'message' || input.message.kind !== 'view-change'
      ? true
      : input.message.viewChange.prepared === undefined;
  }
}
