/**
 * Progress: once nobody disturbs anything any more, every client is answered, everyone follows, turns seat instances.
 *
 * Unless the service has stopped for good: with k slots vacant, because their terms ran out, it tolerates f − k faults.
 */
import { primarySlot, quorumOf } from '@coppice/wire';
import type { CommittedBatch } from '@coppice/protocol';
import type { Client } from '../client.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';
import type { Provider } from '../provider.ts';

/** Batches from a turn's opening to its end: opening, challenge, join, ready, each after some that were on their way. */
const stepsOfATurn = 8;
/** Deadlines of turns below this are missed again and again: to launch, receive the state, copy the log and be ready takes about as long. */
const turnDeadlineMsMin = 600;
/** How far behind the head an incumbent may be: what is in flight, twice. */
const behindMax = 16;
/** How long a fresh one may take to follow, in milliseconds of agreed time. */
const freshMs = 1000;

export interface ProgressOptions {
  readonly violate: (message: string) => void;
  readonly now: () => number;
  readonly provider: Provider;
  readonly clients: readonly Client[];
  /** How long a turn may take, from its being due. */
  readonly turnMs: number;
  readonly turnDeadlineMs: number;
  /** Whether more died at once than the service has to survive. */
  readonly blackout: () => boolean;
  /** How long nothing may commit, from the first commit on after everything was mended. */
  readonly stillMsMax: number;
}

export class Progress implements Observer {
  readonly name = 'progress';
  readonly #violate: (message: string) => void;
  readonly #now: () => number;
  readonly #provider: Provider;
  readonly #clients: readonly Client[];
  readonly #turnMs: number;
  readonly #turnDeadlineMs: number;
  readonly #blackout: () => boolean;
  readonly #stillMsMax: number;
  #committed = 0;
  /** When something was committed for the first time anywhere, since everything was mended. */
  #committedAt: number | undefined;
  #longestMs = 0;
  /** Slots are vacant, and the incumbents that are neither dead nor an attacker's are less than a quorum. */
  stopped = false;
  #healedAt = 0;
  #turns = 0;
  /** The last turn that had been opened when everything was mended. */
  #begun = 0;

  constructor({ violate, now, provider, clients, turnMs, turnDeadlineMs, blackout, stillMsMax }: ProgressOptions) {
    this.#stillMsMax = stillMsMax;
    this.#violate = violate;
    this.#now = now;
    this.#provider = provider;
    this.#clients = clients;
    this.#turnMs = turnMs;
    this.#turnDeadlineMs = turnDeadlineMs;
    this.#blackout = blackout;
  }

  healed(): void {
    this.#healedAt = this.#now();
    this.#turns = this.#turnsSeated();
    this.#begun = this.#provider.head?.serving?.execution.committed().membership.open?.turn ?? this.#turns;
  }

  committed(instance: Instance, { header }: CommittedBatch): void {
    if (instance.corrupt || header.sequence <= this.#committed) return;
    this.#committed = header.sequence;
    if (this.#healedAt > 0) this.#still();
  }

  #still(): void {
    const now = this.#now();
    if (this.#committedAt !== undefined) this.#longestMs = Math.max(this.#longestMs, now - this.#committedAt);
    this.#committedAt = now;
  }

  recovered(): void {
    const { head } = this.#provider;
    if (head === undefined) {
      this.stopped = this.#blackout();
      if (!this.stopped) this.#violate('no incumbent runs');
      return;
    }
    const { configuration } = head.replica!;
    const sound = this.#provider.seated(configuration).filter(({ state, corrupt }) => state === 'running' && !corrupt);
    const excused = configuration.seats.length < configuration.slots || this.#blackout();
    this.stopped = excused && sound.length < quorumOf(configuration.slots);
    if (this.stopped) return;
    if (this.#committedAt !== undefined) this.#still();
    if (this.#longestMs > this.#stillMsMax)
      this.#violate(`nothing was committed for ${this.#longestMs} ms, though nobody disturbed anything`);
    for (const owed of this.#owed(head)) this.#violate(owed);
    if (this.#turnDeadlineMs < turnDeadlineMsMin || this.#dawdled()) return;
    if (this.#now() - this.#healedAt > this.#turnMs && this.#turnsSeated() === this.#turns)
      this.#violate('no turn seated anybody since everything was healed');
  }

  /** Everything that is asked for has been seen, from a whole turn to the last answer. */
  get shown(): boolean {
    const { head } = this.#provider;
    return head !== undefined && this.#turnsSeated() > this.#begun && this.#owed(head).next().done === true;
  }

  /** What clients and incumbents still wait for. */
  *#owed(head: Instance): Generator<string, void> {
    const { committed, configuration, timeOfExecuted } = head.replica!;
    for (const { name, operations } of this.#clients) {
      const answered = operations.some(({ invokedAt, answer }) => invokedAt > this.#healedAt && answer !== undefined);
      if (!answered) yield `${name} was not answered since everything was healed`;
    }
    const settled = configuration.seats.filter(({ since }) => since + freshMs < timeOfExecuted);
    for (const instance of this.#provider.seated({ ...configuration, seats: settled })) {
      if (instance.state !== 'running' || instance.corrupt) continue;
      const replica = instance.replica!;
      // One that has gone on to the next epoch, perhaps without a seat in it, is not behind.
      if (replica.epoch > configuration.epoch) continue;
      if (replica.committed + behindMax < committed || replica.slot === undefined) {
        yield `${instance.name} is at ${replica.committed}, in epoch ${replica.epoch}; the head is at ${committed}, in epoch ${configuration.epoch}`;
      }
    }
  }

  /** The primary is an attacker's, who may keep each step of a turn for a view timeout, and has the deadlines for it. */
  #dawdled(): boolean {
    const { configuration, environment, firstPrimary, view } = this.#provider.head!.replica!;
    const slot = primarySlot(configuration.slots, firstPrimary, view);
    const primary = this.#provider.seated({
      ...configuration,
      seats: configuration.seats.filter((one) => one.slot === slot),
    });
    return (
      primary.some(({ corrupt }) => corrupt) && this.#turnDeadlineMs < stepsOfATurn * environment.settings.viewTimeoutMs
    );
  }

  #turnsSeated(): number {
    return Math.max(0, ...(this.#provider.head?.replica!.configuration.seats ?? []).map(({ turn }) => turn));
  }
}
