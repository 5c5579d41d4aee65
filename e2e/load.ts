/**
 * Load that remembers: every operation with its times and, once it is acknowledged, its proof.
 *
 * A few workers each keep one operation under way: writes of keys that nobody else writes, and increments of one
 * counter whose values must come out as 1, 2, 3, … whatever happens.
 */
import assert from 'node:assert/strict';
import { type Client, type Committed, RequestError } from '@coppice/client';
import { checkHistory, HistoryRecorder } from '@coppice/history';
import { operation, sleep, valueOf } from './cluster.ts';

interface Acknowledged {
  readonly key: string;
  /** What was written; the counter's new value for an increment. */
  readonly value: string | number;
  readonly committed: Committed;
  readonly sentAt: number;
  readonly answeredAt: number;
}

export interface LoadOptions {
  readonly workers?: number;
  /** Between an answer and the worker's next operation. */
  readonly pauseMs?: number;
  /** Keys begin with it. */
  readonly name?: string;
  /** Where the history is written: docs/reference/history.md. */
  readonly history?: string;
}

export class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly failures: Error[] = [];
  readonly history: HistoryRecorder;
  readonly name: string;
  readonly #client: Client;
  readonly #workers: Promise<void>[];
  #sent = 0;
  #stopped = false;

  constructor(client: Client, { workers = 8, pauseMs = 10, name = 'load', history }: LoadOptions = {}) {
    this.#client = client;
    this.name = name;
    this.history = new HistoryRecorder(history);
    this.#workers = Array.from({ length: workers }, async (_, worker) => {
      while (!this.#stopped) {
        await this.#one(`worker ${worker}`);
        await sleep(pauseMs);
      }
    });
  }

  get counter(): string {
    return `${this.name}-counter`;
  }

  async #one(worker: string): Promise<void> {
    const i = this.#sent++;
    const increments = i % 4 === 3;
    const key = increments ? this.counter : `${this.name}/${i}`;
    const value = `value ${i}`;
    const sentAt = Date.now();
    const asked = increments ? ({ op: 'add', value: 1 } as const) : ({ op: 'put', value } as const);
    const answered = this.history.begin({ client: worker, key, ...asked });
    try {
      const call = increments ? { command: 'increment', input: { key } } : { command: 'put', input: { key, value } };
      const committed = await this.#client.submit(operation(call));
      const answer = valueOf(committed.result);
      answered({ outcome: 'ok', result: increments ? (answer as number) : null });
      this.acknowledged.push({
        key,
        value: increments ? (answer as number) : value,
        committed,
        sentAt,
        answeredAt: Date.now(),
      });
    } catch (error) {
      answered({ outcome: 'unknown', result: null });
      // The test is over.
      if (error instanceof RequestError && error.code === 'closed') this.#stopped = true;
      this.failures.push(error as Error);
    }
  }

  /** Waits until this many more operations were acknowledged. */
  async progress(operations: number, ms = 60_000): Promise<void> {
    const target = this.acknowledged.length + operations;
    const deadline = Date.now() + ms;
    while (this.acknowledged.length < target) {
      assert.ok(
        Date.now() < deadline,
        `${operations} operations were not acknowledged within ${ms} ms: ${this.describe()}`,
      );
      await sleep(20);
    }
  }

  /** Lets what is under way finish. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  /** Stops; nothing failed, every increment was executed once, and one copy of the data explains all answers. */
  async finish(): Promise<void> {
    await this.stop();
    assert.deepEqual(this.failures.map(String), []);
    const counted = this.acknowledged.filter(({ key }) => key === this.counter).map(({ value }) => value as number);
    assert.deepEqual(
      counted.sort((a, b) => a - b),
      counted.map((_, i) => i + 1),
      'each increment counts once',
    );
    this.history.close();
    const { verdict } = checkHistory(this.history.operations);
    assert.equal(verdict, 'linearizable');
  }

  get slowestMs(): number {
    return Math.max(0, ...this.acknowledged.map(({ sentAt, answeredAt }) => answeredAt - sentAt));
  }

  describe(): string {
    return `${this.acknowledged.length} acknowledged, ${this.failures.length} failed, slowest ${this.slowestMs} ms`;
  }
}
