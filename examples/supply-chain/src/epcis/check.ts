/**
 * Checks: functions that look at a value and say what is wrong with it, and where.
 *
 * A check returns `undefined` for a good value, so that a valid document costs no allocation; what is wrong finds its
 * path on the way out, each container putting its own key in front.
 */
import { isUri } from './uri.ts';
import { parseTime } from './time.ts';

/** From a document to a value in it: names of fields, places in lists. */
export type Path = readonly (string | number)[];

export interface Issue {
  readonly message: string;
  readonly path: Path;
}

export type Check = (value: unknown) => Issue | undefined;
export type Fields = Readonly<Record<string, unknown>>;

export function issue(message: string, ...path: Path): Issue {
  return { message, path };
}

function within(key: string | number, inner: Issue): Issue {
  return { message: inner.message, path: [key, ...inner.path] };
}

export const text: Check = (value) => (typeof value === 'string' ? undefined : issue('must be text'));
export const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : issue('must be true or false'));
export const decimal: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? undefined : issue('must be a number');
export const uri: Check = (value) => (typeof value === 'string' && isUri(value) ? undefined : issue('must be a URI'));
export const time: Check = (value) =>
  typeof value === 'string' && parseTime(value) !== undefined
    ? undefined
    : issue('must be a date and time with a zone, such as 2026-11-24T09:30:00+01:00');

/** Text of a form that `message` describes. The pattern must take linear time. */
export function matching(pattern: RegExp, message: string): Check {
  return (value) => (typeof value === 'string' && pattern.test(value) ? undefined : issue(message));
}

export function oneOf(words: ReadonlySet<string>): Check {
  const message = `must be one of ${[...words].join(', ')}`;
  return (value) => (typeof value === 'string' && words.has(value) ? undefined : issue(message));
}

/** A word of the standard vocabulary, or a URI outside the namespace that `standard` matches. */
export function wordOrUri(words: ReadonlySet<string>, standard: RegExp): Check {
  const message = `must be a URI outside the standard's namespace, or one of ${[...words].join(', ')}`;
  return (value) =>
    typeof value === 'string' && (words.has(value) || (isUri(value) && !standard.test(value)))
      ? undefined
      : issue(message);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(item: Check, options: { min?: number; unique?: boolean } = {}): Check {
  const { min = 0, unique = false } = options;
  return (value) => {
    if (!Array.isArray(value)) return issue('must be a list');
    if (value.length < min) return issue(`must have at least ${min} item${min === 1 ? '' : 's'}`);
    for (let i = 0; i < value.length; i++) {
      const found = item(value[i]);
      if (found !== undefined) return within(i, found);
    }
    return unique ? firstRepeat(value) : undefined;
  };
}

/** Compares texts, and other values by their canonical form: one pass over a set, not every item with every other. */
function firstRepeat(values: readonly unknown[]): Issue | undefined {
  if (values.length < 2) return undefined;
  const seen = new Set<string>();
  for (let i = 0; i < values.length; i++) {
    const form = canonical(values[i]);
    if (seen.has(form)) return issue('must not repeat an earlier item', i);
    seen.add(form);
  }
  return undefined;
}

/** One text for equal values, whatever the order of their keys. The depth of `value` must be bounded. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isFields(value)) return JSON.stringify(value);
  const parts = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${parts.join()}}`;
}

export interface Shape {
  readonly fields: Readonly<Record<string, Check>>;
  readonly required?: readonly string[];
  /** Fields beyond those: any, only those with a prefixed name or URI as name, or none. */
  readonly others: 'any' | 'prefixed' | 'none';
  /** A rule between fields, for an object whose fields are each good. */
  readonly rule?: (fields: Fields) => Issue | undefined;
}

export function object(shape: Shape): Check {
  const checks = new Map(Object.entries(shape.fields));
  const { required = [], others, rule } = shape;
  return (value) => {
    if (!isFields(value)) return issue('must be an object');
    for (const name of required) if (value[name] === undefined) return issue('is required', name);
    for (const name of Object.keys(value)) {
      const field = value[name];
      if (field === undefined) continue;
      const check = checks.get(name);
      if (check !== undefined) {
        const found = check(field);
        if (found !== undefined) return within(name, found);
      } else if (others === 'none' || (others === 'prefixed' && !isUri(name))) {
        return issue(others === 'none' ? 'is not a field here' : 'is not a field here, and has no prefix', name);
      }
    }
    return rule?.(value);
  };
}

/** The path as text: `epcisBody.eventList[0].action`. */
export function pathText(path: Path): string {
  let joined = '';
  for (const key of path) {
    if (typeof key === 'number') joined += `[${key}]`;
    else joined += joined === '' ? key : `.${key}`;
  }
  return joined;
}
