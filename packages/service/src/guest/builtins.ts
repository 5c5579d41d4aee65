/**
 * Built-ins as a service meets them by another way than their names: as values.
 *
 * Their properties are in an order that each engine has for itself, and a service can list them. The constructors among them that
 * differ, or that work without being counted, are replaced where a script calls or constructs; where a built-in is asked to do that for
 * it, the replacement is looked up here.
 */

const builtins = new WeakSet<object>();
let standIns: ReadonlyMap<unknown, unknown> = new Map();

/** Takes in everything that these lead to, before a script can reach it. */
export function rememberBuiltins(roots: readonly unknown[], replaced: ReadonlyMap<unknown, unknown>): void {
  standIns = replaced;
  const found = [...roots, ...replaced.values()];
  while (found.length > 0) {
    const value = found.pop();
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') continue;
    if (builtins.has(value)) continue;
    builtins.add(value);
    found.push(Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key)!;
      for (const part of ['value', 'get', 'set'] as const) found.push(descriptor[part]);
    }
  }
}

/** What a service's call of `value` goes to. */
export function standInOf<T>(value: T): T {
  return (standIns.get(value) as T | undefined) ?? value;
}

/** Own keys of what a service asks for: of a built-in in alphabetical order, texts first. */
export function inOrder<K extends PropertyKey>(object: unknown, keys: K[]): K[] {
  if (!builtins.has(object as object)) return keys;
  const texts = keys.filter((key) => typeof key !== 'symbol').sort(ascending);
  return [...texts, ...keys.filter((key) => typeof key === 'symbol').sort(ascending)];
}

function ascending(a: PropertyKey, b: PropertyKey): number {
  const [first, second] = [String(a), String(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}
