/** The certificate that TLS wants: any X.509 reader must find the identity key in it, and its signature good. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { newSigner, rawPublicKey } from '@coppice/cryptography';
import { selfSignedCertificate } from '../src/certificate.ts';

test('holds the key, and is signed by it', () => {
  const signer = newSigner();
  const certificate = new X509Certificate(selfSignedCertificate(signer.privateKey));
  assert.deepEqual(rawPublicKey(certificate.publicKey), signer.publicKey);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(certificate.subject, 'CN=coppice');
  assert.ok(Date.parse(certificate.validTo) > Date.now());
});
