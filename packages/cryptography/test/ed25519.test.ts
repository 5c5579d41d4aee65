/** The strict acceptance rule of spec/encoding.md: every edge on which runtimes disagree is refused here by ourselves. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ed25519 } from '@noble/curves/ed25519.js';
import { edges } from './edges.ts';
import { newSigner, nodeCryptography, signerFromSeed } from '../src/index.ts';
import { nodeCrypto } from '../src/node-crypto.ts';
import { libsodium } from '../src/sodium.ts';

const { hash, verify } = nodeCryptography;
const message = new TextEncoder().encode('what is signed');
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

function integer(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

test('RFC 8032, 7.1, test 2', () => {
  const signer = signerFromSeed(Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'));
  assert.equal(
    Buffer.from(signer.publicKey).toString('hex'),
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  );
  const signature = signer.sign(Uint8Array.of(0x72));
  assert.equal(
    Buffer.from(signature).toString('hex'),
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
  assert.ok(verify(signer.publicKey, Uint8Array.of(0x72), signature));
});

for (const [name, implementation] of Object.entries({ libsodium, 'node-crypto': nodeCrypto })) {
  const { validPublicKey, verify } = implementation;
  describe(name, () => {
    test('every bit of a signature counts', () => {
      const signer = newSigner();
      const signature = signer.sign(message);
      assert.ok(verify(signer.publicKey, message, signature));
      for (let bit = 0; bit < 512; bit += 7) {
        const changed = Uint8Array.from(signature);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        assert.ok(!verify(signer.publicKey, message, changed), `bit ${bit}`);
      }
    });

    test('wrong lengths are refused, not thrown', () => {
      const signer = newSigner();
      const signature = signer.sign(message);
      assert.ok(!verify(signer.publicKey.slice(1), message, signature));
      assert.ok(!verify(signer.publicKey, message, signature.slice(1)));
      assert.ok(!verify(new Uint8Array(0), message, new Uint8Array(0)));
    });

    test('a scalar beyond the order is another form of the same signature: refused', () => {
      const signer = newSigner();
      const signature = signer.sign(message);
      const scalar = integer(signature.slice(32));
      const malleable = Uint8Array.from([...signature.slice(0, 32), ...littleEndian(scalar + order)]);
      assert.ok(!verify(signer.publicKey, message, malleable));
    });

    test('points of small order are refused as keys and as commitments', () => {
      const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
      const signer = newSigner();
      const signature = signer.sign(message);
      let point = torsion;
      for (let i = 0; i < 8; i++) {
        const encoded = point.toBytes();
        // With a key of small order, S = 0 and R = −hA verify for some messages in some implementations.
        assert.ok(!verify(encoded, message, Uint8Array.from([...encoded, ...new Uint8Array(32)])), `key ${i}`);
        assert.ok(!verify(signer.publicKey, message, Uint8Array.from([...encoded, ...signature.slice(32)])), `R ${i}`);
        assert.ok(!validPublicKey(encoded), `order ${i}`);
        point = point.add(torsion);
      }
    });

    test('encodings of a coordinate beyond the field prime are refused', () => {
      const prime = 2n ** 255n - 19n;
      const signer = newSigner();
      for (let y = prime; y < 2n ** 255n; y++) {
        assert.ok(!validPublicKey(littleEndian(y)));
        assert.ok(!verify(littleEndian(y), message, signer.sign(message)));
      }
    });

    test('a key with a part of small order is no valid key', () => {
      const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
      const signer = newSigner();
      assert.ok(validPublicKey(signer.publicKey));
      const mixed = ed25519.Point.fromBytes(signer.publicKey).add(torsion).toBytes();
      assert.ok(!validPublicKey(mixed));
      assert.ok(!validPublicKey(Uint8Array.from({ length: 32 }, () => 2)), 'not on the curve');
    });

    test('edges: as the rule says', () => {
      for (const edge of edges()) {
        const [key, text, signature] = [edge.key, edge.message, edge.signature].map((hex) =>
          Uint8Array.from(Buffer.from(hex, 'hex')),
        );
        assert.equal(verify(key!, text!, signature!), edge.verifies, edge.what);
        assert.equal(validPublicKey(key!), edge.validKey, edge.what);
      }
    });

    test('a key that is a view of Buffer memory is not changed by a look at it', () => {
      const key = Buffer.from('ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 'hex');
      assert.ok(!verify(key, message, new Uint8Array(64)));
      assert.equal(key.toString('hex'), 'ff'.repeat(32));
    });
  });
}

test('digests are plain byte arrays: slicing one copies', () => {
  const digest = hash(message);
  assert.equal(digest.constructor, Uint8Array);
  digest.slice().fill(0);
  assert.ok(digest.some((byte) => byte !== 0));
});

test('edges on which implementations disagree: as the rule says, and frozen for other runtimes', () => {
  const found = edges();
  const file = new URL('vectors/ed25519.json', import.meta.url);
  if (process.env['UPDATE_VECTORS'] === '1')
    writeFileSync(file, `[\n${found.map((edge) => JSON.stringify(edge)).join(',\n')}\n]\n`);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), found);
  const kinds = new Set(found.map((edge) => `${edge.verifies} ${edge.validKey}`));
  assert.equal(kinds.size, 4, 'each verdict is in it');
});

test('both accept the same: keys and commitments with any part of small order, and any bit changed', () => {
  const { BASE } = ed25519.Point;
  const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
  const scalars = fc.bigInt({ min: 1n, max: order - 1n });
  const verdicts = new Set<boolean>();
  fc.assert(
    fc.property(
      fc.record({ a: scalars, r: scalars, keyPart: fc.nat(7), noncePart: fc.nat(7), text: fc.uint8Array() }),
      fc.option(fc.nat(96 * 8 - 1)),
      ({ a, keyPart, noncePart, r, text }, flip) => {
        const parts = (count: number) =>
          Array.from({ length: count }).reduce<typeof BASE>((sum) => sum.add(torsion), ed25519.Point.ZERO);
        const key = BASE.multiply(a).add(parts(keyPart)).toBytes();
        const commitment = BASE.multiply(r).add(parts(noncePart)).toBytes();
        const challenge = integer(createHash('sha512').update(commitment).update(key).update(text).digest()) % order;
        const all = Uint8Array.from([...key, ...commitment, ...littleEndian((r + challenge * a) % order)]);
        if (flip !== null) all[flip >> 3]! ^= 1 << (flip & 7);
        const [shown, signature] = [all.slice(0, 32), all.slice(32)];
        const verdict = libsodium.verify(shown, text, signature);
        verdicts.add(verdict);
        assert.equal(nodeCrypto.verify(shown, text, signature), verdict);
        assert.equal(nodeCrypto.validPublicKey(shown), libsodium.validPublicKey(shown));
      },
    ),
    { numRuns: 300 },
  );
  assert.equal(verdicts.size, 2);
});
