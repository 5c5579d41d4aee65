/**
 * Quotes as a TPM makes them, by keys of the tests' own: of every kind of key and hash, genuine and otherwise.
 */
import { createHash, constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Message } from '../../src/bundle.ts';
import { certificateType, revocationListType } from '../../src/media-types.ts';
import {
  encodeTpmEvidence,
  eventLogType,
  type EvidenceBundle,
  publicKeyType,
  tpmEvidenceType,
} from '../../src/index.ts';
import type { Authority } from '../certificates.ts';

type HashName = 'sha256' | 'sha384';

const ids = { sha1: 0x0004, sha256: 0x000b, sha384: 0x000c } as const;

const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const u32 = (value: number): Buffer => Buffer.from(value.toString(16).padStart(8, '0'), 'hex');
const sized = (bytes: Uint8Array): Buffer => Buffer.concat([u16(bytes.length), bytes]);
const digest = (hash: string, ...parts: readonly Uint8Array[]): Buffer =>
  createHash(hash).update(Buffer.concat(parts)).digest();

export interface Key {
  readonly scheme: 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa';
  readonly privateKey: KeyObject;
  readonly spki: Uint8Array;
}

export function keyOf(scheme: Key['scheme'], namedCurve: 'P-256' | 'P-384' | 'P-521' = 'P-256'): Key {
  const { publicKey, privateKey } =
    scheme === 'ecdsa'
      ? generateKeyPairSync('ec', { namedCurve })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { scheme, privateKey, spki: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })) };
}

export const swtpmKey = keyOf('ecdsa');
export const launch = digest('sha256', Buffer.from('launch'));
export const report = digest('sha256', Buffer.from('report'));

/** A register that was extended once, as `TPM2_PCR_Event` does. */
export const extended = (hash: HashName, event: Uint8Array): Buffer =>
  digest(hash, Buffer.alloc(hash === 'sha256' ? 32 : 48), digest(hash, event));

export interface Options {
  readonly key?: Key;
  /** Of the registers, and of the signature. */
  readonly bank?: HashName;
  readonly hash?: HashName;
  readonly registers?: ReadonlyMap<number, Uint8Array>;
  readonly quoted?: Uint8Array;
  readonly launch?: Uint8Array | null;
  readonly report?: Uint8Array;
  readonly magic?: number;
  readonly type?: number;
  readonly safe?: number;
  readonly chain?: readonly Authority[];
  readonly lists?: readonly Uint8Array[];
  readonly log?: Uint8Array;
  readonly saltLength?: number;
}

/** Registers 4, 8 and 11: of a release and of the launch above. */
export const registersOf = (hash: HashName): ReadonlyMap<number, Uint8Array> =>
  new Map([
    [4, extended(hash, Buffer.from('release'))],
    [8, extended(hash, launch)],
    [11, extended(hash, Buffer.from('variant'))],
  ]);

export function bundleOf(options: Options = {}): EvidenceBundle {
  const { key = swtpmKey, bank = 'sha256', hash = 'sha256', registers = registersOf(bank) } = options;
  const values = Buffer.concat([...registers.values()]);
  const bits = Buffer.alloc(3);
  for (const register of registers.keys()) bits[register >> 3]! |= 1 << (register & 7);
  const quote = Buffer.concat([
    u32(options.magic ?? 0xff544347),
    u16(options.type ?? 0x8018),
    sized(Buffer.concat([u16(ids.sha256), Buffer.alloc(32, 7)])),
    sized(options.report ?? report),
    Buffer.alloc(8, 1),
    u32(5),
    u32(2),
    Buffer.of(options.safe ?? 1),
    Buffer.alloc(8, 9),
    u32(1),
    u16(ids[bank]),
    Buffer.of(3),
    bits,
    sized(digest(hash, options.quoted ?? values)),
  ]);
  const endorsements: Message[] = [
    ...(options.chain === undefined
      ? [{ mediaType: publicKeyType, bytes: key.spki }]
      : options.chain.map(({ certificate }) => ({ mediaType: certificateType, bytes: certificate }))),
    ...(options.lists ?? []).map((bytes) => ({ mediaType: revocationListType, bytes })),
    ...(options.log === undefined ? [] : [{ mediaType: eventLogType, bytes: options.log }]),
  ];
  const bytes = encodeTpmEvidence({
    quote,
    signature: signatureOf(quote, key, hash, options.saltLength),
    registers: values,
    launch: options.launch === null ? undefined : (options.launch ?? launch),
  });
  return { platform: 'tpm2', evidence: { mediaType: tpmEvidenceType, bytes }, endorsements };
}

function signatureOf(quote: Uint8Array, key: Key, hash: HashName, saltLength = 32): Uint8Array {
  const { privateKey } = key;
  if (key.scheme === 'ecdsa') {
    const raw = sign(hash, quote, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const half = raw.length / 2;
    return Buffer.concat([u16(0x18), u16(ids[hash]), sized(raw.subarray(0, half)), sized(raw.subarray(half))]);
  }
  const pss = key.scheme === 'rsa-pss';
  const padding = pss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
  const raw = sign(hash, quote, { key: privateKey, padding, ...(pss ? { saltLength } : {}) });
  return Buffer.concat([u16(pss ? 0x16 : 0x14), u16(ids[hash]), sized(raw)]);
}

const le16 = (value: number): Buffer => Buffer.of(value & 0xff, value >> 8);
const le32 = (value: number): Buffer => Buffer.from(u32(value)).reverse();

/** A log of one hash with these events. */
export function eventLog(
  events: readonly (readonly [register: number, event: string])[],
  hash: HashName = 'sha256',
): Buffer {
  const header = Buffer.concat([
    Buffer.from('Spec ID Event03\0'),
    Buffer.from('0000000000020002', 'hex'),
    le32(1),
    le16(ids[hash]),
    le16(hash === 'sha256' ? 32 : 48),
    Buffer.of(0),
  ]);
  return Buffer.concat([
    le32(0),
    le32(3),
    Buffer.alloc(20),
    le32(header.length),
    header,
    ...events.map(([register, event]) =>
      Buffer.concat([
        le32(register),
        le32(13),
        le32(1),
        le16(ids[hash]),
        digest(hash, Buffer.from(event)),
        le32(event.length),
        Buffer.from(event),
      ]),
    ),
  ]);
}
