/**
 * Executing operations: the one path that every command and query takes, in production, in tests and in development.
 *
 * Whatever a client sends and whatever a handler does, there is an {@link Outcome}, and it is a function of the
 * service, the state, the operation and what was agreed about it. Only failures of the state below are thrown.
 */
import { type PlainValue, encodeResult, limits, type Result, type ResultError, type ResultEvent } from '@coppice/wire';
import { Access, type StateAccess, type StateView } from './access.ts';
import { type Agreed, Context, type LogEntry, MigrationContext, QueryContext, Transcript } from './context.ts';
import {
  type Command,
  declaredMaps,
  type DeclaredMaps,
  type Migrations,
  type Query,
  type Service,
} from './definition.ts';
import { IndexKeeper } from './index-keeper.ts';
import type { IndexReader } from './indexes.ts';
import { activate, argumentsMax, depthMax, type Exhaustion, Meter, textUnitsMax } from './meter.ts';
import { decodeOperation, type Operation } from './operation.ts';
import { type Schema, validate } from './schema.ts';
import { isServiceError, ServiceError } from './service-error.ts';
import type { CommandTransaction, MigrationTransaction } from './transaction.ts';
import { copyIn } from './value.ts';

/** A client's operation, and what is agreed about it. */
export interface Execution extends Agreed {
  /** In the form of `encodeOperation`. */
  readonly operation: Uint8Array;
}

/** What an operation gave. `result` is the same, encoded as ledger and client have it (`Result` in wire). */
export type Outcome = {
  readonly result: Uint8Array;
  /** What it used of its budget. */
  readonly steps: number;
} & (
  | { readonly ok: true; readonly value: PlainValue; readonly events: readonly ResultEvent[] }
  | { readonly ok: false; readonly error: ResultError }
);

export interface RuntimeOptions {
  /** Steps that one command or query may take. Part of what replicas agree on. */
  readonly stepsMax?: number;
  /** What handlers log. */
  readonly log?: (call: string, entry: LogEntry) => void;
  /** What a handler threw that its client learns nothing of: for developers. */
  readonly onFailure?: (call: string, error: unknown) => void;
}

export const stepsMaxDefault = 1_000_000;
/** Steps of the migration of an upgrade. spec/upgrades.md, line 14. */
export const migrationStepsMax = 50_000_000;

/** What a service is, for people and for whoever calls it. */
export interface Description {
  readonly name: string;
  readonly version: number;
  readonly roles: readonly string[];
  readonly commands: readonly CallDescription[];
  readonly queries: readonly CallDescription[];
}

export interface CallDescription {
  readonly name: string;
  /** The roles that may call; `anyone` is every client. */
  readonly allow: readonly string[];
}

/** What belongs to a service that was loaded from a script: see `script-state.ts`. */
export interface Script {
  readonly meter: Meter;
  /** Makes the script's variables and collections what they were before the transaction. */
  restore(): void;
}

/** A command or query, as it was when the service was loaded. */
interface Callable {
  readonly handler: (tx: CommandTransaction, input: unknown) => unknown;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  readonly allow: readonly string[];
}

/** What a transaction is held to. */
interface Bounds {
  readonly stepsMax: number;
  readonly maps: DeclaredMaps;
  readonly migrating: boolean;
}

export class ServiceRuntime {
  readonly #description: Description;
  readonly #commands: ReadonlyMap<string, Callable>;
  readonly #queries: ReadonlyMap<string, Callable>;
  readonly #maps: DeclaredMaps;
  /** In ascending order of the versions to which they lead. */
  readonly #migrations: readonly { readonly to: number; readonly migration: Migrations[number] }[];
  /** By map: the roles that may read its history. */
  readonly #histories: ReadonlyMap<string, readonly string[]>;
  readonly #script: Script;
  /** Beside the state: see `indexes.ts`. Whoever executes tells it of batches, and gives it time. */
  readonly indexes: IndexKeeper;
  readonly #options: RuntimeOptions;
  readonly #stepsMax: number;

  /** Of a definition without fault. It may be a script's own object, and is not asked again. */
  constructor(
    { name, version, roles, commands, queries, maps, history, indexes, migrate }: Service,
    script: Script,
    options: RuntimeOptions,
  ) {
    const declared = [...roles];
    this.#commands = callables(commands, declared);
    this.#queries = callables(queries, declared);
    this.#maps = declaredMaps(maps);
    this.#migrations = Object.entries(migrate ?? {})
      .map(([to, migration]) => ({ to: Number(to), migration }))
      .sort((a, b) => a.to - b.to);
    this.#histories = new Map(Object.entries(history ?? {}).map(([map, allow]) => [map, [...allow]]));
    this.#script = script;
    this.indexes = new IndexKeeper(indexes, this.#maps.publicMaps, script);
    this.#options = options;
    this.#stepsMax = options.stepsMax ?? stepsMaxDefault;
    const described = { commands: describe(this.#commands), queries: describe(this.#queries) };
    this.#description = { name, version, roles: declared, ...described };
  }

  /** Executes a command. Writes through `access`; where the outcome is not ok, the caller discards what was written. */
  execute(access: StateAccess, execution: Execution): Outcome {
    return this.#call(this.#commands, access, access, execution);
  }

  /** Answers a query. */
  query(view: StateView, execution: Execution): Outcome {
    return this.#call(this.#queries, view, undefined, execution);
  }

  /**
   * Carries the state over from an earlier version of the service, to which every entry in between belongs. Without any: ok,
   * and nothing written. Its value is `null` when it is done, and otherwise what it has to be called with next, on the state that it left.
   * Maps are not held to their schemas here: those are of the last version, and entries come to others.
   */
  migrate(
    access: StateAccess,
    fromVersion: number,
    agreed: Omit<Agreed, 'caller'>,
    cursor: PlainValue = null,
  ): Outcome {
    const { to: begun, from } = cursorOf(cursor);
    const due = this.#migrations.filter(({ to }) => to > fromVersion && to >= begun);
    const caller = { id: '', roles: [] };
    const bounds = { stepsMax: migrationStepsMax, maps: { ...this.#maps, schemas: undefined }, migrating: true };
    return this.#transact('migrate', access, access, { ...agreed, caller }, bounds, (tx) => {
      for (const [i, { migration, to }] of due.entries()) {
        const next = settled(migration(tx as MigrationTransaction, to === begun ? from : undefined));
        if (next !== undefined && next !== null) return { to, from: next };
        const [following] = due.slice(i + 1);
        // What took several steps leaves no part of one to what comes after it.
        if (to === begun && from !== undefined && following !== undefined) return { to: following.to };
      }
      return null;
    });
  }

  /** Whether a caller with these roles may read the history of a map: never of one that is not declared. */
  mayReadHistory(map: string, roles: readonly string[]): boolean {
    const allow = this.#histories.get(map);
    return allow !== undefined && mayCall(allow, roles);
  }

  describe(): Description {
    return this.#description;
  }

  #call(
    calls: ReadonlyMap<string, Callable>,
    view: StateView,
    writer: StateAccess | undefined,
    execution: Execution,
  ): Outcome {
    const operation = decodeOperation(execution.operation);
    if (!operation.ok) return rejected({ code: 'invalid-operation', message: operation.reason }, 0);
    const { command, input } = operation.value;
    const call = calls.get(command);
    if (call === undefined) {
      const kind = writer === undefined ? 'query' : 'command';
      return rejected({ code: `unknown-${kind}`, message: `the service has no such ${kind}` }, 0);
    }
    const { allow } = call;
    if (!mayCall(allow, execution.caller.roles)) {
      const message = allow.length === 0 ? 'nobody may call this' : `only for ${allow.join(', ')}`;
      return rejected({ code: 'not-allowed', message }, 0);
    }
    const bounds = { stepsMax: this.#stepsMax, maps: this.#maps, migrating: false };
    return this.#transact(command, view, writer, execution, bounds, (tx) => handle(call, tx, input));
  }

  #transact(
    name: string,
    view: StateView,
    writer: StateAccess | undefined,
    agreed: Agreed,
    { maps, migrating, stepsMax }: Bounds,
    work: (tx: CommandTransaction) => unknown,
  ): Outcome {
    const { meter } = this.#script;
    meter.begin(stepsMax, agreed.time);
    const { sequence, time } = agreed;
    const occasion = { histories: this.#histories, sequence, time, counted: migrating };
    const access = new Access(meter, view, writer, occasion);
    const transcript = new Transcript();
    const charge = (amount: number): void => meter.charge(amount);
    let result: Result;
    let failure: { readonly thrown: unknown } | undefined;
    const above = activate(meter);
    try {
      const given = [meter, access, agreed, maps, transcript] as const;
      const indexed = (index: string): IndexReader | undefined => this.indexes.reader(index, sequence);
      const Contexts = migrating ? MigrationContext : Context;
      const tx = writer === undefined ? new QueryContext(indexed, ...given) : new Contexts(...given);
      const { events } = transcript;
      const value = copyIn(work(tx) ?? null, charge);
      result = { ok: true, value, ...(events.length > 0 && { events }) };
    } catch (thrown) {
      const error = reportOf(thrown, charge);
      if (error === undefined) failure = { thrown };
      result = { ok: false, error: error ?? { code: 'failed', message: 'the handler failed' } };
    } finally {
      activate(above);
      this.#script.restore();
    }
    access.end();
    for (const entry of transcript.log) this.#options.log?.(name, entry);
    if (failure !== undefined) this.#options.onFailure?.(name, failure.thrown);
    if (meter.exhaustion !== undefined) {
      const message = `the handler used ${exhaustions[meter.exhaustion]}`;
      return rejected({ code: 'out-of-budget', message }, stepsMax);
    }
    const { steps } = meter;
    const bytes = encodeResult(result);
    if (bytes.length > limits.resultBytes)
      return rejected({ code: 'too-large', message: `a result of ${bytes.length} bytes` }, steps);
    if (!result.ok) return { ...result, result: bytes, steps };
    return { ok: true, value: result.value, events: transcript.events, result: bytes, steps };
  }
}

const exhaustions: Record<Exhaustion, string> = {
  steps: 'more steps than its budget',
  depth: `more than ${depthMax} calls within each other`,
  size: `a text of more than ${textUnitsMax} units, a call of more than ${argumentsMax} arguments, or an integer of more than 16384 bits`,
};

function callables(
  calls: Readonly<Record<string, Command | Query>>,
  roles: readonly string[],
): ReadonlyMap<string, Callable> {
  const everyone = roles.length === 0 ? ['anyone'] : [];
  return new Map(
    Object.entries(calls).map(([name, { handler, input, output, allow }]) => [
      name,
      { handler: handler as Callable['handler'], input, output, allow: [...(allow ?? everyone)] },
    ]),
  );
}

function mayCall(allow: readonly string[], roles: readonly string[]): boolean {
  return allow.includes('anyone') || roles.some((role) => allow.includes(role));
}

function describe(calls: ReadonlyMap<string, Callable>): CallDescription[] {
  return [...calls].map(([name, { allow }]) => ({ name, allow }));
}

function handle({ handler, input, output }: Callable, tx: CommandTransaction, given: Operation['input']): unknown {
  if (input === undefined && given !== undefined) throw new ServiceError('invalid-input', 'this takes no input');
  const valid = input === undefined ? undefined : validate(input, given, 'invalid-input');
  const value = settled(handler(tx, valid));
  return output === undefined ? value : validate(output, value, 'invalid-output');
}

/** Which migration goes on, and where: as `migrate` gave it. */
function cursorOf(cursor: PlainValue): { readonly to: number; readonly from?: PlainValue } {
  return cursor === null ? { to: 0 } : (cursor as { to: number; from?: PlainValue });
}

/** What a handler gave. */
function settled(value: unknown): unknown {
  if (!(value instanceof Promise)) return value;
  value.catch(() => {});
  throw new ServiceError('failed', 'a handler must not be asynchronous');
}

const codePattern = /^[\w.-]{1,64}$/;
const messageUnitsMax = 1024;
const pathPartsMax = 64;

/** What the client learns of what a handler threw, if anything. Reading it may run code of the service. */
function reportOf(thrown: unknown, charge: (work: number) => void): ResultError | undefined {
  try {
    if (!isServiceError(thrown)) return undefined;
    const { code, message, path, data } = thrown;
    if (!codePattern.test(code)) return undefined;
    const parts: (string | number)[] = [];
    const given = path ?? [];
    for (let i = 0; i < given.length && i < pathPartsMax; i++) parts.push(pathPart(given[i]));
    return {
      code,
      message: textOf(message),
      ...(parts.length > 0 && { path: parts }),
      ...(data !== undefined && { data: copyIn(data, charge) }),
    };
  } catch {
    // What cannot even be read is no service error.
    return undefined;
  }
}

function pathPart(part: unknown): string | number {
  return Number.isSafeInteger(part) ? (part as number) : textOf(part);
}

function textOf(text: unknown): string {
  return String(text).slice(0, messageUnitsMax).toWellFormed();
}

function rejected(error: ResultError, steps: number): Outcome {
  return { ok: false, error, result: encodeResult({ ok: false, error }), steps };
}

/** The runtime of a service of this process: uncounted and unconfined. For tests, and for development. */
export function runtimeOf(service: Service, options: RuntimeOptions = {}): ServiceRuntime {
  return new ServiceRuntime(service, { meter: new Meter(), restore: () => {} }, options);
}
