/** Objects, functions and dates, as services find them. */
import { toKey } from '../guest/arguments.ts';
import { inOrder, standInOf } from '../guest/builtins.ts';
import { told } from '../guest/errors.ts';
import { changing, defining, fixing, isKept } from '../guest/kept.ts';
import type { Meter } from '../meter.ts';
import { count, type Method, refuse, serve } from './replace.ts';

export function serveObjects(): void {
  for (const name of ['keys', 'values', 'entries', 'getOwnPropertyNames', 'getOwnPropertySymbols']) {
    const names = name.startsWith('getOwn');
    serve(Object, name, (meter, self, parameters, native) => {
      const list = Reflect.apply(native, self, parameters) as unknown[];
      meter.charge(1 + (list.length >>> 1));
      return names ? inOrder(parameters[0], list as PropertyKey[]) : list;
    });
  }
  serve(Object, 'getOwnPropertyDescriptors', (meter, _self, [object]) => {
    meter.charge(1 + (properties(object) >>> 3));
    const keys = inOrder(object, Reflect.ownKeys(Object(object) as object));
    const described: Record<PropertyKey, unknown> = {};
    for (const key of keys) {
      const value = Reflect.getOwnPropertyDescriptor(Object(object) as object, key);
      Reflect.defineProperty(described, key, { value, writable: true, enumerable: true, configurable: true });
    }
    return described;
  });
  serveFunctions();
  definePrototypes();
  count(Object, ['assign'], (_self, [, ...sources]) =>
    sources.reduce<number>((sum, source) => sum + properties(source), 0),
  );
  const whole = ['freeze', 'isFrozen', 'seal', 'isSealed', 'preventExtensions'];
  count(Object, whole, (_self, [object]) => properties(object));
  count(Object, ['create'], (_self, [, described]) => properties(described));
  for (const name of ['assign', 'setPrototypeOf']) announce(Object, name, (meter, [object]) => changing(meter, object));
  for (const name of ['freeze', 'preventExtensions', 'seal'])
    announce(Object, name, (_meter, [object]) => fixing(object));
  for (const name of ['__defineGetter__', '__defineSetter__'])
    announce(Object.prototype, name, (meter, _parameters, self) => changing(meter, self));
  serve(Object, 'defineProperty', (meter, self, [object, key, descriptor], native) =>
    Reflect.apply(native, self, [object, key, defining(meter, object, toKey(key), descriptor)]),
  );
  serve(Object, 'defineProperties', (meter, self, [object, descriptors], native) => {
    const keys = Reflect.ownKeys(Object(descriptors) as object);
    const given = keys.map((key) => [key, Reflect.get(descriptors as object, key)] as const);
    const safe = given.map(([key, descriptor]) => [key, defining(meter, object, key, descriptor)] as const);
    return Reflect.apply(native, self, [object, Object.fromEntries(safe)]);
  });
}

function serveFunctions(): void {
  serve(Function.prototype, 'toString', (_meter, self) => {
    if (typeof self !== 'function') throw new TypeError('not a function');
    return 'function () { [native code] }';
  });
  for (const name of ['apply', 'bind', 'call']) {
    serve(Function.prototype, name, (_meter, self, parameters, native) =>
      Reflect.apply(native, standInOf(self), parameters),
    );
  }
}

/** Deno takes `__proto__` away from all programs; the others have it, and libraries may use it. */
function definePrototypes(): void {
  const holder = {
    get ['__proto__'](): unknown {
      return Object.getPrototypeOf(this) as unknown;
    },
    set ['__proto__'](prototype: unknown) {
      if (this === undefined || this === null) throw new TypeError('no object');
      if (typeof prototype !== 'object' && typeof prototype !== 'function') return;
      if (typeof this !== 'object' && typeof this !== 'function') return;
      if (!Reflect.setPrototypeOf(this, prototype)) throw new TypeError('its prototype is fixed');
    },
  };
  const accessor = Object.getOwnPropertyDescriptor(holder, '__proto__')!;
  // oxlint-disable-next-line eslint/no-extend-native -- where it is missing, and the same everywhere
  Object.defineProperty(Object.prototype, '__proto__', { ...accessor, enumerable: false });
}

function properties(object: unknown): number {
  // Properties are dearer than elements.
  return typeof object === 'object' && object !== null ? 4 * Reflect.ownKeys(object).length : 0;
}

/** Has `tell` know before a built-in changes an object. */
function announce(
  holder: object,
  name: string,
  tell: (meter: Meter, parameters: unknown[], self: unknown) => void,
): void {
  serve(holder, name, (meter, self, parameters, native) => {
    tell(meter, parameters, self);
    return Reflect.apply(native, self, parameters);
  });
}

/** Local time is UTC, and dates that outlive the transaction stay what they are. */
export function serveDates(): void {
  const date = Date.prototype as unknown as Record<string, Method>;
  for (const part of ['Date', 'Day', 'FullYear', 'Hours', 'Milliseconds', 'Minutes', 'Month', 'Seconds']) {
    const universal = date[`getUTC${part}`]!;
    serve(date, `get${part}`, (_meter, self) => Reflect.apply(universal, self, []));
    for (const name of [`set${part}`, `setUTC${part}`]) {
      const setter = date[`setUTC${part}`]!;
      // Numbers first: Node 22 does not ask for them where the date is none.
      serve(date, name, (_meter, self, parameters, native) =>
        Reflect.apply(setter, changeable(self), parameters.slice(0, native.length).map(toNumber)),
      );
    }
  }
  serve(date, 'setTime', (_meter, self, parameters, native) => Reflect.apply(native, changeable(self), parameters));
  serve(date, 'getTimezoneOffset', (_meter, self) => (Number.isNaN(Number(self)) ? NaN : 0));
  serve(date, 'toString', (_meter, self) => local(self, (day, time) => `${day} ${time}`));
  serve(date, 'toDateString', (_meter, self) => local(self, (day) => day));
  serve(date, 'toTimeString', (_meter, self) => local(self, (_day, time) => time));
  const reason = 'it depends on where a replica runs';
  refuse(date, 'Date.prototype', ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'], reason);
  refuse(date, 'Date.prototype', ['getYear', 'setYear'], 'it is of the last century');
}

/** ECMA-262, ToNumber. */
function toNumber(value: unknown): number {
  if (typeof value === 'bigint') throw new TypeError('a bigint is no number');
  return Number(value);
}

function changeable(self: unknown): unknown {
  if (isKept(self)) throw told(new TypeError('a date that was made when the service was loaded does not change'));
  return self;
}

const toUTCString: (this: unknown) => string = Reflect.get(Date.prototype, 'toUTCString');

/** The parts of a date's text: "Tue Nov 24 2026" and "10:00:00 GMT+0000 (Coordinated Universal Time)". */
function local(self: unknown, format: (day: string, time: string) => string): string {
  const parts = Reflect.apply(toUTCString, self, []).split(' ');
  if (parts.length < 5) return 'Invalid Date';
  const [weekday, day, month, year, time] = parts as [string, string, string, string, string];
  return format(`${weekday.slice(0, 3)} ${month} ${day} ${year}`, `${time} GMT+0000 (Coordinated Universal Time)`);
}
