/**
 * Whether a history is linearizable, object by object: just-in-time linearization (Lowe, "Testing for linearizability",
 * Concurrency and Computation 29(4), 2017; after Wing and Gong, 1993).
 *
 * Going through invocations and returns in the order of time, it keeps every *possibility*: a state of the object, and
 * which of the operations under way have taken effect to make it. When an operation returns, it must have taken effect; in
 * each possibility where it has not, whatever is under way may take effect first, in any order. None left: no order of
 * effects explains the answers.
 */
import type { Json, Operation } from './operation.ts';

export type Verdict =
  | { readonly verdict: 'linearizable'; readonly operations: number }
  | { readonly verdict: 'undecided'; readonly key: string; readonly at: Operation; readonly reason: string }
  /** Up to and including `at`, nothing explains what was answered. */
  | { readonly verdict: 'not-linearizable'; readonly key: string; readonly at: Operation };

export interface Limits {
  /** Possibilities of one object that are kept at once, and looked at for one return. */
  readonly possibilitiesMax?: number;
}

/** The state of an object: of a register its value, of a counter its count, of a log its last position. */
type State = Json;

/** The state after the operation; `undefined` where it cannot take effect in this state, because it was answered otherwise. */
function after(state: State, { op, value, outcome, result }: Operation): State | undefined {
  const known = outcome === 'ok';
  switch (op) {
    case 'put': {
      const told = known && result !== null ? (result as { readonly before?: Json }) : undefined;
      return told === undefined || same(told.before ?? null, state) ? value : undefined;
    }
    case 'get':
      return !known || same(result, state) ? state : undefined;
    case 'add': {
      const count = ((state ?? 0) as number) + (value as number);
      return !known || result === count ? count : undefined;
    }
    case 'append':
      // Where an unanswered one stands is not known: it explains nothing.
      if (!known) return state;
      return (result as number) > ((state ?? -Infinity) as number) ? result : undefined;
    case 'other':
      return state;
  }
}

function same(a: Json, b: Json): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

interface Possibility {
  readonly state: State;
  /** Numbers of operations under way that took effect already, ascending. */
  readonly done: readonly number[];
}

const keyOf = ({ state, done }: Possibility): string => `${done.join()}|${JSON.stringify(state)}`;

/** The verdict about the first object, in the order of their names, that is not linearizable; else about all of them. */
export function checkHistory(operations: readonly Operation[], limits: Limits = {}): Verdict {
  const objects = new Map<string, Operation[]>();
  for (const operation of operations) {
    // A refused operation has no effect, and tells nothing.
    if (operation.op === 'other' || operation.outcome === 'refused') continue;
    const kind = operation.op === 'add' || operation.op === 'append' ? operation.op : 'register';
    const name = `${operation.key} (${kind})`;
    const of = objects.get(name);
    if (of === undefined) objects.set(name, [operation]);
    else of.push(operation);
  }
  let undecided: Verdict | undefined;
  for (const name of [...objects.keys()].sort()) {
    const verdict = checkObject(name, objects.get(name)!, limits);
    if (verdict?.verdict === 'not-linearizable') return verdict;
    undecided ??= verdict;
  }
  return undecided ?? { verdict: 'linearizable', operations: operations.length };
}

function checkObject(
  key: string,
  operations: readonly Operation[],
  { possibilitiesMax = 100_000 }: Limits,
): Verdict | undefined {
  const events = operations.flatMap(({ invoked, returned }, number) => [
    { time: invoked, returns: 0, number },
    ...(returned === null ? [] : [{ time: returned, returns: 1, number }]),
  ]);
  // At one moment, invocations come first: then the operations overlap.
  events.sort((a, b) => a.time - b.time || a.returns - b.returns);
  const underWay = new Set<number>();
  let possibilities: Possibility[] = [{ state: null, done: [] }];
  for (const { returns, number } of events) {
    if (returns === 0) {
      underWay.add(number);
      continue;
    }
    const next = effective(possibilities, number, underWay, operations, possibilitiesMax);
    const at = operations[number]!;
    if (next === undefined) {
      const reason = `more than ${possibilitiesMax} states are possible`;
      return { verdict: 'undecided', key, at, reason };
    }
    if (next.length === 0) return { verdict: 'not-linearizable', key, at };
    possibilities = next;
    underWay.delete(number);
  }
  return undefined;
}

/** The possibilities in which `number` has taken effect, without it; `undefined` where there are too many to look at. */
function effective(
  from: readonly Possibility[],
  number: number,
  underWay: ReadonlySet<number>,
  operations: readonly Operation[],
  possibilitiesMax: number,
): Possibility[] | undefined {
  const seen = new Set(from.map(keyOf));
  const found = new Map<string, Possibility>();
  const open = [...from];
  for (let possibility = open.pop(); possibility !== undefined; possibility = open.pop()) {
    const { state, done } = possibility;
    if (done.includes(number)) {
      const without = { state, done: done.filter((one) => one !== number) };
      found.set(keyOf(without), without);
      continue;
    }
    for (const candidate of underWay) {
      if (done.includes(candidate)) continue;
      const then = after(state, operations[candidate]!);
      if (then === undefined) continue;
      const reached = { state: then, done: [...done, candidate].sort((a, b) => a - b) };
      const name = keyOf(reached);
      if (seen.has(name)) continue;
      seen.add(name);
      open.push(reached);
    }
    if (seen.size > possibilitiesMax) return undefined;
  }
  return [...found.values()];
}
