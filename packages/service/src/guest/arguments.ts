/**
 * Numbers and sizes, as built-ins read them from whatever they are given.
 */

/** ECMA-262, ToIntegerOrInfinity. */
export function toInteger(value: unknown): number {
  return Math.trunc(Number(value)) || 0;
}

/** ECMA-262, ToString. */
export function toText(value: unknown): string {
  if (typeof value === 'symbol') throw new TypeError('a symbol is no text');
  return String(value);
}

/** ECMA-262, ToPropertyKey. */
export function toKey(value: unknown): PropertyKey {
  return typeof value === 'symbol' ? value : toText(value);
}

/** The length that a method of arrays goes by. */
export function lengthOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (value === null || value === undefined) return 0;
  return Math.min(Math.max(toInteger((value as { length?: unknown }).length), 0), Number.MAX_SAFE_INTEGER);
}
