/** From a service as it is written, with its libraries, to one that a replica runs. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeOperation } from '@coppice/service';
import { bundleOptions, instrument } from '@coppice/service/bundle';
import { loadService, lockdownRealm } from '@coppice/service/compartment';
import { build } from 'esbuild';
import { MemoryState } from '../src/testing.ts';

async function bundle(source: string): Promise<string> {
  const stdin = { contents: source, resolveDir: import.meta.dirname, loader: 'ts' as const };
  const { outputFiles } = await build({ ...bundleOptions, stdin, write: false as const });
  return outputFiles[0]!.text;
}

test('a service with a schema library of its own', async () => {
  const script = instrument(await bundle(`export { default } from './fixtures/consents.ts';`));
  lockdownRealm();
  const runtime = loadService(script);
  const state = new MemoryState();
  const call = (command: string, input: unknown) => {
    const agreed = { caller: { id: 'alice', roles: [] }, time: 7, sequence: 1, seed: new Uint8Array(1) };
    const execution = { ...agreed, operation: encodeOperation({ command, input }) };
    return command === 'of' ? runtime.query(state, execution) : runtime.execute(state, execution);
  };
  const first = call('grant', { patient: 'p', to: 'bob' });
  assert.equal(first.ok, true);
  // The library keeps what it found out about a schema; the next transaction does not depend on it.
  assert.equal(call('grant', { patient: 'p', to: 'bob' }).steps, first.steps);
  const refused = call('grant', { patient: 'p', to: 5 });
  assert.ok(!refused.ok);
  assert.deepEqual([refused.error.code, refused.error.path], ['invalid-input', ['to']]);
  const found = call('of', { patient: 'p' });
  assert.ok(found.ok);
  assert.deepEqual(found.value, [[['p', 'bob'], { by: 'alice', since: 7 }]]);
});

test('the syntax of today', async () => {
  const source = `
    import { command, defineService, ServiceError } from '@coppice/service';
    class Counter { #n = 0; static #made = 0; static of() { Counter.#made++; return new Counter(); } next() { return ++this.#n; } static get made() { return Counter.#made; } }
    const shared = new Counter();
    export default defineService({ name: 'today', version: 1, commands: {
      privates: command({}, () => [shared.next(), shared.next(), Counter.of().next(), Counter.made]),
      operators: command({}, (tx) => { let a: number | null = null; a ??= 2; a ||= 3; a &&= a ** 2; return [a, tx?.caller?.id, 1_000, 2 ** -1]; }),
      async: command({}, async () => 1),
      error: command({}, () => { throw new ServiceError('mine', 'told', { path: ['a', 1], data: { b: 2 } }); }),
    } });`;
  lockdownRealm();
  const runtime = loadService(instrument(await bundle(source)));
  const give = (command: string): unknown => {
    const agreed = { caller: { id: 'alice', roles: [] }, time: 7, sequence: 1, seed: new Uint8Array(1) };
    const outcome = runtime.execute(new MemoryState(), { ...agreed, operation: encodeOperation({ command }) });
    return outcome.ok ? outcome.value : outcome.error;
  };
  assert.deepEqual(give('privates'), [1, 2, 1, 1]);
  assert.deepEqual(give('privates'), [1, 2, 1, 1]);
  assert.deepEqual(give('operators'), [4, 'alice', 1000, 0.5]);
  assert.equal((give('async') as { code: string }).code, 'unavailable');
  assert.deepEqual(give('error'), { code: 'mine', message: 'told', path: ['a', 1], data: { b: 2 } });
});

test('the same source gives the same script', async () => {
  const source = `export { default } from './fixtures/put.ts';`;
  const [first, second] = [await bundle(source), await bundle(source)];
  assert.equal(instrument(first), instrument(second));
  assert.ok(!instrument(first).includes('fixtures'));
});

test('a script that is no service does not load', () => {
  lockdownRealm();
  const refused = {
    'var service = 1': /default export/,
    'var service = { default: {} }': /its name/,
    'var service = (() => { throw new Error("why"); })()': /why/,
    'var service = (() => { for (;;); })()': /budget/,
    'var service = null.x': /does not load/,
    'var service = { default: { name: "a", version: 1, roles: [], commands: { x: {} }, queries: {} } }':
      /not made by command/,
  };
  for (const [script, reason] of Object.entries(refused)) {
    assert.throws(() => loadService(instrument(script)), { name: 'LoadError', message: reason }, script);
  }
  assert.throws(() => loadService('var service = 1'), { name: 'LoadError', message: /not instrumented/ });
});
