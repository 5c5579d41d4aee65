/**
 * What instrumented scripts call: `instrument/rewrite.ts` inserts the calls, this is what they do.
 *
 * A script cannot name its probe (no name of a script begins with `$coppice`), and so cannot call it on its own, or
 * change what it counts.
 */
import { argumentsMax, depthMax, Meter, textUnitsMax } from '../meter.ts';
import { isStackOverflow, normalized } from './errors.ts';
import { changing } from './kept.ts';
import { power } from './mathematics.ts';
import { RegularExpression } from './regexp.ts';
import { unavailable } from './unavailable.ts';

/** Integers without a fixed size are bounded, too: engines differ in how many digits they can have. */
const bigintMax = 1n << 16384n;
const shiftMax = 16384n;
/** What takes longer to compute with than a number does. */
const bigintLarge = 1n << 1024n;

type Constructor = (...parameters: never[]) => unknown;

export class Probe extends Meter {
  readonly #metered: ReadonlyMap<unknown, Constructor>;

  /** Given the constructors of the engine that are replaced by ones that count. */
  constructor(metered: ReadonlyMap<unknown, Constructor>) {
    super();
    this.#metered = metered;
  }

  /** Before a default of a parameter is computed, which is before the function begins. */
  down(): void {
    this.step();
    if (++this.depth > depthMax) this.exhaust('depth');
  }

  up<T>(_down: void, value: T): T {
    this.depth--;
    return value;
  }

  /** An error was caught. */
  caught(thrown: unknown): unknown {
    if (this.exhaustion === undefined && isStackOverflow(thrown)) this.exhaust('depth');
    this.check();
    return normalized(this, thrown);
  }

  /** Throws if the budget is used up. */
  check(): void {
    if (this.exhaustion !== undefined) this.exhaust(this.exhaustion);
  }

  /** While the script is loaded: thunks of the variables that closures hold. */
  root(...variables: (() => unknown)[]): void {
    this.roots.push(...variables);
  }

  /** What a function is bound to. */
  keep<T>(value: T): T {
    if (this.era === 0) this.hold(value);
    return value;
  }

  /** What an operation made that can grow. */
  sized<T>(value: T): T {
    if (typeof value === 'number') return value;
    if (typeof value === 'string') {
      if (value.length > textUnitsMax) this.exhaust('size');
    } else if (typeof value === 'bigint' && (value >= bigintLarge || value <= -bigintLarge)) {
      this.charge(16);
      if (value >= bigintMax || value <= -bigintMax) this.exhaust('size');
    }
    return value;
  }

  power(base: unknown, exponent: unknown): unknown {
    const [x, y] = [numeric(base), numeric(exponent)];
    if (typeof x !== 'bigint' || typeof y !== 'bigint') return power(number(x), number(y));
    if (y < 0n) throw new RangeError('a negative power of a bigint');
    let result = 1n;
    let square = x;
    for (let left = y; left > 0n; left >>= 1n) {
      this.step();
      if (left & 1n) result = this.sized(result * square);
      if (left > 1n) square = this.sized(square * square);
    }
    return result;
  }

  shift(value: unknown, bits: unknown): unknown {
    const [x, y] = [numeric(value), numeric(bits)];
    if (typeof x !== 'bigint' || typeof y !== 'bigint') return number(x) << number(y);
    if (y > shiftMax && x !== 0n) this.exhaust('size');
    return this.sized(x << y);
  }

  /** A property of `object` is about to be assigned or deleted. */
  writing<T>(object: T): T {
    changing(this, object);
    return object;
  }

  /** The key of a property, where engines do not agree on when it is made of `value`, or how often. */
  key(value: unknown): PropertyKey {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'symbol') return value;
    return Reflect.ownKeys({ [value as string]: undefined })[0]!;
  }

  /** `object[key] operator= value`. */
  assign(operator: 'power' | 'shift', object: Record<PropertyKey, unknown>, key: PropertyKey, value: unknown): unknown {
    changing(this, object);
    return (object[key] = this[operator](object[key], value));
  }

  /** What is spread into an array. Other iterables count for themselves. */
  spread<T>(items: T): T {
    if (Array.isArray(items) || typeof items === 'string') this.charge(items.length >>> 3);
    else if (items instanceof Map || items instanceof Set) this.charge(items.size >>> 3);
    return items;
  }

  /** What is spread into a call: an array, because its length is known. */
  arguments<T>(items: Iterable<T> | ArrayLike<T> | null | undefined): ArrayLike<T> | null | undefined {
    if (items === null || items === undefined) return items;
    const values =
      Array.isArray(items) || !(Symbol.iterator in Object(items))
        ? (items as ArrayLike<T>)
        : [...this.spread(items as Iterable<T>)];
    if (values.length > argumentsMax) this.exhaust('size');
    this.charge(values.length >>> 3);
    return values;
  }

  /** What has all its properties gone through. */
  own<T>(object: T): T {
    if (typeof object === 'object' && object !== null) this.charge(Reflect.ownKeys(object).length >>> 1);
    return object;
  }

  metered(constructor: unknown): unknown {
    return this.#metered.get(constructor) ?? constructor;
  }

  regexp(source: string, flags: string): RegularExpression {
    return new RegularExpression(source, flags);
  }

  asynchronous(): never {
    return unavailable('asynchronous code', 'it would run after the transaction');
  }
}

/** ECMA-262, ToNumeric. */
function numeric(value: unknown): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  const primitive = typeof value === 'object' && value !== null ? value.valueOf() : value;
  return typeof primitive === 'bigint' ? primitive : Number(primitive);
}

function number(value: number | bigint): number {
  if (typeof value === 'bigint') throw new TypeError('a bigint with a number');
  return value;
}
