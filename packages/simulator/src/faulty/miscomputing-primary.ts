/**
 * A primary whose results are wrong: what it proposes has other results than the batch gives.
 */
import type { Effect, Input } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { batchOf, proposed } from './proposal.ts';

export class MiscomputingPrimary implements Faulty {
  readonly name = 'miscomputing-primary';
  readonly #instance: Instance;
  readonly #random: Random;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    const says = effect.kind === 'broadcast' || effect.kind === 'send';
    if (!says || effect.message.kind !== 'pre-prepare') return [effect];
    const { message } = effect;
    const header = { ...message.header, transactionsRoot: this.#random.bytes(32) };
    const other = proposed(this.#instance, message, header, batchOf(message));
    if (other === undefined) return [effect];
    const [prePrepare, reveal] = other;
    // At times it does not even write what it means.
    const batch = this.#random.percent(40) ? this.#random.bytes(40) : prePrepare.batch;
    return [{ ...prePrepare, batch }, reveal].map((one): Effect => ({ ...effect, message: one }));
  }

  /** Whoever asks for its results gets others than there are. */
  hears(input: Input): boolean {
    if (input.kind !== 'message' || input.message.kind !== 'fetch-outcomes') return true;
    const { sequence, headerDigest } = input.message;
    const entry = this.#instance.replica!.log.get(sequence);
    const outcomes = entry?.executed.outcomes.map((outcome) => ({ ...outcome, result: this.#random.bytes(8) }));
    if (outcomes !== undefined)
      this.#instance.act({
        kind: 'send',
        to: input.from,
        message: { kind: 'outcomes', sequence, headerDigest, outcomes },
      });
    return false;
  }
}
