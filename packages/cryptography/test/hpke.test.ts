import assert from 'node:assert/strict';
import { createHash, type webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { hpkeSuite } from '../src/hpke.ts';
import { newSealingKey, openSealed, sealingKeyFromSeed, sealTo } from '../src/index.ts';

const vector = JSON.parse(readFileSync(new URL('vectors/hpke.json', import.meta.url), 'utf8')) as Record<
  'info' | 'ikmE' | 'ikmR' | 'skRm' | 'pkRm' | 'enc' | 'encryptionsAccumulated',
  string
>;
const bytes = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (from: ArrayBufferLike | Uint8Array): string => Buffer.from(from as Uint8Array).toString('hex');
const context = { info: bytes('01'), associated: bytes('0203') };

test('RFC 9180: a thousand messages of the suite', async () => {
  const { kem } = hpkeSuite;
  const recipientPublicKey = await kem.deserializePublicKey(bytes(vector.pkRm).buffer);
  const ekm = (await kem.deriveKeyPair(bytes(vector.ikmE).buffer)) as webcrypto.CryptoKeyPair;
  const recipient = (await kem.deriveKeyPair(bytes(vector.ikmR).buffer)) as webcrypto.CryptoKeyPair;
  assert.equal(hex(await kem.serializePrivateKey(recipient.privateKey)), vector.skRm);
  const sender = await hpkeSuite.createSenderContext({ recipientPublicKey, info: bytes(vector.info).buffer, ekm });
  assert.equal(hex(sender.enc), vector.enc);
  const source = createHash('shake128', { outputLength: 600_000 }).digest();
  let at = 0;
  const draw = (): Uint8Array<ArrayBuffer> => {
    const length = source[at]!;
    at += 1 + length;
    return Uint8Array.from(source.subarray(at - length, at));
  };
  const sink = createHash('shake128', { outputLength: 16 });
  for (let i = 0; i < 1000; i++) {
    const associated = draw();
    const plaintext = draw();
    const ciphertext = new Uint8Array(await sender.seal(plaintext.buffer, associated.buffer));
    sink.update(ciphertext);
    if (i > 0) continue;
    // The first message is what our one-shot functions seal and open.
    const key = sealingKeyFromSeed(bytes(vector.skRm));
    assert.equal(hex(key.publicKey), vector.pkRm);
    const sealed = Uint8Array.of(...bytes(vector.enc), ...ciphertext);
    assert.deepEqual(await openSealed(key.privateKey, sealed, { info: bytes(vector.info), associated }), plaintext);
  }
  assert.equal(sink.digest('hex'), vector.encryptionsAccumulated);
});

test('what is sealed opens for its recipient, in its context, unaltered, and not else', async () => {
  const [recipient, other] = [newSealingKey(), newSealingKey()];
  const secret = bytes('00112233');
  const sealed = await sealTo(recipient.publicKey, secret, context);
  assert.deepEqual(await openSealed(recipient.privateKey, sealed, context), secret);
  assert.notDeepEqual(await sealTo(recipient.publicKey, secret, context), sealed);
  assert.equal(await openSealed(other.privateKey, sealed, context), undefined);
  assert.equal(await openSealed(recipient.privateKey, sealed, { ...context, info: bytes('02') }), undefined);
  assert.equal(await openSealed(recipient.privateKey, sealed, { ...context, associated: bytes('02') }), undefined);
  for (let at = 0; at < sealed.length; at++) {
    const altered = Uint8Array.from(sealed);
    altered[at]! ^= 1;
    assert.equal(await openSealed(recipient.privateKey, altered, context), undefined, `byte ${at}`);
  }
  for (const length of [0, 31, 47]) {
    assert.equal(await openSealed(recipient.privateKey, sealed.subarray(0, length), context), undefined);
  }
});

test('nothing is sealed to a point of small order, or to what is no key', async () => {
  for (const key of [new Uint8Array(32), bytes('01'.padEnd(64, '0')), new Uint8Array(31)])
    await assert.rejects(sealTo(key, bytes('00'), context));
});
