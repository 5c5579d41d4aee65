import assert from 'node:assert/strict';
import { test } from 'node:test';
import { command, defineService, type Schema } from '@coppice/service';
import { loaded } from './loaded.ts';

const any: Schema<any> = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
const commands = { put: command({ input: any }, (tx) => tx.map('m').set('k', 1)) };
const options = { name: 'test', version: 1, roles: ['clerk'], commands };

test('a history is of a declared map, for declared roles', () => {
  assert.deepEqual(defineService({ ...options, history: { m: 'clerk' } }).history, { m: ['clerk'] });
  for (const history of [{ m: 'nobody' }, { 'no map': 'clerk' }, { m: ['clerk', 'nobody'] }])
    assert.throws(() => defineService({ ...options, history }), TypeError);
  assert.throws(() => defineService({ ...options, maps: { other: any }, history: { m: 'clerk' } }), TypeError);
});

test('a confined service keeps its history, at a price in steps', () => {
  const script = (history: string): string => `var service = (() => {
    const put = { kind: 'command', allow: ['anyone'], handler(tx) {
      for (let i = 0; i < 3; i++) tx.map('m').set('k', 'v'.repeat(6400));
      tx.map('m').delete('absent');
    } };
    return { default: { name: 'test', version: 1, roles: [], commands: { put }, queries: {}, history: ${history} } };
  })();`;
  const without = loaded(script('undefined'));
  const kept = loaded(script(`{ m: ['anyone'] }`));
  const steps = [without, kept].map((one) => {
    // The second call replaces what the first one wrote, in the same batch: nothing more is kept.
    const first = one.call('put').steps;
    assert.equal(one.call('put').steps, without === one ? first : first - 20);
    return first;
  });
  assert.equal(steps[1]! - steps[0]!, 20);
  assert.deepEqual([...without.state.entries('history/m')], []);
  assert.equal([...kept.state.entries('history/m')].length, 3);
  assert.equal(kept.runtime.mayReadHistory('m', []), true);
  assert.equal(without.runtime.mayReadHistory('m', []), false);
  assert.throws(() => loaded(script(`{ m: 'anyone' }`)), /does not load/);
});
