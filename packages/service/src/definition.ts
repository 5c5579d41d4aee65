/**
 * How a service is written: commands that change maps, queries that read them, and who may call which.
 */
import type { Key } from './key.ts';
import { type InputOf, isSchema, type OutputOf, type Schema } from './schema.ts';
import type { CommandTransaction, MigrationTransaction, QueryTransaction } from './transaction.ts';

/** Who may call: every client that the consortium registered, or those that hold (one of) the roles. */
export type Allow = string | readonly string[];

type AnySchema = Schema<any, any>;

/** What a call without input takes: nothing. */
type Taken<I> = I extends AnySchema ? InputOf<I> : void;
type Handled<I> = I extends AnySchema ? OutputOf<I> : undefined;
type Given<O, R> = O extends AnySchema ? OutputOf<O> : R;

export interface CallableOptions<I extends AnySchema | undefined, O extends AnySchema | undefined> {
  /** What the call takes. What does not fit is answered by `invalid-input`, with the path. */
  readonly input?: I;
  /** What the handler must give. */
  readonly output?: O;
  /** Who may call. Without it: everyone if the service declares no roles, and otherwise nobody. */
  readonly allow?: Allow;
}

interface Callable {
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  readonly allow: readonly string[] | undefined;
}

/** `Input` is what the client passes, `Result` what it gets. */
export interface Command<Input = any, Result = any> extends Callable {
  readonly kind: 'command';
  readonly handler: (tx: CommandTransaction, input: any) => unknown;
  readonly types?: { readonly input: Input; readonly result: Result };
}

export interface Query<Input = any, Result = any> extends Callable {
  readonly kind: 'query';
  readonly handler: (tx: QueryTransaction, input: any) => unknown;
  readonly types?: { readonly input: Input; readonly result: Result };
}

/** Changes the state. The handler is synchronous; what it throws rejects the transaction. */
export function command<
  R,
  const I extends AnySchema | undefined = undefined,
  const O extends AnySchema | undefined = undefined,
>(
  options: CallableOptions<I, O>,
  handler: (tx: CommandTransaction, input: Handled<I>) => O extends AnySchema ? InputOf<O> : R,
): Command<Taken<I>, Given<O, R>> {
  return { kind: 'command', handler, ...callable(options) };
}

/** Reads the state. */
export function query<
  R,
  const I extends AnySchema | undefined = undefined,
  const O extends AnySchema | undefined = undefined,
>(
  options: CallableOptions<I, O>,
  handler: (tx: QueryTransaction, input: Handled<I>) => O extends AnySchema ? InputOf<O> : R,
): Query<Taken<I>, Given<O, R>> {
  return { kind: 'query', handler, ...callable(options) };
}

function callable({ input, output, allow }: CallableOptions<AnySchema | undefined, AnySchema | undefined>): Callable {
  return { input, output, allow: allow === undefined ? undefined : rolesOf(allow) };
}

function rolesOf(allow: Allow): readonly string[] {
  return typeof allow === 'string' ? [allow] : allow;
}

/** Another order of a map. */
export interface Index {
  /** The map. */
  readonly of: string;
  /** The keys under which an entry of the map is found in the index: none, one, or more. It reads nothing else. */
  readonly keys: (value: any, key: Key) => readonly Key[];
}

/** What goes for a map. */
export interface MapOptions {
  /** What every value set must fit. Without it, it holds any value. */
  readonly schema?: AnySchema;
  /** What is written to it may be shown to anyone, with proof; default: not. */
  readonly public?: boolean;
}

/** What a service declares of its maps. */
export interface DeclaredMaps {
  /** Of each map, if it has one; `undefined`: there may be any maps, which hold anything. */
  readonly schemas: ReadonlyMap<string, AnySchema | undefined> | undefined;
  readonly publicMaps: ReadonlySet<string>;
}

export function declaredMaps(maps: Service['maps']): DeclaredMaps {
  const declared = Object.entries(maps ?? {}).map(([name, options]): [string, MapOptions] => [
    name,
    isSchema(options) ? { schema: options } : (options as MapOptions),
  ]);
  return {
    schemas: maps && new Map(declared.map(([name, { schema }]) => [name, schema])),
    publicMaps: new Set(declared.flatMap(([name, options]) => (options.public === true ? [name] : []))),
  };
}

export interface ServiceOptions<
  C extends Readonly<Record<string, Command>>,
  Q extends Readonly<Record<string, Query>>,
> {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Of the service's behaviour: a positive integer that an upgrade raises. */
  readonly version: number;
  /** The roles that `allow` may name. The consortium gives them to clients. */
  readonly roles?: readonly string[];
  readonly commands: C;
  readonly queries?: Q;
  /** The maps, each with what goes for it, or just its schema. Without them, any map is private, and holds any value. */
  readonly maps?: Readonly<Record<string, AnySchema | MapOptions>>;
  /**
   * Maps that keep every value that a key had, provable as of any batch, each with who may read that. A history that was begun
   * goes on, whatever later versions declare.
   */
  readonly history?: Readonly<Record<string, Allow>>;
  /** Other orders of maps, for queries. Each replica keeps them beside the state, at its own pace. */
  readonly indexes?: Readonly<Record<string, Index>>;
  /**
   * Carries the state over to each version from the one before it; a version without an entry needs nothing. When an upgrade
   * is activated, the entries above the version that was active are executed in order: in one transaction, or in steps, but as one.
   */
  readonly migrate?: Migrations;
}

/**
 * By the version to which they lead. What one returns, other than nothing, is where it goes on: it is called again with that, in a
 * transaction of its own, and nobody sees the state in between.
 */
export type Migrations = Readonly<Record<number, (tx: MigrationTransaction, from?: any) => unknown>>;

export interface Service<
  C extends Readonly<Record<string, Command>> = Readonly<Record<string, Command>>,
  Q extends Readonly<Record<string, Query>> = Readonly<Record<string, Query>>,
> {
  readonly name: string;
  readonly version: number;
  readonly roles: readonly string[];
  readonly commands: C;
  readonly queries: Q;
  readonly maps: Readonly<Record<string, AnySchema | MapOptions>> | undefined;
  readonly history: Readonly<Record<string, readonly string[]>> | undefined;
  readonly indexes: Readonly<Record<string, Index>> | undefined;
  readonly migrate: Migrations | undefined;
}

/** A service. Throws a `TypeError` for a definition that contradicts itself. */
export function defineService<
  const C extends Readonly<Record<string, Command>>,
  const Q extends Readonly<Record<string, Query>> = {},
>(options: ServiceOptions<C, Q>): Service<C, Q> {
  const { name, version, roles = [], commands, maps, indexes, migrate } = options;
  const queries = options.queries ?? ({} as Q);
  const history =
    options.history === undefined
      ? undefined
      : Object.fromEntries(Object.entries(options.history).map(([map, allow]) => [map, rolesOf(allow)]));
  const service = { name, version, roles, commands, queries, maps, history, indexes, migrate };
  const fault = faultOf(service);
  if (fault !== undefined) throw new TypeError(`service ${name}: ${fault}`);
  return service;
}

/** Each call is a property of the client. */
const callName = /^[a-zA-Z][a-zA-Z0-9]{0,63}$/;
const shortName = /^[a-z][a-z0-9-]{0,63}$/;
const mapName = /^[\x21-\x7e]{1,48}$/;

/** Whether a map may have this name. */
export function isMapName(name: string): boolean {
  return mapName.test(name);
}

/** What is wrong with a definition, if anything. The value comes from a service's bundle: it may be of any shape. */
export function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'not a service';
  const { name, version, roles, commands, queries, maps, history, indexes, migrate } = value as Partial<Service>;
  if (typeof name !== 'string' || !shortName.test(name)) return 'its name is lower-case letters, digits and hyphens';
  if (!Number.isSafeInteger(version) || version! < 1) return 'its version is a positive integer';
  if (
    !Array.isArray(roles) ||
    !roles.every((role) => typeof role === 'string' && shortName.test(role) && role !== 'anyone')
  )
    return 'its roles are lower-case letters, digits and hyphens, and none is "anyone"';
  const calls = [...entriesOf(commands, 'command'), ...entriesOf(queries, 'query')];
  const names = new Set<string>();
  for (const [callable, call, kind] of calls) {
    if (!callName.test(callable)) return `${callable}: a command or query is named by letters and digits`;
    if (names.has(callable)) return `${callable}: both a command and a query`;
    if (callable === 'then') return 'then: a client of that name would be taken for a promise';
    names.add(callable);
    if (typeof call !== 'object' || call === null || call.kind !== kind) return `${callable}: not made by ${kind}()`;
    if (typeof call.handler !== 'function') return `${callable}: has no handler`;
    if (call.input !== undefined && !isSchema(call.input)) return `${callable}: its input is no Standard Schema`;
    if (call.output !== undefined && !isSchema(call.output)) return `${callable}: its output is no Standard Schema`;
    const unknown = call.allow?.find((role) => role !== 'anyone' && !roles.includes(role));
    if (unknown !== undefined) return `${callable}: allows the role ${unknown}, which is not declared`;
  }
  for (const [map, schema] of Object.entries<unknown>(maps ?? {})) {
    if (!isMapName(map)) return `${map}: a map is named by 1 to 48 visible ASCII characters`;
    if (!isSchema(schema)) {
      const fault = faultOfMap(schema);
      if (fault !== undefined) return `${map}: ${fault}`;
    }
  }
  for (const [map, allow] of Object.entries(history ?? {})) {
    if (!isMapName(map)) return `${map}: a map is named by 1 to 48 visible ASCII characters`;
    if (maps !== undefined && !Object.hasOwn(maps, map)) return `${map}: has a history, and is not declared`;
    if (declaredMaps(maps).publicMaps.has(map)) return `${map}: is public, and such a map has no history`;
    const unknown = allow.find((role) => role !== 'anyone' && !roles.includes(role));
    if (unknown !== undefined) return `${map}: allows the role ${unknown}, which is not declared`;
  }
  for (const [index, declared] of Object.entries(indexes ?? {})) {
    if (!callName.test(index)) return `${index}: an index is named by letters and digits`;
    const { of, keys } = declared as Partial<Index>;
    if (typeof of !== 'string' || !isMapName(of)) return `${index}: is of no map`;
    if (maps !== undefined && !Object.hasOwn(maps, of)) return `${index}: is of the map ${of}, which is not declared`;
    if (typeof keys !== 'function') return `${index}: has no function that gives its keys`;
  }
  if (migrate === undefined) return undefined;
  if (typeof migrate !== 'object' || migrate === null) return 'its migrations are by the version to which they lead';
  for (const [to, migration] of Object.entries(migrate)) {
    if (!/^[1-9][0-9]{0,9}$/.test(to) || Number(to) < 2 || Number(to) > version!)
      return `migrate ${to}: leads to no version from 2 to ${version}`;
    if (typeof migration !== 'function') return `migrate ${to}: is no function`;
  }
  return undefined;
}

function faultOfMap(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return 'has neither a Standard Schema nor options';
  const { public: isPublic, schema, ...others } = options as MapOptions;
  if (schema !== undefined && !isSchema(schema)) return 'its schema is no Standard Schema';
  if (isPublic !== undefined && typeof isPublic !== 'boolean') return 'it is public, true or false';
  const [unknown] = Object.keys(others);
  return unknown === undefined ? undefined : `there is no option ${unknown}`;
}

function entriesOf<K extends 'command' | 'query'>(
  calls: Readonly<Record<string, Command | Query>> | undefined,
  kind: K,
): [string, Command | Query, K][] {
  return Object.entries(calls ?? {}).map(([name, call]) => [name, call, kind]);
}
