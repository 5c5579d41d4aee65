/**
 * The `JSON` of services.
 *
 * Written anew where the engine's cannot be counted or stopped: a value that refers to another from many places can be
 * small, and its text beyond any bound.
 */
import { active, depthMax, type Meter, uncounted } from '../meter.ts';
import { toInteger, toText } from './arguments.ts';
import { standInOf } from './builtins.ts';
import { Growing } from './substitution.ts';

const native = JSON;

type Replacer = (this: unknown, key: string, value: unknown) => unknown;

class Writing {
  readonly #meter: Meter;
  readonly #to: Growing;
  readonly #replacer: Replacer | undefined;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #indent: string;
  readonly #above: object[] = [];

  constructor(meter: Meter, to: Growing, replacer: unknown, indent: string) {
    this.#meter = meter;
    this.#to = to;
    this.#replacer = typeof replacer === 'function' ? standInOf(replacer as Replacer) : undefined;
    this.#only = Array.isArray(replacer) ? new Set(replacer.filter(isName).map(String)) : undefined;
    this.#indent = indent;
  }

  /** Adds `before` and the property's value, if it has a text. */
  write(holder: object, key: string, before: string): boolean {
    this.#meter.enter();
    let value: unknown = (holder as Record<string, unknown>)[key];
    if (mayConvert(value)) {
      const { toJSON } = value as { toJSON?: unknown };
      if (typeof toJSON === 'function') value = Reflect.apply(toJSON, value, [key]) as unknown;
    }
    if (this.#replacer !== undefined) value = Reflect.apply(this.#replacer, holder, [key, value]);
    const written = this.#value(unboxed(value), before);
    this.#meter.depth--;
    return written;
  }

  #value(value: unknown, before: string): boolean {
    if (typeof value === 'object' && value !== null) {
      this.#to.add(before);
      if (this.#above.includes(value)) throw new TypeError('a value that contains itself has no JSON');
      this.#above.push(value);
      if (Array.isArray(value)) this.#array(value);
      else this.#object(value);
      this.#above.pop();
      return true;
    }
    if (typeof value === 'bigint') throw new TypeError('a bigint has no JSON');
    const text = native.stringify(value) as string | undefined;
    if (text === undefined) return false;
    this.#to.add(before);
    this.#to.add(text);
    return true;
  }

  #array(values: readonly unknown[]): void {
    this.#to.add('[');
    for (let i = 0; i < values.length; i++) {
      const before = `${i === 0 ? '' : ','}${this.#line()}`;
      if (!this.write(values, String(i), before)) this.#to.add(`${before}null`);
    }
    this.#to.add(values.length === 0 ? ']' : `${this.#line(-1)}]`);
  }

  #object(object: object): void {
    this.#to.add('{');
    let count = 0;
    for (const key of this.#only ?? Object.keys(object)) {
      const name = `${native.stringify(key)}:${this.#indent === '' ? '' : ' '}`;
      if (this.write(object, key, `${count === 0 ? '' : ','}${this.#line()}${name}`)) count++;
    }
    this.#to.add(count === 0 ? '}' : `${this.#line(-1)}}`);
  }

  #line(less = 0): string {
    return this.#indent === '' ? '' : `\n${this.#indent.repeat(this.#above.length + less)}`;
  }
}

function mayConvert(value: unknown): value is object | bigint {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' || typeof value === 'bigint';
}

/** What `new Number(…)` and its like hold. */
function unboxed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Object.prototype.isPrototypeOf.call(Number.prototype, value)) return Number(value);
  if (Object.prototype.isPrototypeOf.call(String.prototype, value)) return toText(value);
  return Object.prototype.isPrototypeOf.call(Boolean.prototype, value) ? value.valueOf() : value;
}

function isName(value: unknown): boolean {
  return ['string', 'number'].includes(typeof unboxed(value));
}

function indentOf(space: unknown): string {
  const value = unboxed(space);
  if (typeof value === 'number') return ' '.repeat(Math.max(0, Math.min(10, toInteger(value))));
  return typeof value === 'string' ? value.slice(0, 10) : '';
}

function stringify(value: unknown, replacer?: unknown, space?: unknown): string | undefined {
  const meter = active!;
  const to = new Growing(meter);
  const written = new Writing(meter, to, replacer, indentOf(space)).write({ '': value }, '', '');
  return written ? to.text : undefined;
}

function parse(source: unknown, reviver?: unknown): unknown {
  const meter = active!;
  const text = toText(source);
  meter.charge(text.length >>> 2);
  const value = uncounted((): unknown => {
    // Engines differ in how deep they go.
    if (depthOf(text) > depthMax) throw new SyntaxError('nested too deep');
    return native.parse(text);
  });
  return typeof reviver === 'function' ? revive(meter, { '': value }, '', standInOf(reviver as Replacer)) : value;
}

/** How many arrays and objects are open at most, outside of texts. */
function depthOf(text: string): number {
  let [depth, deepest, quoted] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]!;
    if (unit === '"') quoted = !quoted;
    else if (quoted) i += unit === '\\' ? 1 : 0;
    else if (unit === '[' || unit === '{') deepest = Math.max(deepest, ++depth);
    else if (unit === ']' || unit === '}') depth--;
  }
  return deepest;
}

/** ECMA-262, InternalizeJSONProperty: without the source texts that newer engines add. */
function revive(meter: Meter, holder: object, key: string, reviver: Replacer): unknown {
  meter.enter();
  const value: unknown = (holder as Record<string, unknown>)[key];
  if (typeof value === 'object' && value !== null) {
    for (const name of Object.keys(value)) {
      const inner = revive(meter, value, name, reviver);
      if (inner === undefined) Reflect.deleteProperty(value, name);
      else Object.defineProperty(value, name, { value: inner, writable: true, enumerable: true, configurable: true });
    }
  }
  const revived = Reflect.apply(reviver, holder, [key, value]);
  meter.depth--;
  return revived;
}

export const json = { parse, stringify, [Symbol.toStringTag]: 'JSON' };
