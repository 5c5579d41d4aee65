import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ascending,
  bool,
  bytes,
  decode,
  encode,
  fixed,
  list,
  oneOf,
  optional,
  struct,
  text,
  type TypeOf,
  u16,
  u32,
  u64,
  u8,
  union,
} from '@coppice/wire';
import { mutated, text as textUpTo } from './arbitraries.ts';

/** Every combinator, within each other. */
const everything = struct({
  small: u8,
  slot: u16,
  size: u32,
  sequence: u64,
  flag: bool,
  digest: fixed(4),
  color: oneOf('red', 'green', 'blue'),
  slots: ascending(u16, 5, (slot) => slot),
  payload: optional(bytes(9)),
  items: list(
    union({ name: struct({ text: text(12) }), pair: struct({ left: optional(u8), right: list(bool, 3) }) }),
    4,
  ),
});

const plain = { noNullPrototype: true };

const value: fc.Arbitrary<TypeOf<typeof everything>> = fc.record(
  {
    small: fc.nat(0xff),
    slot: fc.nat(0xffff),
    size: fc.integer({ min: 0, max: 0xffff_ffff }),
    sequence: fc.maxSafeNat(),
    flag: fc.boolean(),
    digest: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    color: fc.constantFrom('red', 'green', 'blue'),
    slots: fc.uniqueArray(fc.nat(0xffff), { maxLength: 5 }).map((slots) => slots.toSorted((a, b) => a - b)),
    payload: fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined }),
    items: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('name'), text: textUpTo(3) }, plain),
        fc.record(
          {
            kind: fc.constant('pair'),
            left: fc.option(fc.nat(255), { nil: undefined }),
            right: fc.array(fc.boolean(), { maxLength: 3 }),
          },
          plain,
        ),
      ),
      { maxLength: 4 },
    ),
  },
  plain,
);

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(value, fc.nat(300), (original, bytesExpected) => {
      const decoded = decode(everything, encode(everything, original, bytesExpected));
      assert(decoded.ok);
      assert.deepEqual(decoded.value, original);
    }),
    { numRuns: 300 },
  );
});

test('what is decoded has exactly the decoded bytes', () => {
  let accepted = 0;
  const encoding = value.map((original) => encode(everything, original));
  fc.assert(
    fc.property(mutated(encoding), (bytes) => {
      const decoded = decode(everything, bytes);
      if (!decoded.ok) return;
      accepted++;
      assert.deepEqual(encode(everything, decoded.value), bytes);
    }),
    { numRuns: 1000 },
  );
  assert(accepted > 20, `only ${accepted} mutated encodings were values`);
});

test('no prefix of an encoding is one', () => {
  fc.assert(
    fc.property(value, fc.nat(), (original, cut) => {
      const whole = encode(everything, original);
      assert.equal(decode(everything, whole.subarray(0, cut % whole.length)).ok, false);
    }),
  );
});
