/**
 * Answers to clients: what makes a receipt, as soon as the batch is committed, and again for whoever asks again.
 *
 * A client waits by its key on whatever connections it submitted through; a retry of something executed long ago is answered
 * from the ledger on disk, one such retry after the other, in slices. spec/client-protocol.md, 6.
 */
import { committedAnswer, runsOf } from '@coppice/execution';
import type { CommittedBatch } from '@coppice/protocol';
import { type Bundle, type Cryptography, toLatin1 } from '@coppice/wire';
import type { Connection } from './client-door.ts';
import { FairQueue } from './fair-queue.ts';
import type { Steps } from './recall.ts';

/** Batches that are kept for quick answers to retries, and bytes of them, each transaction counted as so many more. */
const recentBatchesMax = 1024;
const recentBytesMax = 16 * 1024 * 1024;
const transactionBytes = 1024;
/** Retries of one connection that wait for the disk, and the bytes it may not have taken meanwhile. */
const retriesMax = 8;
const backlogReady = 1024 * 1024;
const sliceMs = 3;
/** Clients that one connection waits for: a gateway may speak for many. */
const clientsPerConnection = 1024;

/** Requests of a client that were executed, by their batches. */
interface Retry {
  readonly client: Uint8Array;
  readonly places: ReadonlyMap<number, readonly { number: number; index: number }[]>;
}

export class Answers {
  readonly #cryptography: Cryptography;
  readonly #waiting = new Map<string, Set<Connection>>();
  readonly #clientsOf = new Map<Connection, Set<string>>();
  readonly #recent = new Map<number, CommittedBatch>();
  #recentBytes = 0;
  readonly #recall: (sequence: number) => Steps<CommittedBatch | undefined>;
  readonly #retries = new FairQueue<Connection, Retry>({
    sliceMs,
    handle: (connection, retry) => this.#answerAgain(connection, retry),
    ready: ({ backlog }) => backlog < backlogReady,
  });

  constructor(cryptography: Cryptography, recall: (sequence: number) => Steps<CommittedBatch | undefined>) {
    this.#cryptography = cryptography;
    this.#recall = recall;
  }

  /** `connection` wants to know what becomes of this client's requests. Of too many clients, it forgets the first. */
  wait(client: Uint8Array, connection: Connection): void {
    const key = toLatin1(client);
    let clients = this.#clientsOf.get(connection);
    if (clients === undefined) {
      clients = new Set();
      this.#clientsOf.set(connection, clients);
      connection.onClose(() => {
        for (const one of this.#clientsOf.get(connection) ?? []) this.#forget(one, connection);
        this.#clientsOf.delete(connection);
        this.#retries.drop(connection);
      });
      connection.onDrain(() => this.#retries.wake(connection));
    }
    if (clients.has(key)) return;
    clients.add(key);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, new Set([connection]));
    else waiting.add(connection);
    if (clients.size <= clientsPerConnection) return;
    const [first] = clients;
    clients.delete(first!);
    this.#forget(first!, connection);
  }

  #forget(key: string, connection: Connection): void {
    const waiting = this.#waiting.get(key);
    waiting?.delete(connection);
    if (waiting?.size === 0) this.#waiting.delete(key);
  }

  committed(batch: CommittedBatch): void {
    this.#keep(batch);
    let index = 0;
    for (const item of batch.items) {
      if (item.kind === 'system') {
        index += 1;
        continue;
      }
      const { bundle } = item;
      const waiting = this.#waiting.get(toLatin1(bundle.client));
      if (waiting !== undefined) {
        const run = { number: bundle.first, index, count: bundle.operations.length };
        const answer = committedAnswer(this.#cryptography, batch, bundle.client, run);
        for (const connection of waiting) connection.send(answer);
      }
      index += bundle.operations.length;
    }
  }

  /** Who waits for this bundle has to go elsewhere, at once: this instance has retired. */
  retire({ client, first }: Bundle): void {
    const reason = 'this instance has retired';
    for (const connection of this.#waiting.get(toLatin1(client)) ?? [])
      connection.send({ kind: 'refused', id: 0, client, first, reason, retryAfterMs: 0 });
  }

  #keep(batch: CommittedBatch): void {
    this.#recent.set(batch.header.sequence, batch);
    this.#recentBytes += bytesOf(batch);
    while (this.#recent.size > recentBatchesMax || this.#recentBytes > recentBytesMax) {
      const [sequence, oldest] = this.#recent.entries().next().value!;
      this.#recent.delete(sequence);
      this.#recentBytes -= bytesOf(oldest);
    }
  }

  /** The committed batch at `sequence`: a recent one, or from the disk. */
  *batchAt(sequence: number): Steps<CommittedBatch | undefined> {
    return this.#recent.get(sequence) ?? (yield* this.#recall(sequence));
  }

  /** Answers what was executed at these places, in time. `false` where too much waits for that already. */
  again(connection: Connection, client: Uint8Array, places: Retry['places']): boolean {
    if (this.#retries.waiting(connection) >= retriesMax) return false;
    this.#retries.add(connection, { client, places });
    return true;
  }

  *#answerAgain(connection: Connection, { client, places }: Retry): Steps<void> {
    for (const [sequence, of] of places) {
      if (!connection.open) return;
      const batch = yield* this.batchAt(sequence);
      yield;
      if (batch === undefined) continue;
      for (const run of runsOf(of)) connection.send(committedAnswer(this.#cryptography, batch, client, run));
    }
  }
}

/** Bytes of what clients sent and what it gave, with about what it takes in memory beside. */
export function bytesOf({ items, outcomes }: CommittedBatch): number {
  let bytes = transactionBytes * outcomes.length;
  for (const item of items)
    if (item.kind === 'bundle') for (const { payload } of item.bundle.operations) bytes += payload.length;
  for (const { result, writeSet } of outcomes) bytes += result.length + writeSet.length;
  return bytes;
}
