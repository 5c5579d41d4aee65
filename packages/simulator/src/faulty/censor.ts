/**
 * A censor: orders everything but what one client asks for, of which it claims to have never heard.
 */
import type { Effect, Input } from '@coppice/protocol';
import { type Item, sameBytes } from '@coppice/wire';
import type { Faulty } from './faulty.ts';

export class Censor implements Faulty {
  readonly name = 'censor';
  #victim: Uint8Array | undefined;

  perform(effect: Effect): readonly Effect[] {
    return [effect];
  }

  hears(input: Input): boolean {
    if (input.kind === 'item') return !this.#concerns(input.item);
    return input.kind !== 'message' || input.message.kind !== 'forward' || !this.#concerns(input.message.item);
  }

  #concerns(item: Item): boolean {
    if (item.kind !== 'bundle') return false;
    this.#victim ??= item.bundle.client;
    return sameBytes(this.#victim, item.bundle.client);
  }
}
