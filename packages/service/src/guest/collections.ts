/**
 * `Map`, `Set`, `WeakMap` and `WeakSet` of services.
 *
 * They are the engine's, and remember one thing more: in which transaction they were made. One that was made when the
 * service was loaded outlives the transactions that use it; what they change in it is undone at their end, so that it
 * is the same for every transaction on every replica, also one that was started yesterday.
 */
import { active, type Meter } from '../meter.ts';

function meterOf(): Meter {
  if (active === undefined) throw new TypeError('no service executes');
  return active;
}

/** Goes through what a collection is made of, which may be code of the service. */
function fill<T>(items: Iterable<T> | null | undefined, add: (item: T) => void): void {
  if (items === null || items === undefined) return;
  for (const item of items) {
    meterOf().step();
    add(item);
  }
}

export class ServiceMap<K, V> extends Map<K, V> {
  static is(value: object): value is ServiceMap<unknown, unknown> {
    return #era in value;
  }

  readonly #era = meterOf().era;
  /** The last transaction that changed it, if it outlives it. */
  #changed = 0;

  constructor(entries?: Iterable<readonly [K, V]> | null) {
    super();
    fill(entries, ([key, value]) => this.set(key, value));
  }

  #change(): void {
    const meter = meterOf();
    if (this.#era === meter.era || this.#changed === meter.era) return;
    this.#changed = meter.era;
    const before = [...super.entries()];
    meter.charge(before.length);
    meter.undo(() => {
      // From scratch, because the order of the entries is part of what a script sees.
      super.clear();
      for (const [key, value] of before) super.set(key, value);
    });
  }

  override set(key: K, value: V): this {
    this.#change();
    return super.set(key, value);
  }

  override delete(key: K): boolean {
    this.#change();
    return super.delete(key);
  }

  override clear(): void {
    this.#change();
    super.clear();
  }
}

export class ServiceSet<T> extends Set<T> {
  static is(value: object): value is ServiceSet<unknown> {
    return #era in value;
  }

  readonly #era = meterOf().era;
  #changed = 0;

  constructor(items?: Iterable<T> | null) {
    super();
    fill(items, (item) => this.add(item));
  }

  #change(): void {
    const meter = meterOf();
    if (this.#era === meter.era || this.#changed === meter.era) return;
    this.#changed = meter.era;
    const before = [...super.values()];
    meter.charge(before.length);
    meter.undo(() => {
      super.clear();
      for (const item of before) super.add(item);
    });
  }

  override add(item: T): this {
    this.#change();
    return super.add(item);
  }

  override delete(item: T): boolean {
    this.#change();
    return super.delete(item);
  }

  override clear(): void {
    this.#change();
    super.clear();
  }
}

export class ServiceWeakMap<K extends WeakKey, V> extends WeakMap<K, V> {
  readonly #era = meterOf().era;

  constructor(entries?: Iterable<readonly [K, V]> | null) {
    super();
    fill(entries, ([key, value]) => this.set(key, value));
  }

  #change(key: K): void {
    const meter = meterOf();
    if (this.#era === meter.era) return;
    const before = super.get(key);
    const had = super.has(key);
    meter.undo(() => {
      if (had) super.set(key, before as V);
      else super.delete(key);
    });
  }

  override set(key: K, value: V): this {
    const meter = meterOf();
    // Nothing else leads from the map to what was put into it.
    if (meter.era === 0) meter.hold(key, value);
    this.#change(key);
    return super.set(key, value);
  }

  override delete(key: K): boolean {
    this.#change(key);
    return super.delete(key);
  }
}

export class ServiceWeakSet<T extends WeakKey> extends WeakSet<T> {
  readonly #era = meterOf().era;

  constructor(items?: Iterable<T> | null) {
    super();
    fill(items, (item) => this.add(item));
  }

  #change(item: T): void {
    const meter = meterOf();
    if (this.#era === meter.era) return;
    const had = super.has(item);
    meter.undo(() => {
      if (had) super.add(item);
      else super.delete(item);
    });
  }

  override add(item: T): this {
    this.#change(item);
    return super.add(item);
  }

  override delete(item: T): boolean {
    this.#change(item);
    return super.delete(item);
  }
}
