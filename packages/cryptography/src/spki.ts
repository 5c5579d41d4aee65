/**
 * Which public keys of hardware makers are looked at: one form of each, checked byte by byte before a runtime sees it.
 *
 * Runtimes disagree on the rest, and one of them ends the process: Bun and Deno refuse points in hybrid form and lengths in long form that
 * OpenSSL takes, Deno has no RSA beyond 4,096 bits and no P-521 with SHA-256, and Node 22 aborts on the point at infinity. A certificate
 * could be good for some replicas only. So: a NIST curve by its name with an uncompressed point, or RSA, in DER of the one
 * length. What real makers sign with has that form.
 */
import { sameBytes } from '@coppice/wire';

export type SpkiKind =
  | { readonly kind: 'p256' | 'p384' | 'p521' }
  | { readonly kind: 'rsa'; readonly modulusBytes: number };

const rsaBits = { min: 2048, max: 4096 };
/** Of an RSA key's public exponent. */
const exponentBytesMax = 4;

/** All of a SubjectPublicKeyInfo up to the coordinates of the point, and the bytes of those (RFC 5480, SEC 1). */
const curves = [
  { kind: 'p256', head: '3059301306072a8648ce3d020106082a8648ce3d03010703420004', bytes: 64 },
  { kind: 'p384', head: '3076301006072a8648ce3d020106052b8104002203620004', bytes: 96 },
  { kind: 'p521', head: '30819b301006072a8648ce3d020106052b810400230381860004', bytes: 132 },
] as const;

/** AlgorithmIdentifier of rsaEncryption (RFC 3279). */
const rsaAlgorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex');

/** What kind of key this SubjectPublicKeyInfo holds; `undefined` where it is none of those, or in another form. */
export function readSpki(spki: Uint8Array): SpkiKind | undefined {
  for (const { kind, head, bytes } of curves) {
    const prefix = Buffer.from(head, 'hex');
    if (spki.length === prefix.length + bytes && sameBytes(spki.subarray(0, prefix.length), prefix)) return { kind };
  }
  const modulusBytes = modulusBytesOf(spki);
  return modulusBytes === undefined ? undefined : { kind: 'rsa', modulusBytes };
}

/** Takes bytes from the front. */
class Reader {
  #rest: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#rest = bytes;
  }

  /** Content of the next value, whose length is written as DER has it; `undefined` where it is another. */
  next(tag: number): Uint8Array | undefined {
    const [first, short = 0, ...more] = this.#rest.subarray(0, 4);
    if (first !== tag) return undefined;
    const lengthBytes = short < 0x80 ? 0 : short - 0x80;
    if (lengthBytes > 2 || (short >= 0x80 && lengthBytes === 0)) return undefined;
    const length = lengthBytes === 0 ? short : more.slice(0, lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < [0, 0x80, 0x100][lengthBytes]!) return undefined;
    const from = 2 + lengthBytes;
    if (this.#rest.length < from + length) return undefined;
    const content = this.#rest.subarray(from, from + length);
    this.#rest = this.#rest.subarray(from + length);
    return content;
  }

  /** A positive integer without surplus zeros, less the zero that makes it positive. */
  positive(): Uint8Array | undefined {
    const content = this.next(0x02);
    if (content === undefined || content.length === 0 || content[0]! >= 0x80) return undefined;
    if (content[0] !== 0) return content;
    return content.length > 1 && content[1]! >= 0x80 ? content.subarray(1) : undefined;
  }

  get done(): boolean {
    return this.#rest.length === 0;
  }
}

function modulusBytesOf(spki: Uint8Array): number | undefined {
  const outer = new Reader(spki);
  const body = outer.next(0x30);
  if (body === undefined || !outer.done || !sameBytes(body.subarray(0, rsaAlgorithm.length), rsaAlgorithm))
    return undefined;
  const bits = new Reader(body.subarray(rsaAlgorithm.length));
  const key = bits.next(0x03);
  if (key === undefined || !bits.done || key[0] !== 0) return undefined;
  const sequence = new Reader(key.subarray(1));
  const numbers = sequence.next(0x30);
  if (numbers === undefined || !sequence.done) return undefined;
  const reader = new Reader(numbers);
  const [modulus, exponent] = [reader.positive(), reader.positive()];
  if (modulus === undefined || exponent === undefined || !reader.done) return undefined;
  const modulusBits = modulus.length * 8 - (Math.clz32(modulus[0]!) - 24);
  const odd = (number: Uint8Array): boolean => (number.at(-1)! & 1) === 1;
  const sized = modulusBits >= rsaBits.min && modulusBits <= rsaBits.max && modulusBits % 8 === 0;
  const usable =
    odd(modulus) && odd(exponent) && exponent.length <= exponentBytesMax && (exponent.length > 1 || exponent[0]! >= 3);
  return sized && usable ? modulus.length : undefined;
}
