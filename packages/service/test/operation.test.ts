import assert from 'node:assert/strict';
import test from 'node:test';
import { encodeCbor, limits } from '@coppice/wire';
import * as fc from 'fast-check';
import { decodeOperation, encodeOperation } from '@coppice/service';

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.string(),
    fc.uint8Array({ maxLength: 8 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

test('an operation comes back as it was, and has one encoding', () => {
  fc.assert(
    fc.property(fc.string(), value, (command, input) => {
      const bytes = encodeOperation({ command, input });
      const decoded = decodeOperation(bytes);
      assert.ok(decoded.ok);
      assert.deepEqual(decoded.value, { command, input });
      assert.deepEqual(encodeOperation(decoded.value), bytes);
    }),
    { numRuns: 150 },
  );
  assert.deepEqual(decodeOperation(encodeOperation({ command: 'a' })), { ok: true, value: { command: 'a' } });
});

test('any bytes are an operation or are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeOperation(bytes)),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.string(), value, fc.nat(), fc.integer({ min: 1, max: 255 }), (command, input, at, change) => {
      const bytes = encodeOperation({ command, input });
      bytes[at % bytes.length]! ^= change;
      const decoded = decodeOperation(bytes);
      if (decoded.ok) assert.deepEqual(encodeOperation(decoded.value), bytes);
    }),
    { numRuns: 150 },
  );
});

test('what is no operation is refused', () => {
  const refused = [
    null,
    [],
    ['a', 1, 2],
    [1],
    { a: 1 },
    ['a', 2n ** 60n],
    ['a', [new Map([[1, 2]])]],
    [new Uint8Array(1)],
  ];
  for (const wrong of refused) assert.equal(decodeOperation(encodeCbor(wrong)).ok, false);
  assert.equal(decodeOperation(new Uint8Array(limits.operationBytes + 1)).ok, false);
  assert.throws(() => encodeOperation({ command: 'a', input: 'x'.repeat(limits.operationBytes) }), RangeError);
  assert.throws(() => encodeOperation({ command: 'a', input: { b: [1, NaN] } }), {
    code: 'invalid-value',
    path: ['b', 1],
  });
});

test('a decoded operation shares no bytes', () => {
  const bytes = encodeOperation({ command: 'a', input: Uint8Array.of(1, 2, 3) });
  const decoded = decodeOperation(bytes);
  bytes.fill(0);
  assert.ok(decoded.ok);
  assert.deepEqual(decoded.value.input, Uint8Array.of(1, 2, 3));
});
