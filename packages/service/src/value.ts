/**
 * Values: what maps hold, operations carry and results are. JSON, with byte strings.
 *
 * A value is copied whenever it passes between a service and its state: two parties never share an object, and what
 * is stored is what was passed at that moment, whatever either of them does to its copy. The bytes are deterministic
 * CBOR: one value has one byte string, whatever the order of its properties.
 */
import { defineOwn, type PlainValue } from '@coppice/wire';
import { ServiceError } from './service-error.ts';

/** Numbers are finite, text is well-formed; -0 is stored as 0. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value | undefined };

/** Arrays and objects within each other. */
export const valueDepthMax = 60;

/**
 * A copy of what a service passes: plain data, or a {@link ServiceError} with code `invalid-value` that says where
 * and why it is none. Properties that are `undefined` are left out. `charge` is told how much work each part is.
 */
export function copyIn(value: unknown, charge: (work: number) => void): PlainValue {
  return new Copy(charge).copy(value);
}

/** One copy in the making: where it stands in the value. */
class Copy {
  readonly #charge: (work: number) => void;
  readonly #path: (string | number)[] = [];

  constructor(charge: (work: number) => void) {
    this.#charge = charge;
  }

  copy(value: unknown): PlainValue {
    this.#charge(1);
    switch (typeof value) {
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) ? value : this.#refuse('a number that is not finite is no value');
      case 'string':
        return this.#text(value);
      case 'object':
        if (value === null) return null;
        if (value instanceof Uint8Array) {
          this.#charge(value.length >>> 6);
          return new Uint8Array(value);
        }
        if (this.#path.length === valueDepthMax) this.#refuse(`values nest at most ${valueDepthMax} deep`);
        return Array.isArray(value) ? this.#array(value) : this.#object(value);
      case 'bigint':
        return this.#refuse('a bigint is no value: store it as text');
      default:
        return this.#refuse(`${typeof value} is no value`);
    }
  }

  #text(text: string): string {
    this.#charge(text.length >>> 6);
    return text.isWellFormed() ? text : this.#refuse('text with a lone surrogate is no value');
  }

  #array(values: readonly unknown[]): PlainValue {
    const copied: PlainValue[] = [];
    for (let i = 0; i < values.length; i++) {
      this.#path.push(i);
      copied.push(this.copy(values[i]));
      this.#path.pop();
    }
    return copied;
  }

  #object(object: object): PlainValue {
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) this.#refuse('an instance of a class is no value');
    const copied: Record<string, PlainValue> = {};
    for (const key of Object.keys(object)) {
      const value: unknown = (object as Record<string, unknown>)[key];
      if (value === undefined) continue;
      this.#path.push(key);
      defineOwn(copied, this.#text(key), this.copy(value));
      this.#path.pop();
    }
    return copied;
  }

  #refuse(reason: string): never {
    throw new ServiceError('invalid-value', reason, { path: this.#path });
  }
}
