/**
 * A primary that proposes nothing, and otherwise seems well.
 */
import type { Effect } from '@coppice/protocol';
import type { Faulty } from './faulty.ts';

export class MutePrimary implements Faulty {
  readonly name = 'mute-primary';

  perform(effect: Effect): readonly Effect[] {
    return proposes(effect) ? [] : [effect];
  }
}

/** Whether somebody would get to know of a proposal: also one that is sent again. */
export function proposes(effect: Effect): boolean {
  return (effect.kind === 'send' || effect.kind === 'broadcast') && effect.message.kind === 'pre-prepare';
}
