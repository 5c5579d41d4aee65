/**
 * Verifies reports of AMD SEV-SNP.
 *
 *     pinned root ──▶ ARK ──▶ ASK or ASVK ──▶ VCEK or VLEK ──▶ report
 *                      └──▶ revocation list, if the bundle has one
 *
 * The leaf's certificate names the product, the chip and the firmware's versions that its key is derived from; the
 * report must say the same of itself. Then the report's signature says the rest.
 */
import { type Cryptography, type Decoded, fromHex, sameBytes, toHex } from '@coppice/wire';
import type { EvidenceBundle, Message } from '../bundle.ts';
import { decodeRevocationList, listIssue, revocationFault, type RevocationList } from '../crl.ts';
import {
  type HardwareContext,
  type HardwarePlatform,
  unverified,
  type Verification,
  type VerifiedEvidence,
} from '../evidence.ts';
import { verifyWithInitData } from '../init-data.ts';
import { certificateType, revocationListType } from '../media-types.ts';
import { type Certificate, type ChainFault, chainFault, decodeCertificate } from '../x509.ts';
import { snpClaims } from './claims.ts';
import { type EndorsementKey, readEndorsementKey } from './endorsement-key.ts';
import {
  decodeFirmwareEndorsement,
  type FirmwareEndorsement,
  firmwareAnchor,
  firmwareEndorsementFault,
  firmwareEndorsementType,
} from './firmware-endorsement.ts';
import { leastParts, productOf, products } from './products.ts';
import { decodeReport, policyBits, type SnpReport } from './report.ts';

const name = 'sev-snp';
/** Microsoft Supply Chain RSA Root CA 2022. */
const microsoftRoot = fromHex('84ce862a73b73d63b1cdbde1d30559eaab4040f6a63638c83e8357fe2250e5d3')!;
export const snpReportType = 'application/vnd.coppice.sev-snp-report';

/** Endorsements: leaf, ASK or ASVK, ARK; then, each optionally, the ARK's revocation list, one of the firmware, and init-data. */
export const sevSnp: HardwarePlatform = {
  name,
  development: false,
  anchors: [
    ...products.map(({ root }) => ({ platform: name, spki: root })),
    { platform: firmwareAnchor, spki: microsoftRoot },
  ],
  verify: (bundle, context) => verifyWithInitData(bundle, context, verify),
  show: snpClaims,
};

interface Endorsements {
  readonly chain: readonly [Certificate, Certificate, Certificate];
  readonly list: RevocationList | undefined;
  readonly firmware: FirmwareEndorsement | undefined;
  readonly surplus: Message | undefined;
}

function verify(bundle: EvidenceBundle, context: HardwareContext): Verification {
  if (bundle.evidence.mediaType !== snpReportType) return unverified('malformed', 'not a report');
  const report = decodeReport(bundle.evidence.bytes);
  if (!report.ok) return unverified('malformed', `report: ${report.reason}`);
  if (bundle.endorsements.length < 3) return unverified('endorsement-missing', certificateType);
  const endorsements = decodeEndorsements(bundle.endorsements, context.cryptography);
  if (!endorsements.ok) return unverified('malformed', endorsements.reason);

  const { surplus } = endorsements.value;
  if (surplus !== undefined) return unverified('endorsement-surplus', surplus.mediaType);
  const fault = endorsementFault(endorsements.value, context);
  if (fault !== undefined) return unverified(fault.error, fault.detail);
  const [leaf] = endorsements.value.chain;
  const key = readEndorsementKey(leaf);
  if (!key.ok) return unverified('malformed', `${leaf.commonName}: ${key.reason}`);
  const mismatch = roleMismatch(endorsements.value.chain, key.value) ?? reportMismatch(report.value, key.value);
  if (mismatch !== undefined) return unverified('endorsement-mismatch', mismatch);
  const { signed, signature } = report.value;
  if (!context.x509.verifySignature('ecdsa-p384-sha384', leaf.spki, signed, signature))
    return unverified('evidence-signature', `by the ${key.value.kind}`);
  const firmware = firmwareFault(report.value, endorsements.value, context);
  if (firmware !== undefined) return unverified(firmware.error, firmware.detail);
  return { ok: true, evidence: evidenceOf(report.value, key.value, endorsements.value, context.cryptography) };
}

function decodeEndorsements(messages: readonly Message[], cryptography: Cryptography): Decoded<Endorsements> {
  const chain: Certificate[] = [];
  for (const { mediaType, bytes } of messages.slice(0, 3)) {
    const certificate = mediaType === certificateType ? decodeCertificate(bytes) : undefined;
    if (certificate?.ok !== true) return { ok: false, reason: `certificate: ${certificate?.reason ?? mediaType}` };
    chain.push(certificate.value);
  }
  const rest = [...messages.slice(3)];
  const list = rest[0]?.mediaType === revocationListType ? decodeRevocationList(rest.shift()!.bytes) : undefined;
  if (list?.ok === false) return { ok: false, reason: `revocation list: ${list.reason}` };
  const firmware =
    rest[0]?.mediaType === firmwareEndorsementType
      ? decodeFirmwareEndorsement(rest.shift()!.bytes, cryptography)
      : undefined;
  if (firmware?.ok === false) return { ok: false, reason: `endorsement of firmware: ${firmware.reason}` };
  const [leaf, intermediate, root] = chain;
  return {
    ok: true,
    value: { chain: [leaf!, intermediate!, root!], list: list?.value, firmware: firmware?.value, surplus: rest[0] },
  };
}

/** Why the endorsement of firmware does not hold, or is of another than was measured. */
function firmwareFault(
  report: SnpReport,
  { firmware }: Endorsements,
  context: HardwareContext,
): ChainFault | undefined {
  if (firmware === undefined) return undefined;
  const fault = firmwareEndorsementFault(firmware, context);
  if (fault !== undefined || sameBytes(firmware.measurement, report.measurement)) return fault;
  return { error: 'endorsement-mismatch', detail: `${firmware.feed} is of another measurement` };
}

function endorsementFault({ chain, list }: Endorsements, context: HardwareContext): ChainFault | undefined {
  const pinned = context.anchors.filter(({ platform }) => platform === name).map(({ spki }) => spki);
  const fault = chainFault(chain, { ...context, pinned });
  if (fault !== undefined || list === undefined) return fault;
  const [, intermediate, root] = chain;
  return revocationFault(list, intermediate, root, context);
}

/** An authority of one product or role must not vouch for a key of another. */
function roleMismatch([, intermediate, root]: Endorsements['chain'], key: EndorsementKey): string | undefined {
  const product = key.product.name;
  const authority = key.kind === 'VCEK' ? `SEV-${product}` : `SEV-VLEK-${product}`;
  if (intermediate.commonName !== authority) return `a ${key.kind} of ${product} by ${intermediate.commonName}`;
  return root.commonName === `ARK-${product}` ? undefined : `${product} under ${root.commonName}`;
}

/** What the report says of itself, and the certificate of another. */
function reportMismatch(report: SnpReport, key: EndorsementKey): string | undefined {
  if (report.signingKey !== key.kind)
    return `signed with ${report.signingKey}, and the certificate is of a ${key.kind}`;
  if (report.version >= 3 && productOf(report) !== key.product)
    return `the report is of another product than ${key.product.name}`;
  const masked = report.chipId.every((byte) => byte === 0);
  if (key.chip !== undefined && !masked && !sameBytes(report.chipId, key.chip))
    return `the report is of chip ${toHex(report.chipId)}, the certificate of ${toHex(key.chip)}`;
  if (!sameBytes(report.reportedTcb, key.tcb))
    return `the report is of TCB ${toHex(report.reportedTcb)}, the certificate of ${toHex(key.tcb)}`;
  return undefined;
}

function evidenceOf(
  report: SnpReport,
  key: EndorsementKey,
  { chain, list, firmware }: Endorsements,
  cryptography: Cryptography,
): VerifiedEvidence {
  const { hostData, reportData, measurement } = report;
  const dated = [...chain, ...(list === undefined ? [] : [list]), ...(firmware?.chain.slice(1) ?? [])];
  return {
    platform: name,
    provider: key.provider,
    generation: key.product.name,
    // A VCEK names its chip even where the report's own field is masked.
    chip: key.chip,
    measurement,
    launchDigest: hostData,
    // The second half is not used; where it is, this is no digest of Coppice's.
    reportData: reportData.subarray(32).some((byte) => byte !== 0) ? reportData : reportData.subarray(0, 32),
    tcb: {
      components: [
        ...Object.entries(leastParts(key.product, report)),
        ...(firmware === undefined ? [] : [[firmware.feed, firmware.securityVersion] as const]),
      ].map(([component, version]) => ({ component, version })),
      // AMD does not judge versions: a policy's minimum does.
      status: 'unrated',
      advisories: [],
    },
    debug: (report.policy & (policyBits.debug | policyBits.migration)) !== 0n,
    validity: {
      from: Math.max(...dated.map(({ from }) => from)),
      until: Math.min(...dated.map(({ until }) => until)),
    },
    collateral: [listIssue(list, chain[2], cryptography)],
    details: [
      { name: 'signingKey', value: key.kind },
      { name: 'vmpl', value: String(report.vmpl) },
      ...(firmware === undefined
        ? []
        : [
            { name: 'firmware', value: firmware.feed },
            { name: 'firmwareSvn', value: String(firmware.securityVersion) },
          ]),
      { name: 'revocation', value: list === undefined ? 'not looked at' : 'not revoked' },
    ],
  };
}
