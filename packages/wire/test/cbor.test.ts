import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cborDiagnostic, type CborValue, decodeCbor, encodeCbor, fromHex, toHex } from '@coppice/wire';
import vectors from './vectors/cbor.json' with { type: 'json' };

for (const { from, diagnostic, hex } of vectors.accepted) {
  test(`${from}: ${diagnostic} is ${hex}`, () => {
    const decoded = decodeCbor(fromHex(hex)!);
    assert(decoded.ok);
    assert.equal(cborDiagnostic(decoded.value), diagnostic);
    assert.equal(toHex(encodeCbor(decoded.value)), hex);
  });
}

for (const { from, what, hex, reason } of vectors.refused) {
  test(`${from}: refuses ${what}`, () => {
    assert.deepEqual(decodeCbor(fromHex(hex)!), { ok: false, reason });
  });
}

function hexOf(value: CborValue): string {
  return toHex(encodeCbor(value));
}

test('one encoding for what is one value', () => {
  assert.equal(hexOf(-0), '00');
  assert.equal(hexOf({ b: 1, a: 2 }), hexOf({ a: 2, b: 1 }));
  assert.equal(
    hexOf(
      new Map([
        ['b', 1],
        ['a', 2],
      ]),
    ),
    hexOf({ a: 2, b: 1 }),
  );
  assert.equal(hexOf(new Map()), hexOf({}));
  assert.equal(hexOf(Object.assign(Object.create(null), { a: 1 }) as CborValue), hexOf({ a: 1 }));
  assert.equal(
    hexOf({ 10: 'text key', 9: 'shorter' }),
    hexOf(
      new Map([
        ['9', 'shorter'],
        ['10', 'text key'],
      ]),
    ),
  );
});

test('what has no encoding is refused by the encoder', () => {
  const cycle: CborValue[] = [];
  cycle.push(cycle);
  let deep: CborValue = null;
  for (let i = 0; i < 65; i++) deep = [deep];
  const values: unknown[] = [
    NaN,
    Infinity,
    -Infinity,
    undefined,
    Symbol('x'),
    () => 1,
    5n,
    -5n,
    BigInt(Number.MAX_SAFE_INTEGER),
    2n ** 64n,
    -(2n ** 64n) - 1n,
    '\ud800',
    '\udc00x',
    { '\ud800': 1, b: 2 },
    { a: undefined },
    Array(2),
    new Date(0),
    /x/,
    new Set([1]),
    new (class Account {})(),
    new Map<unknown, unknown>([[1.5, 1]]),
    new Map<unknown, unknown>([
      [NaN, 1],
      [2, 2],
    ]),
    new Map<unknown, unknown>([[2n ** 60n, 1]]),
    new Map<unknown, unknown>([[[], 1]]),
    new Map<unknown, unknown>([
      [null, 1],
      ['a', 2],
    ]),
    new Uint16Array(2),
    new ArrayBuffer(2),
    cycle,
    deep,
  ];
  for (const value of values) assert.throws(() => encodeCbor(value as CborValue), RangeError, typeof value);
});

test('byte strings are views of what was decoded', () => {
  const bytes = encodeCbor(new Uint8Array([1, 2, 3]));
  const decoded = decodeCbor(bytes);
  assert(decoded.ok && decoded.value instanceof Uint8Array);
  assert.equal(decoded.value.buffer, bytes.buffer);
});

test('names of Object.prototype become properties of the object, and nothing else changes', () => {
  const decoded = decodeCbor(fromHex('a2695f5f70726f746f5f5fa16178016b636f6e7374727563746f7202')!);
  assert(decoded.ok);
  const value = decoded.value as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(value['x'], undefined);
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});

test('every half-precision float is accepted exactly if it is finite and no integer', () => {
  for (let half = 0; half < 0x1_0000; half++) {
    const bytes = new Uint8Array([0xf9, half >> 8, half & 255]);
    const exponent = (half >> 10) & 31;
    const significand = (half & 0x3ff) + (exponent === 0 ? 0 : 0x400);
    const value = significand * 2 ** (Math.max(exponent, 1) - 25);
    const decoded = decodeCbor(bytes);
    assert.equal(decoded.ok, exponent !== 31 && !Number.isInteger(value), half.toString(16));
    if (!decoded.ok) continue;
    assert.equal(decoded.value, half < 0x8000 ? value : -value);
    assert.deepEqual(encodeCbor(decoded.value), bytes);
  }
});

test('a count or length far beyond the bytes allocates nothing', () => {
  const hostile = ['9a00ffffff', '9affffffff', 'ba00ffffff', '5a7fffffff', '7a7fffffff', '9b00000000ffffffff'].map(
    (hex) => fromHex(hex)!,
  );
  const before = process.memoryUsage();
  for (let i = 0; i < 1000; i++) for (const bytes of hostile) assert.equal(decodeCbor(bytes).ok, false);
  const after = process.memoryUsage();
  assert(after.rss - before.rss < 64 * 1024 * 1024);
});

test('a million nested arrays or maps are refused without exhausting the stack', () => {
  assert.deepEqual(decodeCbor(new Uint8Array(1_000_000).fill(0x81)), { ok: false, reason: 'nested too deep' });
  assert.deepEqual(decodeCbor(new Uint8Array(1_000_000).fill(0xa1)), { ok: false, reason: 'nested too deep' });
});

test('bytes beyond the limit are refused unread', () => {
  const bytes = encodeCbor('x'.repeat(100));
  assert.equal(decodeCbor(bytes, { bytesMax: bytes.length }).ok, true);
  assert.deepEqual(decodeCbor(bytes, { bytesMax: bytes.length - 1 }), { ok: false, reason: 'too long' });
  assert.deepEqual(decodeCbor(new Uint8Array(16 * 1024 * 1024 + 1)), { ok: false, reason: 'too long' });
});
