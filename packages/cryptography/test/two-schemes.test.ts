/** Scheme 2 of spec/algorithms.md: both halves have to hold, and neither is worth anything elsewhere. */
import assert from 'node:assert/strict';
import { createPublicKey, verify as verifyOf } from 'node:crypto';
import { describe, it } from 'node:test';
import { concatBytes, fromHex, schemes, statement, toHex } from '@coppice/wire';
import { newTwofoldSigner, nodeCryptography, signerFromSeed, TwofoldSigner } from '../src/index.ts';
import vectors from './vectors/two-schemes.json' with { type: 'json' };

const { validPublicKey, verify } = nodeCryptography;
const message = new TextEncoder().encode('what is signed');
const signed = statement('two-schemes', message);

/** DER of an ML-DSA-65 SubjectPublicKeyInfo, up to the key (RFC 9881). */
const spkiPrefix = Buffer.from('308207b2300b0609608648016503040312038207a100', 'hex');

/** What OpenSSL says of the second half; `undefined` where the runtime's does not know the algorithm. */
function secondOpinion(publicKey: Uint8Array, signature: Uint8Array, of = signed): boolean | undefined {
  try {
    const key = Buffer.concat([spkiPrefix, publicKey.subarray(32)]);
    return verifyOf(null, of, createPublicKey({ key, format: 'der', type: 'spki' }), signature.subarray(64));
  } catch {
    return undefined;
  }
}

describe('a signature of scheme 2', () => {
  const signer = newTwofoldSigner();
  const signature = signer.sign(message);
  const [first, second] = [signature.subarray(0, 64), signature.subarray(64)];
  const refused = (...parts: readonly Uint8Array[]): boolean =>
    !verify(signer.publicKey, message, concatBytes(...parts));

  it('holds, and has the lengths of its scheme', () => {
    assert.deepEqual({ publicKeyBytes: signer.publicKey.length, signatureBytes: signature.length }, { ...schemes[2] });
    assert.ok(verify(signer.publicKey, message, signature));
    assert.ok(!verify(signer.publicKey, message.subarray(1), signature));
  });

  it('is no signature with a half of another message, or of another key', () => {
    const [other, stranger] = [signer.sign(message.subarray(1)), newTwofoldSigner().sign(message)];
    for (const wrong of [other, stranger]) {
      assert.ok(refused(wrong.subarray(0, 64), second));
      assert.ok(refused(first, wrong.subarray(64)));
    }
  });

  it('is no signature with any bit of either half changed', () => {
    for (const at of [0, 63, 64, 64 + 47, 64 + 48, 2000, 64 + 3248, 3372]) {
      const changed = signature.slice();
      changed[at]! ^= 1;
      assert.ok(refused(changed), `byte ${at}`);
    }
  });

  it('is of its length', () => {
    assert.ok(refused(first) && refused(second) && refused(signature.subarray(1)));
    assert.ok(refused(signature, Uint8Array.of(0)) && refused());
    assert.ok(!verify(signer.publicKey.subarray(1), message, signature));
  });

  it('is in no half a signature of scheme 1, nor the reverse', () => {
    const classical = signer.publicKey.subarray(0, 32);
    assert.ok(!verify(classical, message, first));
    assert.ok(!verify(classical, message, signature));
    const alone = signer.classical.sign(message);
    assert.ok(verify(classical, message, alone));
    assert.ok(refused(alone, second) && refused(alone));
  });

  it('is what OpenSSL takes for one, and refuses with it', (t) => {
    if (secondOpinion(signer.publicKey, signature) === undefined) return t.skip('not an algorithm of this runtime');
    assert.equal(secondOpinion(signer.publicKey, signature), true);
    assert.equal(secondOpinion(signer.publicKey, signature, message), false);
    return undefined;
  });

  it('can be made by nobody once the key is erased', () => {
    const gone = newTwofoldSigner();
    gone.sign(message);
    gone.erase();
    assert.throws(() => gone.sign(message), /erased/);
    assert.ok(gone.seed.every((byte) => byte === 0));
  });
});

it('a public key of scheme 2 has one of scheme 1 in it', () => {
  const { publicKey } = newTwofoldSigner();
  assert.ok(validPublicKey(publicKey));
  assert.ok(!validPublicKey(publicKey.subarray(1)));
  const weak = publicKey.slice();
  weak.set(new Uint8Array(32));
  assert.ok(!validPublicKey(weak));
});

it('has frozen bytes', () => {
  for (const { classicalSeed, seed, message: text, publicKey, signature } of vectors) {
    const signer = new TwofoldSigner(signerFromSeed(fromHex(classicalSeed)!), fromHex(seed)!, { hedged: false });
    const of = new TextEncoder().encode(text);
    assert.equal(toHex(signer.publicKey), publicKey);
    assert.equal(toHex(signer.sign(of)), signature);
    assert.ok(verify(fromHex(publicKey)!, of, fromHex(signature)!));
    assert.notEqual(secondOpinion(fromHex(publicKey)!, fromHex(signature)!, statement('two-schemes', of)), false);
  }
});
