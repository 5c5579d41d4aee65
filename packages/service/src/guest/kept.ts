/**
 * Objects that a script keeps from its loading on, and what transactions change in them.
 *
 * Such an object is marked by a private field, which a script cannot see, and which costs next to nothing to look for.
 * The first time that a transaction is about to change one, its properties are taken down; at the end they are put
 * back. Instrumentation announces assignments, and `realm/objects.ts` the built-ins that change objects.
 */
import type { Meter } from '../meter.ts';
import { told } from './errors.ts';

/** A constructor that constructs what it is given: what extends it can add private fields to any object. */
const Identity = function (object: object): object {
  return object;
} as unknown as new (object: object) => object;

class Kept extends Identity {
  /** The last transaction that changed it. */
  #changed = 0;

  static mark(object: object): void {
    if (!(#changed in object)) Reflect.construct(Kept, [object]);
  }

  static is(object: object): boolean {
    return #changed in object;
  }

  /** Whether this is the first change of an object that is kept, in this transaction. */
  static first(object: object, era: number): boolean {
    if (!(#changed in object) || object.#changed === era) return false;
    object.#changed = era;
    return true;
  }
}

/** Marks an object as one that outlives transactions. */
export function keep(object: object): void {
  Kept.mark(object);
}

export function isKept(object: unknown): boolean {
  return ((typeof object === 'object' && object !== null) || typeof object === 'function') && Kept.is(object);
}

/** `object` is about to change. */
export function changing(meter: Meter, object: unknown): void {
  if ((typeof object !== 'object' || object === null) && typeof object !== 'function') return;
  if (!Kept.first(object, meter.era)) return;
  const prototype: unknown = Object.getPrototypeOf(object);
  const before = propertiesOf(object);
  meter.charge(before.length);
  meter.undo(() => {
    Object.setPrototypeOf(object, prototype as object | null);
    putBack(object, before);
  });
}

/**
 * A property of `object` is about to be defined: the descriptor to do it with. On an object that is kept, nothing can
 * become what it could not be undone from.
 */
export function defining(meter: Meter, object: unknown, key: PropertyKey, descriptor: unknown): unknown {
  changing(meter, object);
  if (!isKept(object) || typeof descriptor !== 'object' || descriptor === null) return descriptor;
  const present = Reflect.getOwnPropertyDescriptor(object as object, key);
  if (present?.configurable !== false) return { ...descriptor, configurable: true };
  const fixes = present.writable === true && (descriptor as PropertyDescriptor).writable === false;
  return fixes ? refuseForGood() : descriptor;
}

/** `object` is about to be made such that it cannot be changed again. */
export function fixing(object: unknown): void {
  if (isKept(object)) refuseForGood();
}

function refuseForGood(): never {
  throw told(new TypeError('an object that was made when the service was loaded cannot be changed for good'));
}

type Properties = readonly (readonly [PropertyKey, PropertyDescriptor])[];

function propertiesOf(object: object): Properties {
  return Reflect.ownKeys(object).map((key) => [key, Reflect.getOwnPropertyDescriptor(object, key)!]);
}

function putBack(object: object, before: Properties): void {
  const sameOrder = (): boolean => {
    const keys = Reflect.ownKeys(object);
    return keys.length === before.length && before.every(([key], i) => key === keys[i]);
  };
  // The order of properties is something that a script can see.
  if (!sameOrder()) for (const key of Reflect.ownKeys(object)) Reflect.deleteProperty(object, key);
  for (const [key, descriptor] of before) Reflect.defineProperty(object, key, descriptor);
}
