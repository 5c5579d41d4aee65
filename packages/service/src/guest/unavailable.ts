/**
 * What the language has and a service does not: refused by name, with the reason, and the same everywhere.
 */
import { ServiceError } from '../service-error.ts';

/** Throws the error that says that `name` is not available to a service, and why or what to use instead. */
export function unavailable(name: string, reason: string): never {
  throw new ServiceError('unavailable', `${name} is not available to a service: ${reason}`);
}
