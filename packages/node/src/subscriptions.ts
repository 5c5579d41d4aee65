/**
 * Subscriptions: every committed batch from a sequence number on, with what certifies it, as fast as each subscriber takes them.
 *
 * Whoever begins far back is served from the disk, one batch at a time, in turn with the other subscribers and in a slice of its
 * own: catching up with years of log holds up nobody.
 */
import type { CommittedBatch } from '@coppice/protocol';
import { batchCodec, type ClientAnswerOf, encode } from '@coppice/wire';
import type { Connection } from './client-door.ts';
import { FairQueue } from './fair-queue.ts';
import type { Steps } from './recall.ts';

/** A subscriber that has not taken so much gets nothing more until it has. */
const backlogReady = 4 * 1024 * 1024;
const sliceMs = 3;

interface Subscriber {
  readonly connection: Connection;
  readonly id: number;
  next: number;
}

export class Subscriptions {
  /** The batch that is committed at this sequence number, if it is at hand. */
  readonly #batchAt: (sequence: number) => Steps<CommittedBatch | undefined>;
  readonly #subscribers = new Map<Connection, Subscriber>();
  readonly #behind = new FairQueue<Subscriber, undefined>({
    sliceMs,
    handle: (subscriber) => this.#advance(subscriber),
    ready: ({ connection }) => connection.backlog < backlogReady,
  });
  #committed: number;

  constructor(committed: number, batchAt: (sequence: number) => Steps<CommittedBatch | undefined>) {
    this.#committed = committed;
    this.#batchAt = batchAt;
  }

  /** One a connection: another one takes its place. */
  subscribe(connection: Connection, id: number, from: number): void {
    const before = this.#subscribers.get(connection);
    if (before === undefined) {
      connection.onClose(() => this.#end(connection));
      connection.onDrain(() => {
        const subscriber = this.#subscribers.get(connection);
        if (subscriber !== undefined) this.#behind.wake(subscriber);
      });
    } else this.#behind.drop(before);
    const subscriber = { connection, id, next: Math.max(1, from) };
    this.#subscribers.set(connection, subscriber);
    this.#follow(subscriber);
  }

  committed({ header }: CommittedBatch): void {
    this.#committed = header.sequence;
    for (const subscriber of this.#subscribers.values()) this.#follow(subscriber);
  }

  #follow(subscriber: Subscriber): void {
    if (subscriber.next <= this.#committed && this.#behind.waiting(subscriber) === 0)
      this.#behind.add(subscriber, undefined);
  }

  *#advance(subscriber: Subscriber): Steps<void> {
    const { connection, id, next } = subscriber;
    if (next > this.#committed) return;
    const batch = yield* this.#batchAt(next);
    if (this.#subscribers.get(connection) !== subscriber) return;
    if (batch === undefined) {
      this.#end(connection);
      const reason = `batch ${next} is not on this replica's disk`;
      connection.send({ kind: 'refused', id, client: undefined, first: 0, reason, retryAfterMs: undefined });
      return;
    }
    connection.send(batchAnswer(id, batch));
    subscriber.next += 1;
    this.#follow(subscriber);
  }

  #end(connection: Connection): void {
    const subscriber = this.#subscribers.get(connection);
    if (subscriber === undefined) return;
    this.#behind.drop(subscriber);
    this.#subscribers.delete(connection);
  }
}

function batchAnswer(id: number, batch: CommittedBatch): ClientAnswerOf<'batch'> {
  return {
    kind: 'batch',
    id,
    header: batch.header,
    via: batch.certified === batch.header ? undefined : { header: batch.certified, path: batch.path },
    certificate: batch.certificate,
    batch: encode(batchCodec, { items: batch.items }),
    results: batch.outcomes.map((outcome) => outcome.result),
  };
}
