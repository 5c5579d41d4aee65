/** Writing services, and calling them with their types. What executes them is in `./runtime.ts`. */
export { type Call, type Client, createCaller, type Reply, type Transport } from './caller.ts';
export {
  type Allow,
  type Command,
  command,
  defineService,
  type Index,
  type Migrations,
  type Query,
  query,
  type Service,
} from './definition.ts';
export { decodeKey, encodeKey, type Key, type KeyPart } from './key.ts';
export { decodeOperation, encodeOperation, type Operation } from './operation.ts';
export type { InputOf, OutputOf, Schema, SchemaIssue, SchemaResult } from './schema.ts';
export { type ErrorDetails, isServiceError, ServiceError } from './service-error.ts';
export type {
  Caller,
  CommandTransaction,
  EntriesOptions,
  IndexOptions,
  MigrationTransaction,
  QueryTransaction,
  ReadonlyIndex,
  ReadonlyStateMap,
  StateMap,
} from './transaction.ts';
export type { Value } from './value.ts';
