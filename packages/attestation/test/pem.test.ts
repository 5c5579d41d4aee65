import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodePem } from '../src/index.ts';
import { decodeBase64 } from '../src/pem.ts';

const block = (body: string, label = 'CERTIFICATE'): string =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;

test('base64 of any bytes is read, and only in its one form', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.deepEqual(decodeBase64(Buffer.from(bytes).toString('base64')), bytes);
    }),
  );
  for (const text of ['A', 'AA', 'AAA', 'AB==', 'AAB=', 'A===', '====', 'AA=A', 'AA-_', 'AAAA=', 'AA A'])
    assert.equal(decodeBase64(text), undefined, text);
});

test('a text is blocks, and nothing besides', () => {
  const read = decodePem(`${block('AA==')}\r\n${block('AQ==', 'X509 CRL')}`);
  assert.deepEqual(read, {
    ok: true,
    value: [
      { label: 'CERTIFICATE', bytes: Uint8Array.of(0) },
      { label: 'X509 CRL', bytes: Uint8Array.of(1) },
    ],
  });
  const bad = ['', 'x', `x${block('AA==')}`, `${block('AA==')}x`, block('AA'), block('AA==', 'PRIVATE KEY')];
  for (const text of [...bad, block('AA==').replace('END CERT', 'END X509 CRL'), block('AA==').repeat(33)])
    assert.equal(decodePem(text).ok, false, text);
});
