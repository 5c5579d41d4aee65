/**
 * Errors that a client gets: a code for programs, a message for people.
 *
 * Whatever else a handler throws becomes the code `failed`, without text: texts of engines differ, and may tell
 * secrets. The codes that the runtime itself gives are in docs/reference/service-api.md.
 */
import type { Value } from './value.ts';

export interface ErrorDetails {
  /** Where in the input the error is. */
  readonly path?: readonly (string | number)[] | undefined;
  /** For programs: anything that a value can hold. */
  readonly data?: Value | undefined;
}

/** Rejects a transaction: none of its writes is kept, and the client gets code, message, path and data. */
export class ServiceError extends Error {
  readonly code: string;
  readonly path: readonly (string | number)[] | undefined;
  readonly data: Value | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message);
    // Not by assignment: where prototypes are frozen, that fails.
    Object.defineProperty(this, 'name', { value: 'ServiceError', configurable: true, writable: true });
    this.code = code;
    this.path = details.path;
    this.data = details.data;
  }
}

// Services get errors of this class from the runtime: they must not lead to the class, which extends the `Error` of the
// process, nor to anything that could be changed.
Reflect.deleteProperty(ServiceError.prototype, 'constructor');
Object.freeze(ServiceError.prototype);

/** Whether `error` is a service error, of this copy of the SDK or of the one within a service's bundle. */
export function isServiceError(error: unknown): error is ServiceError {
  if (!(error instanceof Error) || error.name !== 'ServiceError') return false;
  return typeof (error as Partial<ServiceError>).code === 'string';
}
