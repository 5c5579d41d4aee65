/** Tricks by which code gets out of where it is kept, or tells one replica from another. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import test from 'node:test';
import { encodeOperation } from '@coppice/service';
import { instrument, ScriptError } from '@coppice/service/bundle';
import { State } from '@coppice/state';
import { AssertionError, ofAllVersions } from '@coppice/wire';
import { commands, evaluated } from './loaded.ts';

/** What `Error` was before the realm was locked down: it leads to the functions on the stack. */
const errorOfTheProcess = Object.getPrototypeOf(AssertionError) as unknown;

test('there are no other globals than those of the list', () => {
  const absent = [
    'process',
    'require',
    'global',
    'fetch',
    'setTimeout',
    'queueMicrotask',
    'crypto',
    'performance',
    'navigator',
  ];
  const cloaked = [
    'Proxy',
    'WeakRef',
    'FinalizationRegistry',
    'SharedArrayBuffer',
    'Atomics',
    'WebAssembly',
    'Intl',
    'Temporal',
  ];
  const ours = [
    'Compartment',
    'lockdown',
    'harden',
    'assert',
    'Iterator',
    'AsyncIterator',
    'Float64Array',
    'Float32Array',
    'eval',
  ];
  for (const name of [...absent, ...cloaked, ...ours].filter((name) => name !== 'eval')) {
    assert.equal(evaluated(`typeof ${name}`), 'undefined', name);
    assert.equal(evaluated(`${JSON.stringify(name)} in globalThis`), false, name);
  }
  assert.equal(evaluated(`'eval' in globalThis`), false);
});

test('no way leads to a function that makes code', () => {
  const makers = [
    `(() => {}).constructor`,
    `(function* () {}).constructor`,
    `(async () => {}).constructor`,
    `(async function* () {}).constructor`,
    `[].constructor.constructor`,
    `tx.map.constructor`,
    `tx.constructor?.constructor ?? (() => {}).constructor`,
    `Object.getPrototypeOf(Function.prototype).constructor.constructor`,
    `Reflect.getPrototypeOf(function* () {}).constructor`,
    `Function`,
    `Object.getPrototypeOf(Function) === Function.prototype ? Function : 1`,
    `Object.getPrototypeOf(Map).constructor`,
    `Error.prototype.constructor.constructor`,
  ];
  for (const maker of makers) {
    const code = `try { const f = (${maker})('return 6 * 7'); return typeof f === 'function' ? f() : 'no' } catch { return 'no' }`;
    assert.equal(evaluated(code), 'no', maker);
    assert.equal(evaluated(code.replace('= (', '= new (')), 'no', `new ${maker}`);
  }
});

test('a script that could load code is no script', () => {
  const bad = [
    'import("node:fs")',
    'import.meta.url',
    'eval("1")',
    '(0, eval)("1")',
    '$coppice.stepsMax = 1e9',
    '\\u0024coppice.depth',
  ];
  for (const code of bad) assert.throws(() => instrument(`var service = () => ${code}`), ScriptError, code);
  for (const code of ['import fs from "node:fs"', 'export default 1', 'arguments', 'await 1', 'with ({}) {}', '010'])
    assert.throws(() => instrument(`var service = 1; ${code}`), ScriptError, code);
  assert.throws(() => instrument('const other = 1'), /declares no variable service/);
});

test('text that looks like an import is text', () => {
  assert.throws(() => instrument('var service = { import() {} }'), ScriptError);
  const literals = '"import(\\"x\\") <!-- -->" + `import("y")${1}<!--` + /import\\(<!--/.source';
  assert.equal(evaluated(literals), 'import("x") <!-- -->import("y")1<!--import\\(<!--');
  assert.equal(evaluated('let n = 3, turns = 0; while (n-->0) turns++; return turns'), 3);
});

test('built-ins cannot be changed, nor can what all services share', () => {
  const changes = [
    `Array.prototype.map = 1`,
    `Object.prototype.polluted = 1`,
    `[].__proto__.polluted = 1`,
    `Object.defineProperty(String.prototype, 'length2', { value: 1 })`,
    `Object.setPrototypeOf(Array.prototype, null)`,
    `Math.sin = 1`,
    `JSON.parse = 1`,
    `Map.prototype.get = 1`,
    `RegExp.prototype.exec = 1`,
    `Date.now = 1`,
    `Reflect.ownKeys = 1`,
    `console.log = 1`,
    `Object.getPrototypeOf(tx).map = 1`,
    `Object.getPrototypeOf(tx.map('a')).get = 1`,
    `Object.getPrototypeOf(tx.map('a').entries()).next2 = 1`,
    `Object.getPrototypeOf(''.matchAll(/a/g)).next = 1`,
    `delete Array.prototype.map`,
  ];
  for (const change of changes) assert.equal(evaluated(`${change}; return 'changed'`), 'failed', change);
  assert.equal(evaluated('({}).polluted ?? null'), null);
});

test('all that a service reaches is frozen, and none of it is powerful', () => {
  const { give, failures } = commands(
    `reach(tx) {
      const map = tx.map('a');
      map.set('k', { a: [1], bytes: new Uint8Array(1) });
      const reach = {
        globalThis, tx, map, entries: map.entries(), value: map.get('k'), matches: ''.matchAll(/a/g), text: ''[Symbol.iterator](),
        regexp: /a/, date: new Date(0), error: new Error('x'), newMap: new Map(), set: new Set(), weak: new WeakMap(), array: [].values(),
        generator: function* () {}, asynchronous: async () => {}, arrow: () => {}, Class: class {}, bytes: new Uint8Array(1), module,
      };
      const failing = {
        map: () => tx.map(''), key: () => map.get({}), value: () => map.set('k', 1n), state: () => tx.map('broken').get('k'),
        pattern: () => new RegExp('('), freeze: () => Object.freeze(module), date: () => day.setTime(1), chance: () => Math.random(),
        code: () => Function(''), later: () => (async () => {})(), promise: () => new Promise(() => {}), json: () => JSON.parse('{'),
        text: () => JSON.stringify(1n), locale: () => ''.localeCompare(''), hex: () => Uint8Array.fromHex('x'), null: () => null.x,
        stack: () => { const f = () => f(); f(); }, schema: () => tx.reject('a', 'b'), own: () => { throw new RangeError('mine') },
      };
      for (const name of Object.keys(failing)) {
        if (name !== 'stack') try { failing[name]() } catch (error) { reach['caught ' + name] = error }
      }
      throw Object.assign(new Error(), { reach });
    }`,
    'const module = {}, day = new Date(0);',
  );
  give('reach');
  const { reach } = failures[0] as { reach: Record<string, unknown> };
  assert.ok(Object.keys(reach).length > 35);
  const seen = new Set<object>();
  const open = Object.entries(reach).map(([path, value]) => ({ value, path }));
  const powerful = new Set<unknown>([
    ...[globalThis, process, Function, Date, Math, RegExp, Error, Compartment, console, setTimeout, fetch, Math.random],
    ...[
      Date.now,
      performance,
      WeakRef,
      Proxy,
      Intl,
      Reflect,
      JSON,
      Promise,
      Map.prototype.constructor === Map ? lockdown : 0,
    ],
    // oxlint-disable-next-line no-eval -- it is looked for
    eval,
    errorOfTheProcess,
  ]);
  const soft: string[] = [];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next;
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') continue;
    if (seen.has(value)) continue;
    seen.add(value);
    assert.ok(!powerful.has(value) || value === Promise, `${path} is powerful`);
    if (!Object.isFrozen(value)) soft.push(path);
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key)!;
      for (const part of ['value', 'get', 'set'] as const)
        open.push({ value: descriptor[part], path: `${path}.${String(key)}` });
    }
    open.push({ value: Object.getPrototypeOf(value), path: `${path}.[[Prototype]]` });
  }
  assert.ok(seen.size > 500);
  // What the service made for itself, in this transaction or before; changes of the latter are undone.
  const own = /^(?:caught \w+(?:\.path)?|\w+|(?:generator|Class)\.prototype|tx\.caller(?:\.roles)?|value\.\w+|module)$/;
  assert.deepEqual(
    soft.filter((path) => !own.test(path)),
    [],
  );
});

test('what is thrown tells nothing of the engine', () => {
  const thrown = [
    'null.x',
    'undefinedName()',
    'undefinedName = 1',
    '(1).toFixed(1000)',
    'new Array(-1)',
    'JSON.parse("{")',
    '"x".repeat(-1)',
    'BigInt(1.5)',
    'decodeURIComponent("%")',
    'Symbol() + ""',
    '[].reduce((a) => a)',
    'new (class A { constructor() { this.x.y } })()',
    'Object.defineProperty(Object.freeze({}), "a", { value: 1 })',
  ];
  for (const code of thrown) {
    assert.equal(evaluated(code), 'failed', code);
    const caught = `try { ${code}; return 'nothing' } catch (error) { return [error.message, error.stack, Object.getOwnPropertyNames(error)] }`;
    assert.deepEqual(evaluated(caught), ['', '', ['message', 'stack']], code);
  }
  const own = `try { throw new TypeError('mine', { cause: 1 }) } catch (error) { return [error.message, error.stack, error.cause, Object.getOwnPropertyNames(error), String(error)] }`;
  assert.deepEqual(evaluated(own), ['mine', '', 1, ['message', 'cause', 'stack'], 'TypeError: mine']);
  const old = `function Old(m) { Object.defineProperty(this, 'message', { value: m }) } Old.prototype = Object.create(Error.prototype); try { throw new Old('told') } catch (e) { return [e.message, e instanceof Error] }`;
  assert.deepEqual(evaluated(old), ['told', true]);
  const derived = `class Mine extends Error { get name() { return 'Mine' } } try { throw new Mine('a') } catch (e) { return [e instanceof Mine, e instanceof Error, String(e), e.stack] }`;
  assert.deepEqual(evaluated(derived), [true, true, 'Mine: a', '']);
  assert.equal(evaluated(`(() => 'the source').toString()`), 'function () { [native code] }');
});

test('whatever is thrown, there is an outcome', () => {
  const thrown = [
    'undefined',
    'null',
    '1',
    '"text"',
    '{}',
    '[]',
    '() => {}',
    'Symbol()',
    '1n',
    'Object.create(null)',
    'new Map()',
  ];
  for (const value of thrown) assert.equal(evaluated(`throw ${value}; return 1`), 'failed', value);
  const hostile = [
    `{ name: 'ServiceError', code: 'x' }`,
    `Object.assign(new Error('m'), { name: 'ServiceError', code: { toString() { for (;;); } } })`,
    `Object.defineProperty(Object.assign(new Error('m'), { name: 'ServiceError' }), 'code', { get() { throw 1 } })`,
  ];
  for (const value of hostile) assert.equal(evaluated(`throw ${value}; return 1`), 'failed', value);
  const endless = `throw Object.defineProperty(new Error('m'), 'name', { get() { for (;;); } }); return 1`;
  assert.equal(evaluated(endless), 'out-of-budget');
  const wide = `throw Object.assign(new Error('m'), { name: 'ServiceError', code: 'wide', path: new Array(100).fill('a'.repeat(5000)), data: { a: [1] } }); return 1`;
  const outcome = commands(`it() { ${wide} }`).call('it');
  assert.ok(!outcome.ok);
  assert.equal(outcome.error.code, 'wide');
  assert.equal(outcome.error.path?.length, 64);
  assert.equal(String(outcome.error.path?.[0]).length, 1024);
  assert.deepEqual(outcome.error.data, { a: [1] });
});

test('values are copied in and out', () => {
  const { call, give } = commands(`
    store(tx, input) {
      const value = { list: [1, 2], bytes: new Uint8Array([1, 2]), input };
      tx.map('m').set('k', value);
      value.list.push(3);
      value.bytes[0] = 9;
      const stored = tx.map('m').get('k');
      stored.list.push(4);
      stored.bytes[1] = 9;
      input.changed = true;
      return tx.map('m').get('k');
    },
    events(tx) {
      const data = { bytes: new Uint8Array([1]), list: [1] };
      tx.emit('e', data);
      data.bytes[0] = 2;
      data.list.push(2);
    },
    getters(tx) {
      let reads = 0;
      tx.map('m').set('k', { get a() { return ++reads; } });
      return [reads, tx.map('m').get('k')];
    },
    hostile(tx) {
      const results = [];
      const values = [new Map(), new Date(0), /a/, () => 1, Symbol(), 1n, NaN, Infinity, [undefined], new (class {})(), '\\ud800', { '\\udc00': 1 }];
      const circle = {}; circle.self = circle; values.push(circle);
      for (const value of values) { try { tx.map('m').set('k', value); results.push('set') } catch (e) { results.push(e.code) } }
      return results;
    },
    proto(tx) {
      tx.map('m').set('k', JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}'));
      const value = tx.map('m').get('k');
      return [Object.keys(value), Object.getPrototypeOf(value) === Object.prototype, value];
    },
  `);
  assert.deepEqual(give('store', { a: 1 }), { list: [1, 2], bytes: Uint8Array.of(1, 2), input: { a: 1 } });
  const outcome = call('events');
  assert.ok(outcome.ok);
  assert.deepEqual(outcome.events, [{ name: 'e', data: { bytes: Uint8Array.of(1), list: [1] } }]);
  assert.deepEqual(give('getters'), [1, { a: 1 }]);
  assert.deepEqual(new Set(give('hostile') as string[]), new Set(['invalid-value']));
  const [keys, plain, value] = give('proto') as [string[], boolean, object];
  assert.deepEqual(
    [keys.toSorted(), plain, Object.hasOwn(value, '__proto__')],
    [['__proto__', 'constructor', 'toString'], true, true],
  );
});

test('methods of the transaction cannot be turned against it', () => {
  const tricks = [
    `tx.map.call({}, 'a')`,
    `tx.map('a').get.call({}, 'k')`,
    `Object.create(tx).map('a')`,
    `tx.map({ toString: () => 'a' })`,
    `tx.map('../other')  .set(['a'], 1) ?? tx.map('a b')`,
    `tx.map('')`,
    `tx.map('a').set([], 1)`,
    `tx.map('a').set([['nested']], 1)`,
    `tx.map('a').set(NaN, 1)`,
    `tx.map('a').set('a'.repeat(2000), 1)`,
    `tx.map('a').set(new Array(5000).fill(1), 1)`,
  ];
  for (const trick of tricks)
    assert.match(String(evaluated(`${trick}; return 'worked'`)), /^(?:failed|invalid-map|invalid-key)$/, trick);
});

test('species, conversions and lengths that lie lead nowhere', () => {
  const code = `
    const lies = [];
    class Evil extends Array { static get [Symbol.species]() { return function () { return {}; }; } }
    lies.push(typeof new Evil(1, 2).map((x) => x));
    lies.push([].concat.call({ length: 2 ** 40 }, 1).length);
    lies.push(Array.prototype.join.call({ length: 3, 0: 'a' }));
    lies.push(\`\${{ toString() { return 'a' }, valueOf() { return 1 } }}\`);
    lies.push({ [Symbol.toPrimitive]: () => 7 } * 2);
    return lies;`;
  assert.deepEqual(evaluated(code, '', { stepsMax: 1e15 }), ['object', 2, 'a,,', 'a', 14]);
});

test('who writes more than a transaction may is refused, and nothing of ours fails', () => {
  const { runtime } = commands(`
    values(tx) { for (let i = 0; i < 5; i++) tx.map('a').set('k' + i, 'x'.repeat(1_000_000)); },
    value(tx) { tx.map('a').set('k', ['x'.repeat(600_000), 'x'.repeat(600_000)]); },
    caught(tx) { try { tx.map('a').set('k', 'x'.repeat(1_048_576)); } catch (error) { return error.code; } },`);
  const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'));
  const cryptography = ofAllVersions({ hash: sha256, verify: () => false, validPublicKey: () => false }, sha256);
  const given = (command: string): unknown => {
    const agreed = { caller: { id: 'a', roles: [] }, time: 1, sequence: 1, seed: new Uint8Array(32) };
    const tx = new State(cryptography).begin().transaction();
    const outcome = runtime.execute(tx, { ...agreed, operation: encodeOperation({ command }) });
    return outcome.ok ? outcome.value : outcome.error.code;
  };
  assert.deepEqual(['values', 'value', 'caught'].map(given), ['too-large', 'too-large', 'too-large']);
});
