/**
 * Schemas: any library that speaks Standard Schema (https://standardschema.dev), such as zod, valibot or arktype.
 *
 * Only what a service needs of that interface is declared here. Validation must be synchronous: a handler cannot wait.
 */
import { ServiceError } from './service-error.ts';

/** What a schema library offers of a schema: version 1 of Standard Schema. */
export interface Schema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type TypesOf<S extends Schema<any, any>> = NonNullable<S['~standard']['types']>;

/** What a schema takes. */
export type InputOf<S extends Schema<any, any>> = TypesOf<S>['input'];
/** What a schema makes of it. */
export type OutputOf<S extends Schema<any, any>> = TypesOf<S>['output'];

/** Whether `value` looks like a schema. */
export function isSchema(value: unknown): value is Schema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as Partial<Schema>)['~standard'];
  return typeof standard === 'object' && standard !== null && typeof standard.validate === 'function';
}

/**
 * What `schema` makes of `value`. Throws a {@link ServiceError} with this code where there are issues: its path is
 * where the first one is.
 */
export function validate(
  schema: Schema,
  value: unknown,
  code: 'invalid-input' | 'invalid-output' | 'invalid-value',
): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) throw new ServiceError('failed', 'a schema must not be asynchronous');
  if (result.issues === undefined) return result.value;
  const [issue] = result.issues;
  const path = (issue?.path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  throw new ServiceError(code, issue?.message ?? 'refused by the schema', {
    path: path.map((part) => (typeof part === 'number' ? part : String(part))),
  });
}
