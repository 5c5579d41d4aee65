/**
 * Verifies evidence of Azure's confidential virtual machines.
 *
 *     pinned root ──▶ … ──▶ hardware's report ──▶ paravisor's claims ──▶ attestation key ──▶ quote ──▶ registers
 *
 * The hardware measures the paravisor that Microsoft brings, whose TPM measures everything above: firmware, kernel,
 * and the launch data, which whatever launches the instance extends register 8 with, as of any TPM.
 */
import { concatBytes, type Decoded, decodeCbor, encodeCbor, sameBytes } from '@coppice/wire';
import type { EvidenceBundle, Message } from '../bundle.ts';
import {
  type HardwareContext,
  type HardwarePlatform,
  type ShownClaims,
  unverified,
  type Verification,
  type VerifiedEvidence,
} from '../evidence.ts';
import { decodeReport } from '../sev-snp/report.ts';
import { sevSnp, snpReportType } from '../sev-snp/verify.ts';
import { decodeQuote } from '../sgx/quote.ts';
import { quoteType } from '../sgx/verify.ts';
import { readDomainReport } from '../tdx/domain-report.ts';
import { tdx } from '../tdx/verify.ts';
import { tpmClaims } from '../tpm/claims.ts';
import { type TpmEvidence, tpmEvidenceOf } from '../tpm/format.ts';
import { measurementOf, verifyTpmQuote } from '../tpm/verify.ts';
import { domainReportMismatch } from './domain-report.ts';
import { decodeHostReport, type HostReport, readRuntimeClaims } from './host-report.ts';

export const azureEvidenceType = 'application/vnd.coppice.azure-vm+cbor';

export interface AzureEvidence extends TpmEvidence {
  /** What the machine's TPM has at index 0x01400001. */
  readonly hostReport: Uint8Array;
  /** TDX: the quote of the domain, which Azure's host agent makes of the report. */
  readonly domainQuote: Uint8Array | undefined;
}

/** The bytes of the evidence's message. */
export function encodeAzureEvidence(evidence: AzureEvidence): Uint8Array {
  const { hostReport, domainQuote, quote, signature, registers, launch } = evidence;
  return encodeCbor({
    hostReport,
    ...(domainQuote === undefined ? {} : { domainQuote }),
    quote,
    signature,
    registers,
    ...(launch === undefined ? {} : { launch }),
  });
}

/** Endorsements as of a report of SEV-SNP. */
export const azureSnp: HardwarePlatform = {
  name: 'azure-snp',
  development: false,
  anchors: [],
  verify: (bundle, context) => verify(bundle, context, 'snp'),
  show: (bundle) => show(bundle, 'snp'),
};

/** Endorsements as of a quote of TDX. */
export const azureTdx: HardwarePlatform = {
  name: 'azure-tdx',
  development: false,
  anchors: [],
  verify: (bundle, context) => verify(bundle, context, 'tdx'),
  show: (bundle) => show(bundle, 'tdx'),
};

interface Parts {
  readonly tpm: TpmEvidence;
  readonly host: HostReport;
  /** The hardware's evidence, as of its own platform. */
  readonly hardware: EvidenceBundle;
}

function decodeParts({ evidence, endorsements }: EvidenceBundle, kind: HostReport['kind']): Decoded<Parts> {
  if (evidence.mediaType !== azureEvidenceType) return { ok: false, reason: 'not evidence of such a machine' };
  const decoded = decodeCbor(evidence.bytes);
  if (!decoded.ok) return decoded;
  if (typeof decoded.value !== 'object' || decoded.value === null || Array.isArray(decoded.value))
    return { ok: false, reason: 'not evidence of such a machine' };
  const { hostReport, domainQuote, ...others } = decoded.value as Readonly<Record<string, never>>;
  const tpm = tpmEvidenceOf(others);
  if (!tpm.ok) return tpm;
  const host = (hostReport as unknown) instanceof Uint8Array ? decodeHostReport(hostReport!) : undefined;
  if (host?.ok !== true) return { ok: false, reason: `host report: ${host?.reason ?? 'missing'}` };
  const isQuote = (domainQuote as unknown) instanceof Uint8Array;
  if (host.value.kind !== kind || isQuote !== (kind === 'tdx') || (domainQuote !== undefined && !isQuote))
    return { ok: false, reason: 'not the report of this platform' };
  const message: Message = isQuote
    ? { mediaType: quoteType, bytes: domainQuote! }
    : { mediaType: snpReportType, bytes: host.value.report };
  const platform = isQuote ? tdx.name : sevSnp.name;
  return {
    ok: true,
    value: { tpm: tpm.value, host: host.value, hardware: { platform, evidence: message, endorsements } },
  };
}

/** The quote of the domain, as of TDX alone; empty where there is none. */
export function domainQuoteIn(bundle: EvidenceBundle): Uint8Array {
  const parts = decodeParts(bundle, 'tdx');
  return parts.ok ? parts.value.hardware.evidence.bytes : new Uint8Array(0);
}

function verify(bundle: EvidenceBundle, context: HardwareContext, kind: HostReport['kind']): Verification {
  const parts = decodeParts(bundle, kind);
  if (!parts.ok) return unverified('malformed', parts.reason);
  const { tpm, host, hardware } = parts.value;
  const claims = readRuntimeClaims(host.claims);
  if (!claims.ok) return unverified('malformed', `claims: ${claims.reason}`);
  const verified = (kind === 'snp' ? sevSnp : tdx).verify(hardware, context);
  if (!verified.ok) return verified;
  const mismatch = hostMismatch(host, hardware.evidence.bytes, verified.evidence, context);
  if (mismatch !== undefined) return unverified('evidence-mismatch', mismatch);
  const quote = verifyTpmQuote(tpm, claims.value.attestationKey, undefined, context);
  if (!quote.ok) return quote.refusal;
  const { debug, details, measurement } = verified.evidence;
  return {
    ok: true,
    evidence: {
      ...verified.evidence,
      platform: bundle.platform,
      provider: 'azure',
      debug: kind === 'tdx' ? isOpen(hardware.evidence.bytes) : debug,
      // Of TDX, the first register is of the paravisor; it extends no others.
      measurement: concatBytes(measurement.subarray(0, 48), measurementOf(quote.value.banks)),
      launchDigest: tpm.launch ?? new Uint8Array(0),
      reportData: quote.value.quote.qualifyingData,
      details: [...details, { name: 'machine', value: claims.value.machine ?? '' }],
    },
  };
}

/** A paravisor is made for the exceptions that a host can have it handle; nothing else may open it. */
function isOpen(domainQuote: Uint8Array): boolean {
  const quote = decodeQuote(domainQuote);
  if (!quote.ok) return true;
  const { debug, migratable, served } = readDomainReport(quote.value.body).open;
  return debug || migratable || served;
}

/** Why the hardware does not say of the paravisor's claims that they are its own. */
function hostMismatch(
  host: HostReport,
  evidence: Uint8Array,
  verified: VerifiedEvidence,
  context: HardwareContext,
): string | undefined {
  if (!sameBytes(verified.reportData, context.cryptography.hash(host.claims)))
    return "the report is not of the paravisor's claims";
  if (host.kind === 'snp') {
    const report = decodeReport(evidence);
    // A guest above the paravisor can ask for reports too, of less privilege.
    return report.ok && report.value.vmpl === 0 ? undefined : 'the report is not of the paravisor';
  }
  const quote = decodeQuote(evidence);
  return quote.ok
    ? domainReportMismatch(host.report, readDomainReport(quote.value.body), context.x509)
    : 'the quote is none';
}

function show(bundle: EvidenceBundle, kind: HostReport['kind']): ShownClaims | undefined {
  const parts = decodeParts(bundle, kind);
  if (!parts.ok) return undefined;
  const { tpm, host, hardware } = parts.value;
  const claims = readRuntimeClaims(host.claims);
  const quote = tpmClaims(tpm, []);
  if (!claims.ok || quote === undefined) return undefined;
  return {
    ...(kind === 'snp' ? sevSnp : tdx).show(hardware),
    machine: claims.value.machine ?? null,
    secureBoot: claims.value.secureBoot ?? null,
    userData: claims.value.userData ?? null,
    tpm: quote,
  };
}
