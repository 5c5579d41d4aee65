import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compareBytes,
  concatBytes,
  decodeUtf8,
  encodeUtf8,
  fromHex,
  fromLatin1,
  sameBytes,
  toHex,
  toLatin1,
} from '@coppice/wire';
import { text } from './arbitraries.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const few = fc.uint8Array({ maxLength: 3, max: 2 });

test('comparison is that of Node', () => {
  fc.assert(
    fc.property(fc.tuple(few, few), ([a, b]) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b));
      assert.equal(sameBytes(a, b), Buffer.compare(a, b) === 0);
    }),
  );
});

test('concatenation', () => {
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 4 }), (parts) => {
      assert.deepEqual(concatBytes(...parts), new Uint8Array(Buffer.concat(parts)));
    }),
  );
});

test('hexadecimal is that of Node, in lower case only', () => {
  fc.assert(
    fc.property(bytes, (original) => {
      assert.equal(toHex(original), Buffer.from(original).toString('hex'));
      assert.deepEqual(fromHex(toHex(original)), original);
    }),
  );
  for (const text of ['a', 'AB', '0x', 'zz', ' 00', '00\n', '-1', '+1', '１２'])
    assert.equal(fromHex(text), undefined, text);
});

test('latin-1 strings hold every byte, keep the order, and may be long', () => {
  fc.assert(
    fc.property(fc.tuple(few, few), ([a, b]) => {
      assert.equal(toLatin1(a) < toLatin1(b), compareBytes(a, b) < 0);
    }),
  );
  const long = Uint8Array.from({ length: 300_001 }, (_, i) => i * 7);
  assert.equal(toLatin1(long), Buffer.from(long).toString('latin1'));
  assert.deepEqual(fromLatin1(toLatin1(long)), long);
});

test('UTF-8 of well-formed text is that of Node, and there is none of other text', () => {
  const unit = fc.nat(0xffff).map((code) => String.fromCharCode(code));
  const anyText = fc.array(fc.oneof(text(4), unit), { maxLength: 8 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(anyText, (any) => {
      const utf8 = encodeUtf8(any);
      if (!any.isWellFormed()) return assert.equal(utf8, undefined);
      assert.deepEqual(utf8, new TextEncoder().encode(any));
      assert.equal(decodeUtf8(utf8), any);
    }),
    { numRuns: 500 },
  );
});

test('surrogates have UTF-8 only as a pair, high before low', () => {
  const edges = [0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff];
  for (const first of edges) {
    for (const second of edges) {
      const text = String.fromCharCode(first, second);
      assert.deepEqual(encodeUtf8(text), text.isWellFormed() ? new TextEncoder().encode(text) : undefined);
    }
  }
});

test('UTF-8 is decoded as strictly as by TextDecoder', () => {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const reference = (utf8: Uint8Array): string | undefined => {
    try {
      return strict.decode(utf8);
    } catch {
      return undefined;
    }
  };
  const check = (...utf8: number[]): void => {
    const bytes = Uint8Array.from(utf8);
    assert.equal(decodeUtf8(bytes), reference(bytes), toHex(bytes));
  };
  // Every first byte, and in every further place the bytes at which a rule begins or ends.
  const leads = [0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff];
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  for (let a = 0; a < 256; a++) {
    check(a);
    for (const b of edges) check(a, b);
  }
  for (const a of leads) {
    for (const b of edges) {
      for (const c of edges) {
        check(a, b, c);
        for (const d of edges) check(a, b, c, d);
      }
    }
  }
});
