/**
 * Reports and certificates as AMD makes them, under a root of the tests' own.
 */
import { sign } from 'node:crypto';
import { type Authority, integer, issue } from '../certificates.ts';

export const chip = Buffer.alloc(64, 0xc1);
const tcb = [4, 0, 0, 0, 0, 0, 24, 200];
const ia5 = (text: string): Buffer => Buffer.from([0x16, text.length, ...Buffer.from(text)]);

/** What AMD writes into the certificate of a Milan VCEK. */
export const extensions = (over: Readonly<Record<string, Uint8Array>> = {}): Record<string, Uint8Array> => ({
  '1.3.6.1.4.1.3704.1.2': ia5('Milan-B0'),
  ...Object.fromEntries([1, 2, 4, 5, 6, 7, 3, 8].map((arc, i) => [`1.3.6.1.4.1.3704.1.3.${arc}`, integer(tcb[i]!)])),
  '1.3.6.1.4.1.3704.1.4': chip,
  ...over,
});

export const ark = issue({ commonName: 'ARK-Milan' });
export const ask = issue({ commonName: 'SEV-Milan', serial: 300 }, ark);
export const vcek = issue({ commonName: 'SEV-VCEK', authority: false, extensions: extensions() }, ask);

export function report(key: Authority = vcek, change: (bytes: Buffer) => void = () => {}): Uint8Array {
  const bytes = Buffer.alloc(1184);
  bytes.writeUInt32LE(3, 0);
  bytes.writeBigUInt64LE(0x30000n, 0x08);
  bytes.writeUInt32LE(1, 0x34);
  bytes.fill(0x11, 0x90, 0xc0);
  bytes.fill(0x22, 0xc0, 0xe0);
  for (const offset of [0x38, 0x180, 0x1e0, 0x1f0]) bytes.set(tcb, offset);
  bytes.set([0x19, 0x01, 0x01], 0x188);
  bytes.set(chip, 0x1a0);
  change(bytes);
  const raw = sign('sha384', bytes.subarray(0, 0x2a0), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  bytes.set(raw.subarray(0, 48).reverse(), 0x2a0);
  bytes.set(raw.subarray(48).reverse(), 0x2a0 + 72);
  return new Uint8Array(bytes);
}
