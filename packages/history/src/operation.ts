/**
 * One operation as its client saw it, and its line in a file. docs/reference/linearizability.md.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface Operation {
  readonly client: string;
  readonly op: 'put' | 'get' | 'add' | 'append' | 'other';
  readonly key: string;
  readonly value: Json;
  /** `unknown`: it may take effect at any time after it was invoked, or never. */
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly result: Json;
  /** Nanoseconds since a moment that is the same for all operations of a history. */
  readonly invoked: number;
  /** `null`: it did not return. */
  readonly returned: number | null;
}

export function operationLine(operation: Operation): string {
  const { client, op, key, value, outcome, result, invoked, returned } = operation;
  return JSON.stringify({ client, op, key, value, outcome, result, invoked, returned });
}

const ops: ReadonlySet<unknown> = new Set(['put', 'get', 'add', 'append', 'other']);
const outcomes: ReadonlySet<unknown> = new Set(['ok', 'refused', 'unknown']);

/** The operation of a line, or why it is none. */
export function parseOperation(line: string): Operation | string {
  let read: unknown;
  try {
    read = JSON.parse(line);
  } catch {
    return 'no JSON';
  }
  if (typeof read !== 'object' || read === null) return 'no object';
  const { client, op, key, value = null, outcome, result = null, invoked, returned } = read as Record<string, unknown>;
  if (typeof client !== 'string' || typeof key !== 'string') return 'client and key must be texts';
  if (!ops.has(op)) return `unknown op ${JSON.stringify(op)}`;
  if (!outcomes.has(outcome)) return `unknown outcome ${JSON.stringify(outcome)}`;
  if (!Number.isSafeInteger(invoked)) return 'invoked must be whole nanoseconds';
  if (outcome === 'unknown' ? returned !== null : !Number.isSafeInteger(returned))
    return 'returned must be whole nanoseconds, and null where the outcome is unknown';
  if (outcome !== 'unknown' && (returned as number) < (invoked as number)) return 'returned before it was invoked';
  if (op === 'add' && typeof value !== 'number') return 'the value of add must be a number';
  if (op === 'append' && outcome === 'ok' && typeof result !== 'number') return 'the result of append must be a number';
  return { client, op, key, value, outcome, result, invoked, returned } as Operation;
}
