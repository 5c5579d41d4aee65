/**
 * The client door of a virtual process: takes bundles and system requests, and answers with proofs.
 */
import { committedAnswer, type ReplicaExecution, runsOf } from '@coppice/execution';
import type { CommittedBatch, Replica } from '@coppice/protocol';
import {
  type Bundle,
  type ClientAnswerOf,
  type EpochCertificate,
  type GenesisDocument,
  type SystemRequest,
  toLatin1,
} from '@coppice/wire';
import type { Instance } from './instance.ts';

/** To a client of this door. */
export interface ClientLink {
  readonly committed: (answer: ClientAnswerOf<'committed'>) => void;
  /** Not ordered here, for this reason. */
  readonly refused: (first: number, reason: string) => void;
}

interface Place {
  readonly number: number;
  readonly index: number;
}

export class Door {
  readonly #instance: Instance;
  readonly #replica: Replica;
  readonly #execution: ReplicaExecution;
  readonly #waiting = new Map<string, Set<ClientLink>>();
  readonly #batches = new Map<number, CommittedBatch>();

  constructor(instance: Instance, replica: Replica, execution: ReplicaExecution) {
    this.#instance = instance;
    this.#replica = replica;
    this.#execution = execution;
  }

  submit(bundle: Bundle, link: ClientLink): void {
    const { client, first, operations } = bundle;
    const { cryptography } = this.#replica.environment;
    const key = toLatin1(client);
    this.#waiting.set(key, (this.#waiting.get(key) ?? new Set()).add(link));
    const places = new Map<number, Place[]>();
    let fresh = 0;
    for (let number = first; number < first + operations.length; number++) {
      const status = this.#execution.requestStatus(client, number);
      if (status.kind !== 'executed') fresh += 1;
      // What is executed but not committed is answered by its commit.
      else if (status.sequence <= this.#replica.committed) {
        places.set(status.sequence, [...(places.get(status.sequence) ?? []), { number, index: status.index }]);
      }
    }
    for (const [sequence, of] of places) {
      const batch = this.#batches.get(sequence);
      if (batch === undefined) link.refused(first, 'executed before the state that this replica began with');
      else for (const run of runsOf(of)) link.committed(committedAnswer(cryptography, batch, client, run));
    }
    if (fresh === 0) return;
    const refusal = this.#instance.offer({ kind: 'bundle', bundle });
    if (refusal !== undefined) link.refused(first, refusal.detail ?? refusal.reason);
  }

  /** Gives why the request was not taken, if so. */
  system(request: SystemRequest): string | undefined {
    const refusal = this.#instance.offer({ kind: 'system', request });
    return refusal && (refusal.detail ?? refusal.reason);
  }

  /** What a newcomer verifies the service by. */
  chain(): { readonly document: GenesisDocument; readonly epochs: readonly EpochCertificate[] } {
    const { document } = this.#instance.serving!.founded;
    return { document, epochs: this.#replica.epochs.slice(0, this.#replica.epoch) };
  }

  /** The committed batches from `from` to `to`, if a stable checkpoint covers them and all of them are here. */
  batches(from: number, to: number): CommittedBatch[] | undefined {
    const batches: CommittedBatch[] = [];
    for (let sequence = from; sequence <= to; sequence++) {
      const batch = this.#batches.get(sequence) ?? this.#instance.disk.history.get(sequence);
      if (batch === undefined || to > this.#replica.stable) return undefined;
      batches.push(batch);
    }
    if (!this.#instance.disk.rotten) return batches;
    return batches.map((batch) => ({ ...batch, header: { ...batch.header, time: batch.header.time + 1 } }));
  }

  committed(batch: CommittedBatch): void {
    this.#batches.set(batch.header.sequence, batch);
    const { cryptography } = this.#replica.environment;
    let index = 0;
    for (const item of batch.items) {
      if (item.kind === 'system') {
        index += 1;
        continue;
      }
      const { client, first, operations } = item.bundle;
      const run = { number: first, index, count: operations.length };
      for (const link of this.#waiting.get(toLatin1(client)) ?? [])
        link.committed(committedAnswer(cryptography, batch, client, run));
      index += operations.length;
    }
  }
}
