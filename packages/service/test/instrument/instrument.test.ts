import assert from 'node:assert/strict';
import test from 'node:test';
import { instrument } from '@coppice/service/bundle';
import { parse } from 'acorn';
import { evaluated } from '../loaded.ts';
import { scopesOf } from '../../src/instrument/scopes.ts';

/** The body of the script, without what is put around every script. */
function body(code: string): string {
  const script = instrument(`var service;${code}`);
  return script.slice(script.indexOf('var service;') + 12, script.lastIndexOf('\nreturn service'));
}

test('functions tell that they begin, and end', () => {
  assert.equal(
    body('function f() { return 1 }'),
    'function f() {$coppice.enter();try{ return 1 }finally{$coppice.depth-=1}}',
  );
  assert.equal(body('(a) => ({ a })'), '(a) =>{$coppice.enter();try{return( ({ a }))}finally{$coppice.depth-=1}}');
});

test('loops tell that they turn, with or without a block', () => {
  assert.equal(body('for (;;) { x() }'), 'for (;;) {$coppice.step(); x() }');
  assert.equal(body('while (x()) y()'), 'while (x()) {$coppice.step();y()}');
  assert.equal(body('do x(); while (y())'), 'do {$coppice.step();x();} while (y())');
});

test('what reaches into another function is remembered', () => {
  assert.match(
    body('let n = 0; const f = () => { n++ }'),
    /\(\$coppice\.era&&\$coppice\.undo\(\(\$coppice_v=>\(\)=>\{n=\$coppice_v\}\)\(n\)\),n\+\+\)/,
  );
  assert.doesNotMatch(body('const f = () => { let n = 0; n++ }'), /undo/);
});

test('objects that a function made are not asked about', () => {
  assert.doesNotMatch(body('const f = () => { const o = {}; o.a = 1; return o }'), /writing/);
  assert.match(body('const f = (o) => { o.a = 1 }'), /\$coppice\.writing\(o\)\.a = 1/);
});

test('keys in brackets are made before their values', () => {
  assert.match(body('({ [a]: b })'), /\[\$coppice\.key\(a\)\]/);
  assert.match(body('({ [/x/]: b })'), /\[\$coppice\.key\(\$coppice\.regexp\(/);
  assert.match(body('({ ["x"]: b })'), /\["x"\]/);
});

test('asynchronous functions keep nothing of what they did', () => {
  const code = body(
    'async function f(a) { await secret() } const g = async () => { await secret() }, o = { async m() { await secret() }, async *n() { yield secret() } }',
  );
  assert.doesNotMatch(code, /async(?!hronous)|await|secret/);
});

test('a semicolon that was not written stays where it was', () => {
  assert.deepEqual(evaluated('let a = 1, b\n;(() => a)()\nb = a\nx = 5\n;[a] = [b]\nreturn [a, b]', 'let x;'), [1, 1]);
  assert.deepEqual(evaluated('let a = 1\nx = 2\na += x\nreturn a', 'let x;'), 3);
});

test('the syntax that is rewritten means what it meant', () => {
  const means: Readonly<Record<string, unknown>> = {
    'const f = (a = 1, { b = a + 1, ...c } = {}, [d = g(), ...e] = []) => [a, b, c, d, e]; function g() { return 7 } return f()':
      [1, 2, {}, 7, []],
    'const o = { a: 2, b: [3] }; o.a **= 3; o.b[0] <<= 2; o["a"] += 1; return o': { a: 9, b: [12] },
    'let x = 2; x **= 3; x <<= 1; x += 1; x *= 2; return x': 34,
    'return 2 ** 3 ** 2 + (1 + 2) * (3 << (1 + 1))': 548,
    'return -(2 ** 2) + (-2) ** 2': 0,
    'const log = []; for (const k in { a: 1, b: 2 }) log.push(k); for (const [k, v] of Object.entries({ c: 3 })) log.push(k + v); return log':
      ['a', 'b', 'c3'],
    'outer: for (let i = 0; i < 3; i++) { for (;;) { if (i === 1) break outer; continue outer } } return 1': 1,
    'try { throw { a: 1, b: { c: 2 } } } catch ({ a, b: { c } }) { return [a, c] }': [1, 2],
    'const f = () => { try { return "try" } finally { log.push(1) } }, log = []; return [f(), log]': ['try', [1]],
    'class A { constructor(x) { this.x = x } static s() { return 1 } get y() { return this.x } } class B extends A { constructor() { super(...[5]) } get y() { return super.y + 1 } } return [new B().y, B.s(), new A(2).y]':
      [6, 1, 2],
    'function F() { this.a = 1 } F.prototype.b = 2; const f = new F(); return [f.a, f.b, new (class { constructor() { return { c: 3 } } })().c]':
      [1, 2, 3],
    'function* g() { const a = yield 1; try { yield a } finally { yield 9 } } const i = g(); return [i.next().value, i.next(5).value, i.return(7).value, i.next()]':
      [1, 5, 9, { value: 7, done: true }],
    'const tag = (s, ...v) => s.raw.join("|") + v.join(); return tag`a${1}\\n${2}b`': 'a|\\n|b1,2',
    'const f = function () { return arguments.length + (() => arguments[0])() }; return f(5, 6)': 7,
    'const { length } = "abc"; switch (length) { case 3: { let a = 1; return a } default: return 2 }': 1,
    'let a = 1; { let a = 2; a++ } return a': 1,
    'return [1, 2, 3].map((x) => x * 2).reduce((a, b) => a + b)': 12,
    'return [...new Set([1, 1, 2])].concat(...[[3], [4]])': [1, 2, 3, 4],
    'return ((a, b) => a + b).apply(null, [1, 2]) + ((a, b) => a + b).bind(null, 1)(2)': 6,
    'return new Array(3).fill(0).length + Array(2).length + Array.of(7).length': 6,
    'const o = { ["a" + 1]: 1, get b() { return 2 }, set b(x) {}, async c() {}, *d() {} }; return Object.keys(o)': [
      'a1',
      'b',
      'c',
      'd',
    ],
    'return typeof nowhere + typeof void 0': 'undefinedundefined',
    'let n = 0; const o = { get p() { n++; return { q: 1 } } }; o.p.q += 1; return n': 1,
    'var a = 1; var f = () => a; var a = 2; return f()': 2,
    'return (() => { if (true) return 1; else return 2 })()': 1,
    'label: { break label } return 3': 3,
    'let s = ""; for (const c of "a\\u{1f600}b") s = c + s; return s': 'b\u{1f600}a',
  };
  for (const [code, value] of Object.entries(means)) assert.deepEqual(evaluated(code), value, code);
});

test('scopes: what names mean', () => {
  const program = parse(
    'let a; function f(b, c = () => b) { var d = a; { let e; g(() => e) } return () => { d = 1 } } x',
    { ecmaVersion: 2021, sourceType: 'module' },
  );
  const scopes = scopesOf(program);
  const variables = [...scopes.of.values()].flatMap((scope) => [...scope.variables.values()]);
  const flags = (name: string): unknown[] =>
    variables.filter((v) => v.name === name).map((v) => [v.kind, v.captured, v.assignedWithin])[0] as unknown[];
  assert.deepEqual(flags('a'), ['let', true, false]);
  assert.deepEqual(flags('b'), ['parameter', true, false]);
  assert.deepEqual(flags('d'), ['var', true, true]);
  assert.deepEqual(flags('e'), ['let', true, false]);
  assert.deepEqual([...scopes.free], ['g', 'x']);
});
