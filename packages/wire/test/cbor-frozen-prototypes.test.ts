import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeCbor, encodeCbor } from '@coppice/wire';

// Services run where prototypes are frozen. There, an assignment to an inherited name fails.
test('any name is a key where prototypes are frozen', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'x'];
  const bytes = encodeCbor(new Map(names.map((name, i) => [name, i])));
  Object.freeze(Object.prototype);
  const decoded = decodeCbor(bytes);
  assert(decoded.ok);
  assert.deepEqual(Object.keys(decoded.value as object).toSorted(), names.toSorted());
});
