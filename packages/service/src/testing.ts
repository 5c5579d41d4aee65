/**
 * Testing a service in memory: the same path as in production, with a state, a clock and callers of the test's own.
 *
 * The service runs as it is, not from its bundle: neither confined nor counted, so that debuggers and coverage work.
 */
import type { ResultEvent } from '@coppice/wire';
import type { KeyRange, StateAccess } from './access.ts';
import { type Client, createCaller, type Reply } from './caller.ts';
import type { Command, Query, Service } from './definition.ts';
import { type Outcome, runtimeOf, type ServiceRuntime } from './execute.ts';

type AnyService = Service<Readonly<Record<string, Command>>, Readonly<Record<string, Query>>>;

export interface TestService<S extends AnyService> {
  /** The service's commands and queries, called by this client. Roles are those that the consortium would give. */
  as(id: string, ...roles: readonly string[]): Client<S>;
  /** The agreed time, in milliseconds since 1970. */
  time: number;
  /** What commands emitted so far. */
  readonly events: readonly ResultEvent[];
  /** What handlers threw that is answered by `failed`. */
  readonly failures: readonly unknown[];
}

export interface TestOptions {
  /** Where the clock begins. It moves by a second with each command. */
  readonly time?: number;
}

/** Runs a service in memory. */
export function testService<S extends AnyService>(service: S, options: TestOptions = {}): TestService<S> {
  const failures: unknown[] = [];
  const runtime = runtimeOf(service, { onFailure: (_call, error) => failures.push(error) });
  return new InMemory(service, runtime, failures, options.time ?? Date.UTC(2026, 0, 1));
}

class InMemory<S extends AnyService> implements TestService<S> {
  time: number;
  readonly events: ResultEvent[] = [];
  readonly failures: readonly unknown[];
  readonly #service: S;
  readonly #runtime: ServiceRuntime;
  readonly #state = new MemoryState();
  #transactions = 0;

  constructor(service: S, runtime: ServiceRuntime, failures: readonly unknown[], time: number) {
    this.#service = service;
    this.#runtime = runtime;
    this.failures = failures;
    this.time = time;
  }

  as(id: string, ...roles: readonly string[]): Client<S> {
    const execution = (operation: Uint8Array) => {
      const seed = Uint8Array.of(
        this.#transactions >>> 24,
        this.#transactions >>> 16,
        this.#transactions >>> 8,
        this.#transactions,
      );
      return { caller: { id, roles }, time: this.time, sequence: this.#transactions, seed, operation };
    };
    return createCaller(this.#service, {
      submit: (operation) => {
        this.#transactions++;
        this.time += 1000;
        const outcome = this.#state.transact((access) => this.#runtime.execute(access, execution(operation)));
        if (outcome.ok) this.events.push(...outcome.events);
        return Promise.resolve(replyOf(outcome));
      },
      query: (operation) => {
        const { indexes } = this.#runtime;
        const ask = (): Outcome => this.#runtime.query(this.#state, execution(operation));
        // A test need not wait: its indexes are complete.
        indexes.forget();
        const outcome = ask();
        if (!indexes.used) return Promise.resolve(replyOf(outcome));
        while (indexes.work(this.#state, 1000));
        return Promise.resolve(replyOf(ask()));
      },
    });
  }
}

function replyOf(outcome: Outcome): Reply<never> {
  return outcome.ok ? { ok: true, value: outcome.value } : { ok: false, error: outcome.error };
}

/** Maps of a test: plain, and as large as memory. */
export class MemoryState implements StateAccess {
  #maps = new Map<string, Map<string, Uint8Array>>();

  /** Keeps what `work` writes if its outcome is ok. */
  transact<T extends { readonly ok: boolean }>(work: (access: StateAccess) => T): T {
    const before = this.#maps;
    this.#maps = new Map([...before].map(([name, map]) => [name, new Map(map)]));
    let kept = false;
    try {
      const outcome = work(this);
      kept = outcome.ok;
      return outcome;
    } finally {
      if (!kept) this.#maps = before;
    }
  }

  get(map: string, key: string): Uint8Array | undefined {
    return this.#maps.get(map)?.get(key);
  }

  set(map: string, key: string, value: Uint8Array): void {
    const entries = this.#maps.get(map) ?? new Map<string, Uint8Array>();
    this.#maps.set(map, entries.set(key, value));
  }

  delete(map: string, key: string): void {
    this.#maps.get(map)?.delete(key);
  }

  *entries(map: string, range: KeyRange = {}): Generator<[string, Uint8Array], undefined> {
    const { from = '', to, prefix = '', reverse = false, limit = Infinity } = range;
    const entries = [...(this.#maps.get(map) ?? [])]
      .filter(([key]) => key >= from && (to === undefined || key < to) && key.startsWith(prefix))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    if (reverse) entries.reverse();
    yield* entries.slice(0, limit);
    return undefined;
  }
}
