/**
 * The service of simulations: registers that are read and written, and counters, in which nothing can be executed
 * twice, or in another order, without its showing.
 */
import type { Service as ExecutedService } from '@coppice/execution';
import { command, defineService, type Schema, type Value } from '@coppice/service';
import { runtimeOf } from '@coppice/service/runtime';

const pair: Schema<[string, string]> = {
  '~standard': {
    version: 1,
    vendor: 'coppice',
    validate: (value) =>
      Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string')
        ? { value: value as [string, string] }
        : { issues: [{ message: 'expected a key and a value' }] },
  },
};

const register = defineService({
  name: 'register',
  version: 1,
  commands: {
    /** Gives the value before. */
    put: command({ input: pair, allow: 'anyone' }, (tx, [key, value]): Value => {
      const map = tx.map<string>('registers');
      const before = map.get(key);
      map.set(key, value);
      return before ?? null;
    }),
    get: command({ input: pair, allow: 'anyone' }, (tx, [key]): Value => tx.map<string>('registers').get(key) ?? null),
    /** Gives the count after. */
    count: command({ input: pair, allow: 'anyone' }, (tx, [key]): Value => {
      const map = tx.map<number>('counters');
      const count = (map.get(key) ?? 0) + 1;
      map.set(key, count);
      return count;
    }),
    /** Gives every register and its value. */
    list: command({ input: pair, allow: 'anyone' }, (tx): Value =>
      [...tx.map<string>('registers').entries()].map(([key, value]) => [String(key), value]),
    ),
    /** Writes, and fails: nothing of it may be seen. */
    fail: command({ input: pair, allow: 'anyone' }, (tx, [key, value]): Value => {
      tx.map<string>('registers').set(key, value);
      return tx.reject('refused', 'as asked');
    }),
  },
});

export const commands = ['put', 'get', 'count', 'list', 'fail'] as const;
export type RegisterCommand = (typeof commands)[number];

export function registerRuntime(): ExecutedService {
  return runtimeOf(register);
}
