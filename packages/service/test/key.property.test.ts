import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { decodeKey, encodeKey, encodePrefix, type Key, type KeyPart } from '../src/key.ts';

/** Any character but a lone surrogate. */
function character(number: number): string {
  return String.fromCodePoint(number < 0xd800 ? number : number + 0x800);
}

const text = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 0x10f7ff }), { maxLength: 8 }).map((codes) => codes.map(character).join('')),
  fc
    .array(fc.constantFrom('\0', '\x01', '\xff', 'a', 'é', '\u{1f600}'), { maxLength: 6 })
    .map((units) => units.join('')),
);
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 1, -1),
);
const part: fc.Arbitrary<KeyPart> = fc.oneof(text, number, fc.boolean());
const tuple = fc.array(part, { minLength: 1, maxLength: 4 });
const key: fc.Arbitrary<Key> = fc.oneof(part, tuple);

/** The order that key.ts states, written as plainly as can be. */
function compare(a: Key, b: Key): number {
  if (typeof a === 'object' && typeof b === 'object') {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compare(a[i]!, b[i]!);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  const rank = (value: Key): number => ['boolean', 'number', 'string', 'object'].indexOf(typeof value);
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  return Number(a) - Number(b);
}

const normal = (value: Key): Key =>
  typeof value === 'object' ? value.map((item) => normal(item) as KeyPart) : value === 0 ? 0 : value;

test('a key comes back as it was', () => {
  fc.assert(fc.property(key, (value) => assert.deepEqual(decodeKey(encodeKey(value)), normal(value))));
});

test('the order of the bytes is that of the keys', () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      const [x, y] = [encodeKey(a), encodeKey(b)];
      assert.equal(Math.sign(x < y ? -1 : x > y ? 1 : 0), Math.sign(compare(normal(a), normal(b))));
    }),
    { numRuns: 300 },
  );
});

test('the keys that begin with a tuple are those whose bytes do', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 3 }), key, (prefix, value) => {
      const begins =
        typeof value === 'object' &&
        prefix.every((item, i) => i < value.length && compare(normal(item), normal(value[i]!)) === 0);
      assert.equal(encodeKey(value).startsWith(encodePrefix(prefix)), begins);
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 2 }), tuple, (prefix, rest) => {
      assert.ok(encodeKey([...prefix, ...rest]).startsWith(encodePrefix(prefix)));
    }),
  );
});

test('keys are bytes, and not too many', () => {
  fc.assert(fc.property(key, (value) => assert.match(encodeKey(value), /^[\0-\xff]*$/)));
  for (const bad of [
    'a'.repeat(1100),
    NaN,
    Infinity,
    [],
    [[1]],
    {},
    null,
    undefined,
    1n,
    '\ud800',
    [undefined],
    Array(2000).fill(true),
  ])
    assert.throws(() => encodeKey(bad), { code: 'invalid-key' });
});
