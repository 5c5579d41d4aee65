/**
 * What a script keeps from its loading on, and why no transaction ever finds it changed.
 *
 * A replica that was restarted, or that rolled back batches it had executed ahead of agreement, has run a script in
 * another way than its peers; if anything could stay in the script's variables, its next result would be another. So
 * every transaction finds the script as it was when it had been loaded. What a transaction changes is undone at its
 * end: variables (instrumentation tells), objects (`guest/kept.ts`), collections (`guest/collections.ts`), and byte
 * arrays. Arrays are frozen: too many built-ins change them.
 *
 * All of that goes for whatever can be reached: from the service's definition, from the variables that closures hold
 * (instrumentation tells them, too), and from there by properties, prototypes and entries.
 */
import type { Script } from './execute.ts';
import type { Meter } from './meter.ts';
import { ServiceMap, ServiceSet } from './guest/collections.ts';
import { keep } from './guest/kept.ts';

const buffersBytesMax = 64 * 1024;

/** Frozen objects that were gone through before: built-ins, and what all services share. */
const known = new WeakSet<object>();

export class ScriptState implements Script {
  readonly meter: Meter;
  readonly #buffers: { readonly bytes: Uint8Array; readonly content: Uint8Array }[] = [];

  /** Takes in what `service` and the roots that the meter was told of lead to. Throws a `TypeError` where it cannot. */
  constructor(meter: Meter, service: unknown) {
    this.meter = meter;
    const found: unknown[] = [service];
    for (const root of meter.roots) {
      try {
        found.push(root());
      } catch {
        // A variable whose declaration was not reached holds nothing.
      }
    }
    meter.roots = [];
    const seen = new Set<object>();
    while (found.length > 0) {
      const value = found.pop();
      if (!isObject(value) || seen.has(value) || known.has(value)) continue;
      seen.add(value);
      this.#take(value, found);
    }
    const bytes = this.#buffers.reduce((sum, { content }) => sum + content.length, 0);
    if (bytes > buffersBytesMax)
      throw new TypeError(`the script keeps ${bytes} bytes in byte arrays: at most ${buffersBytesMax} are allowed`);
  }

  restore(): void {
    this.meter.restore();
    for (const { bytes, content } of this.#buffers) bytes.set(content);
  }

  #take(object: object, found: unknown[]): void {
    found.push(Object.getPrototypeOf(object));
    if (ArrayBuffer.isView(object)) {
      found.push(object.buffer);
      Object.preventExtensions(object);
      return;
    }
    if (object instanceof ArrayBuffer && object !== ArrayBuffer.prototype) {
      const bytes = new Uint8Array(object);
      this.#buffers.push({ bytes, content: bytes.slice() });
    }
    refuseHidden(object);
    if (ServiceMap.is(object)) Map.prototype.forEach.call(object, (value, key) => found.push(key, value));
    if (ServiceSet.is(object)) Set.prototype.forEach.call(object, (item) => found.push(item));
    if (Array.isArray(object)) Object.freeze(object);
    if (Object.isFrozen(object)) known.add(object);
    else keep(object);
    for (const key of Reflect.ownKeys(object)) {
      const descriptor = Object.getOwnPropertyDescriptor(object, key)!;
      for (const part of ['value', 'get', 'set'] as const) found.push(descriptor[part]);
    }
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** An iterator made of another, where the engine has such helpers. */
function helped(iterator: object): object {
  return (iterator as { drop?: (count: number) => object }).drop?.(0) ?? iterator;
}

/** Objects with a state that can neither be frozen nor restored, by what only they answer. */
const hidden: readonly { readonly prototype: object; readonly method: string; readonly what: string }[] = [
  ...[[].values(), new Map().values(), new Set().values(), ''[Symbol.iterator](), helped([].values())].map(
    (iterator) => ({
      prototype: Object.getPrototypeOf(iterator) as object,
      method: 'next',
      what: 'an iterator',
    }),
  ),
  {
    prototype: Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())) as object,
    method: 'return',
    what: 'a generator',
  },
];

/** Collections of the engine's own: made by something other than their constructor. */
const foreign = [
  [Map, ServiceMap],
  [Set, ServiceSet],
] as const;

/** Throws for what must not be kept. It would go on where another transaction left it. */
function refuseHidden(object: object): void {
  const kind = hidden.find(({ prototype }) => Object.prototype.isPrototypeOf.call(prototype, object));
  // What inherits from a generator need not be one: only one answers.
  if (
    kind !== undefined &&
    answers(() => Reflect.apply(Reflect.get(kind.prototype, kind.method) as () => unknown, object, []))
  )
    throw new TypeError(`the script keeps ${kind.what}`);
  for (const [native, ours] of foreign) {
    if (!(object instanceof native) || ours.is(object)) continue;
    if (answers(() => Reflect.apply(native.prototype.has, object, [undefined])))
      throw new TypeError(`the script keeps a ${native.name} that was not made by new ${native.name}()`);
  }
}

function answers(ask: () => unknown): boolean {
  try {
    ask();
    return true;
  } catch {
    return false;
  }
}
