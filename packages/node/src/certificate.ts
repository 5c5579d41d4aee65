/**
 * A self-signed certificate for the identity key, because TLS wants one. Nobody trusts it: peers compare the public key in
 * it with the one that the ledger admitted. `node:crypto` cannot make certificates, so this writes the DER (X.690) of
 * one fixed shape (RFC 5280, RFC 8410).
 */
import type { KeyObject } from 'node:crypto';
import { createPublicKey, sign } from 'node:crypto';

function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const lengthBytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), content]);
}

const sequence = (...contents: readonly Uint8Array[]): Buffer => tlv(0x30, ...contents);
const ed25519 = sequence(tlv(0x06, Buffer.from([0x2b, 0x65, 0x70])));

/** Common name "coppice": the name means nothing. */
const name = sequence(
  tlv(0x31, sequence(tlv(0x06, Buffer.from([0x55, 0x04, 0x03])), tlv(0x0c, Buffer.from('coppice')))),
);

/** No use of the dates either: the key is good as long as the ledger says so. */
const validity = sequence(tlv(0x17, Buffer.from('200101000000Z')), tlv(0x18, Buffer.from('99991231235959Z')));

/** PEM of a certificate for this key. */
export function selfSignedCertificate(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const version = tlv(0xa0, tlv(0x02, Buffer.from([2])));
  const serial = tlv(0x02, Buffer.from([1]));
  const body = sequence(version, serial, ed25519, name, validity, name, spki);
  const signature = tlv(0x03, Buffer.from([0]), sign(null, body, privateKey));
  const der = sequence(body, ed25519, signature).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${der.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}
