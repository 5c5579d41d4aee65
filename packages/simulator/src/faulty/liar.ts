/**
 * A replica that lies to whoever catches up: claims to have more than there is, offers its state before anybody asks, and gives
 * other epochs, entries, headers and parts of the state than there are.
 */
import type { Effect, Message, MessageOf } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { snapshotOf } from './snapshot.ts';

export class Liar implements Faulty {
  readonly name = 'liar';
  readonly #instance: Instance;
  readonly #random: Random;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'send' && effect.kind !== 'announce') return [effect];
    const offer = effect.kind === 'announce' ? snapshotOf(this.#instance.replica!) : undefined;
    const offered: Effect[] = offer === undefined ? [] : [this.#said({ kind: 'announce', message: offer })];
    return [this.#said(effect), ...offered];
  }

  #said(effect: Extract<Effect, { kind: 'send' | 'announce' }>): Effect {
    return this.#random.percent(70) ? { ...effect, message: this.#lie(effect.message) } : effect;
  }

  #lie(message: Message): Message {
    switch (message.kind) {
      case 'status':
        return { ...message, committed: message.committed + this.#random.pick([0, 1, 40, 1_000_000]) };
      case 'state':
        return { ...message, parts: message.parts.map((part) => ({ ...part, bytes: this.#bent(part.bytes) })) };
      case 'snapshot':
        return this.#otherSnapshot(message);
      case 'entries':
        return { ...message, entries: this.#otherEntries(message.entries) };
      case 'held':
        return { ...message, entries: this.#otherEntries(message.entries) };
      case 'outcomes':
        return {
          ...message,
          outcomes: message.outcomes.map((outcome) => ({ ...outcome, result: this.#bent(outcome.result) })),
        };
      default:
        return message;
    }
  }

  #otherSnapshot(message: MessageOf<'snapshot'>): Message {
    const { certificate, epochs, recent } = message;
    switch (this.#random.below(4)) {
      case 0:
        return { ...message, epochs: epochs.slice(1) };
      case 1:
        // An epoch that ended otherwise than its incumbents say.
        return {
          ...message,
          epochs: epochs.map((epoch) => ({ ...epoch, header: { ...epoch.header, time: epoch.header.time + 1 } })),
        };
      case 2:
        return { ...message, recent: recent.map((leaf) => this.#bent(leaf)) };
      default:
        return { ...message, certificate: { ...certificate, stateDigest: this.#bent(certificate.stateDigest) } };
    }
  }

  #otherEntries<T extends { readonly header: { readonly time: number }; readonly batch: Uint8Array }>(
    entries: readonly T[],
  ): T[] {
    const at = this.#random.below(Math.max(1, entries.length));
    const bend = this.#random.percent(50);
    return entries.map((entry, i) => {
      if (i !== at) return entry;
      return bend
        ? { ...entry, batch: this.#bent(entry.batch) }
        : { ...entry, header: { ...entry.header, time: entry.header.time + 1 } };
    });
  }

  #bent(bytes: Uint8Array): Uint8Array {
    const copy = Uint8Array.from(bytes);
    if (copy.length > 0) copy[this.#random.below(copy.length)]! ^= 1;
    return copy;
  }
}
