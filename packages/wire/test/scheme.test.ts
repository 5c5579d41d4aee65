import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  concatBytes,
  decode,
  encode,
  headerCodec,
  keysOf,
  schemeOf,
  schemes,
  seatSignature,
  signingKey,
  struct,
  toHex,
  u8,
} from '@coppice/wire';

describe('the table', () => {
  it('has a scheme for each version of the protocol', () => {
    assert.deepEqual([1, 2, 3].map(schemeOf), [1, 1, 2]);
    assert.deepEqual(schemes, {
      1: { publicKeyBytes: 32, signatureBytes: 64 },
      2: { publicKeyBytes: 1984, signatureBytes: 3373 },
    });
  });

  it('knows keys by their lengths', () => {
    const keys = [32, 1984, 33].map((length) => ({ signingKey: new Uint8Array(length) }));
    const verdicts = (scheme: 1 | 2): boolean[] => keys.map((key) => keysOf(scheme, [key]));
    assert.deepEqual(
      [verdicts(1), verdicts(2)],
      [
        [true, false, false],
        [false, true, false],
      ],
    );
    assert.ok(!keysOf(2, keys.slice(0, 2)));
  });

  it('has no header of a version that is not in it', () => {
    const unknown = decode(headerCodec, Uint8Array.of(0, 5, ...new Uint8Array(300)));
    assert.deepEqual(unknown, { ok: false, reason: 'protocol version 5 is not known' });
  });
});

const forms = [
  { name: 'key', codec: signingKey, short: 32, long: 1984 },
  { name: 'signature', codec: seatSignature, short: 64, long: 3373 },
];

for (const { codec, long, name, short } of forms) {
  describe(`encoding of a seat's ${name}`, () => {
    const counted = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (7 * i + 1) & 0xff);
    const within = struct({ before: u8, it: codec, after: u8 });

    it('is, of scheme 1, its bytes', () => {
      const value = { before: 1, it: counted(short), after: 2 };
      assert.equal(toHex(encode(within, value)), `01${toHex(counted(short))}02`);
      assert.deepEqual(decode(within, encode(within, value)), { ok: true, value });
    });

    it('is, of scheme 2, as many bytes ff, then its bytes', () => {
      const value = { before: 1, it: counted(long), after: 2 };
      assert.equal(toHex(encode(within, value)), `01${'ff'.repeat(short)}${toHex(counted(long))}02`);
      assert.deepEqual(decode(within, encode(within, value)), { ok: true, value });
    });

    it('does not end early, and nothing else announces scheme 2', () => {
      const mark = new Uint8Array(short).fill(0xff);
      assert.ok(!decode(codec, mark).ok);
      assert.ok(!decode(codec, concatBytes(mark, counted(long - 1))).ok);
      assert.ok(!decode(codec, concatBytes(mark, counted(long + 1))).ok);
      for (const at of [0, short - 1]) {
        const nearly = mark.slice();
        nearly[at] = 0xfe;
        assert.deepEqual(decode(codec, nearly), { ok: true, value: nearly });
      }
    });

    it('is none of other lengths, nor of what announces the other', () => {
      for (const length of [0, short - 1, short + 1, long - 1, long + 1])
        assert.throws(() => encode(codec, counted(length)), RangeError);
      assert.throws(() => encode(codec, new Uint8Array(short).fill(0xff)), RangeError);
    });
  });
}
