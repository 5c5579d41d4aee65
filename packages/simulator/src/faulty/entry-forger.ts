/**
 * A replica that claims to have committed more than the others, and makes up what it claims: a batch that anybody would execute,
 * under a certificate that nobody signed.
 */
import type { Effect, Input, InstanceId } from '@coppice/protocol';
import { batchCodec, encode, headerDigest } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { headerAbove } from './proposal.ts';

export class EntryForger implements Faulty {
  readonly name = 'entry-forger';
  readonly #instance: Instance;
  readonly #random: Random;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'announce' || effect.message.kind !== 'status') return [effect];
    const { message } = effect;
    return [{ ...effect, message: { ...message, committed: message.committed + 1 } }];
  }

  hears(input: Input): boolean {
    if (input.kind !== 'message' || input.message.kind !== 'fetch') return true;
    return input.message.from !== this.#instance.replica!.committed + 1 || !this.#forge(input.from);
  }

  #forge(to: InstanceId): boolean {
    const { epoch, view, newViewDigest, committed, configuration, environment } = this.#instance.replica!;
    const random = this.#random;
    const header = headerAbove(this.#instance, committed, { items: [] });
    if (header === undefined) return false;
    const digest = headerDigest(environment.cryptography, header);
    const subject = { epoch, view, sequence: header.sequence, headerDigest: digest, newView: newViewDigest };
    const reveals = configuration.seats
      .slice(0, Math.floor((2 * configuration.slots) / 3) + 1)
      .map(({ slot }) => ({ slot, nonce: random.bytes(32), signature: random.bytes(64) }));
    const entries = [{ header, batch: encode(batchCodec, { items: [] }) }];
    this.#instance.act({ kind: 'send', to, message: { kind: 'entries', entries, certificate: { subject, reveals } } });
    return true;
  }
}
