/**
 * Shapes of JSON documents that come from outside: every field is there, none is unknown, and each has a bound.
 */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** Gives the value, with its type; throws a {@link ShapeError} that names the path. */
export type Check<T> = (value: unknown, path: string) => T;
export type Checked<C> = C extends Check<infer T> ? T : never;

function wrong(path: string, expected: string): never {
  throw new ShapeError(`${path === '' ? 'the document' : path} is not ${expected}`);
}

export function object<const F extends Readonly<Record<string, Check<any>>>>(
  fields: F,
): Check<{ readonly [K in keyof F]: Checked<F[K]> }> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(path, 'an object');
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
    for (const name of Object.keys(value)) if (!Object.hasOwn(fields, name)) wrong(at(name), 'known');
    return Object.fromEntries(
      Object.entries(fields).map(([name, check]) => {
        if (!Object.hasOwn(value, name)) wrong(at(name), 'there');
        return [name, check((value as Record<string, unknown>)[name], at(name)) as unknown];
      }),
    ) as { readonly [K in keyof F]: Checked<F[K]> };
  };
}

export function listOf<T>(check: Check<T>, min: number, max: number): Check<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length < min || value.length > max)
      return wrong(path, `a list of ${min} to ${max}`);
    return value.map((one, i) => check(one, `${path}[${i}]`));
  };
}

export function text(pattern: RegExp): Check<string> {
  return (value, path) =>
    typeof value === 'string' && pattern.test(value) ? value : wrong(path, `a text like ${pattern.source}`);
}

export function hexadecimal(...lengths: readonly number[]): Check<string> {
  return (value, path) =>
    typeof value === 'string' && /^[0-9a-f]*$/.test(value) && lengths.includes(value.length / 2)
      ? value
      : wrong(path, `${lengths.join(' or ')} bytes in hexadecimal`);
}

export const naturalNumber: Check<number> = (value, path) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : wrong(path, 'a whole number');

export function word<const W extends readonly (string | number)[]>(...words: W): Check<W[number]> {
  return (value, path) =>
    words.includes(value as W[number]) ? (value as W[number]) : wrong(path, words.map(String).join(' or '));
}

export function nullOr<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path));
}
