/**
 * Errors, as services see them.
 *
 * What a service says in an error of its own is its business. What an engine says differs between engines (the text,
 * the stack, even which properties there are), so by the time a service has caught an error, it is plain: a name, the
 * text that a service gave it, and nothing else.
 */
import { active, type Meter } from '../meter.ts';
import { isServiceError } from '../service-error.ts';
import { toText } from './arguments.ts';

/** Errors whose text was written by a service, or by us. */
const authored = new WeakSet<Error>();

/** In this order. */
const kept = ['name', 'message', 'cause', 'errors', 'code', 'path', 'data'];

/**
 * Takes everything from an error that an engine may have put there. By `Reflect`, which is not counted: how much there
 * is differs between engines.
 */
function plain(error: Error): Error {
  const before = kept.map((key) => [key, Reflect.getOwnPropertyDescriptor(error, key)] as const);
  for (const key of Reflect.ownKeys(error)) Reflect.deleteProperty(error, key);
  for (const [key, descriptor] of before) {
    if (descriptor !== undefined) Reflect.defineProperty(error, key, descriptor);
  }
  Reflect.defineProperty(error, 'stack', { value: '', writable: true, enumerable: false, configurable: true });
  return error;
}

/** Steps of making an error: engines take down the stack. */
const errorSteps = 100;

/** An error of the engine, thrown and caught: made the same everywhere. */
export function normalized(meter: Meter, thrown: unknown): unknown {
  if (!isError(thrown) || authored.has(thrown) || !Reflect.isExtensible(thrown)) return thrown;
  meter.charge(errorSteps);
  authored.add(plain(thrown));
  const erased = { value: '', writable: true, enumerable: false, configurable: true };
  if (!isServiceError(thrown)) Reflect.defineProperty(thrown, 'message', erased);
  return thrown;
}

/** Whether it was made by a constructor of errors. What only inherits from one is an object like any other. */
function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error && Object.prototype.toString.call(thrown) === '[object Error]';
}

/** An error of the runtime's, whose text a service may read: it is the same everywhere. */
export function told<E extends Error>(error: E): E {
  authored.add(plain(error));
  return error;
}

/** Whether an engine ran out of stack: at a depth that is nobody's choice. */
export function isStackOverflow(thrown: unknown): boolean {
  return (
    isError(thrown) &&
    !authored.has(thrown) &&
    /call stack|recursion/i.test(toText(Reflect.getOwnPropertyDescriptor(thrown, 'message')?.value))
  );
}

type ErrorConstructor = new (...parameters: unknown[]) => Error;

/** A constructor of errors that are plain from the beginning. */
export function plainErrors(native: ErrorConstructor): ErrorConstructor {
  const constructor = function (this: unknown, ...parameters: unknown[]): Error {
    // Its own prototype comes last: engines may ask an error for its name as they write its stack.
    active?.charge(errorSteps);
    const error = told(Reflect.construct(native, parameters));
    if (new.target !== undefined) Reflect.setPrototypeOf(error, Reflect.get(new.target, 'prototype') as object);
    return error;
  };
  Object.defineProperties(constructor, {
    name: { value: native.name },
    length: { value: native.length },
    prototype: { value: native.prototype as unknown, writable: false },
  });
  Object.setPrototypeOf(constructor, native);
  return constructor as unknown as ErrorConstructor;
}
