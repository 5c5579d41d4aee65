/**
 * A replica whose signatures are none, or whose nonces open nothing.
 */
import type { Effect } from '@coppice/protocol';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';

export class VoteForger implements Faulty {
  readonly name = 'vote-forger';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    const random = this.#random;
    if (effect.kind !== 'broadcast' || random.percent(50)) return [effect];
    const { message } = effect;
    switch (message.kind) {
      case 'pre-prepare':
      case 'prepare':
        return [{ ...effect, message: { ...message, vote: { ...message.vote, signature: random.bytes(64) } } }];
      case 'checkpoint':
        return [{ ...effect, message: { ...message, signature: random.bytes(64) } }];
      case 'commit':
        return [
          {
            ...effect,
            message: { ...message, reveals: message.reveals.map((reveal) => ({ ...reveal, nonce: random.bytes(32) })) },
          },
        ];
      default:
        return [effect];
    }
  }
}
