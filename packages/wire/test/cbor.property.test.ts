import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CborValue, compareBytes, decodeCbor, decodePlainCbor, encodeCbor } from '@coppice/wire';
import { mutated, text as textUpTo } from './arbitraries.ts';

const bigInteger = fc
  .bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n })
  .filter((integer) => !Number.isSafeInteger(Number(integer)));
const number = fc
  .oneof(
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 70_000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
  )
  .map((x) => (x === 0 ? 0 : x));
const text = textUpTo(30);

const { value } = fc.letrec<{ value: CborValue; map: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    number,
    bigInteger,
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(text, tie('value'), { maxKeys: 30, noNullPrototype: true }),
    tie('map'),
  ),
  map: fc
    .tuple(fc.maxSafeInteger(), tie('value'), fc.array(fc.tuple(fc.oneof(fc.maxSafeInteger(), text), tie('value'))))
    .map(([key, item, more]) => new Map<number | string, CborValue>([[key === 0 ? 0 : key, item], ...more])),
}));

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(value, (original) => {
      const decoded = decodeCbor(encodeCbor(original));
      assert(decoded.ok);
      assert.deepEqual(decoded.value, original);
    }),
    { numRuns: 300 },
  );
});

/** Whether JSON has all of it, but for byte strings. */
function isPlain(of: CborValue): boolean {
  if (typeof of === 'bigint' || of instanceof Map) return false;
  if (typeof of !== 'object' || of === null || of instanceof Uint8Array) return true;
  return Object.values(of).every(isPlain);
}

function buffersOf(of: CborValue): ArrayBufferLike[] {
  if (of instanceof Uint8Array) return [of.buffer];
  return typeof of === 'object' && of !== null ? Object.values(of).flatMap(buffersOf) : [];
}

test('the same where only plain values are wanted, which share nothing', () => {
  let plain = 0;
  fc.assert(
    fc.property(value, (original) => {
      const bytes = encodeCbor(original);
      const decoded = decodePlainCbor(bytes);
      assert.equal(decoded.ok, isPlain(original));
      if (!decoded.ok) return;
      plain++;
      assert.deepEqual(decoded.value, original);
      const buffers = [bytes.buffer, ...buffersOf(decoded.value)];
      assert.equal(new Set(buffers).size, buffers.length);
    }),
    { numRuns: 300 },
  );
  assert(plain > 20, `only ${plain} values were plain`);
});

test('what is decoded has exactly the decoded bytes: mutated encodings', () => {
  let accepted = 0;
  fc.assert(
    fc.property(mutated(value.map(encodeCbor)), (bytes) => {
      const decoded = decodeCbor(bytes);
      if (!decoded.ok) return;
      accepted++;
      assert.deepEqual(encodeCbor(decoded.value), bytes);
    }),
    { numRuns: 1000 },
  );
  assert(accepted > 20, `only ${accepted} mutated encodings were values`);
});

test('what is decoded has exactly the decoded bytes: random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      const decoded = decodeCbor(bytes);
      if (decoded.ok) assert.deepEqual(encodeCbor(decoded.value), bytes);
    }),
    { numRuns: 5000 },
  );
});

test('map keys are in bytewise order of their encodings', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(fc.maxSafeInteger(), text), { minLength: 2, maxLength: 8 }), (keys) => {
      const sorted = keys.map((key) => encodeCbor(key)).sort(compareBytes);
      const flat = sorted.flatMap((key) => [...key, 0xf6]);
      assert.deepEqual([...encodeCbor(new Map(keys.map((key) => [key, null])))], [0xa0 | new Set(keys).size, ...flat]);
    }),
    { numRuns: 300 },
  );
});
