/** Every handler ends: by itself, or when its budget is used up, at the same place on every replica. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { commands, evaluated } from './loaded.ts';

const endless: Readonly<Record<string, string>> = {
  'a loop': `for (;;);`,
  'a loop that does something': `let i = 0; while (true) i++;`,
  'a loop that asks afterwards': `do {} while (true);`,
  'a loop that catches': `for (;;) { try { for (;;); } catch {} }`,
  'a loop that catches and looks': `for (;;) try { for (;;); } catch (e) { e.message }`,
  'a loop that catches a pattern': `for (;;) try { for (;;); } catch ({ message }) { message }`,
  'a loop that finally loops': `try { for (;;); } finally { for (;;); }`,
  'a finally that returns': `const f = () => { try { for (;;); } finally { return 1; } }; for (;;) f();`,
  'a finally that goes on': `for (;;) { try { for (;;); } finally { continue; } }`,
  'a labelled loop': `again: for (;;) { for (;;) continue again; }`,
  'a loop over an endless iterator': `for (const x of { [Symbol.iterator]: () => ({ next: () => ({ value: 1 }) }) });`,
  'a loop over an endless generator': `for (const x of (function* () { for (;;) yield 1; })());`,
  'spreading an endless generator': `return [...(function* () { for (;;) yield 1; })()];`,
  'destructuring an endless generator': `const [...all] = (function* () { for (;;) yield 1; })();`,
  'a map of an endless generator': `new Map((function* () { for (;;) yield [1, 1]; })());`,
  'an array of an endless generator': `Array.from((function* () { for (;;) yield 1; })());`,
  'functions that call each other': `const even = (n) => odd(n), odd = (n) => even(n); try { even(1) } catch {}`,
  'a function that calls itself': `(function f() { try { f() } catch { f() } })();`,
  'a method that calls itself': `({ m() { this.m() } }).m();`,
  'a constructor that calls itself': `class A { constructor() { new A() } } new A();`,
  'a getter that asks itself': `({ get a() { return this.a } }).a;`,
  'a conversion that converts itself': `const o = { toString() { return '' + o + o } }; '' + o + o;`,
  'a default that calls itself': `const f = (a = f()) => a; f();`,
  'a default within a pattern': `const f = ({ a = f({}) }) => a; f({});`,
  'a generator that delegates to itself': `function* g() { yield* g() } [...g()];`,
  'a generator that iterates itself': `function* g() { for (const x of g()) yield x } [...g()];`,
  'a tagged template': `const tag = () => tag\`x\`; tag\`x\`;`,
  'a comparator': `[1, 2].sort(() => { for (;;); });`,
  'a callback': `[1].map(function f(x) { return [x].map(f) });`,
  'a replacement': `'a'.replace(/a/, () => { for (;;); });`,
  'a reviver': `JSON.parse('[1]', () => { for (;;); });`,
  'a toJSON': `JSON.stringify({ toJSON() { return { a: this } } });`,
  'a Symbol.species': `class A extends Array { constructor() { super(); for (;;); } } A.from([1]);`,
  'a Symbol.toPrimitive': `+{ [Symbol.toPrimitive]() { for (;;); } };`,
  'a Symbol.hasInstance': `({}) instanceof { [Symbol.hasInstance]() { for (;;); } };`,
  'a setter': `const o = { set a(x) { this.a = x } }; o.a = 1;`,
  'a result whose property never comes': `return { get a() { for (;;); } };`,
  'a value whose property never comes': `tx.map('m').set('k', { get a() { for (;;); } });`,
  'an iterator that never returns': `for (const x of { [Symbol.iterator]: () => ({ next: () => ({ value: 1 }), return() { for (;;); } }) }) break;`,
  'random numbers': `while (tx.random() < 2);`,
  reading: `for (;;) tx.map('m').get('k');`,
  writing: `for (let i = 0; ; i++) tx.map('m').set('k', i);`,
  'a regular expression': `/^(a+)+$/.test('a'.repeat(50) + 'b');`,
  'patterns that are short, and long once written out': `for (let i = 4000; ; i++) new RegExp('(?:[^a][b-z]){' + i % 9000 + '}', 'iu');`,
  'patterns that are too large': `for (let i = 0; ; i++) try { new RegExp('(?:(?:(?:a|b){99}){99}){' + (99 + i) + '}'); } catch {}`,
  'a long text': `let s = 'ab'; for (;;) s += s;`,
  'a long text, made of a template': 'let s = "ab"; for (;;) s = `${s}${s}`;',
  'a long text, made by a built-in': `let s = 'ab'; for (;;) s = s.concat(s);`,
  'a long text, made by replacing': `let s = 'ab'; for (;;) s = s.replaceAll('a', s);`,
  'a long text, made by a pattern': `let s = 'ab'; for (;;) s = s.replace(/./g, '$&$&$&');`,
  'a long text, made by joining': `let s = 'ab'; for (;;) s = [s, s].join();`,
  'a long text at once': `'a'.repeat(2 ** 28);`,
  'a long text by padding': `'a'.padEnd(2 ** 28);`,
  'a long text of few': `new Array(2 ** 20).join('a'.repeat(1000));`,
  'a large integer': `let n = 3n; for (;;) n *= n;`,
  'a large integer, added': `let n = 1n; for (;;) n += n;`,
  'a large integer, subtracted': `let n = 1n; for (;;) n -= -n;`,
  'a large buffer, transferred': `for (;;) { const t = new ArrayBuffer(1); let moved = t; try { moved = t.transfer(2 ** 31) } catch {} if (moved !== t) break; }`,
  'a large escape': `encodeURIComponent('\u20ac'.repeat(2 ** 19));`,
  'a large integer, by powers': `3n ** 1000000n;`,
  'a large integer, by assignment': `let n = 3n; n **= 1000000n;`,
  'a large integer, by shifts': `1n << 1000000n;`,
  'a large integer, of a text': `BigInt('9'.repeat(100000));`,
  'a large integer, of bits': `BigInt.asUintN(2 ** 30, -1n);`,
  'many arguments': `Math.max(...new Array(100000).fill(1));`,
  'many arguments, applied': `Math.max.apply(null, new Array(100000).fill(1));`,
  'a long array': `const a = []; for (;;) a.push(1);`,
  'a long array without items': `new Array(2 ** 31).forEach(() => {});`,
  'a long array by length': `const a = []; a.length = 2 ** 31; a.indexOf(1);`,
  'a long array of a length': `Array.from({ length: 2 ** 31 });`,
  'a long byte array': `new Uint8Array(2 ** 31);`,
  'a long byte array, by its constructor': `new (new Uint8Array(1).constructor)(2 ** 31);`,
  'a large buffer': `new ArrayBuffer(2 ** 31);`,
  'a value of many references': `let v = [1]; for (let i = 0; i < 60; i++) v = [v, v]; v.flat(Infinity);`,
  'a value of many references, as JSON': `let v = [1]; for (let i = 0; i < 60; i++) v = [v, v]; JSON.stringify(v);`,
  'a value of many references, stored': `let v = [1]; for (let i = 0; i < 50; i++) v = [v, v]; tx.map('m').set('k', v);`,
  'quadratic searching': `const a = Array.from({ length: 50000 }, (_, i) => i); for (const x of a) a.includes(-1);`,
  'quadratic copying': `let a = []; for (let i = 0; ; i++) a = [...a, i];`,
  'quadratic copying of objects': `let o = {}; for (let i = 0; ; i++) o = { ...o, [i]: i };`,
};

test('a handler that does not end is ended', () => {
  const stepsMax = 200_000;
  for (const [what, code] of Object.entries(endless)) {
    const { call, state } = commands(`it(tx, input) { ${code} }`, '', { stepsMax });
    const outcome = call('it');
    assert.ok(!outcome.ok, what);
    assert.equal(outcome.error.code, 'out-of-budget', what);
    assert.equal(outcome.steps, stepsMax, what);
    assert.equal(state.get('service/m', ''), undefined);
  }
});

test('once the budget is used up nothing is done, whatever is caught', () => {
  const code = `
    let reached = 0;
    try { for (;;); } catch (e) { reached = 1; tx.map('m').set('a', 1); }
    tx.map('m').set('b', 1); tx.emit('done'); return 'survived';`;
  assert.equal(evaluated(code), 'out-of-budget');
});

test('the steps are those of the code, and the same each time', () => {
  const { call } = commands(`it(tx, n) { let sum = 0; for (let i = 0; i < n; i++) sum += i; return sum; }`);
  const steps = (n: number): number => call('it', n).steps;
  assert.equal(steps(1000) - steps(0), 1000);
  assert.equal(steps(1000), steps(1000));
  assert.equal(call('it', 10).ok, true);
});

test('the budget is a setting', () => {
  const code = `it() { for (let i = 0; i < 1000; i++); return 'done' }`;
  assert.equal(commands(code, '', { stepsMax: 500 }).give('it'), 'out-of-budget');
  assert.equal(commands(code, '', { stepsMax: 5000 }).give('it'), 'done');
});

test('code that ends is not ended', () => {
  const fine: Readonly<Record<string, unknown>> = {
    [`const f = (n) => n === 0 ? 0 : 1 + f(n - 1); return f(300)`]: 300,
    [`let s = ''; for (let i = 0; i < 20000; i++) s += 'ab'; return s.length`]: 40000,
    [`return Array.from({ length: 10000 }, (_, i) => i).map((x) => x * 2).filter((x) => x % 3).sort((a, b) => b - a)[0]`]: 19996,
    [`const m = new Map(); for (let i = 0; i < 10000; i++) m.set(i, i); return m.size`]: 10000,
    [`function* g() { for (let i = 0; i < 5000; i++) yield i } let n = 0; for (const x of g()) n += x; return n`]: 12497500,
    [`function* walk(n) { if (n > 0) { yield* walk(n - 1); yield n; yield* walk(n - 1) } } return [...walk(8)].length`]: 255,
    [`const gs = []; for (let i = 0; i < 2000; i++) { const g = (function* () { yield 1; yield 2 })(); g.next(); gs.push(g) } return gs.length`]: 2000,
    [`let n = 0; for (let i = 0; i < 2000; i++) { for (const x of (function* () { yield 1; yield 2 })()) { n++; break } } return n`]: 2000,
    [`let n = 0; for (let i = 0; i < 2000; i++) { try { throw new Error() } catch { n++ } } return n`]: 2000,
    [`return String.fromCharCode.apply(null, new Array(30000).fill(65)).length`]: 30000,
    [`return (2n ** 4096n).toString(16).length`]: 1025,
  };
  for (const [code, value] of Object.entries(fine)) assert.equal(evaluated(code), value, code);
});
