/**
 * A new primary that begins its view twice: some get one new-view and the others another, and so does everything it says in
 * that view.
 */
import type { Effect, InstanceId, Message } from '@coppice/protocol';
import { newViewDigest, newViewStatement, viewChangeStatement } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Random } from '../random.ts';
import type { Faulty } from './faulty.ts';
import { revealing, voteOf } from './proposal.ts';

/** The other new-view, and who is in it. */
interface Fork {
  readonly epoch: number;
  readonly view: number;
  readonly digest: Uint8Array;
  readonly told: ReadonlySet<InstanceId>;
}

export class TwoNewViews implements Faulty {
  readonly name = 'two-new-views';
  readonly #instance: Instance;
  readonly #random: Random;
  #fork: Fork | undefined;

  constructor(instance: Instance, random: Random) {
    this.#instance = instance;
    this.#random = random;
  }

  perform(effect: Effect): readonly Effect[] {
    if (effect.kind !== 'broadcast') return [effect];
    const { message, to } = effect;
    const other = message.kind === 'new-view' ? this.#forked(message, to) : this.#inFork(message);
    const told = this.#fork?.told;
    if (other === undefined || told === undefined) return [effect];
    const [these, those] = [to.filter((id) => told.has(id)), to.filter((id) => !told.has(id))];
    return [{ ...effect, to: those }, ...other.map((one): Effect => ({ kind: 'broadcast', to: these, message: one }))];
  }

  /** The same view changes, but for its own, which names nothing. */
  #forked({ newView }: Extract<Message, { kind: 'new-view' }>, to: readonly InstanceId[]): Message[] | undefined {
    const { environment, slot } = this.#instance.replica!;
    const signer = this.#instance.keyring.signer(newView.epoch);
    if (signer === undefined) return undefined;
    const viewChanges = newView.viewChanges.map((viewChange) => {
      if (viewChange.slot !== slot) return viewChange;
      const unsigned = { ...viewChange, prepared: undefined };
      return { ...unsigned, signature: signer.sign(viewChangeStatement(unsigned)) };
    });
    const unsigned = { ...newView, viewChanges };
    const { epoch, view } = newView;
    const told = new Set(this.#random.shuffled(to).slice(0, this.#random.between(1, to.length - 1)));
    this.#fork = { epoch, view, digest: newViewDigest(environment.cryptography, unsigned), told };
    return [{ kind: 'new-view', newView: { ...unsigned, signature: signer.sign(newViewStatement(unsigned)) } }];
  }

  /** A vote of the forked view, as those see it who are in the other one; its nonce leaves with it. */
  #inFork(message: Message): Message[] | undefined {
    const fork = this.#fork;
    if (fork === undefined || (message.kind !== 'pre-prepare' && message.kind !== 'prepare')) return undefined;
    const { subject, slot } = message.vote;
    if (subject.epoch !== fork.epoch || subject.view !== fork.view) return undefined;
    const voted = voteOf(this.#instance, { ...subject, newView: fork.digest }, slot);
    return voted && [{ ...message, vote: voted.vote }, revealing(subject, voted.nonce)];
  }
}
