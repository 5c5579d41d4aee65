/**
 * A replica that does not erase: it keeps the keys of earlier epochs, and goes on signing with them.
 */
import type { Effect, Message } from '@coppice/protocol';
import { commitmentOf, type Signer, voteStatement } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';

export class StaleKeySigner implements Faulty {
  readonly name = 'stale-key-signer';
  readonly #instance: Instance;
  readonly #random: Random;
  readonly #kept = new Map<number, { readonly signer: Signer; readonly slot: number }>();

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
    this.#keep();
  }

  perform(effect: Effect): readonly Effect[] {
    this.#keep();
    if (effect.kind !== 'announce' || !this.#random.percent(50)) return [effect];
    return [effect, ...this.#forgeries().map((message): Effect => ({ kind: 'announce', message }))];
  }

  #keep(): void {
    const { epoch, slot } = this.#instance.replica!;
    const signer = this.#instance.keyring.signer(epoch);
    if (signer !== undefined && slot !== undefined) this.#kept.set(epoch, { signer, slot });
  }

  /** A vote of an old epoch for a header that never was, a vote of this epoch under an old key, and a nonce for each. */
  #forgeries(): Message[] {
    const { serving, replica, keyring } = this.#instance;
    const { epoch, view, committed, newViewDigest, environment } = replica!;
    const messages: Message[] = [];
    for (const [old, { signer, slot }] of this.#kept) {
      if (old >= epoch) continue;
      const sequence = committed + this.#random.between(0, 3);
      for (const claimed of [old, epoch]) {
        const place = { epoch: claimed, view, sequence, newView: newViewDigest };
        const subject = { ...place, headerDigest: this.#random.bytes(32) };
        const nonce = keyring.nonce();
        const commitment = commitmentOf(environment.cryptography, nonce);
        const signature = signer.sign(voteStatement(serving!.founded.genesis.service, subject, commitment));
        messages.push({ kind: 'prepare', vote: { subject, slot, commitment, signature } });
        messages.push({ kind: 'commit', epoch: claimed, view, reveals: [{ sequence, nonce }] });
      }
    }
    return messages.slice(-4);
  }
}
