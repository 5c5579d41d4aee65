/**
 * A replica that votes and never reveals: what it could commit later, it keeps.
 */
import type { Effect } from '@coppice/protocol';
import type { Faulty } from './faulty.ts';

export class NonceHoarder implements Faulty {
  readonly name = 'nonce-hoarder';

  perform(effect: Effect): readonly Effect[] {
    const says = effect.kind === 'send' || effect.kind === 'broadcast';
    return says && effect.message.kind === 'commit' ? [] : [effect];
  }
}
