/**
 * Replacing built-ins of the realm by ones that behave differently while a service executes.
 *
 * All code of a process shares the prototypes of arrays and texts, so what a service must not find there cannot be
 * taken away from it alone. But a service runs from beginning to end without a pause, so `active` (`meter.ts`) says
 * whose call it is: a service's is counted and deterministic, everyone else's goes on to the engine's function.
 */
import { standInOf } from '../guest/builtins.ts';
import { unavailable } from '../guest/unavailable.ts';
import { active, type Meter } from '../meter.ts';

export type Method = (this: unknown, ...parameters: any[]) => unknown;

/** A method for services, given the engine's, whose meter is running. */
export type Served = (meter: Meter, self: unknown, parameters: any[], native: Method) => unknown;

/** Has services call `served` instead of `holder[name]`, if the engine has that. */
export function serve(holder: object, name: PropertyKey, served: Served): void {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  if (typeof descriptor?.value !== 'function') return;
  const native = descriptor.value as Method;
  // A method, because those cannot be called with `new`.
  const holding = {
    replacement(this: unknown, ...parameters: unknown[]): unknown {
      if (active === undefined) return Reflect.apply(native, this, parameters);
      return served(active, this, parameters, native);
    },
  };
  const replacement = Reflect.get(holding, 'replacement') as Method;
  Object.defineProperty(replacement, 'name', { value: native.name, configurable: true });
  Object.defineProperty(replacement, 'length', { value: native.length, configurable: true });
  Object.defineProperty(holder, name, { ...descriptor, value: replacement });
}

/** Counts `work` before the engine's function does it. */
export function count(
  holder: object,
  names: readonly PropertyKey[],
  work: (self: unknown, parameters: unknown[]) => number,
): void {
  for (const name of names) {
    serve(holder, name, (meter, self, parameters, native) => {
      meter.charge(1 + Math.floor(work(self, parameters) / 8));
      return Reflect.apply(native, self, parameters);
    });
  }
}

/** As `count`, of what calls its parameter `at`: which may be a constructor of the engine's, made to be called otherwise. */
export function countCalls(
  holder: object,
  names: readonly PropertyKey[],
  work: (self: unknown, parameters: unknown[]) => number,
  at = 0,
): void {
  for (const name of names) {
    serve(holder, name, (meter, self, parameters, native) => {
      meter.charge(1 + Math.floor(work(self, parameters) / 8));
      if (typeof parameters[at] === 'function') parameters[at] = standInOf<unknown>(parameters[at]);
      return Reflect.apply(native, self, parameters);
    });
  }
}

/** Refuses services what differs between engines, or between places. */
export function refuse(holder: object, of: string, names: readonly PropertyKey[], reason: string): void {
  for (const name of names) serve(holder, name, () => unavailable(`${of}.${String(name)}`, reason));
}
