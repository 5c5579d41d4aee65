/**
 * Closed-loop load: each of so many senders records a document, waits for its verified receipt, pauses, and goes on.
 *
 * The pause keeps the demo's state small enough for a new instance to receive it within a few seconds on two shared cores; what
 * the service can do without it, `npm run bench` measures.
 */
import { type Client, type Committed, RequestError } from '@coppice/client';
import { HistoryRecorder } from '@coppice/history';
import { encodeOperation } from '@coppice/service';
import { decodeResult } from '@coppice/wire';

export interface Sample {
  /** Clock of this machine, in milliseconds. */
  readonly at: number;
  readonly latencyMs: number;
}

export class Load {
  readonly samples: Sample[] = [];
  /** Every receipt that was issued. */
  readonly committed: Committed[] = [];
  /** Commands without a committed answer. */
  failed = 0;
  /** Documents that the service refused, on the ledger. */
  rejected = 0;
  firstRejection: string | undefined;
  firstFailure: string | undefined;
  #running = true;
  #sent = 0;
  readonly #history: HistoryRecorder;
  readonly #workers: Promise<void>[];

  constructor(
    client: Client,
    documents: Iterator<unknown>,
    senders: number,
    pauseMs: number,
    history = new HistoryRecorder(),
  ) {
    this.#history = history;
    this.#workers = Array.from({ length: senders }, (_, i) => this.#work(client, `sender ${i}`, documents, pauseMs));
  }

  async #work(client: Client, name: string, documents: Iterator<unknown>, pauseMs: number): Promise<void> {
    while (this.#running) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const document = documents.next().value as unknown;
      const payload = encodeOperation({ command: 'record', input: { document } });
      const began = performance.now();
      const value = `document ${this.#sent++}`;
      const answered = this.#history.begin({ client: name, op: 'append', key: 'ledger', value });
      try {
        const committed = await client.submit({ target: 'service', payload });
        this.samples.push({ at: Date.now(), latencyMs: performance.now() - began });
        this.committed.push(committed);
        const result = decodeResult(committed.result);
        const recorded = result.ok && result.value.ok;
        answered(recorded ? { outcome: 'ok', result: positionOf(committed) } : { outcome: 'refused', result: null });
        if (recorded) continue;
        this.rejected += 1;
        this.firstRejection ??=
          result.ok && !result.value.ok
            ? `${result.value.error.code}: ${result.value.error.message}`
            : 'unreadable result';
      } catch (error) {
        answered({ outcome: 'unknown', result: null });
        this.failed += 1;
        this.firstFailure ??= error instanceof RequestError ? `${error.code}: ${error.message}` : String(error);
      }
    }
  }

  /** Lets what is under way finish. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers);
  }
}

/** Where a transaction stands in the ledger, as one number that grows along it. */
function positionOf({ sequence, index }: Committed): number {
  return sequence * 2 ** 20 + index;
}

/** The value below which this share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return 0;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
