/**
 * A primary that orders what nobody signed: requests of clients, challenges, notices and proofs that it made up; or under a header
 * of another version than is active.
 */
import type { Effect } from '@coppice/protocol';
import { type Item, quorumOf, type SystemRequest, type Vote } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { batchOf, headerOf, type PrePrepare, proposed } from './proposal.ts';

/** One thing only: a primary that is caught at one is not primary for long enough to try another. */
const specialties = ['request', 'request', 'notice', 'notice', 'replay', 'erasure', 'version'] as const;
type Specialty = (typeof specialties)[number];

export class TamperingPrimary implements Faulty {
  readonly name = 'tampering-primary';
  readonly #instance: Instance;
  readonly #random: Random;
  readonly #specialty: Specialty;
  /** The last bundle that it ordered. */
  #before: Item | undefined;

  constructor(instance: Instance, random: Random, specialty: Specialty = random.pick(specialties)) {
    this.#instance = instance;
    this.#random = random;
    this.#specialty = specialty;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'broadcast' || effect.message.kind !== 'pre-prepare') return [effect];
    const { message } = effect;
    if (this.#specialty === 'version') return this.#ofAnotherVersion(effect, message);
    const items = this.#tampered(message, batchOf(message).items);
    if (items === undefined) return [effect];
    // Where its own execution refuses the batch, any header will do: nobody else's may get that far.
    const header = headerOf(this.#instance, message, { items }, message.header.time) ?? message.header;
    const other = proposed(this.#instance, message, header, { items });
    return other === undefined ? [effect] : other.map((one) => ({ ...effect, message: one }));
  }

  #ofAnotherVersion(effect: Extract<Effect, { kind: 'broadcast' }>, message: PrePrepare): readonly Effect[] {
    const { code, rehashed: _, ...header } = message.header;
    const named = { version: 1, script: this.#random.bytes(32) };
    const other =
      code === undefined ? { ...header, protocolVersion: 2, code: named } : { ...header, protocolVersion: 1 };
    const proposal = proposed(this.#instance, message, other, batchOf(message));
    return proposal === undefined ? [effect] : proposal.map((one) => ({ ...effect, message: one }));
  }

  #tampered({ vote }: PrePrepare, items: readonly Item[]): Item[] | undefined {
    const random = this.#random;
    const before = this.#before;
    this.#before = items.findLast(({ kind }) => kind === 'bundle') ?? before;
    const challenge = items.findIndex((item) => item.kind === 'system' && item.request.kind === 'challenge');
    if (challenge >= 0) return items.map((item, i) => (i === challenge ? this.#otherChallenge(item) : item));
    switch (this.#specialty) {
      case 'version':
        return undefined;
      case 'erasure':
        // Before the true notices are there.
        return this.#early(vote) ? [...items, { kind: 'system', request: this.#erasure() }] : undefined;
      case 'replay':
        return before !== undefined && random.percent(50) ? [before, ...items] : undefined;
      case 'notice':
        return random.percent(30) ? [...items, { kind: 'system', request: this.#notice(vote) }] : undefined;
      case 'request':
        return items.some(({ kind }) => kind === 'bundle') ? items.map((item) => this.#unsigned(item)) : undefined;
    }
  }

  #unsigned(item: Item): Item {
    if (item.kind !== 'bundle') return item;
    return { kind: 'bundle', bundle: { ...item.bundle, signature: this.#random.bytes(64) } };
  }

  /** With nonces of its own choice, known before the turn was opened. */
  #otherChallenge(item: Item): Item {
    if (item.kind !== 'system' || item.request.kind !== 'challenge') return item;
    const { certificate } = item.request;
    const reveals = certificate.reveals.map((reveal) => ({ ...reveal, nonce: this.#random.bytes(32) }));
    return { kind: 'system', request: { ...item.request, certificate: { ...certificate, reveals } } };
  }

  #early({ subject }: Vote): boolean {
    const { epoch, epochStart } = this.#instance.replica!;
    return epoch > 0 && subject.sequence <= epochStart + 2;
  }

  /** In the name of another slot. */
  #erasure(): SystemRequest {
    const { configuration, environment, epoch, slot } = this.#instance.replica!;
    const seat = this.#random.pick(configuration.seats.filter((one) => one.slot !== slot));
    const claim = { service: environment.service, epoch: epoch - 1, slot: seat.slot, instance: seat.instance };
    return { kind: 'erasure', erasure: { ...claim, signature: this.#random.bytes(64) } };
  }

  /** A proof, or a suspicion, about another slot. */
  #notice({ subject }: Vote): SystemRequest {
    const { configuration, environment, epoch, slot } = this.#instance.replica!;
    const random = this.#random;
    const { service } = environment;
    const { instance, slot: of } = random.pick(configuration.seats.filter((seat) => seat.slot !== slot));
    const forged = (): Vote => ({
      ...{ subject: { ...subject, headerDigest: random.bytes(32) }, slot: of },
      ...{ commitment: random.bytes(32), signature: random.bytes(64) },
    });
    const signature = random.bytes(64);
    if (random.percent(50))
      return { kind: 'fault', proof: { slot: of, instance, first: forged(), second: forged(), fork: undefined } };
    const by = random.below(quorumOf(configuration.slots));
    const suspicion = {
      service,
      epoch,
      slot: by === of ? of : by,
      suspect: of,
      instance,
      reason: 'silent' as const,
      signature,
    };
    return { kind: 'suspicion', suspicion };
  }
}
