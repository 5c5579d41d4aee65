/**
 * A new primary that picks whom it hears: of the view changes it takes those that name least, tells whoever named most nothing, and
 * proposes nothing. So an older view lives on at one replica, further than the newer one got.
 */
import type { Effect, InstanceId } from '@coppice/protocol';
import { newViewStatement, quorumOf, type ViewChange, viewChangeStatement } from '@coppice/wire';
import { byViewThenSequence } from '../adopted.ts';
import type { Instance } from '../instance.ts';
import type { Faulty } from './faulty.ts';
import { proposes } from './mute-primary.ts';

export class PickyPrimary implements Faulty {
  readonly name = 'picky-primary';
  readonly #instance: Instance;
  #ignored: InstanceId | undefined;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind === 'sign' && effect.unsigned.kind === 'new-view') return this.#picked(effect);
    if (proposes(effect)) return [];
    if (effect.kind === 'send') return effect.to === this.#ignored ? [] : [effect];
    if (effect.kind !== 'broadcast') return [effect];
    return [{ ...effect, to: effect.to.filter((id) => id !== this.#ignored) }];
  }

  #picked(effect: Extract<Effect, { kind: 'sign' }>): readonly Effect[] {
    if (effect.unsigned.kind !== 'new-view') return [effect];
    const { viewChanges, configuration, slot } = this.#instance.replica!;
    const { newView } = effect.unsigned;
    const signer = this.#instance.keyring.signer(newView.epoch);
    const others = [...viewChanges.values()]
      .map(({ viewChange }) => viewChange)
      .filter((one) => one.view === newView.view && one.slot !== slot)
      .sort(byPrepared);
    const own = newView.viewChanges.find((one) => one.slot === slot);
    // It waits for one more than it needs.
    if (others.length < quorumOf(configuration.slots) || own === undefined || signer === undefined) return [];
    const unsigned = { ...own, prepared: undefined };
    const picked = [
      ...others.slice(0, quorumOf(configuration.slots) - 1),
      { ...unsigned, signature: signer.sign(viewChangeStatement(unsigned)) },
    ].sort((a, b) => a.slot - b.slot);
    const ignored = configuration.seats.find((seat) => seat.slot === others.at(-1)!.slot);
    this.#ignored = ignored && String.fromCharCode(...ignored.instance);
    const other = { ...newView, viewChanges: picked };
    return [{ ...effect, statement: newViewStatement(other), unsigned: { kind: 'new-view', newView: other } }];
  }
}

function byPrepared({ prepared: a }: ViewChange, { prepared: b }: ViewChange): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return byViewThenSequence(a, b);
}
