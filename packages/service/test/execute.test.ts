/** Executing on a state: what replicas rely on. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  command,
  type CommandTransaction,
  defineService,
  encodeOperation,
  type Key,
  type MigrationTransaction,
  query,
  type Value,
} from '@coppice/service';
import {
  type Agreed,
  type LogEntry,
  type Outcome,
  runtimeOf,
  type StateAccess,
  stateMap,
} from '@coppice/service/runtime';
import { State } from '@coppice/state';
import { decodePlainCbor, decodeResult, limits, ofAllVersions, type PlainValue } from '@coppice/wire';
import { createHash } from 'node:crypto';
import { MemoryState } from '../src/testing.ts';

const agreed: Agreed = { caller: { id: 'alice', roles: [] }, time: 5000, sequence: 1, seed: new Uint8Array(32) };
const of = (command: string, input?: unknown) => ({ ...agreed, operation: encodeOperation({ command, input }) });

let seen: unknown;

const service = defineService({
  name: 'probe',
  version: 3,
  commands: {
    put: command({}, (tx) => {
      tx.map('m').set('k', { at: tx.time });
      tx.log('put', { key: 'k' });
    }),
    catching: command({}, (tx) => {
      try {
        tx.map('m').get('k');
      } catch (error) {
        seen = error;
      }
      return 'went on';
    }),
    huge: command({}, () => 'x'.repeat(limits.resultBytes)),
    hugeError: command({}, (tx) => tx.reject('huge', '', 'x'.repeat(limits.resultBytes))),
    wide: command({}, (tx) => tx.map('m').set('k', new Uint8Array(2 * 1024 * 1024))),
    events: command({}, (tx) => {
      for (let i = 0; i < 1001; i++) tx.emit('e');
    }),
    writeWhileReading: command({}, (tx) => {
      const map = tx.map<number>('numbers');
      for (const i of [1, 2, 3]) map.set(i, i);
      const seen: unknown[] = [];
      for (const [key] of map.entries()) {
        seen.push(key);
        map.set((key as number) + 10, 0);
        map.delete(3);
      }
      return [seen, [...map.entries()].map(([key]) => key)];
    }),
  },
  queries: { at: query({}, (tx) => tx.map('m').get('k') ?? null) },
  // The second and third, one upon the other.
  migrate: {
    3: (tx) => tx.map<Value[]>('m').set('steps', [...(tx.map<Value[]>('m').get('steps') ?? []), 3]),
    2: (tx) => tx.map('m').set('steps', [2]),
  },
});

test('on the state of replicas', () => {
  const hash = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());
  const state = new State(ofAllVersions({ hash, verify: () => false, validPublicKey: () => false }, hash));
  const overlay = state.begin();
  const execute = (name: string): Outcome => {
    const transaction = overlay.transaction();
    const outcome = runtime.execute(transaction, of(name));
    if (outcome.ok) transaction.commit();
    else transaction.abort();
    return outcome;
  };
  const runtime = runtimeOf(service);
  assert.equal(execute('put').ok, true);
  const outcome = execute('writeWhileReading');
  assert.ok(outcome.ok);
  const [seen, after] = outcome.value as unknown[];
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(after, [1, 2, 11, 12, 13]);
});

test('the result is what clients decode', () => {
  const runtime = runtimeOf(service);
  const outcome = runtime.execute(new MemoryState(), of('put'));
  assert.deepEqual(decodeResult(outcome.result), { ok: true, value: { ok: true, value: null } });
  const refused = runtime.execute(new MemoryState(), of('unknown'));
  assert.deepEqual(decodeResult(refused.result), {
    ok: true,
    value: { ok: false, error: { code: 'unknown-command', message: 'the service has no such command' } },
  });
});

test('maps of a service have names of their own in the state', () => {
  const names = new Set<string>();
  const state = new MemoryState();
  const access: StateAccess = {
    get: (map, key) => (names.add(map), state.get(map, key)),
    set: (map, key, value) => (names.add(map), state.set(map, key, value)),
    delete: (map, key) => (names.add(map), state.delete(map, key)),
    entries: (map, range) => (names.add(map), state.entries(map, range)),
  };
  runtimeOf(service).execute(access, of('put'));
  runtimeOf(service).query(access, of('at'));
  // And their histories, which it looks for.
  assert.deepEqual([...names], ['history/m', stateMap('m', false)]);
});

test('public maps have others, and just those that are declared to be', () => {
  const written: string[] = [];
  const state = new MemoryState();
  const access: StateAccess = {
    get: (map, key) => state.get(map, key),
    set: (map, key, value) => (written.push(map), state.set(map, key, value)),
    delete: (map, key) => state.delete(map, key),
    entries: (map, range) => state.entries(map, range),
  };
  const maps = { a: { public: true }, b: { public: false }, c: {} };
  const publish = command({}, (tx) => {
    for (const name of Object.keys(maps)) tx.map(name).set('k', 1);
    return tx.map('a').get('k');
  });
  const outcome = runtimeOf(defineService({ name: 'm', version: 1, maps, commands: { publish } })).execute(
    access,
    of('publish'),
  );
  assert.deepEqual(decodeResult(outcome.result), { ok: true, value: { ok: true, value: 1 } });
  assert.deepEqual(written, ['public/a', 'service/b', 'service/c']);
  // Migrations may open any map; which are public is as it is declared.
  written.length = 0;
  const migrate = { 2: (tx: CommandTransaction) => ['a', 'b', 'old'].forEach((name) => tx.map(name).set('k', 1)) };
  runtimeOf(defineService({ name: 'm', version: 2, maps, commands: {}, migrate })).migrate(access, 1, agreed);
  assert.deepEqual(written, ['public/a', 'service/b', 'service/old']);
});

test('a failure of the state is thrown, though the handler catches it', () => {
  const broken = new Error('the disk is gone');
  const state: StateAccess = {
    get: () => {
      throw broken;
    },
    set: () => {},
    delete: () => {},
    entries: () => [],
  };
  assert.throws(
    () => runtimeOf(service).execute(state, of('catching')),
    (error) => error === broken,
  );
  assert.ok(seen instanceof TypeError, 'a service does not get the error itself');
});

test('what is too large is refused', () => {
  const runtime = runtimeOf(service);
  const code = (name: string): string => {
    const outcome = runtime.execute(new MemoryState(), of(name));
    assert.ok(!outcome.ok);
    assert.ok(outcome.result.length <= limits.resultBytes);
    return outcome.error.code;
  };
  assert.equal(code('huge'), 'too-large');
  assert.equal(code('hugeError'), 'too-large');
  assert.equal(code('events'), 'too-large');
});

test('any operation has an outcome', () => {
  const runtime = runtimeOf(service);
  for (const operation of [
    new Uint8Array(0),
    Uint8Array.of(0xff),
    encodeOperation({ command: 'put', input: 1 }),
    encodeOperation({ command: '__proto__' }),
    encodeOperation({ command: 'at' }),
  ]) {
    const outcome = runtime.execute(new MemoryState(), { ...agreed, operation });
    assert.ok(!outcome.ok);
    assert.match(outcome.error.code, /^(?:invalid-operation|invalid-input|unknown-command)$/);
  }
  assert.equal(runtime.query(new MemoryState(), of('put')).ok, false);
});

test('what handlers log is told, and not part of the result', () => {
  const told: [string, LogEntry][] = [];
  const quiet = runtimeOf(service).execute(new MemoryState(), of('put'));
  const loud = runtimeOf(service, { log: (call, entry) => told.push([call, entry]) }).execute(
    new MemoryState(),
    of('put'),
  );
  assert.deepEqual(told, [['put', { message: 'put', data: { key: 'k' } }]]);
  assert.deepEqual(loud, quiet);
});

test('a migration is a transaction', () => {
  const state = new MemoryState();
  const stepsFrom = (version: number): unknown => {
    const outcome = state.transact((access) => runtimeOf(service).migrate(access, version, agreed));
    assert.equal(outcome.ok, true);
    return [...state.entries(stateMap('m', false))].map(([, value]) => decodePlainCbor(value));
  };
  assert.deepEqual(stepsFrom(1), [{ ok: true, value: [2, 3] }]);
  assert.deepEqual(stepsFrom(2), [{ ok: true, value: [2, 3, 3] }]);
  assert.deepEqual(stepsFrom(3), [{ ok: true, value: [2, 3, 3] }]);
  const none = runtimeOf(defineService({ name: 'a', version: 1, commands: {} })).migrate(state, 1, agreed);
  assert.equal(none.ok, true);
});

test('a migration goes on where it says, each step in a transaction of its own', () => {
  const large = 'x'.repeat(400_000);
  const carry = (mark: string) => (tx: MigrationTransaction, after?: Key) => {
    const map = tx.map<string>('m');
    for (const [key, value] of map.entries(undefined, { after })) {
      map.set(key, mark + value);
      if (tx.full()) return key;
    }
  };
  const migrate = { 2: carry('2'), 3: (tx: MigrationTransaction) => tx.map('n').set('three', true), 4: carry('4') };
  const stepping = runtimeOf(defineService({ name: 'm', version: 4, commands: {}, migrate }));
  const state = new MemoryState();
  const filling = runtimeOf(
    defineService({
      name: 'm',
      version: 1,
      commands: { put: command({}, (tx) => [1, 2, 3, 4, 5].forEach((key) => tx.map('m').set(key, large))) },
    }),
  );
  assert.equal(filling.execute(state, of('put')).ok, true);
  const marks = (): string =>
    [...state.entries(stateMap('m', false))]
      .map(([, bytes]) => {
        const decoded = decodePlainCbor(bytes);
        assert.ok(decoded.ok && typeof decoded.value === 'string');
        return decoded.value.replace(large, 'x');
      })
      .join(' ');
  const seen: string[] = [];
  let cursor: PlainValue = null;
  do {
    const outcome = state.transact((access) => stepping.migrate(access, 1, agreed, cursor));
    assert.ok(outcome.ok);
    cursor = outcome.value;
    seen.push(marks());
  } while (cursor !== null && seen.length < 10);
  // Written and replaced, it is a mebibyte after two entries. The one-step migration between them begins a step.
  assert.deepEqual(seen, [
    '2x 2x x x x',
    '2x 2x 2x 2x x',
    '2x 2x 2x 2x 2x',
    '42x 42x 2x 2x 2x',
    '42x 42x 42x 42x 2x',
    '42x 42x 42x 42x 42x',
  ]);
});

test('a transaction that has ended cannot be reached', () => {
  const late = defineService({
    name: 'late',
    version: 1,
    commands: {
      first: command({}, (tx) => {
        held = tx.map('m').entries()[Symbol.iterator]();
      }),
      second: command({}, () => void held?.next()),
    },
  });
  let held: Iterator<unknown> | undefined;
  const other = runtimeOf(late);
  const state = new MemoryState();
  other.execute(state, of('first'));
  const outcome = other.execute(state, of('second'));
  assert.ok(!outcome.ok);
  assert.equal(outcome.error.message, 'the transaction has ended');
});

test('a service describes itself', () => {
  assert.deepEqual(runtimeOf(service).describe().queries, [{ name: 'at', allow: ['anyone'] }]);
  assert.equal(runtimeOf(service).describe().version, 3);
});
