/** What engines did differently, as the comparison of runtimes found it: one way each, and that of the language. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { evaluated } from '../loaded.ts';

const keys = `const told = []; const key = (name) => ({ toString() { told.push(name); return name; } });`;

test('keys are made before the value, and once', () => {
  assert.equal(
    evaluated(`${keys}
      const object = { [key('a')]: told.push('value'), [key('b')]() {}, ...{} };
      object[key('c')] += told.push('added');
      object[key('d')]++;
      object[key('e')] ??= 1;
      return told.join();`),
    'a,value,b,c,added,d,e',
  );
  assert.deepEqual(
    evaluated(`const s = Symbol('s'); const o = { [s]: 1 }; o[s] += 1; o[1] ??= 2; return [o[s], o[1]]`),
    [2, 2],
  );
});

test('built-ins list their properties in alphabetical order, everything else in its own', () => {
  const listed = evaluated(`return [Reflect.ownKeys(String), Object.getOwnPropertyNames(Array.prototype),
    Object.keys(Object.getOwnPropertyDescriptors(Number)), Object.keys(Reflect)]`) as string[][];
  for (const names of listed) assert.deepEqual(names, names.toSorted());
  assert.deepEqual(
    evaluated(
      `return [Reflect.ownKeys({ b: 1, a: 2 }), Object.getOwnPropertyNames(class { static z() {} static y() {} })]`,
    ),
    [
      ['b', 'a'],
      ['length', 'name', 'prototype', 'z', 'y'],
    ],
  );
});

test('errors are plain, whoever makes them', () => {
  const plain = ['message', 'stack'];
  for (const made of [
    `Reflect.construct(RangeError, ['m'])`,
    `Reflect.apply(TypeError, undefined, ['m'])`,
    `Error.call(null, 'm')`,
    `Error.bind(null)('m')`,
    `['m'].map(Error)[0]`,
    `Array.from(['m'], SyntaxError)[0]`,
    `[...Map.groupBy(['m'], Error).keys()][0]`,
  ]) {
    assert.deepEqual(
      evaluated(`const e = ${made}; return [Reflect.ownKeys(e).sort(), e.stack, e.message]`),
      [plain, '', 'm'],
      made,
    );
  }
  assert.equal(evaluated(`return Reflect.construct(RangeError, ['m']) instanceof RangeError`), true);
});

test('setters of dates ask for numbers, also where the date is none', () => {
  assert.equal(
    evaluated(
      `let asked = 0; new Date(NaN).setMonth({ valueOf() { asked++; return 1; } }, { valueOf() { asked++; return 1; } }); return asked`,
    ),
    2,
  );
});

test('names of the language are there, later ones are not', () => {
  assert.deepEqual(
    evaluated(`return [({}).__proto__ === Object.prototype, typeof Symbol.iterator, typeof Symbol.dispose, typeof Symbol.metadata,
    typeof Symbol('x'), Symbol.for('x').description, typeof Promise.prototype.constructor.try, Uint8Array.prototype.toHex.length]`),
    [true, 'symbol', 'undefined', 'undefined', 'symbol', 'x', 'undefined', 0],
  );
  assert.deepEqual(evaluated(`const o = {}; o.__proto__ = { a: 1 }; return [o.a, Object.keys(o)]`), [1, []]);
});
