/**
 * The attestation report of AMD SEV-SNP: SEV Secure Nested Paging Firmware ABI Specification (56860), table "ATTESTATION_REPORT".
 *
 * 1184 bytes, little-endian, of which the last 512 hold the signature. Versions 2 to 5 differ in what they add into
 * bytes that were reserved before; what is reserved must be zero, inside the signature too: it could mean anything.
 */
import type { Decoded } from '@coppice/wire';

export const reportBytes = 1184;
const signatureOffset = 0x2a0;
/** r and s each have 72 bytes, of which P-384 uses 48. */
const scalarBytes = 72;
const scalarUsed = 48;

export interface SnpReport {
  readonly version: number;
  readonly guestSvn: number;
  /** What the guest's owner allows the host; {@link policyBits}. */
  readonly policy: bigint;
  readonly familyId: Uint8Array;
  readonly imageId: Uint8Array;
  /** Privilege level of who asked for the report: 0 is the highest. */
  readonly vmpl: number;
  readonly platformInfo: bigint;
  readonly signingKey: 'VCEK' | 'VLEK' | 'none';
  readonly maskedChipKey: boolean;
  readonly reportData: Uint8Array;
  readonly measurement: Uint8Array;
  readonly hostData: Uint8Array;
  readonly idKeyDigest: Uint8Array;
  readonly authorKeyDigest: Uint8Array;
  /** Versions of the firmware's parts, in the layout of the product: `products.ts`. */
  readonly currentTcb: Uint8Array;
  readonly reportedTcb: Uint8Array;
  readonly committedTcb: Uint8Array;
  readonly launchTcb: Uint8Array;
  /** Family and model of the processor, from version 3 on. */
  readonly processor: { readonly family: number; readonly model: number } | undefined;
  /** 64 bytes; zero where the platform masks it. */
  readonly chipId: Uint8Array;
  /** What the signature covers. */
  readonly signed: Uint8Array;
  /** r and s one after the other, 48 bytes each, big-endian. */
  readonly signature: Uint8Array;
}

/** Bits of a guest's policy. */
export const policyBits = {
  reservedOne: 1n << 17n,
  /** A migration agent of the host's choice may take the guest's memory elsewhere. */
  migration: 1n << 18n,
  /** The host may read the guest's memory. */
  debug: 1n << 19n,
  reserved: ~((1n << 26n) - 1n),
} as const;

/** The bytes that are reserved in a version: from, to (exclusive). */
function reservedIn(version: number): readonly (readonly [number, number])[] {
  return [
    [0x4c, 0x50],
    version < 3 ? [0x188, 0x1a0] : [0x18b, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    // Vectors of mitigations, since version 4.
    version < 4 ? [0x1f8, signatureOffset] : [0x208, signatureOffset],
    [signatureOffset + scalarUsed, signatureOffset + scalarBytes],
    [signatureOffset + scalarBytes + scalarUsed, reportBytes],
  ];
}

/** The report that exactly these bytes are, or why they are none. Byte strings in it are views. */
export function decodeReport(bytes: Uint8Array): Decoded<SnpReport> {
  if (bytes.length !== reportBytes) return { ok: false, reason: `${bytes.length} bytes instead of ${reportBytes}` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const part = (offset: number, length: number): Uint8Array => bytes.subarray(offset, offset + length);
  const version = view.getUint32(0, true);
  if (version < 2 || version > 5) return { ok: false, reason: `version ${version}` };
  for (const [from, to] of reservedIn(version)) {
    if (bytes.subarray(from, to).some((byte) => byte !== 0))
      return { ok: false, reason: `reserved bytes from ${from} are not zero` };
  }
  const policy = view.getBigUint64(0x08, true);
  if ((policy & policyBits.reservedOne) === 0n || (policy & policyBits.reserved) !== 0n)
    return { ok: false, reason: 'reserved bits of the policy' };
  if (view.getUint32(0x34, true) !== 1) return { ok: false, reason: 'unknown signature algorithm' };
  const flags = view.getUint32(0x48, true);
  const signingKey = ({ 0: 'VCEK', 1: 'VLEK', 7: 'none' } as const)[flags >> 2];
  if (signingKey === undefined) return { ok: false, reason: 'unknown signing key' };
  const vmpl = view.getUint32(0x30, true);
  return {
    ok: true,
    value: {
      version,
      guestSvn: view.getUint32(0x04, true),
      policy,
      familyId: part(0x10, 16),
      imageId: part(0x20, 16),
      vmpl,
      platformInfo: view.getBigUint64(0x40, true),
      signingKey,
      maskedChipKey: (flags & 2) !== 0,
      reportData: part(0x50, 64),
      measurement: part(0x90, 48),
      hostData: part(0xc0, 32),
      idKeyDigest: part(0xe0, 48),
      authorKeyDigest: part(0x110, 48),
      currentTcb: part(0x38, 8),
      reportedTcb: part(0x180, 8),
      committedTcb: part(0x1e0, 8),
      launchTcb: part(0x1f0, 8),
      processor: version < 3 ? undefined : { family: bytes[0x188]!, model: bytes[0x189]! },
      chipId: part(0x1a0, 64),
      signed: part(0, signatureOffset),
      signature: rawSignature(bytes),
    },
  };
}

function rawSignature(bytes: Uint8Array): Uint8Array {
  const raw = new Uint8Array(2 * scalarUsed);
  for (const [i, start] of [signatureOffset, signatureOffset + scalarBytes].entries())
    raw.set(bytes.slice(start, start + scalarUsed).reverse(), i * scalarUsed);
  return raw;
}
