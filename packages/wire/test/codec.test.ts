import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ascending,
  bool,
  bytes,
  type Codec,
  decode,
  encode,
  fixed,
  fromHex,
  list,
  malformed,
  mapped,
  oneOf,
  optional,
  struct,
  text,
  toHex,
  u16,
  u32,
  u64,
  u8,
  union,
  Writer,
} from '@coppice/wire';
import vectors from './vectors/codec.json' with { type: 'json' };

const codecs: Record<string, Codec<any>> = {
  u8,
  u16,
  u32,
  u64,
  bool,
  'fixed(2)': fixed(2),
  'bytes(3)': bytes(3),
  'text(4)': text(4),
  'list(u16, 3)': list(u16, 3),
  'ascending(u8, 3)': ascending(u8, 3, (value) => value),
  'optional(u8)': optional(u8),
  struct: struct({ a: u8, b: u16 }),
  union: union({ none: struct({}), pair: struct({ a: u8, b: u8 }) }),
  oneOf: oneOf('red', 'green'),
  mapped: mapped(
    u8,
    (value) => (value > 9 ? malformed('no digit') : String(value)),
    (digit: string) => Number(digit),
  ),
};

/** Values of the vectors: byte strings are written {"hex": "..."}. */
function revive(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'hex' in value ? fromHex(value.hex as string) : value;
}

for (const vector of vectors.accepted) {
  test(`${vector.codec}: ${JSON.stringify(vector.value)} is ${vector.hex}`, () => {
    const codec = codecs[vector.codec]!;
    // JSON has no undefined: there, the absent option is null.
    const value = vector.value === null ? undefined : revive(vector.value);
    assert.equal(toHex(encode(codec, value)), vector.hex);
    const decoded = decode(codec, fromHex(vector.hex)!);
    assert.deepEqual(decoded, { ok: true, value });
  });
}

for (const { codec, hex, reason } of vectors.refused) {
  test(`${codec}: refuses ${hex || 'nothing'}: ${reason}`, () => {
    assert.deepEqual(decode(codecs[codec]!, fromHex(hex)!), { ok: false, reason });
  });
}

test('a value out of bounds has no encoding', () => {
  const values: [Codec<any>, unknown][] = [
    ...[-1, 0.5, NaN, Infinity, 2 ** 53].flatMap((value) =>
      [u8, u16, u32, u64].map((c): [Codec<any>, unknown] => [c, value]),
    ),
    [u8, 0x100],
    [u16, 0x1_0000],
    [u32, 0x1_0000_0000],
    [fixed(2), new Uint8Array(1)],
    [fixed(2), new Uint8Array(3)],
    [bytes(3), new Uint8Array(4)],
    [text(4), 'abcde'],
    [text(4), 'ééé'],
    [text(4), '\ud800'],
    [list(u8, 2), [1, 2, 3]],
    [ascending(u8, 3, (v) => v), [2, 1]],
    [ascending(u8, 3, (v) => v), [1, 1]],
    [union({ a: struct({}) }), { kind: 'b' }],
    [union({ a: struct({}) }), { kind: 'toString' }],
    [oneOf('red'), 'blue'],
  ];
  for (const [codec, value] of values) assert.throws(() => encode(codec, value), RangeError, String(value));
});

test('a writer grows from any size', () => {
  for (const expected of [0, 1, 7, 256]) {
    const writer = new Writer(expected);
    for (let i = 0; i < 100; i++) {
      writer.u8(i);
      writer.u64(2 ** 40 + i);
      writer.raw(Uint8Array.of(i, i));
    }
    const written = writer.finish();
    assert.equal(writer.length, 1100);
    assert.equal(written.length, 1100);
    assert.equal(toHex(written.subarray(-11)), '6300000100000000636363');
  }
});

test('decoding starts where the view of the bytes starts, and hands out views', () => {
  const whole = fromHex('ffff000000020102ff')!;
  const decoded = decode(bytes(2), whole.subarray(2, 8));
  assert(decoded.ok);
  assert.deepEqual(decoded.value, Uint8Array.of(1, 2));
  assert.equal(decoded.value.buffer, whole.buffer);
});

test('a count or length far beyond the bytes allocates nothing', () => {
  const counts = list(u8, 0xffff_ffff);
  const lengths = bytes(0xffff_ffff);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 1000; i++) {
    assert.deepEqual(decode(counts, fromHex('ffffffff01')!), { ok: false, reason: 'too many items' });
    assert.deepEqual(decode(lengths, fromHex('ffffffff01')!), { ok: false, reason: 'truncated' });
  }
  assert(process.memoryUsage().rss - before < 64 * 1024 * 1024);
});

test('an error that is no refusal is not hidden', () => {
  const broken: Codec<number> = {
    write: () => {},
    read: () => {
      throw new TypeError('a mistake of ours');
    },
  };
  assert.throws(() => decode(broken, new Uint8Array(1)), TypeError);
});
