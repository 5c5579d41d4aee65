import assert from 'node:assert/strict';
import test from 'node:test';
import { mathematics, power } from '../../src/guest/mathematics.ts';

const bits = new DataView(new ArrayBuffer(8));

/** How many floats two numbers are apart. */
function apart(a: number, b: number): number {
  if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  const place = (value: number): bigint => {
    bits.setFloat64(0, value);
    const magnitude = bits.getBigInt64(0) & 0x7fff_ffff_ffff_ffffn;
    return value < 0 ? -magnitude : magnitude;
  };
  return Number.isFinite(a) && Number.isFinite(b) ? Math.abs(Number(place(a) - place(b))) : Infinity;
}

/** The same numbers in each run: the outcome of the test is not a matter of luck. */
function* numbers(from: number, to: number): Generator<number> {
  for (let i = 0; i < 2000; i++) yield from + (to - from) * ((i * 0.6180339887498949) % 1);
}

type UnaryName = Exclude<
  {
    [K in keyof typeof mathematics]: (typeof mathematics)[K] extends (x: number) => number ? K : never;
  }[keyof typeof mathematics],
  'hypot'
>;

const ranges: readonly (readonly [name: UnaryName, from: number, to: number])[] = [
  ...([
    ['sin', -1e4, 1e4],
    ['cos', -1e4, 1e4],
    ['tan', -1e4, 1e4],
    ['asin', -1, 1],
    ['acos', -1, 1],
  ] as const),
  ...([
    ['atan', -50, 50],
    ['exp', -700, 700],
    ['expm1', -5, 5],
    ['log', 0, 1e6],
    ['log2', 0, 1e6],
  ] as const),
  ...([
    ['log10', 0, 1e6],
    ['log1p', -0.99, 10],
    ['sinh', -30, 30],
    ['cosh', -30, 30],
    ['tanh', -10, 10],
  ] as const),
  ...([
    ['asinh', -1e3, 1e3],
    ['acosh', 1, 1e3],
    ['atanh', -0.99, 0.99],
    ['cbrt', -1e9, 1e9],
  ] as const),
];

const special = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  -2,
  Infinity,
  -Infinity,
  NaN,
  1e300,
  -1e300,
  5e-324,
  1e-300,
  3,
  10,
  8,
  1e8,
];

test('every function is within a few floats of the engine’s', () => {
  for (const [name, from, to] of ranges) {
    const ours: (x: number) => number = mathematics[name];
    const theirs: (x: number) => number = Math[name];
    for (const x of numbers(from, to)) assert.ok(apart(ours(x), theirs(x)) <= 8, `${name}(${x})`);
    for (const x of special) {
      // The engine knows π to a thousand digits; ours is for angles that have one.
      if (/sin$|cos$|tan$/.test(name) && name.length === 3 && Math.abs(x) > 1e9) continue;
      assert.ok(apart(ours(x), theirs(x)) <= 8, `${name}(${x}): ${ours(x)}, not ${theirs(x)}`);
    }
  }
});

test('powers', () => {
  for (const x of special) {
    for (const y of special) {
      assert.ok(apart(power(x, y), x ** y) <= 16, `${x} ** ${y}: ${power(x, y)}, not ${x ** y}`);
      assert.ok(apart(mathematics.atan2(x, y), Math.atan2(x, y)) <= 4, `atan2(${x}, ${y})`);
      assert.ok(apart(mathematics.hypot(x, y), Math.hypot(x, y)) <= 2, `hypot(${x}, ${y})`);
    }
  }
  for (const x of numbers(0, 100)) {
    const y = (x * 7.3) % 30;
    assert.ok(apart(power(x, y), x ** y) <= 32, `${x} ** ${y}`);
  }
});

test('what is exact is exact', () => {
  for (let i = -60; i <= 60; i++) {
    assert.equal(power(2, i), Number(i < 0 ? `${1 / Number(1n << BigInt(-i))}` : 1n << BigInt(i)));
    assert.equal(power(10, i), Number(`1e${i}`));
    assert.equal(mathematics.log10(Number(`1e${i}`)), i);
    assert.equal(mathematics.log2(power(2, i)), i);
    assert.equal(mathematics.cbrt(i * i * i), i);
    assert.equal(power(i, 3), i * i * i);
    assert.equal(power(i * i, 0.5), Math.abs(i));
  }
});

test('nothing is missing but chance, and what not all engines have', () => {
  const missing = Reflect.ownKeys(Math).filter((key) => !(key in mathematics));
  const late = ['f16round', 'sumPrecise'];
  assert.deepEqual(
    missing.filter((key) => !late.includes(String(key))),
    ['random', Symbol.toStringTag],
  );
});
