/** The realm, after lockdown: as it was for the process, and as it must be for services. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { evaluated } from '../loaded.ts';
import { counting } from '../guest/counting.ts';

test('outside of services, built-ins are the engine’s', () => {
  assert.equal('a'.localeCompare('b'), -1);
  assert.equal('é'.normalize('NFD').length, 2);
  assert.equal((1234.5).toLocaleString('en-US'), '1,234.5');
  assert.equal('ODOΣ'.toLowerCase(), 'odoς');
  assert.equal('x'.repeat(2_000_000).length, 2_000_000);
  assert.match(
    String(() => 1),
    /=> 1/,
  );
  assert.equal(new Date(2026, 0, 1).getTimezoneOffset(), new Date(2026, 0, 1, 1).getTimezoneOffset());
  assert.ok(Math.random() < 1);
  assert.ok(Date.now() > 1e12);
  assert.ok(new Error('x').stack?.includes('realm.test'));
});

test('arrays of services are the language’s', () => {
  const item = fc.oneof(fc.integer(), fc.string({ maxLength: 3 }), fc.constantFrom(undefined, null, true));
  const list = fc.array(item, { maxLength: 20 });
  const numbers = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 30 });
  fc.assert(
    fc.property(list, numbers, fc.string({ maxLength: 2 }), (values, digits, separator) => {
      const results = (): unknown[] => [
        // oxlint-disable-next-line typescript/require-array-sort-compare -- that is what is tested
        [...values].sort(),
        digits.toSorted((a, b) => a - b),
        digits.toSorted((a, b) => Math.abs(a) - Math.abs(b)),
        values.join(separator),
        String([values, digits]),
        [values, [digits, [digits]]].flat(),
        [values, [digits, [digits]]].flat(Infinity),
        values.concat(digits, separator),
        Uint8Array.from(digits).toSorted((a, b) => b - a),
        Uint8Array.from(digits).join(separator),
      ];
      assert.deepEqual(counting(results), results());
    }),
    { numRuns: 200 },
  );
});

test('texts of services are the language’s', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', '$', '$&', '$1', 'é', ' ', ''), { maxLength: 8 })
    .map((parts) => parts.join(''));
  const results = (a: string, b: string, c: string, n: number): unknown[] => [
    a.replace(b, c),
    a.replaceAll(b, c),
    a.replaceAll(b, (found, at) => `${found}${at}`),
    a.split(b),
    a.concat(b, c),
    a.repeat(n),
    a.padStart(n * 3, b),
    a.indexOf(b),
    String.raw({ raw: [a, b, c] }, 1, 2),
    a.toUpperCase(),
    Number.parseInt('12', 10),
    Number.parseInt(`-${n}z`, 36),
  ];
  fc.assert(
    fc.property(text, text, text, fc.nat({ max: 5 }), (a, b, c, n) => {
      assert.deepEqual(
        counting(() => results(a, b, c, n)),
        results(a, b, c, n),
      );
    }),
    { numRuns: 300 },
  );
});

test('long numbers in any base are exact', () => {
  counting(() => {
    assert.equal(Number.parseInt('z'.repeat(20), 36), Number(36n ** 20n - 1n));
    assert.equal(Number.parseInt('2'.repeat(60), 3), Number(3n ** 60n - 1n));
    assert.equal(Number.parseInt('1'.repeat(2000), 7), Infinity);
    assert.equal(Number.parseInt('  -12xyz', 7), -12 + 3);
    for (const [text, radix] of [
      ['', 7],
      ['9', 7],
      ['1', 1],
      ['1', 37],
      ['-', 5],
    ] as const)
      assert.ok(Number.isNaN(Number.parseInt(text, radix)));
    assert.equal(Number.parseInt('0x1f', 16), 31);
  });
});

test('numbers in any base are told from their neighbours', () => {
  const base = fc.integer({ min: 2, max: 36 }).filter((radix) => radix !== 10);
  const size = fc.double({ min: 1e-30, max: 1e30, noNaN: true });
  /** Exactly, in units of 2^-200. */
  const units = (value: number): bigint => BigInt(value * 2 ** 200);
  fc.assert(
    fc.property(size, base, fc.boolean(), (value, radix, negative) => {
      const text = counting(() => (negative ? -value : value).toString(radix));
      assert.equal(text.startsWith('-'), negative);
      assert.doesNotMatch(text, /\..*0$/);
      const [whole, fraction = ''] = text.replace('-', '').split('.') as [string, string?];
      let digits = 0n;
      for (const digit of `${whole}${fraction}`) digits = digits * BigInt(radix) + BigInt(Number.parseInt(digit, 36));
      const scale = BigInt(radix) ** BigInt(fraction.length);
      const distance = digits * 2n ** 200n - units(value) * scale;
      const gap = units(value * (1 + Number.EPSILON)) - units(value);
      assert.ok(2n * (distance < 0n ? -distance : distance) <= gap * scale, text);
    }),
    { numRuns: 200 },
  );
  counting(() => {
    assert.equal((0.5).toString(2), '0.1');
    assert.equal((-255.5).toString(16), '-ff.8');
    assert.equal((2 ** 70).toString(36), (2n ** 70n).toString(36));
    assert.equal((35 + 35 / 36 + 35 / 36 ** 2 - 2 ** -48).toString(36).slice(0, 3), 'z.z');
    for (const value of [NaN, Infinity, -Infinity, 0, -0]) assert.equal(value.toString(36), String(value));
    const tooLarge = 37;
    assert.throws(() => (1).toString(tooLarge), RangeError);
  });
});

test('dates of services are of UTC', () => {
  const dates: Readonly<Record<string, unknown>> = {
    'new Date(0).toString()': 'Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)',
    'new Date(2026, 10, 24, 10, 30).getTime()': Date.UTC(2026, 10, 24, 10, 30),
    'new Date("2026-11-24T10:30").toISOString()': '2026-11-24T10:30:00.000Z',
    'new Date("2026-11-24T10:30:00+02:00").toISOString()': '2026-11-24T08:30:00.000Z',
    'new Date("2026-02-30").getTime() || "invalid"': 'invalid',
    'String(new Date(NaN))': 'Invalid Date',
    'typeof Date()': 'string',
    'Date.now() === tx.time && new Date().getTime() === tx.time': true,
    'new Date(new Date(5)).getTime()': 5,
    'new Date(99, 0).getFullYear()': 1999,
    'new Date(0) instanceof Date': true,
  };
  for (const [code, value] of Object.entries(dates)) assert.equal(evaluated(code), value, code);
});
