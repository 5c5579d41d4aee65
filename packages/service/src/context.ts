/**
 * `tx`: what `transaction.ts` declares, as the handlers of a service get it.
 *
 * The objects here are handed to code that is not trusted. All they hold is private, their prototypes are frozen and
 * lead nowhere, and each lives for one transaction: nothing can be kept in them for the next.
 */
import type { PlainValue, ResultEvent } from '@coppice/wire';
import { type Access, type KeyRange, stateMap } from './access.ts';
import { type DeclaredMaps, isMapName } from './definition.ts';
import { toText } from './guest/arguments.ts';
import { decodeKey, encodeKey, encodePrefix, type Key, type KeyPart } from './key.ts';
import type { Meter } from './meter.ts';
import { Random } from './random.ts';
import { type Schema, validate } from './schema.ts';
import { type ErrorDetails, ServiceError } from './service-error.ts';
import type { IndexReader } from './indexes.ts';
import type {
  Caller,
  CommandTransaction,
  EntriesOptions,
  IndexOptions,
  MigrationTransaction,
  QueryTransaction,
  ReadonlyIndex,
  StateMap,
} from './transaction.ts';
import { copyIn, type Value } from './value.ts';

/** What is agreed about a transaction before it is executed. */
export interface Agreed {
  readonly caller: { readonly id: string; readonly roles: readonly string[] };
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Of the batch; for a query, of the last one. */
  readonly sequence: number;
  /** For {@link CommandTransaction.random}: distinct for each transaction. */
  readonly seed: Uint8Array;
}

/** Something that a handler told operators and developers. */
export interface LogEntry {
  readonly message: string;
  readonly data?: PlainValue | undefined;
}

const eventsMax = 1000;
const eventNameUnitsMax = 64;
const logEntriesMax = 1000;

/** What a transaction has besides its writes. */
export class Transcript {
  readonly events: ResultEvent[] = [];
  readonly log: LogEntry[] = [];
}

export class Context implements CommandTransaction {
  readonly time: number;
  readonly caller: Caller;
  readonly #meter: Meter;
  readonly #access: Access;
  readonly #maps: DeclaredMaps;
  readonly #transcript: Transcript;
  readonly #seed: Uint8Array;
  #random: Random | undefined;

  constructor(meter: Meter, access: Access, agreed: Agreed, maps: DeclaredMaps, transcript: Transcript) {
    this.time = agreed.time;
    this.caller = { id: agreed.caller.id, roles: [...agreed.caller.roles] };
    this.#meter = meter;
    this.#access = access;
    this.#maps = maps;
    this.#transcript = transcript;
    this.#seed = agreed.seed;
  }

  map<V = Value>(name: string): StateMap<V> {
    if (typeof name !== 'string' || !isMapName(name))
      throw new ServiceError('invalid-map', 'a map is named by 1 to 48 visible ASCII characters');
    const { publicMaps, schemas } = this.#maps;
    if (schemas !== undefined && !schemas.has(name))
      throw new ServiceError('invalid-map', `the service declares no map ${name}`);
    const inState = stateMap(name, publicMaps.has(name));
    return new MapHandle(this.#meter, this.#access, inState, schemas?.get(name)) as unknown as StateMap<V>;
  }

  emit(name: string, data: unknown = null): void {
    if (typeof name !== 'string' || name.length > eventNameUnitsMax || !name.isWellFormed())
      throw new ServiceError('invalid-value', `an event is named by text of at most ${eventNameUnitsMax} characters`);
    if (this.#transcript.events.length === eventsMax)
      throw new ServiceError('too-large', `a command emits at most ${eventsMax} events`);
    this.#transcript.events.push({ name, data: this.#copy(data) });
  }

  random(): number {
    this.#meter.step();
    this.#random ??= new Random(this.#seed);
    return this.#random.next();
  }

  log(message: string, data?: unknown): void {
    // Copied whether anybody listens or not: the copying may run code of the service.
    const entry = { message: toText(message), data: data === undefined ? undefined : this.#copy(data) };
    if (this.#transcript.log.length < logEntriesMax) this.#transcript.log.push(entry);
  }

  reject(code: string, message: string, data?: ErrorDetails['data']): never {
    throw new ServiceError(code, message, { data });
  }

  #copy(value: unknown): PlainValue {
    return copyIn(value, (work) => this.#meter.charge(work));
  }
}

/** The indexes of a service, by name. */
type Indexes = (name: string) => IndexReader | undefined;

/** A query's: it has indexes, too. A command must not even see that there are some. */
export class QueryContext extends Context implements QueryTransaction {
  readonly #reach: Access;
  readonly #indexes: Indexes;

  constructor(...[indexes, meter, access, ...others]: [Indexes, ...ConstructorParameters<typeof Context>]) {
    super(meter, access, ...others);
    this.#reach = access;
    this.#indexes = indexes;
  }

  index(name: string): ReadonlyIndex {
    const reader = typeof name === 'string' ? this.#indexes(name) : undefined;
    if (reader === undefined) throw new ServiceError('invalid-index', 'the service declares no such index');
    return new IndexHandle(this.#reach, reader);
  }
}

/** Bytes, and steps, after which a step of a migration ends. */
const migrationBytes = 1_048_576;
const migrationSteps = 10_000_000;

/** A migration's: it is told when to go on in another transaction. */
export class MigrationContext extends Context implements MigrationTransaction {
  readonly #counter: Meter;
  readonly #writes: Access;

  constructor(...given: ConstructorParameters<typeof Context>) {
    super(...given);
    [this.#counter, this.#writes] = given;
  }

  full(): boolean {
    this.#counter.step();
    return this.#writes.written > migrationBytes || this.#counter.steps > migrationSteps;
  }
}

class IndexHandle implements ReadonlyIndex {
  readonly through: number;
  readonly failed: number;
  readonly #access: Access;
  readonly #reader: IndexReader;

  constructor(access: Access, reader: IndexReader) {
    this.#access = access;
    this.#reader = reader;
    this.through = reader.through;
    this.failed = reader.failed;
  }

  *entries(prefix?: readonly KeyPart[], options: IndexOptions = {}): Generator<[Key, Key], undefined> {
    const { after, ...others } = options;
    const last = after === undefined ? undefined : ([encodeKey(after[0]), encodeKey(after[1])] as const);
    for (const [index, key] of this.#access.indexed(this.#reader, rangeOf(prefix, others), last))
      yield [decodeKey(index), decodeKey(key)];
  }
}

class MapHandle implements StateMap<unknown> {
  readonly #meter: Meter;
  readonly #access: Access;
  readonly #name: string;
  readonly #schema: Schema | undefined;

  constructor(meter: Meter, access: Access, name: string, schema: Schema | undefined) {
    this.#meter = meter;
    this.#access = access;
    this.#name = name;
    this.#schema = schema;
  }

  get(key: Key): unknown {
    return this.#access.get(this.#name, encodeKey(key));
  }

  has(key: Key): boolean {
    return this.#access.has(this.#name, encodeKey(key));
  }

  set(key: Key, value: unknown): void {
    const encoded = encodeKey(key);
    const valid = this.#schema === undefined ? value : validate(this.#schema, value, 'invalid-value');
    this.#access.set(
      this.#name,
      encoded,
      copyIn(valid, (work) => this.#meter.charge(work)),
    );
  }

  delete(key: Key): void {
    this.#access.delete(this.#name, encodeKey(key));
  }

  *entries(prefix?: readonly KeyPart[], options: EntriesOptions = {}): Generator<[Key, unknown], undefined> {
    for (const [key, value] of this.#access.entries(this.#name, rangeOf(prefix, options))) {
      yield [decodeKey(key), value];
    }
  }
}

function rangeOf(prefix: readonly KeyPart[] | undefined, options: EntriesOptions): KeyRange {
  const { from, to, after, reverse = false, limit } = options;
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0))
    throw new ServiceError('invalid-key', 'a limit is a non-negative integer');
  const range = {
    prefix: prefix === undefined ? undefined : encodePrefix([...prefix]),
    from: from === undefined ? undefined : encodeKey(from),
    to: to === undefined ? undefined : encodeKey(to),
    reverse,
    limit,
  };
  if (after === undefined) return range;
  const last = encodeKey(after);
  if (range.reverse) return { ...range, to: range.to === undefined || last < range.to ? last : range.to };
  // Nothing is between a byte string and itself with a zero byte added.
  const next = `${last}\0`;
  return { ...range, from: range.from === undefined || next > range.from ? next : range.from };
}

/** Freezes what objects of a class share, and hides the class from them. */
function protect(prototype: object): void {
  delete (prototype as { constructor?: unknown }).constructor;
  for (const key of Reflect.ownKeys(prototype)) {
    const method: unknown = Reflect.get(prototype, key);
    if (typeof method !== 'function') continue;
    Object.freeze(method);
    const generated: unknown = Reflect.get(method, 'prototype');
    if (generated !== undefined) Object.freeze(generated);
  }
  Object.freeze(prototype);
}

protect(Context.prototype);
protect(QueryContext.prototype);
protect(MigrationContext.prototype);
protect(IndexHandle.prototype);
protect(MapHandle.prototype);
