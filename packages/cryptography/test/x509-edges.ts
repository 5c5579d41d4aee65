/**
 * Edges of ECDSA and RSA signatures and of the keys that make them, each with its verdict by construction. Keys are fresh, so the
 * vectors are written once and frozen: `UPDATE_VECTORS=1 npm test -- packages/cryptography/test/x509.test.ts`.
 */
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { nodeX509Cryptography } from '../src/index.ts';

type Algorithm = Parameters<typeof nodeX509Cryptography.verifySignature>[0];

export interface X509Edge {
  readonly what: string;
  readonly algorithm: Algorithm;
  /** Hexadecimal, as the signature. Empty: that of the case before. */
  readonly spki: string;
  readonly signature: string;
  readonly verifies: boolean;
}

export const edgeMessage = Buffer.from('what a maker signs');

const orders = {
  'P-256': {
    scheme: 'ecdsa-p256',
    bytes: 32,
    order: 2n ** 256n - 2n ** 224n + 2n ** 192n - 0x4319055258e8617b0c46353d039cdaafn,
  },
  'P-384': { scheme: 'ecdsa-p384', bytes: 48, order: 2n ** 384n - 0x389cb27e0bc8d220a7e5f24db74f58851313e695333ad68dn },
  'P-521': {
    scheme: 'ecdsa-p521',
    bytes: 66,
    order: 2n ** 521n - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7n,
  },
} as const;

const integer = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const bigEndian = (value: bigint, bytes: number): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex');

function tlv(tag: number, content: Uint8Array, longForm = false): Buffer {
  const { length } = content;
  const header =
    length < 0x80 && !longForm
      ? [length]
      : length < 0x100 && !longForm
        ? [0x81, length]
        : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...header]), content]);
}

const spkiOf = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });

export function x509Edges(): X509Edge[] {
  const found: X509Edge[] = [];
  const add = (
    what: string,
    algorithm: Algorithm,
    spki: Uint8Array,
    signature: Uint8Array,
    verifies: boolean,
  ): void => {
    found.push({
      what,
      algorithm,
      spki: Buffer.from(spki).toString('hex'),
      signature: Buffer.from(signature).toString('hex'),
      verifies,
    });
  };
  for (const [curve, { bytes, order, scheme }] of Object.entries(orders)) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });
    const spki = spkiOf(publicKey);
    const rs = (r: bigint, s: bigint): Buffer => Buffer.concat([bigEndian(r, bytes), bigEndian(s, bytes)]);
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      const algorithm: Algorithm = `${scheme}-${hash}`;
      const fits = !(curve === 'P-521' && hash === 'sha256');
      const signature = sign(hash, edgeMessage, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      const [r, s] = [integer(signature.subarray(0, bytes)), integer(signature.subarray(bytes))];
      add(`${curve}, ${hash}`, algorithm, spki, signature, fits);
      add(`${curve}, ${hash}, s negated`, algorithm, spki, rs(r, order - s), fits);
      const wrong = {
        'r = 0': [0n, s],
        's = 0': [r, 0n],
        'both 0': [0n, 0n],
        'r = n': [order, s],
        's = n': [r, order],
        'both 1': [1n, 1n],
        'r negated': [order - r, s],
        swapped: [s, r],
      };
      for (const [what, [first, second]] of Object.entries(wrong))
        add(`${curve}, ${hash}, ${what}`, algorithm, spki, rs(first!, second!), false);
      add(`${curve}, ${hash}, in DER`, algorithm, spki, sign(hash, edgeMessage, privateKey), false);
      add(`${curve}, ${hash}, one byte more`, algorithm, spki, Buffer.concat([signature, Buffer.of(0)]), false);
    }
    const algorithm: Algorithm = `${scheme}-sha512`;
    const signature = sign('sha512', edgeMessage, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const point = spki.subarray(-2 * bytes);
    const head = spki[1]! < 0x80 ? 2 : 3;
    const identifier = spki.subarray(head, head + 2 + spki[head + 1]!);
    const holding = (encoded: Uint8Array): Buffer =>
      tlv(0x30, Buffer.concat([identifier, tlv(0x03, Buffer.concat([Buffer.of(0), encoded]))]));
    const parity = point.at(-1)! & 1;
    const off = Buffer.from(point);
    off[off.length - 1]! ^= 1;
    const forms: Record<string, Buffer> = {
      compressed: Buffer.concat([Buffer.of(2 + parity), point.subarray(0, bytes)]),
      hybrid: Buffer.concat([Buffer.of(6 + parity), point]),
      'hybrid of the other parity': Buffer.concat([Buffer.of(7 - parity), point]),
      'at infinity': Buffer.of(0),
      'off the curve': Buffer.concat([Buffer.of(4), off]),
      'all zeros': Buffer.concat([Buffer.of(4), Buffer.alloc(2 * bytes)]),
      'all ones': Buffer.concat([Buffer.of(4), Buffer.alloc(2 * bytes, 0xff)]),
      missing: Buffer.alloc(0),
    };
    for (const [form, encoded] of Object.entries(forms))
      add(`${curve}, point ${form}`, algorithm, holding(encoded), signature, false);
    add(`${curve}, the key again`, algorithm, holding(Buffer.concat([Buffer.of(4), point])), signature, true);
    add(`${curve}, one byte after the key`, algorithm, Buffer.concat([spki, Buffer.of(0)]), signature, false);
    add(`${curve}, a long length`, algorithm, tlv(0x30, spki.subarray(head), true), signature, false);
    const explicit = generateKeyPairSync('ec', { namedCurve: curve, paramEncoding: 'explicit' });
    const bySpelledOut = sign('sha512', edgeMessage, { key: explicit.privateKey, dsaEncoding: 'ieee-p1363' });
    add(`${curve}, spelled out`, algorithm, spkiOf(explicit.publicKey), bySpelledOut, false);
  }
  const another = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  const byAnother = sign('sha256', edgeMessage, { key: another.privateKey, dsaEncoding: 'ieee-p1363' });
  add('secp256k1', 'ecdsa-p256-sha256', spkiOf(another.publicKey), byAnother, false);
  for (const [modulusLength, publicExponent] of [
    [1024, 65537],
    [2047, 65537],
    [2048, 3],
    [2048, 65537],
    [2052, 65537],
    [3072, 65537],
    [4096, 65537],
    [4104, 65537],
  ] as const) {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
    const spki = spkiOf(publicKey);
    const good = modulusLength >= 2048 && modulusLength <= 4096 && modulusLength % 8 === 0;
    const name = `RSA ${modulusLength}, e = ${publicExponent}`;
    const plain = sign('sha384', edgeMessage, privateKey);
    add(name, 'rsa-pkcs1-sha384', spki, plain, good);
    add(`${name}, a zero before`, 'rsa-pkcs1-sha384', spki, Buffer.concat([Buffer.of(0), plain]), false);
    add(`${name}, cut`, 'rsa-pkcs1-sha384', spki, plain.subarray(1), false);
    add(`${name}, another hash`, 'rsa-pkcs1-sha256', spki, plain, false);
    add(`${name}, zero`, 'rsa-pkcs1-sha384', spki, Buffer.alloc(plain.length), false);
    add(`${name}, all ones`, 'rsa-pkcs1-sha384', spki, Buffer.alloc(plain.length, 0xff), false);
    for (const saltLength of [0, 20, 48, 64]) {
      const salted = sign('sha384', edgeMessage, {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength,
      });
      add(`${name}, salt of ${saltLength}`, 'rsa-pss-sha384', spki, salted, good && saltLength === 48);
      add(`${name}, any salt, of ${saltLength}`, 'rsa-pss-any-salt-sha384', spki, salted, good);
      add(`${name}, salt, as without`, 'rsa-pkcs1-sha384', spki, salted, false);
    }
    if (modulusLength !== 2048) continue;
    add(`${name}, one byte after the key`, 'rsa-pkcs1-sha384', Buffer.concat([spki, Buffer.of(0)]), plain, false);
    const withoutNull = tlv(0x30, Buffer.concat([Buffer.from('300b06092a864886f70d010101', 'hex'), spki.subarray(19)]));
    add(`${name}, no parameters`, 'rsa-pkcs1-sha384', withoutNull, plain, false);
  }
  const edwards = generateKeyPairSync('ed25519');
  add('Ed25519', 'ecdsa-p256-sha256', spkiOf(edwards.publicKey), sign(null, edgeMessage, edwards.privateKey), false);
  add('no key', 'rsa-pkcs1-sha384', new Uint8Array(0), new Uint8Array(256), false);
  let before = '';
  return found.map((edge) => {
    const same = edge.spki === before && edge.spki !== '';
    before = edge.spki;
    return same ? { ...edge, spki: '' } : edge;
  });
}
