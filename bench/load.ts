/**
 * Closed-loop load: a fixed number of requests is outstanding, and each answer, once its receipt is verified, makes room
 * for the next request.
 *
 * A window is measured while the load goes on: only answers that come in within it count, and the CPU time that replicas
 * and clients took meanwhile.
 */
import { performance } from 'node:perf_hooks';
import type { Client } from '@coppice/client';
import { encodeOperation } from '@coppice/service';
import { decodeResult, type Operation } from '@coppice/wire';
import { quantile } from './statistics.ts';

export interface Load {
  /** Bytes of the value of a `put`; 0: a `noop`. */
  readonly commandBytes: number;
  /** Requests under way, of all clients together. */
  readonly outstanding: number;
}

export interface Window {
  readonly operations: number;
  readonly seconds: number;
  /** Milliseconds from `submit` to the verified answer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the slowest answer: at least as long as the service stood still. */
  readonly maxMs: number;
  /** Of the process that holds the clients. */
  readonly clientCpuMicros: number;
  /** Of each replica that sat at both ends of the window. */
  readonly replicaCpuMicros: readonly number[];
  /** Requests that were answered by an error, or not at all. */
  readonly failures: number;
  /** Batches that were committed in the window. */
  readonly batches: number;
  /** Bundles that were sent again. */
  readonly retries: number;
}

/** Distinct keys that are written to, over and over. */
const keys = 10_000;

interface ReplicaStatus {
  readonly instance: string;
  readonly committed: number;
  readonly cpuMicros: number;
}

export class ClosedLoop {
  readonly #clients: readonly Client[];
  readonly #loops: Promise<void>[];
  readonly #operations: readonly Operation[];
  #latencies: number[] = [];
  #failures = 0;
  #next = 0;
  #running = true;

  /** The load is on from now on. The clients share it evenly. */
  constructor(clients: readonly Client[], load: Load) {
    this.#clients = clients;
    this.#operations = operationsOf(load.commandBytes);
    this.#loops = Array.from({ length: load.outstanding }, (_, i) => this.#loop(clients[i % clients.length]!));
  }

  async #loop(client: Client): Promise<void> {
    while (this.#running) {
      const submitted = performance.now();
      try {
        const { result } = await client.submit(this.#operations[this.#next++ % keys]!);
        const decoded = decodeResult(result);
        if (decoded.ok && decoded.value.ok) this.#latencies.push(performance.now() - submitted);
        else this.#failures += 1;
      } catch {
        this.#failures += 1;
      }
    }
  }

  /** A window begins; what it gives ends it. */
  async window(): Promise<() => Promise<Window>> {
    const before = await this.#statuses();
    const retries = this.#retries();
    const cpuBefore = process.cpuUsage();
    const started = performance.now();
    this.#latencies = [];
    this.#failures = 0;
    return () => this.#end(before, retries, cpuBefore, started);
  }

  async #end(
    before: readonly ReplicaStatus[],
    retries: number,
    cpuBefore: NodeJS.CpuUsage,
    started: number,
  ): Promise<Window> {
    const sorted = Float64Array.from(this.#latencies).sort();
    const failures = this.#failures;
    const seconds = (performance.now() - started) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const after = await this.#statuses();
    return {
      operations: sorted.length,
      seconds,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      maxMs: quantile(sorted, 1),
      clientCpuMicros: cpu.user + cpu.system,
      replicaCpuMicros: after.flatMap(({ cpuMicros, instance }) => {
        const earlier = before.find((one) => one.instance === instance);
        return earlier === undefined ? [] : [cpuMicros - earlier.cpuMicros];
      }),
      failures,
      batches: committed(after) - committed(before),
      retries: this.#retries() - retries,
    };
  }

  /** Lets what is outstanding come in, and nothing else begin. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  async #statuses(): Promise<ReplicaStatus[]> {
    const client = this.#clients[0]!;
    const { seats } = client.chain.configuration;
    const statuses = await Promise.all(seats.map(({ slot }) => client.status(slot).catch(() => undefined)));
    return statuses.filter((status) => status !== undefined) as ReplicaStatus[];
  }

  #retries(): number {
    return this.#clients.reduce((sum, client) => sum + client.counters.retries, 0);
  }
}

function committed(statuses: readonly ReplicaStatus[]): number {
  return Math.max(0, ...statuses.map((status) => status.committed));
}

const operations = new Map<number, readonly Operation[]>();

/** Encoded once: what is measured is not a client's encoding of the same values. */
function operationsOf(commandBytes: number): readonly Operation[] {
  let known = operations.get(commandBytes);
  if (known === undefined) {
    known = Array.from({ length: keys }, (_, key): Operation => {
      if (commandBytes === 0) return { target: 'service', payload: encodeOperation({ command: 'noop' }) };
      const value = new Uint8Array(commandBytes).fill(key);
      return { target: 'service', payload: encodeOperation({ command: 'put', input: { key, value } }) };
    });
    operations.set(commandBytes, known);
  }
  return known;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
