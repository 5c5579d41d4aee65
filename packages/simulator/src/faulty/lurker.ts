/**
 * An attacker who is in and does nothing: he reads, and keeps every key and nonce that he ever saw.
 */
import type { Effect } from '@coppice/protocol';
import type { Faulty } from './faulty.ts';

export class Lurker implements Faulty {
  readonly name = 'lurker';

  perform(effect: Effect): readonly Effect[] {
    return [effect];
  }
}
