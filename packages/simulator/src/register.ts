/**
 * The service of simulations: registers that are read and written, and counters, in which nothing can be executed
 * twice, or in another order, without its showing.
 */
import type { Service as ExecutedService } from '@coppice/execution';
import {
  command,
  type CommandTransaction,
  defineService,
  type Key,
  type Migrations,
  type Schema,
  type Value,
} from '@coppice/service';
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

/** What a version of the service is made of: where it keeps registers, and how it came by them. */
interface Form {
  readonly version: number;
  readonly registers: string;
  readonly migrate?: Migrations;
}

/** The same commands, whatever the version: clients see nothing of an upgrade. */
const registerOf = ({ version, registers, migrate }: Form) =>
  defineService({
    name: 'register',
    version,
    commands: {
      /** Gives the value before. */
      put: command({ input: pair, allow: 'anyone' }, (tx, [key, value]): Value => {
        const map = tx.map<string>(registers);
        const before = map.get(key);
        map.set(key, value);
        return before ?? null;
      }),
      get: command({ input: pair, allow: 'anyone' }, (tx, [key]): Value => tx.map<string>(registers).get(key) ?? null),
      /** Gives the count after. */
      count: command({ input: pair, allow: 'anyone' }, (tx, [key]): Value => {
        const map = tx.map<number>('counters');
        const count = (map.get(key) ?? 0) + 1;
        map.set(key, count);
        return count;
      }),
      /** Gives every register and its value. */
      list: command({ input: pair, allow: 'anyone' }, (tx): Value =>
        [...tx.map<string>(registers).entries()].map(([key, value]) => [String(key), value]),
      ),
      /** Writes, and fails: nothing of it may be seen. */
      fail: command({ input: pair, allow: 'anyone' }, (tx, [key, value]): Value => {
        tx.map<string>(registers).set(key, value);
        return tx.reject('refused', 'as asked');
      }),
    },
    ...(migrate !== undefined && { migrate }),
  });

export const commands = ['put', 'get', 'count', 'list', 'fail'] as const;
export type RegisterCommand = (typeof commands)[number];

/** Each version keeps registers in a map of its own. */
export const registersOf = (version: number): string => (version === 1 ? 'registers' : `registers-${version}`);

/** Carries registers over to a version. */
function moves(to: number): (tx: CommandTransaction) => void {
  return (tx) => {
    const [from, into] = [tx.map<string>(registersOf(to - 1)), tx.map<string>(registersOf(to))];
    for (const [key, value] of [...from.entries()]) {
      into.set(key, value);
      from.delete(key);
    }
  };
}

/** The same, one register a step. The last one does what is `left` to do. */
function movesStepwise(to: number, left: (tx: CommandTransaction) => void): Migrations[number] {
  return (tx, after?: Key) => {
    const [from, into] = [tx.map<string>(registersOf(to - 1)), tx.map<string>(registersOf(to))];
    for (const [key, value] of from.entries(undefined, { after, limit: 1 })) {
      into.set(key, value);
      return key;
    }
    for (const [key] of [...from.entries()]) from.delete(key);
    return left(tx);
  };
}

/** How the migration of a release goes: in one transaction, or in steps. */
export type MigrationManner = (typeof manners)[number];
export const manners = ['sound', 'failing', 'divergent', 'stepwise', 'failing-stepwise', 'divergent-stepwise'] as const;

/** A version of the service, as the instance in this slot has it. */
export function registerRuntime(version = 1, manner: MigrationManner = 'sound', slot = 0): ExecutedService {
  const spoil = (tx: CommandTransaction): void => {
    const spoiled = tx.map<string>('registers');
    if (manner !== 'sound' && manner !== 'stepwise')
      for (const key of ['a', 'b', 'c', 'd']) spoiled.set(key, `never ${slot % 2}`);
    if (manner.startsWith('failing')) tx.reject('unready', 'as asked');
  };
  const atOnce = (tx: CommandTransaction): void => {
    moves(version)(tx);
    spoil(tx);
  };
  const migrate = manner.endsWith('stepwise') ? movesStepwise(version, spoil) : atOnce;
  return runtimeOf(
    registerOf({ version, registers: registersOf(version), ...(version > 1 && { migrate: { [version]: migrate } }) }),
  );
}
