/**
 * PEM (RFC 7468), in the strict form: the certificates and lists of a text, and nothing else in it but ends of lines.
 */
import type { Decoded } from '@coppice/wire';

export type PemLabel = 'CERTIFICATE' | 'X509 CRL';

export interface PemBlock {
  readonly label: PemLabel;
  readonly bytes: Uint8Array;
}

const blocksMax = 32;

/** The blocks of `text`, in order. */
export function decodePem(text: string): Decoded<readonly PemBlock[]> {
  const blocks: PemBlock[] = [];
  const pattern = /[\r\n]*-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\r\n]*)-----END \1-----[\r\n]*/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) return { ok: false, reason: 'not PEM of certificates and revocation lists' };
    const bytes = decodeBase64(match[2]!.replace(/[\r\n]/g, ''));
    if (bytes === undefined) return { ok: false, reason: 'not base64' };
    blocks.push({ label: match[1] as PemLabel, bytes });
    if (blocks.length > blocksMax) return { ok: false, reason: 'too many blocks' };
  }
  return blocks.length === 0 ? { ok: false, reason: 'empty' } : { ok: true, value: blocks };
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Base64 for names, without padding (RFC 4648, section 5). */
export function encodeBase64Url(bytes: Uint8Array): string {
  let [text, bits, count] = ['', 0, 0];
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff;
    for (count += 8; count >= 6; count -= 6) text += nameAlphabet[(bits >> (count - 6)) & 63];
  }
  return count === 0 ? text : text + nameAlphabet[(bits << (6 - count)) & 63];
}

const nameAlphabet = `${alphabet.slice(0, 62)}-_`;
const digits: ReadonlyMap<string, number> = new Map(Array.from(alphabet, (digit, value) => [digit, value]));

/** The bytes of base64 with padding (RFC 4648, section 4), or `undefined` for anything but the one encoding. */
export function decodeBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let [bits, count, length] = [0, 0, 0];
  for (let i = 0; i < text.length - padding; i++) {
    const digit = digits.get(text[i]!);
    if (digit === undefined) return undefined;
    bits = ((bits << 6) | digit) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[length++] = (bits >> count) & 0xff;
  }
  // What is left over of the last digit must be zero.
  return (bits & ((1 << count) - 1)) === 0 ? bytes : undefined;
}
