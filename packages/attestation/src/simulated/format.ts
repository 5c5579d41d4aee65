/**
 * The simulated platform: evidence like any other in every way but one, that its root key is published below.
 *
 *     root ──signs──▶ device (chip, provider, generation, TCB, validity) ──signs──▶ report (measurement, launch, data)
 *
 * Whoever reads this file can sign for the root, so the evidence proves nothing. It is there to develop with, to test
 * with, and to run everything that is not attestation on hosts without a TEE.
 */
import {
  bool,
  bytes,
  type Cryptography,
  digest,
  type Digest,
  digestOf,
  fromHex,
  limits,
  list,
  oneOf,
  optional,
  publicKey,
  signature,
  struct,
  text,
  type TypeOf,
  u32,
  u64,
} from '@coppice/wire';

export const simulatedName = 'simulated';
export const deviceMediaType = 'application/vnd.coppice.simulated-device';
export const reportMediaType = 'application/vnd.coppice.simulated-report';

/** The root's Ed25519 seed (RFC 8032, section 5.1.5): 32 characters of ASCII that say what it is worth. */
export const simulatedRootSeed: Uint8Array = ascii('coppice simulated root: no trust');

/** SHA-256 of the root's SubjectPublicKeyInfo. */
export const simulatedRootSpki: Digest = fromHex('7963926cbd66d6eb530dd5337fbcd5a94b1a734640154b11a1fc2174d20bc5f7')!;

const name = text(limits.nameBytes);

/** What the root says of a device. */
export const deviceCodec = struct({
  root: publicKey,
  device: publicKey,
  /** Absent: masked. */
  chip: optional(bytes(64)),
  provider: optional(name),
  generation: name,
  firmware: u32,
  status: oneOf('up-to-date', 'out-of-date', 'revoked'),
  advisories: list(name, 16),
  /** Which of the maker's judgements of its devices this is; it was made at `from`. */
  evaluation: u32,
  /** Milliseconds, inclusive. */
  from: u64,
  until: u64,
});

export type Device = TypeOf<typeof deviceCodec>;

/** What a device says of a launch. */
export const reportCodec = struct({
  measurement: bytes(64),
  launchDigest: digest,
  reportData: digest,
  debug: bool,
});

export type Report = TypeOf<typeof reportCodec>;

/** Bytes of one of the above and its signature over them, in the domain of simulated evidence. */
export const signedCodec = struct({ payload: bytes(4096), signature });

/** SHA-256 of an Ed25519 key's SubjectPublicKeyInfo (RFC 8410). */
export function spkiDigest(cryptography: Cryptography, key: Uint8Array): Digest {
  const spki = new Uint8Array(44);
  spki.set([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);
  spki.set(key, 12);
  return cryptography.hash(spki);
}

/** The Ed25519 seed of a chip's device key: as public as the root's. */
export function deviceSeed(cryptography: Cryptography, chip: Uint8Array): Uint8Array {
  return digestOf(cryptography, 'simulated-evidence', chip);
}

function ascii(characters: string): Uint8Array {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}
