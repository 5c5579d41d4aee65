import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type CborValue, decodeResult, encodeCbor, encodeResult, type Result } from '@coppice/wire';

const good: Result[] = [
  { ok: true, value: null },
  { ok: true, value: [1, { a: 'b' }], events: [{ name: 'granted', data: { to: 'x' } }] },
  { ok: false, error: { code: 'invalid-input', message: 'no', path: ['a', 0] } },
  { ok: false, error: { code: 'taken', message: '', data: { by: new Uint8Array(2) } } },
];

it('comes back as it was', () => {
  for (const result of good) assert.deepEqual(decodeResult(encodeResult(result)), { ok: true, value: result });
});

it('refuses every other shape', () => {
  const bad: CborValue[] = [
    null,
    [],
    { ok: true },
    { value: 1 },
    { ok: 1, value: 1 },
    { ok: true, value: 1, extra: 1 },
    { ok: true, value: 1, events: [] },
    { ok: true, value: 1, events: [{ name: 'x' }] },
    { ok: true, value: 1, events: [{ name: 1, data: 1 }] },
    { ok: true, value: 1, error: { code: 'a', message: 'b' } },
    { ok: false, value: 1 },
    { ok: false, error: { code: 'a' } },
    { ok: false, error: { code: 'a', message: 1 } },
    { ok: false, error: { code: 'a', message: 'b', path: [null] } },
    { ok: false, error: { code: 'a', message: 'b', more: 1 } },
    { ok: false, error: { code: 'a', message: 'b' }, value: 1 },
  ];
  for (const value of bad) assert.deepEqual(decodeResult(encodeCbor(value)), { ok: false, reason: 'not a result' });
  for (const bytes of [new Uint8Array([1, 2]), encodeCbor(new Map([[1, 2]]))])
    assert.equal(decodeResult(bytes).ok, false);
});
