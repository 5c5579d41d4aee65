/**
 * What Microsoft says of the firmware and kernel that its confidential containers start with: a COSE_Sign1 that names
 * the measurement they give and their security version ("UVM endorsement").
 *
 * Its issuer is a name of the form did:x509: the digest of an authority's certificate, and what the signer's must be
 * for. The name is in the message, so it proves nothing; that the chain ends in a pinned root does, with the usage that
 * is known of the feed: the root certifies signers of much else.
 */
import { type Cryptography, decodeUtf8, type Decoded, fromHex, sameBytes, toHex } from '@coppice/wire';
import { type CborTable, type ForeignCbor, Tagged } from '../cbor.ts';
import { decodeSign1, type Sign1 } from '../cose.ts';
import type { HardwareContext, ShownClaims } from '../evidence.ts';
import { encodeBase64Url } from '../pem.ts';
import type { SignatureAlgorithm } from '../signatures.ts';
import {
  type Certificate,
  type ChainFault,
  chainFault,
  decodeCertificate,
  extendedKeyUsageOid,
  extendedKeyUsages,
  validityFault,
} from '../x509.ts';

export const firmwareEndorsementType = 'application/vnd.coppice.snp-firmware-endorsement';

/** Its roots are none of AMD's: they are listed by a name of their own. */
export const firmwareAnchor = 'sev-snp-firmware';

/** Of COSE: RSASSA-PSS with SHA-256, SHA-384, SHA-512. */
const algorithms: ReadonlyMap<ForeignCbor | undefined, SignatureAlgorithm> = new Map([
  [-37, 'rsa-pss-sha256'],
  [-38, 'rsa-pss-sha384'],
  [-39, 'rsa-pss-sha512'],
]);
const header = { algorithm: 1, claims: 15, chain: 33, thumbprint: 34 } as const;
const headersRead = [...Object.values(header), 'iss', 'feed', 'signingtime'];
/** What the keys that sign a feed are for. */
const usages: ReadonlyMap<string, string> = new Map([
  ['ContainerPlat-AMD-UVM', '1.3.6.1.4.1.311.76.59.1.2'],
  ['ConfAKS-AMD-UVM', '1.3.6.1.4.1.311.76.59.1.5'],
]);
const chainMax = 5;

export interface FirmwareEndorsement extends Sign1 {
  readonly algorithm: SignatureAlgorithm;
  readonly chain: readonly Certificate[];
  /** SHA-256 of the certificates, in base64 for names, in the same order. */
  readonly fingerprints: readonly string[];
  readonly issuer: string;
  readonly feed: string;
  readonly securityVersion: number;
  readonly measurement: Uint8Array;
  /** When it says it was signed, in milliseconds. */
  readonly signedAt: number | undefined;
}

/** The endorsement that exactly these bytes are, or why they are none. */
export function decodeFirmwareEndorsement(bytes: Uint8Array, cryptography: Cryptography): Decoded<FirmwareEndorsement> {
  const refused = (reason: string): Decoded<never> => ({ ok: false, reason });
  const message = decodeSign1(bytes, headersRead);
  if (!message.ok) return message;
  const { protectedHeader, payload } = message.value;
  const algorithm = algorithms.get(protectedHeader.get(header.algorithm));
  if (algorithm === undefined) return refused('unknown algorithm');
  const encoded = protectedHeader.get(header.chain);
  if (!Array.isArray(encoded) || encoded.length < 2 || encoded.length > chainMax) return refused('no certificates');
  const chain: Certificate[] = [];
  const digests: Uint8Array[] = [];
  for (const one of encoded as ForeignCbor[]) {
    const certificate = one instanceof Uint8Array ? decodeCertificate(one, [extendedKeyUsageOid]) : undefined;
    if (certificate?.ok !== true) return refused(`certificate: ${certificate?.reason ?? 'missing'}`);
    chain.push(certificate.value);
    digests.push(cryptography.hash(one as Uint8Array));
  }
  if (!namesLeaf(protectedHeader.get(header.thumbprint), digests[0]!)) return refused('thumbprint of another');
  const claims = protectedHeader.get(header.claims);
  const [issuer, feed] =
    claims instanceof Map
      ? [(claims as CborTable).get(1), (claims as CborTable).get(2)]
      : [protectedHeader.get('iss'), protectedHeader.get('feed')];
  if (typeof issuer !== 'string' || typeof feed !== 'string') return refused('no issuer, or no feed');
  const time = claims instanceof Map ? (claims as CborTable).get(6) : protectedHeader.get('signingtime');
  const signedAt = readTime(time);
  if (time !== undefined && signedAt === undefined) return refused('not a time');
  const body = readPayload(payload);
  if (body === undefined) return refused('payload names no measurement');
  const fingerprints = digests.map(encodeBase64Url);
  return { ok: true, value: { ...message.value, algorithm, chain, fingerprints, issuer, feed, signedAt, ...body } };
}

/** Seconds since 1970, with or without the tag that says so; in milliseconds. */
function readTime(value: ForeignCbor | undefined): number | undefined {
  const seconds = value instanceof Tagged && value.tag === 1 ? value.value : value;
  return typeof seconds === 'number' && seconds >= 0 && seconds < 2 ** 40 ? seconds * 1000 : undefined;
}

/** SHA-256 of the signer's certificate, if the header has one. */
function namesLeaf(thumbprint: ForeignCbor | undefined, digest: Uint8Array): boolean {
  if (thumbprint === undefined) return true;
  if (!Array.isArray(thumbprint)) return false;
  const [algorithm, bytes] = thumbprint as ForeignCbor[];
  return algorithm === -16 && bytes instanceof Uint8Array && sameBytes(bytes, digest);
}

function readPayload(payload: Uint8Array): Pick<FirmwareEndorsement, 'measurement' | 'securityVersion'> | undefined {
  let document: unknown;
  try {
    document = JSON.parse(decodeUtf8(payload) ?? '');
  } catch {
    return undefined;
  }
  if (typeof document !== 'object' || document === null) return undefined;
  const fields = document as Readonly<Record<string, unknown>>;
  const hex = fields['x-ms-sevsnpvm-launchmeasurement'];
  const measurement = typeof hex === 'string' ? fromHex(hex.toLowerCase()) : undefined;
  // Older ones have it as text.
  const version = fields['x-ms-sevsnpvm-guestsvn'];
  const securityVersion = typeof version === 'string' && /^\d{1,9}$/.test(version) ? Number(version) : version;
  if (measurement?.length !== 48 || typeof securityVersion !== 'number' || !Number.isSafeInteger(securityVersion))
    return undefined;
  return securityVersion < 0 ? undefined : { measurement, securityVersion };
}

/** Why the endorsement does not hold now, under a pinned root; `undefined` if it does. */
export function firmwareEndorsementFault(
  endorsement: FirmwareEndorsement,
  context: HardwareContext,
): ChainFault | undefined {
  const pinned = context.anchors.filter(({ platform }) => platform === firmwareAnchor).map(({ spki }) => spki);
  const { chain, algorithm, signed, signature, issuer, feed, signedAt = context.now } = endorsement;
  const [leaf, ...authorities] = chain as readonly [Certificate, ...Certificate[]];
  // Firmware is signed once and used for years: its signer had to be valid then, its authorities have to be now.
  const fault =
    chainFault([{ ...leaf, from: 0, until: Infinity }, ...authorities], { ...context, pinned }) ??
    validityFault(leaf, leaf.commonName, signedAt) ??
    (signedAt > context.now ? { error: 'not-yet-valid', detail: feed } : undefined);
  if (fault !== undefined) return fault;
  if (!isIssuer(endorsement)) return { error: 'endorsement-mismatch', detail: `${feed}: not by ${issuer}` };
  return context.x509.verifySignature(algorithm, chain[0]!.spki, signed, signature)
    ? undefined
    : { error: 'endorsement-signature', detail: feed };
}

export function showFirmwareEndorsement(endorsement: FirmwareEndorsement): ShownClaims {
  const { issuer, feed, securityVersion, measurement } = endorsement;
  return { issuer, feed, firmwareSvn: securityVersion, measurement: toHex(measurement) };
}

/**
 * Whether the chain is what the name of the issuer says (did:x509, version 0, with one usage as its policy), and its signer is one of the
 * feed's.
 */
function isIssuer({ issuer, feed, chain, fingerprints }: FirmwareEndorsement): boolean {
  const [, fingerprint, usage] = /^did:x509:0:sha256:([A-Za-z0-9_-]{43})::eku:([0-9.]+)$/.exec(issuer) ?? [];
  return (
    fingerprint !== undefined &&
    fingerprints.indexOf(fingerprint) > 0 &&
    usage === usages.get(feed) &&
    extendedKeyUsages(chain[0]!)?.includes(usage!) === true
  );
}
