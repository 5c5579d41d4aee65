/**
 * The globals of services: what a compartment has besides the built-ins that are the same everywhere.
 */
import { lengthOf, toKey, toText } from './arguments.ts';
import { active, textUnitsMax } from '../meter.ts';
import { parseInteger } from '../realm/numbers.ts';
import { inOrder, standInOf } from './builtins.ts';
import { ServiceMap, ServiceSet, ServiceWeakMap, ServiceWeakSet } from './collections.ts';
import { ServiceDate } from './dates.ts';
import { plainErrors } from './errors.ts';
import { json } from './json.ts';
import { changing, defining, fixing } from './kept.ts';
import { mathematics } from './mathematics.ts';
import { RegularExpression } from './regexp.ts';
import { unavailable } from './unavailable.ts';

type Constructor = (...parameters: never[]) => unknown;
type Native = new (...parameters: unknown[]) => object;

/** Gives `made` the name and the prototype of what it stands for: never the thing itself, which may be powerful. */
function standIn(made: Constructor, native: { readonly name: string; readonly prototype: object }): Constructor {
  Object.defineProperties(made, {
    name: { value: native.name },
    prototype: { value: native.prototype, writable: false },
  });
  return made;
}

/** A constructor of arrays or buffers that counts what it makes room for. */
function roomy(native: Native, bytesEach: number): Constructor {
  const made = function (this: unknown, ...parameters: unknown[]): object {
    const [first] = parameters;
    const length = typeof first === 'object' && first !== null ? lengthOf(first) : first;
    const room = parameters.length === 1 || bytesEach > 0 ? Math.max(0, Number(length)) || 0 : parameters.length;
    if (room * Math.max(1, bytesEach) > 4 * textUnitsMax) active!.exhaust('size');
    active!.charge(1 + Math.floor(room / 8));
    // A buffer that could be resized later would not have been counted.
    const given = native === (ArrayBuffer as unknown) ? [first] : parameters;
    return Reflect.construct(native, given, new.target ?? native) as object;
  };
  return Object.setPrototypeOf(standIn(made, native), native) as Constructor;
}

const bigint = standIn((value: unknown) => {
  if (typeof value === 'string') active!.charge(1 + value.length);
  if (typeof value === 'string' && value.length > 4096) active!.exhaust('size');
  return BigInt(value as number);
}, BigInt);
Object.setPrototypeOf(bigint, BigInt);

/** Without the property that JavaScriptCore has added to the engine's, for good. */
const View = standIn(function (this: unknown, ...parameters: unknown[]): unknown {
  return Reflect.construct(DataView, parameters, new.target ?? DataView);
}, DataView);

/** As the language has it: with or without `new`. */
const RegExp = standIn(function (this: unknown, ...parameters: unknown[]): unknown {
  return Reflect.construct(RegularExpression, parameters, new.target ?? RegularExpression);
}, RegularExpression);

/** What the language of services has on `Symbol`. Runtimes add to it, and not all of them alike. */
const symbols = [
  'asyncIterator',
  'for',
  'hasInstance',
  'isConcatSpreadable',
  'iterator',
  'keyFor',
  'match',
  'matchAll',
].concat(['replace', 'search', 'species', 'split', 'toPrimitive', 'toStringTag', 'unscopables']);

const symbol = standIn((...description: [(string | number)?]) => Symbol(...description), Symbol);
for (const name of symbols) Object.defineProperty(symbol, name, { value: Symbol[name as keyof typeof Symbol] });

/** `instanceof` works; nothing is one. */
const Promise = standIn(function (): never {
  return unavailable('a promise', 'it would be kept after the transaction');
}, globalThis.Promise);
for (const name of ['all', 'allSettled', 'any', 'race', 'reject', 'resolve', 'try', 'withResolvers'])
  Object.defineProperty(Promise, name, { value: Promise });

/** `instanceof` works; making code does not. */
const Function = standIn(function (): never {
  return unavailable('Function', 'a service is all of its code');
}, globalThis.Function);

const reflect = {
  // In an order of ours: each engine has its own.
  ...Object.fromEntries(
    Object.getOwnPropertyNames(Reflect)
      .sort()
      .map((key) => [key, Reflect[key as keyof typeof Reflect]]),
  ),
  [Symbol.toStringTag]: 'Reflect',
  apply(target: unknown, self: unknown, parameters: ArrayLike<unknown>): unknown {
    return Reflect.apply(standInOf(target) as () => unknown, self, parameters);
  },
  construct(target: Native, parameters: ArrayLike<unknown>, ...newTarget: [Native?]): object {
    return Reflect.construct(standInOf(target), parameters, newTarget.length > 0 ? newTarget[0]! : target) as object;
  },
  ownKeys(object: object): PropertyKey[] {
    const keys = Reflect.ownKeys(object);
    active!.charge(1 + (keys.length >>> 1));
    return inOrder(object, keys);
  },
  defineProperty(object: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
    const name = toKey(key);
    return Reflect.defineProperty(object, name, defining(active!, object, name, descriptor) as PropertyDescriptor);
  },
  deleteProperty(object: object, key: PropertyKey): boolean {
    changing(active!, object);
    return Reflect.deleteProperty(object, key);
  },
  preventExtensions(object: object): boolean {
    fixing(object);
    return Reflect.preventExtensions(object);
  },
  set(object: object, key: PropertyKey, value: unknown, ...receiver: [unknown?]): boolean {
    changing(active!, receiver.length > 0 ? receiver[0] : object);
    return receiver.length > 0 ? Reflect.set(object, key, value, receiver[0]) : Reflect.set(object, key, value);
  },
  setPrototypeOf(object: object, prototype: object | null): boolean {
    changing(active!, object);
    return Reflect.setPrototypeOf(object, prototype);
  },
};

/** Escapes of text, which take work, and make more text, in proportion. */
const escapes = Object.fromEntries(
  [encodeURI, encodeURIComponent, decodeURI, decodeURIComponent].map((native) => [
    native.name,
    (value: unknown): string => {
      const text = toText(value);
      active!.charge(1 + (text.length >>> 3));
      const escaped = native(text);
      return escaped.length > textUnitsMax ? active!.exhaust('size') : escaped;
    },
  ]),
);

export interface Globals {
  /** Properties of the global object. */
  readonly globals: Readonly<Record<string, unknown>>;
  /** Constructors of the engine, and what a script gets that calls them. */
  readonly metered: ReadonlyMap<unknown, Constructor>;
}

/** Once the realm is locked down, the same for all services. `shared` is the global object of a compartment. */
export function globalsOf(shared: Readonly<Record<string, unknown>>): Globals {
  // Services do not get at the class by what it makes.
  Object.defineProperty(RegularExpression.prototype, 'constructor', { value: RegExp });
  const metered = new Map<unknown, Constructor>();
  const native = (name: string): Native => shared[name] as Native;
  metered.set(native('Array'), roomy(native('Array'), 0));
  metered.set(native('ArrayBuffer'), roomy(native('ArrayBuffer'), 1));
  for (const name of Object.keys(shared)) {
    if (!/^(?:Uint|Int|BigInt|BigUint)(?:8|16|32|64)(?:Clamped)?Array$/.test(name)) continue;
    metered.set(native(name), roomy(native(name), (shared[name] as Uint8ArrayConstructor).BYTES_PER_ELEMENT));
  }
  metered.set(BigInt, bigint);
  const errors = [
    'Error',
    'AggregateError',
    'EvalError',
    'RangeError',
    'ReferenceError',
    'SyntaxError',
    'TypeError',
    'URIError',
  ];
  for (const name of errors) metered.set(shared[name], plainErrors(shared[name] as never) as unknown as Constructor);
  const globals: Record<string, unknown> = {
    Function,
    Math: Object.assign(Object.create(Object.prototype, { [Symbol.toStringTag]: { value: 'Math' } }) as object, {
      ...mathematics,
      random: () => unavailable('Math.random', 'use tx.random()'),
    }),
    JSON: json,
    Reflect: reflect,
    Date: ServiceDate,
    RegExp,
    Promise,
    Symbol: symbol,
    DataView: View,
    Map: ServiceMap,
    Set: ServiceSet,
    WeakMap: ServiceWeakMap,
    WeakSet: ServiceWeakSet,
    ...escapes,
    parseInt: (text: unknown, radix: unknown) => parseInteger(active!, text, radix),
    console: Object.fromEntries(['debug', 'error', 'info', 'log', 'trace', 'warn'].map((name) => [name, () => {}])),
  };
  for (const name of ['Map', 'Set', 'WeakMap', 'WeakSet', 'Date', 'RegExp', 'Promise', 'DataView'])
    metered.set(shared[name], globals[name] as Constructor);
  named(globals);
  for (const name of ['Math', 'JSON', 'Reflect', 'Date', 'console']) named(globals[name] as object);
  return { globals, metered };
}

/** Gives functions the names of their properties, whatever a bundler made of their own. Those of the engine have them. */
function named(holder: object): void {
  for (const key of Reflect.ownKeys(holder)) {
    const value: unknown = Reflect.getOwnPropertyDescriptor(holder, key)!.value;
    if (typeof value === 'function' && typeof key === 'string' && !Object.isFrozen(value))
      Reflect.defineProperty(value, 'name', { value: key, configurable: true });
  }
}
