/**
 * Sorting for services: a merge sort that calls its comparator in an order of its own.
 *
 * Engines agree on the outcome when a comparator is consistent. When it is not (`a > b`, a comparison that forgets
 * ties, one that looks at a counter), the outcome depends on which pairs an engine happens to compare.
 */

import { toText } from '../guest/arguments.ts';
import { standInOf } from '../guest/builtins.ts';

/** Sorts `items` in place. Stable. `after` says whether the first of two goes after the second. */
export function mergeSort<T>(items: T[], after: (a: T, b: T) => boolean): void {
  const spare = items.slice();
  sort(items, spare, 0, items.length, after);
}

function sort<T>(items: T[], spare: T[], from: number, to: number, after: (a: T, b: T) => boolean): void {
  if (to - from < 2) return;
  const middle = (from + to) >> 1;
  sort(items, spare, from, middle, after);
  sort(items, spare, middle, to, after);
  for (let i = from; i < to; i++) spare[i] = items[i]!;
  let [left, right] = [from, middle];
  for (let i = from; i < to; i++) {
    const takeRight = right < to && (left >= middle || after(spare[left]!, spare[right]!));
    items[i] = takeRight ? spare[right++]! : spare[left++]!;
  }
}

/** `after` of a comparator as `Array.prototype.sort` takes it; without one, text is compared, unit by unit. */
export function comparison(comparator: unknown): (a: unknown, b: unknown) => boolean {
  if (comparator === undefined) return (a, b) => toText(a) > toText(b);
  if (typeof comparator !== 'function') throw new TypeError('a comparator is a function');
  const compare = standInOf(comparator) as (a: unknown, b: unknown) => unknown;
  return (a, b) => Number(Reflect.apply(compare, undefined, [a, b])) > 0;
}
