/**
 * Results that execution itself gives, beside those of the service and of governance. docs/reference/errors.md.
 *
 * *Final* ones use up the request's number. The others say that nothing was executed here: the same signed request can
 * still be executed by a later batch.
 */
import { type PlainValue, encodeResult } from '@coppice/wire';

/** Whether a request with this result still may be executed later. */
export type ExecutionError =
  | 'duplicate' // executed before: `data` says where. Not final, because it is already
  | 'outside-window' // acknowledged, or too far ahead of what is. Not final
  | 'busy' // the batch was full. Not final
  | 'too-many-clients' // Not final
  | 'unknown-client' // the constitution does not list the key. Not final
  | 'clock-ahead' // the client's clock is ahead of the agreed time. Not final
  | 'divergent' // replicas do not agree on its result: final, and not executed
  | 'unspoken' // this replica cannot execute the active version of the service: no seated one says so
  | 'migrating' // this replica has no state to read before a migration is done: another one may. Queries only
  | 'overdue' // the members' policy is to halt: final, and not executed
  | 'too-large'; // result or writes exceed the bounds: final, without effect

export function failure(code: ExecutionError, message: string, data?: PlainValue): Uint8Array {
  return encodeResult({ ok: false, error: data === undefined ? { code, message } : { code, message, data } });
}

export const results = {
  busy: failure('busy', 'the batch is full: try again'),
  tooManyClients: failure('too-many-clients', 'the service has as many clients as it can remember'),
  unknownClient: failure('unknown-client', 'the constitution does not list this key'),
  clockAhead: failure('clock-ahead', 'the time of the request is ahead of the agreed time'),
  divergent: failure('divergent', 'replicas do not agree on the result: not executed'),
  overdue: failure('overdue', 'instances are past their term: requests are not executed'),
  unspoken: failure('unspoken', 'this replica does not have the active version of the service'),
  migrating: failure('migrating', 'this replica has no state to read until the migration is done'),
  tooLarge: failure('too-large', 'the result or what it writes is too large'),
} as const;
