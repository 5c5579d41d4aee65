/**
 * An equivocating primary: tells some backups one batch and the others another one at the same place, each well signed
 * and rightly executed. Where it has accomplices, they vote for both.
 */
import type { Effect, InstanceId } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { fewer, revealing, voteOf } from './proposal.ts';

export interface Conspiracy {
  /** Instances of the same attacker. */
  readonly accomplices: () => readonly Instance[];
  /** Who is told the other batch; whoever chance picks, if absent. */
  readonly told?: readonly InstanceId[];
}

export class Equivocator implements Faulty {
  readonly name = 'equivocator';
  readonly #instance: Instance;
  readonly #random: Random;
  readonly #conspiracy: Conspiracy;

  constructor(instance: Instance, random: Random, conspiracy: Conspiracy = { accomplices: () => [] }) {
    this.#instance = instance;
    this.#random = random;
    this.#conspiracy = conspiracy;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'broadcast' || effect.message.kind !== 'pre-prepare') return [effect];
    const other = fewer(this.#instance, effect.message);
    if (other === undefined) return [effect];
    const chance = (): InstanceId[] =>
      this.#random.shuffled(effect.to).slice(0, this.#random.between(1, effect.to.length - 1));
    const told = this.#conspiracy.told ?? chance();
    const { subject } = other[0].vote;
    // Channels keep the order: the proposal is there before the votes, each vote before its nonce.
    for (const message of other) this.#instance.act({ kind: 'broadcast', to: told, message });
    for (const accomplice of this.#conspiracy.accomplices()) {
      const { slot, epoch } = accomplice.replica!;
      if (accomplice === this.#instance || slot === undefined || epoch !== subject.epoch) continue;
      const voted = voteOf(accomplice, subject, slot);
      if (voted === undefined) continue;
      accomplice.act({ kind: 'broadcast', to: told, message: { kind: 'prepare', vote: voted.vote } });
      accomplice.act({ kind: 'broadcast', to: told, message: revealing(subject, voted.nonce) });
    }
    return [{ ...effect, to: effect.to.filter((id) => !told.includes(id)) }];
  }
}
