/**
 * What the clients of a simulation saw, as a history: in virtual time, in the order in which operations returned.
 */
import type { Operation } from '@coppice/history';
import type { Client, ClientOperation } from './client.ts';

const nanoseconds = 1_000_000;

type Recorded = Pick<Operation, 'op' | 'value' | 'result'>;

function recorded({ command, value, answer }: ClientOperation): Recorded {
  const given = answer?.result.ok === true ? (answer.result.value as string | number | null) : null;
  switch (command) {
    case 'put':
      return { op: 'put', value, result: answer === undefined ? null : { before: given } };
    case 'get':
      return { op: 'get', value: null, result: given };
    case 'count':
      return { op: 'add', value: 1, result: given };
    case 'fail':
      return { op: 'put', value, result: null };
    case 'list':
      return { op: 'other', value: null, result: null };
  }
}

function operationOf(operation: ClientOperation): Operation {
  const { client, key, invokedAt, answer } = operation;
  const outcome = answer === undefined ? 'unknown' : answer.result.ok ? 'ok' : 'refused';
  const { op, value, result } = recorded(operation);
  const returned = answer === undefined ? null : answer.at * nanoseconds;
  return {
    ...{ client, op, key, value, outcome, result: outcome === 'ok' ? result : null },
    ...{ invoked: invokedAt * nanoseconds, returned },
  };
}

export function historyOf(clients: readonly Client[]): Operation[] {
  const operations = clients.flatMap((client) => client.operations.map(operationOf));
  return operations.sort((a, b) => (a.returned ?? Infinity) - (b.returned ?? Infinity) || a.invoked - b.invoked);
}
