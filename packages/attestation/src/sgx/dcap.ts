/**
 * Verifies quotes with Intel's collateral, of enclaves and of trust domains alike.
 */
import { concatBytes, type Decoded, decodeUtf8, fromHex, sameBytes, toHex } from '@coppice/wire';
import type { Message } from '../bundle.ts';
import { type HardwareContext, type Tcb, unverified, type Verification, type VerifiedEvidence } from '../evidence.ts';
import { decodePem } from '../pem.ts';
import { type Certificate, decodeCertificate } from '../x509.ts';
import { type Collateral, verifyCollateral } from './collateral.ts';
import { readEnclaveReport } from './enclave-report.ts';
import { type Pck, readPck } from './pck.ts';
import type { Quote } from './quote.ts';
import { converge, type EnclaveIdentity, type PartLevel, type PlatformLevel } from './tcb.ts';

/** SHA-256 of the SubjectPublicKeyInfo of Intel's root, which has two certificates. */
export const intelRoot = fromHex('a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e')!;

type Refusal = Extract<Verification, { ok: false }>;

/** What a platform of Intel's adds. */
export interface DcapPlatform {
  readonly name: string;
  /** What its TCB info and its quoting enclave are called. */
  readonly tcbInfoId: string;
  readonly enclaveId: string;
  /** Whether the quote's own components reach the level. */
  reaches(level: PlatformLevel, quote: Quote): boolean;
  /** Levels of further parts; or why there is none. */
  parts(collateral: Collateral, quote: Quote): Decoded<readonly PartLevel[]>;
}

export interface VerifiedQuote {
  readonly tcb: Tcb;
  readonly pck: Pck;
  readonly validity: VerifiedEvidence['validity'];
  readonly issues: VerifiedEvidence['collateral'];
}

/** SubjectPublicKeyInfo of a key of P-256, up to its x and y. */
const p256Prefix = fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004')!;

export function verifyQuote(
  quote: Quote,
  messages: readonly Message[],
  platform: DcapPlatform,
  context: HardwareContext,
): { readonly ok: true; readonly value: VerifiedQuote } | Refusal {
  const refused = (error: Refusal['error'], detail: string): Refusal => unverified(error, detail) as Refusal;
  const chain = certificatesOf(quote);
  if (!chain.ok) return refused('malformed', chain.reason);
  const [leaf] = chain.value;
  const pinned = context.anchors.filter((anchor) => anchor.platform === platform.name).map(({ spki }) => spki);
  const collateral = verifyCollateral(messages, chain.value, pinned, context);
  if (!collateral.ok) return collateral;
  const { tcbInfo, enclaveIdentity, dated, issues } = collateral.value;
  const pck = readPck(leaf);
  if (!pck.ok) return refused('malformed', `PCK certificate: ${pck.reason}`);

  const signed = signatureFault(quote, leaf, context);
  if (signed !== undefined) return refused('evidence-signature', signed);
  const mismatch = mismatchOf(collateral.value, pck.value, quote, platform);
  if (mismatch !== undefined) return refused('endorsement-mismatch', mismatch);

  const platformLevel = tcbInfo.levels.find(
    (level) =>
      level.components.every((svn, i) => pck.value.components[i]! >= svn) &&
      pck.value.pceSvn >= level.pceSvn &&
      platform.reaches(level, quote),
  );
  if (platformLevel === undefined) return refused('tcb-unmatched', 'the processor reaches no level');
  const enclaveLevel = versionLevel(enclaveIdentity.levels, readEnclaveReport(quote.enclaveReport).isvSvn);
  if (enclaveLevel === undefined) return refused('tcb-unmatched', 'the quoting enclave reaches no level');
  const parts = platform.parts(collateral.value, quote);
  if (!parts.ok) return refused('tcb-unmatched', parts.reason);
  const { status, advisories } = converge(platformLevel, [enclaveLevel, ...parts.value]);
  return {
    ok: true,
    value: {
      tcb: {
        components: [
          { component: 'evaluation', version: Math.min(tcbInfo.evaluation, enclaveIdentity.evaluation) },
          { component: 'pce', version: pck.value.pceSvn },
        ],
        status,
        advisories,
      },
      pck: pck.value,
      issues,
      validity: {
        from: Math.max(...dated.map(({ from }) => from)),
        until: Math.min(...dated.map(({ until }) => until)),
      },
    },
  };
}

/** The first level that a version reaches. */
export function versionLevel(levels: readonly PartLevel[], isvSvn: number): PartLevel | undefined {
  return levels.find((level) => isvSvn >= level.isvSvn);
}

/** Whether two byte strings are the same where the mask has ones. */
export function sameUnder(mask: Uint8Array, a: Uint8Array, b: Uint8Array): boolean {
  return mask.every((bits, i) => (a[i]! & bits) === (b[i]! & bits));
}

/** PCK certificate, its authority, and the root, from the quote itself. */
export function certificatesOf({ certificates }: Quote): Decoded<readonly [Certificate, Certificate, Certificate]> {
  const text = decodeUtf8(certificates);
  const blocks = text === undefined ? undefined : decodePem(text);
  if (blocks?.ok !== true) return { ok: false, reason: `certificates: ${blocks?.reason ?? 'not text'}` };
  const chain: Certificate[] = [];
  for (const { bytes } of blocks.value) {
    const certificate = decodeCertificate(bytes);
    if (!certificate.ok) return { ok: false, reason: `certificate: ${certificate.reason}` };
    chain.push(certificate.value);
  }
  const [leaf, authority, root] = chain;
  if (root === undefined || chain.length > 3) return { ok: false, reason: `${chain.length} certificates` };
  return { ok: true, value: [leaf!, authority!, root] };
}

function signatureFault(
  quote: Quote,
  { spki }: Certificate,
  { x509, cryptography }: HardwareContext,
): string | undefined {
  const { enclaveReport, enclaveSignature, attestationKey, authenticationData, signed, signature } = quote;
  if (!x509.verifySignature('ecdsa-p256-sha256', spki, enclaveReport, enclaveSignature))
    return 'of the quoting enclave, by the PCK';
  const bound = cryptography.hash(concatBytes(attestationKey, authenticationData));
  const { reportData } = readEnclaveReport(enclaveReport);
  if (!sameBytes(reportData.subarray(0, 32), bound) || reportData.subarray(32).some((byte) => byte !== 0))
    return 'of the attestation key, by the quoting enclave';
  if (!x509.verifySignature('ecdsa-p256-sha256', concatBytes(p256Prefix, attestationKey), signed, signature))
    return 'by the attestation key';
  return undefined;
}

/** What the collateral says, and the evidence is not. */
function mismatchOf(
  { tcbInfo, enclaveIdentity }: Collateral,
  pck: Pck,
  quote: Quote,
  platform: DcapPlatform,
): string | undefined {
  if (tcbInfo.id !== platform.tcbInfoId) return `TCB info of ${tcbInfo.id}`;
  if (!sameBytes(tcbInfo.fmspc, pck.fmspc))
    return `the processor is ${toHex(pck.fmspc)}, the TCB info of ${toHex(tcbInfo.fmspc)}`;
  if (!sameBytes(tcbInfo.pceId, pck.pceId)) return 'TCB info of another certification enclave';
  if (enclaveIdentity.id !== platform.enclaveId) return `identity of ${enclaveIdentity.id}`;
  return isQuotingEnclave(enclaveIdentity, quote) ? undefined : "not Intel's quoting enclave";
}

function isQuotingEnclave(identity: EnclaveIdentity, { enclaveReport }: Quote): boolean {
  const { mrSigner, isvProdId, miscSelect, attributes } = readEnclaveReport(enclaveReport);
  return (
    sameBytes(mrSigner, identity.mrSigner) &&
    isvProdId === identity.isvProdId &&
    sameUnder(identity.miscSelectMask, miscSelect, identity.miscSelect) &&
    sameUnder(identity.attributesMask, attributes, identity.attributes)
  );
}

/** A digest in a field that may be longer: the rest is zero, or this is no digest of Coppice's. */
export function digestIn(field: Uint8Array): Uint8Array {
  return field.subarray(32).some((byte) => byte !== 0) ? field : field.subarray(0, 32);
}
