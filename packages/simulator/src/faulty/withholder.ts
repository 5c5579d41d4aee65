/**
 * A primary that orders everything but notices of erasure, of which it claims to have never heard: the epoch before is not sealed.
 */
import type { Effect, Input } from '@coppice/protocol';
import type { Item } from '@coppice/wire';
import type { Faulty } from './faulty.ts';

export class Withholder implements Faulty {
  readonly name = 'withholder';

  perform(effect: Effect): readonly Effect[] {
    return [effect];
  }

  hears(input: Input): boolean {
    if (input.kind === 'item') return !isNotice(input.item);
    if (input.kind === 'signed') return input.unsigned.kind !== 'erasure';
    return input.kind !== 'message' || input.message.kind !== 'forward' || !isNotice(input.message.item);
  }
}

function isNotice(item: Item): boolean {
  return item.kind === 'system' && item.request.kind === 'erasure';
}
