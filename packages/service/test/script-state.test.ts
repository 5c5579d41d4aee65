/** Nothing that a transaction does to a script's own state is there for the next. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { commands } from './loaded.ts';

/** Module code, a handler that changes something of it, and what that gives each time. */
const kept: Readonly<Record<string, readonly [module: string, handler: string, gives: unknown]>> = {
  'a variable': [`let n = 0;`, `return ++n`, 1],
  'a variable, assigned': [`let n = 1;`, `n = n * 2; n += 1; n *= 2; n **= 2; n <<= 1; return n`, 72],
  'a variable, assigned by a pattern': [
    `let a = 1, b = 2;`,
    `[a, b] = [b, a]; ({ a, ...b } = { a: a + 1, c: b }); return [a, b]`,
    [3, { c: 1 }],
  ],
  'a variable, assigned by a loop': [`let a = 0;`, `const before = a; for (a of [5, 6]); return [before, a]`, [0, 6]],
  'a variable, assigned by a loop over names': [
    `let a = '';`,
    `const before = a; for (a in { x: 1 }); return [before, a]`,
    ['', 'x'],
  ],
  'a variable, assigned where there is none': [`let a; let b = 0;`, `a ??= b++; b ||= 7; return [a, b]`, [0, 1]],
  'a variable of a closure': [`const next = (() => { let n = 0; return () => ++n; })();`, `return next() + next()`, 3],
  'a variable of a block': [`const f = []; { let n = 0; f.push(() => ++n); }`, `return f[0]()`, 1],
  'a variable of a loop': [
    `const f = []; for (let i = 0; i < 2; i++) f.push(() => i++);`,
    `f[0](); return [f[0](), f[1]()]`,
    [1, 1],
  ],
  'a variable of a switch': [`const f = []; switch (1) { case 1: let n = 0; f.push(() => ++n); }`, `return f[0]()`, 1],
  'a parameter': [`const counter = (n) => () => ++n; const next = counter(4);`, `return next()`, 5],
  'a parameter, assigned by a default': [
    `const make = (n, next = () => ++n) => next; const next = make(4);`,
    `return next()`,
    5,
  ],
  'a caught error': [`let f; try { throw 1 } catch (e) { f = () => ++e }`, `return f()`, 2],
  'a function': [`function f() { return 1 }`, `const before = f(); f = () => 2; return [before, f()]`, [1, 2]],
  'a memo': [`let memo; const get = () => memo ??= [1];`, `return get() === get()`, true],
  'an object': [
    `const o = { n: 0 };`,
    `o.n++; o.m = 1; return Object.entries(o)`,
    [
      ['n', 1],
      ['m', 1],
    ],
  ],
  'a property that is deleted': [
    `const o = { a: 1, b: 2 };`,
    `const before = Object.keys(o); delete o.a; delete o?.['b']; return [before, Object.keys(o)]`,
    [['a', 'b'], []],
  ],
  'an object within': [`const o = { a: { b: { c: 0 } } };`, `return ++o.a.b.c`, 1],
  'an object in an array': [`const list = [{ n: 0 }];`, `return ++list[0].n`, 1],
  'an object in a map': [`const map = new Map([['k', { n: 0 }]]);`, `return ++map.get('k').n`, 1],
  'an object in a weak map': [
    `const key = {}; const map = new WeakMap([[key, { n: 0 }]]);`,
    `return ++map.get(key).n`,
    1,
  ],
  'an object in a closure of a closure': [
    `const f = (() => { const o = { n: 0 }; return () => () => ++o.n; })()();`,
    `return f()`,
    1,
  ],
  'an object that a function is bound to': [
    `const f = function () { return ++this.n }.bind({ n: 0 });`,
    `return f()`,
    1,
  ],
  'an object that an arrow function takes as this': [
    `const f = (function () { return () => ++this.n }).call({ n: 0 });`,
    `return f()`,
    1,
  ],
  'arguments that an arrow function takes': [
    `const f = (function () { return () => ++arguments[0] })(4);`,
    `return f()`,
    5,
  ],
  'an object changed by built-ins': [
    `const o = { a: 1 };`,
    `Object.assign(o, { b: 2 }); Object.defineProperty(o, 'c', { value: 3, enumerable: true, configurable: true }); Reflect.set(o, 'd', 4); Reflect.deleteProperty(o, 'a'); return Object.keys(o)`,
    ['b', 'c', 'd'],
  ],
  'a property that is defined for good': [
    `const o = {};`,
    `Object.defineProperty(o, 'a', { value: 1 }); Object.defineProperties(o, { b: { value: 2, enumerable: true } }); Reflect.defineProperty(o, 'c', { value: 3 }); return Reflect.ownKeys(o)`,
    ['a', 'b', 'c'],
  ],
  'an object that is frozen': [
    `const o = { a: 1 };`,
    `const refused = []; for (const f of [Object.freeze, Object.seal, Object.preventExtensions, Reflect.preventExtensions]) try { f(o) } catch { refused.push(f.name) } o.a = 2; return [refused.length, o.a]`,
    [4, 2],
  ],
  'an object that is taken for an array': [
    `const o = { length: 1, 0: 'a' };`,
    `Array.prototype.unshift.call(o, 'b'); Array.prototype.reverse.call(o); return [o[0], o.length]`,
    ['a', 2],
  ],
  'a prototype': [
    `const o = {};`,
    `const before = 'x' in o; Object.setPrototypeOf(o, { x: 1 }); return [before, 'x' in o]`,
    [false, true],
  ],
  'a property of a function': [`function f() {} f.n = 0;`, `return ++f.n`, 1],
  'a class': [
    `class A { static n = () => 0; method() { return 1 } }`.replace(' static n = () => 0;', ''),
    `const before = new A().method(); A.prototype.method = () => 2; A.count = 1; return [before, new A().method()]`,
    [1, 2],
  ],
  'an instance': [
    `class A { constructor() { this.n = 0 } next() { return ++this.n } } const a = new A();`,
    `return a.next()`,
    1,
  ],
  'a getter that replaces itself': [
    `const o = { get v() { Object.defineProperty(this, 'v', { value: 7 }); return 6 } };`,
    `return [o.v, o.v]`,
    [6, 7],
  ],
  'the global object': [``, `globalThis.n = (globalThis.n ?? 0) + 1; return globalThis.n`, 1],
  'a map': [
    `const m = new Map([['a', 1], ['b', 2]]);`,
    `m.delete('a'); m.set('a', 3).set('c', 4); return [...m]`,
    [
      ['b', 2],
      ['a', 3],
      ['c', 4],
    ],
  ],
  'a map that is emptied': [
    `const m = new Map([['a', 1]]);`,
    `const before = m.size; m.clear(); return [before, m.size]`,
    [1, 0],
  ],
  'a set': [`const s = new Set(['a', 'b']);`, `s.delete('a'); s.add('a').add('c'); return [...s]`, ['b', 'a', 'c']],
  'a weak map': [
    `const k = {}, w = new WeakMap();`,
    `const before = w.has(k); w.set(k, 1); return [before, w.get(k)]`,
    [false, 1],
  ],
  'a weak set': [
    `const k = {}, w = new WeakSet([k]);`,
    `const before = w.has(k); w.delete(k); return [before, w.has(k)]`,
    [true, false],
  ],
  'a regular expression': [`const re = /a/g;`, `return [re.test('aa'), re.lastIndex]`, [true, 1]],
  'a date': [`const d = new Date(0);`, `try { d.setTime(5) } catch {} return d.getTime()`, 0],
  'a byte array': [`const b = new Uint8Array(2);`, `b[0]++; b.fill(b[0], 1); return [...b]`, [1, 1]],
  'a buffer': [`const buffer = new ArrayBuffer(1);`, `return ++new Uint8Array(buffer)[0]`, 1],
  'an array': [`const a = [1];`, `try { a.push(2) } catch {} try { a[0] = 5 } catch {} return a`, [1]],
};

test('every transaction finds the script as it was loaded', () => {
  for (const [what, [module, handler, gives]] of Object.entries(kept)) {
    const { call, give } = commands(`it() { ${handler} }, other() { return 1 }`, module);
    const first = call('it');
    assert.deepEqual(first.ok ? first.value : first.error, gives, what);
    give('other');
    const second = call('it');
    assert.deepEqual(second, first, what);
    assert.equal(second.steps, first.steps, what);
  }
});

test('also after a transaction that failed, or was ended', () => {
  const module = `let n = 0; const o = { n: 0 }, m = new Map(), b = new Uint8Array(1);`;
  const { give } = commands(
    `change(tx, how) { n++; o.n++; o.x = 1; m.set('k', n); b[0]++; if (how === 'throw') throw new Error(); for (;;); },
     look() { return [n, o, m.size, b[0]] }`,
    module,
  );
  assert.equal(give('change', 'throw'), 'failed');
  assert.deepEqual(give('look'), [0, { n: 0 }, 0, 0]);
  assert.equal(give('change', 'loop'), 'out-of-budget');
  assert.deepEqual(give('look'), [0, { n: 0 }, 0, 0]);
});

test('what a transaction makes is its own to change', () => {
  const { give } = commands(
    `it() { const a = make(); a.list.push(1); a.map.set(1, 1); a.bytes[0] = 1; a.n++; return [a.list, a.map.size, a.n, a.next(), a.next()] }`,
    `const make = () => { let n = 0; return { list: [], map: new Map(), bytes: new Uint8Array(1), n: 0, next: () => ++n }; };`,
  );
  assert.deepEqual(give('it'), [[1], 1, 1, 1, 2]);
});

test('what can neither be frozen nor restored cannot be kept', () => {
  const refused = {
    'an iterator': `const i = [1, 2].values();`,
    'an iterator of a map': `const i = new Map().entries();`,
    'a generator': `const g = (function* () { yield 1; })();`,
    'a generator that has begun': `const g = (function* () { let n = 0; for (;;) yield n++; })(); g.next();`,
    'many bytes': `const b = new Uint8Array(100000);`,
  };
  for (const [what, module] of Object.entries(refused)) {
    const uses = module.match(/const (\w)/)![1]!;
    assert.throws(
      () => commands(`it() { return typeof ${uses} }`, module),
      { name: 'LoadError', message: /keeps/ },
      what,
    );
  }
  assert.doesNotThrow(() => commands(`it() { return typeof g }`, `const g = function* () { yield 1; };`));
});

test('two scripts have nothing in common', () => {
  const code = [
    `it() { globalThis.shared = (globalThis.shared ?? 0) + 1; return [n++, globalThis.shared] }`,
    `let n = 0;`,
  ] as const;
  const [a, b] = [commands(...code), commands(...code)];
  assert.deepEqual(a.give('it'), [0, 1]);
  assert.deepEqual(b.give('it'), [0, 1]);
});
