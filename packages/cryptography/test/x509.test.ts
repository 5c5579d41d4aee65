import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { nodeX509Cryptography } from '../src/index.ts';
import { edgeMessage, type X509Edge, x509Edges } from './x509-edges.ts';

const { verifySignature } = nodeX509Cryptography;
const message = Buffer.from('message');
const spkiOf = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'spki' });
const dsaEncoding = 'ieee-p1363';

test('ECDSA counts on its curve, with its hash, as r and s', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = spkiOf(p256.publicKey);
  const signature = sign('sha256', message, { key: p256.privateKey, dsaEncoding });
  assert.equal(verifySignature('ecdsa-p256-sha256', spki, message, signature), true);
  assert.equal(verifySignature('ecdsa-p256-sha256', spki, Buffer.from('other'), signature), false);
  assert.equal(verifySignature('ecdsa-p384-sha384', spki, message, signature), false);
  assert.equal(verifySignature('rsa-pss-sha384', spki, message, signature), false);
  assert.equal(verifySignature('ecdsa-p256-sha256', spki, message, sign('sha256', message, p256.privateKey)), false);
  const longHash = sign('sha384', message, { key: p256.privateKey, dsaEncoding });
  assert.equal(verifySignature('ecdsa-p256-sha256', spki, message, longHash), false);
  assert.equal(verifySignature('ecdsa-p256-sha256', spki.subarray(1), message, signature), false);
  assert.equal(verifySignature('ecdsa-p256-sha256', spki, message, new Uint8Array(64)), false);
});

test('RSA counts with PSS and a salt as long as the hash', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pss = (saltLength: number): Buffer =>
    sign('sha384', message, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
  assert.equal(verifySignature('rsa-pss-sha384', spkiOf(publicKey), message, pss(48)), true);
  assert.equal(verifySignature('rsa-pss-sha384', spkiOf(publicKey), message, pss(32)), false);
  assert.equal(
    verifySignature('rsa-pss-sha384', spkiOf(publicKey), message, sign('sha384', message, privateKey)),
    false,
  );
});

test('edges on which runtimes disagree, or that end one: each as it was made, and frozen for other runtimes', () => {
  const file = new URL('vectors/x509.json', import.meta.url);
  if (process.env['UPDATE_VECTORS'] === '1')
    writeFileSync(
      file,
      `[\n${x509Edges()
        .map((edge) => JSON.stringify(edge))
        .join(',\n')}\n]\n`,
    );
  let key = '';
  for (const { algorithm, signature, spki, verifies, what } of JSON.parse(readFileSync(file, 'utf8')) as X509Edge[]) {
    if (spki !== '' || what === 'no key') key = spki;
    const actual = verifySignature(algorithm, Buffer.from(key, 'hex'), edgeMessage, Buffer.from(signature, 'hex'));
    assert.equal(actual, verifies, what);
  }
});
