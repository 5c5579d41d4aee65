/**
 * Forms: what a document that people write may contain, declared once.
 *
 * A form reads an untrusted value of any shape and gives a typed one, or every problem with the path at which it
 * stands; the same declaration emits the JSON schema. The value may have come from JSON, where byte strings are
 * lower-case hexadecimal, or from CBOR, where they are byte strings. Everything has a bound; unknown fields are refused.
 */
import { encodeUtf8, fromHex } from '@coppice/wire';

/** What is wrong, and where: a path such as `policy.caps.variant` or `members[2].key`. */
export interface Problem {
  readonly path: string;
  readonly reason: string;
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface Form<T> {
  /** The value, or `undefined` after adding to `problems`. */
  read(source: unknown, path: string, problems: Problem[]): T | undefined;
  /** JSON Schema, draft 2020-12. */
  readonly schema: JsonSchema;
}

export type JsonSchema = { readonly [keyword: string]: unknown };
export type ValueOf<F> = F extends Form<infer T> ? T : never;

function leaf<T>(expected: string, schema: JsonSchema, parse: (source: unknown) => T | undefined): Form<T> {
  return {
    schema,
    read(source, path, problems) {
      const value = parse(source);
      if (value === undefined) problems.push({ path, reason: `must be ${expected}` });
      return value;
    },
  };
}

export function integer(minimum: number, maximum: number, description: string): Form<number> {
  return leaf(
    `an integer from ${minimum} to ${maximum}`,
    { type: 'integer', minimum, maximum, description },
    (source) =>
      typeof source === 'number' && Number.isSafeInteger(source) && source >= minimum && source <= maximum
        ? source
        : undefined,
  );
}

export function flag(description: string): Form<boolean> {
  return leaf('true or false', { type: 'boolean', description }, (source) =>
    typeof source === 'boolean' ? source : undefined,
  );
}

/**
 * Text for people: one line of at most `bytesMax` bytes of UTF-8, without space at its ends, controls, or characters
 * that turn the direction of writing. The ranges are spelled out: engines differ in the version of Unicode they know.
 */
export function line(bytesMax: number, description: string): Form<string> {
  const pattern = '^(?! )[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]+(?<! )$';
  const expression = new RegExp(pattern, 'u');
  return leaf(
    `one line of at most ${bytesMax} bytes`,
    { type: 'string', pattern, maxLength: bytesMax, description },
    (source) =>
      typeof source === 'string' &&
      source.length <= bytesMax &&
      (encodeUtf8(source)?.length ?? Infinity) <= bytesMax &&
      expression.test(source)
        ? source
        : undefined,
  );
}

/** A word for machines: lower-case letters, digits, dots, pluses, hyphens and underscores, beginning with a letter or digit. */
export function identifier(bytesMax: number, description: string): Form<string> {
  const pattern = '^[a-z0-9][a-z0-9.+_-]*$';
  const expression = new RegExp(pattern);
  return leaf(
    `a lower-case identifier of at most ${bytesMax} characters`,
    { type: 'string', pattern, maxLength: bytesMax, description },
    (source) =>
      typeof source === 'string' && source.length <= bytesMax && expression.test(source) ? source : undefined,
  );
}

/** A program and its version, as `name@version`. */
export function versioned(bytesMax: number, description: string): Form<string> {
  const pattern = '^[a-z0-9][a-z0-9._-]*@[0-9][a-z0-9.+_-]*$';
  const expression = new RegExp(pattern);
  return leaf(
    `name@version, of at most ${bytesMax} characters`,
    { type: 'string', pattern, maxLength: bytesMax, description },
    (source) =>
      typeof source === 'string' && source.length <= bytesMax && expression.test(source) ? source : undefined,
  );
}

export function word<const W extends readonly string[]>(words: W, description: string): Form<W[number]> {
  return leaf(words.map((one) => `"${one}"`).join(' or '), { enum: words, description }, (source) =>
    words.includes(source as string) ? (source as W[number]) : undefined,
  );
}

/** A number or a word, whose meaning something else decides. */
export function scalar(description: string): Form<number | string> {
  return leaf('an integer or a word', { type: ['integer', 'string'], maxLength: 64, description }, (source) =>
    Number.isSafeInteger(source) || (typeof source === 'string' && source.length <= 64)
      ? (source as number | string)
      : undefined,
  );
}

/** From `lengthMin` to `lengthMax` bytes. */
export function octets(lengthMin: number, lengthMax: number, description: string): Form<Uint8Array> {
  const expected = lengthMin === lengthMax ? `${lengthMin} bytes` : `${lengthMin} to ${lengthMax} bytes`;
  const pattern = `^([0-9a-f]{2}){${lengthMin},${lengthMax}}$`;
  return leaf(`${expected} in lower-case hexadecimal`, { type: 'string', pattern, description }, (source) => {
    const value =
      source instanceof Uint8Array
        ? source
        : typeof source === 'string' && source.length <= 2 * lengthMax
          ? fromHex(source)
          : undefined;
    return value !== undefined && value.length >= lengthMin && value.length <= lengthMax ? value : undefined;
  });
}

export function listOf<T>(item: Form<T>, countMin: number, countMax: number, description: string): Form<readonly T[]> {
  return {
    schema: { type: 'array', items: item.schema, minItems: countMin, maxItems: countMax, description },
    read(source, path, problems) {
      if (!Array.isArray(source) || source.length < countMin || source.length > countMax) {
        problems.push({ path, reason: `must be a list of ${countMin} to ${countMax} items` });
        return undefined;
      }
      const values: T[] = [];
      for (const [i, entry] of source.entries()) {
        const value = item.read(entry, `${path}[${i}]`, problems);
        if (value !== undefined) values.push(value);
      }
      return values.length === source.length ? values : undefined;
    },
  };
}

/** One of a few words, or a value of another form that is not text. */
export function wordOr<const W extends readonly string[], T>(
  words: W,
  form: Form<T>,
  description: string,
): Form<W[number] | T> {
  const asWord = word(words, description);
  return {
    schema: { anyOf: [{ enum: words }, form.schema], description },
    read: (source, path, problems) =>
      typeof source === 'string' ? asWord.read(source, path, problems) : form.read(source, path, problems),
  };
}

type Forms<R> = { readonly [K in keyof R]: Form<R[K]> };
type Fields<R, O> = { readonly [K in keyof R]: R[K] } & { readonly [K in keyof O]?: O[K] };

/** Named fields, and no others. */
export function object<R extends object, O extends object>(
  required: Forms<R>,
  optional: Forms<O>,
  description: string,
): Form<Fields<R, O>> {
  const forms = Object.entries({ ...required, ...optional }) as [string, Form<unknown>][];
  const known = new Set(forms.map(([name]) => name));
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(forms.map(([name, form]) => [name, form.schema])),
      required: Object.keys(required),
      additionalProperties: false,
      description,
    },
    read(source, path, problems) {
      if (!isObject(source)) {
        problems.push({ path, reason: 'must be an object' });
        return undefined;
      }
      const before = problems.length;
      const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
      for (const name of Object.keys(source)) {
        if (!known.has(name)) problems.push({ path: at(shown(name)), reason: 'is not a field' });
      }
      const value: Record<string, unknown> = {};
      for (const [name, form] of forms) {
        if (Object.hasOwn(source, name)) {
          value[name] = form.read(source[name], at(name), problems);
        } else if (Object.hasOwn(required, name)) {
          problems.push({ path: at(name), reason: 'is missing' });
        }
      }
      return problems.length === before ? (value as Fields<R, O>) : undefined;
    },
  };
}

/** One of several objects, told apart by `kind`. */
export function choice<A extends object>(
  alternatives: { readonly [K in keyof A]: Form<A[K]> },
  description: string,
): Form<{ [K in keyof A & string]: { readonly kind: K } & A[K] }[keyof A & string]> {
  type Value = { [K in keyof A & string]: { readonly kind: K } & A[K] }[keyof A & string];
  const forms = new Map(Object.entries(alternatives) as [string, Form<object>][]);
  const kinds = word([...forms.keys()], description);
  return {
    schema: {
      oneOf: [...forms].map(([kind, { schema }]) => ({
        ...schema,
        properties: { kind: { const: kind }, ...(schema['properties'] as object) },
        required: ['kind', ...(schema['required'] as string[])],
      })),
      description,
    },
    read(source, path, problems) {
      const { kind, ...fields } = isObject(source) ? source : {};
      const form = forms.get(kinds.read(kind, path === '' ? 'kind' : `${path}.kind`, problems) ?? '');
      const value = form?.read(fields, path, problems);
      return value === undefined ? undefined : ({ kind, ...value } as Value);
    },
  };
}

/** A name that somebody made up: not shown if it could be of any length, or be cut within a character. */
function shown(name: string): string {
  return /^[\w.-]{1,64}$/.test(name) ? name : '(unknown)';
}

function isObject(source: unknown): source is Record<string, unknown> {
  return typeof source === 'object' && source !== null && !Array.isArray(source) && !(source instanceof Uint8Array);
}

/** The type of a document whose optional fields have been given their values. */
export type Complete<T> = T extends Uint8Array
  ? T
  : T extends readonly (infer I)[]
    ? readonly Complete<I>[]
    : T extends object
      ? { readonly [K in keyof T]-?: Complete<T[K]> }
      : T;
