/**
 * Makes certificates and revocation lists, genuine and otherwise: real makers publish none that are revoked.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...header), content]);
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...others] = text.split('.').map(Number);
  const bytes = [first * 40 + second, ...others].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
      digits.unshift((rest & 0x7f) | 0x80);
    return digits;
  });
  return der(0x06, Buffer.from(bytes));
}

/** Of 0 to 32767. */
export const integer = (value: number): Buffer =>
  der(0x02, value < 0x80 ? Buffer.of(value) : Buffer.of(value >> 8, value & 0xff));

function time(ms: number): Buffer {
  return der(0x18, Buffer.from(new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')));
}

const name = (commonName: string): Buffer =>
  der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));

const ecdsa384 = { curve: 'P-384', hash: 'sha384', algorithm: der(0x30, oid('1.2.840.10045.4.3.3')) };
const ecdsa256 = { curve: 'P-256', hash: 'sha256', algorithm: der(0x30, oid('1.2.840.10045.4.3.2')) };

function signed(body: (algorithm: Buffer) => Buffer, key: KeyObject): Uint8Array {
  const { hash, algorithm } = key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? ecdsa256 : ecdsa384;
  const bytes = body(algorithm);
  return new Uint8Array(der(0x30, bytes, algorithm, der(0x03, Buffer.of(0), sign(hash, bytes, key))));
}

export interface Authority {
  readonly commonName: string;
  readonly privateKey: KeyObject;
  readonly spki: Buffer;
  readonly certificate: Uint8Array;
}

export interface Request {
  readonly commonName: string;
  readonly serial?: number;
  readonly from?: number;
  readonly until?: number;
  readonly authority?: boolean;
  /** First byte of the key usage. */
  readonly usage?: number;
  /** Object identifier to DER. */
  readonly extensions?: Readonly<Record<string, Uint8Array>>;
  readonly critical?: string;
  readonly curve?: 'P-256' | 'P-384';
  /** A key of another kind, which issues nothing. */
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

export const day = 86_400_000;
export const now = Date.UTC(2026, 5, 1);

/** Issued by `issuer`; a root of its own without one. */
export function issue(request: Request, issuer?: Authority): Authority {
  const { commonName, serial = 7, from = now - day, until = now + day, authority = true, usage = 0x06 } = request;
  const { publicKey, privateKey } = request.keys ?? generateKeyPairSync('ec', { namedCurve: request.curve ?? 'P-384' });
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const all: [string, Uint8Array][] = Object.entries(request.extensions ?? {});
  if (authority) {
    all.push(['2.5.29.19', der(0x30, Buffer.of(0x01, 0x01, 0xff))]);
    all.push(['2.5.29.15', Buffer.of(0x03, 0x02, 0x01, usage)]);
  }
  const extensions = all.map(([id, value]) =>
    der(0x30, oid(id), ...(request.critical === id ? [Buffer.of(0x01, 0x01, 0xff)] : []), der(0x04, value)),
  );
  const body = (algorithm: Buffer): Buffer =>
    der(
      0x30,
      der(0xa0, integer(2)),
      integer(serial),
      algorithm,
      name(issuer?.commonName ?? commonName),
      der(0x30, time(from), time(until)),
      name(commonName),
      spki,
      der(0xa3, der(0x30, ...extensions)),
    );
  return { commonName, privateKey, spki, certificate: signed(body, issuer?.privateKey ?? privateKey) };
}

export function revocationList(
  issuer: Authority,
  revoked: readonly number[],
  { from = now - day, until = now + day, delta = false } = {},
): Uint8Array {
  const entries = revoked.map((serial) => der(0x30, integer(serial), time(from)));
  const extensions = [
    der(0x30, oid('2.5.29.20'), der(0x04, integer(1))),
    ...(delta ? [der(0x30, oid('2.5.29.27'), Buffer.of(0x01, 0x01, 0xff), der(0x04, integer(1)))] : []),
  ];
  const body = (algorithm: Buffer): Buffer =>
    der(
      0x30,
      integer(1),
      algorithm,
      name(issuer.commonName),
      time(from),
      time(until),
      ...(entries.length > 0 ? [der(0x30, ...entries)] : []),
      der(0xa0, der(0x30, ...extensions)),
    );
  return signed(body, issuer.privateKey);
}

export const pinOf = (authority: Authority): Uint8Array => createHash('sha256').update(authority.spki).digest();
