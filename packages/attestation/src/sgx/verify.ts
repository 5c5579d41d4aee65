/**
 * Verifies quotes of Intel SGX enclaves. What the release determines is MRENCLAVE; the launch is in CONFIGID.
 */
import { toHex } from '@coppice/wire';
import type { EvidenceBundle } from '../bundle.ts';
import {
  type HardwareContext,
  type HardwarePlatform,
  type ShownClaims,
  unverified,
  type Verification,
} from '../evidence.ts';
import { certificatesOf, type DcapPlatform, digestIn, intelRoot, verifyQuote } from './dcap.ts';
import { readEnclaveReport } from './enclave-report.ts';
import { readPck } from './pck.ts';
import { decodeQuote, type Quote } from './quote.ts';

const name = 'sgx';
export const quoteType = 'application/vnd.coppice.intel-quote';

const dcap: DcapPlatform = {
  name,
  tcbInfoId: 'SGX',
  enclaveId: 'QE',
  reaches: () => true,
  parts: () => ({ ok: true, value: [] }),
};

/** Endorsements as in collateral.ts. */
export const sgx: HardwarePlatform = {
  name,
  development: false,
  anchors: [{ platform: name, spki: intelRoot }],
  verify,
  show,
};

function verify(bundle: EvidenceBundle, context: HardwareContext): Verification {
  if (bundle.evidence.mediaType !== quoteType) return unverified('malformed', 'not a quote');
  const quote = decodeQuote(bundle.evidence.bytes);
  if (!quote.ok) return unverified('malformed', `quote: ${quote.reason}`);
  if (quote.value.bodyType !== 1) return unverified('malformed', 'quote: not of an enclave');
  const verified = verifyQuote(quote.value, bundle.endorsements, dcap, context);
  if (!verified.ok) return verified;
  const { tcb, pck, validity, issues } = verified.value;
  const report = readEnclaveReport(quote.value.body);
  return {
    ok: true,
    evidence: {
      platform: name,
      provider: undefined,
      generation: toHex(pck.fmspc),
      chip: pck.ppid,
      measurement: report.mrEnclave,
      launchDigest: digestIn(report.configId),
      reportData: digestIn(report.reportData),
      tcb,
      debug: report.debug,
      validity,
      collateral: issues,
      details: [{ name: 'mrSigner', value: toHex(report.mrSigner) }],
    },
  };
}

function show({ evidence }: EvidenceBundle): ShownClaims | undefined {
  const quote = decodeQuote(evidence.bytes);
  if (!quote.ok || quote.value.bodyType !== 1) return undefined;
  const report = readEnclaveReport(quote.value.body);
  return {
    ...quoteClaims(quote.value),
    debug: report.debug,
    mrEnclave: toHex(report.mrEnclave),
    mrSigner: toHex(report.mrSigner),
    configId: toHex(report.configId),
    isvProdId: report.isvProdId,
    isvSvn: report.isvSvn,
    attributes: toHex(report.attributes),
    reportData: toHex(report.reportData),
  };
}

/** What quotes of all kinds say of themselves and their processor. */
export function quoteClaims(quote: Quote): ShownClaims {
  const chain = certificatesOf(quote);
  const pck = chain.ok ? readPck(chain.value[0]) : undefined;
  return {
    quoteVersion: quote.version,
    bodyType: quote.bodyType,
    fmspc: pck?.ok === true ? toHex(pck.value.fmspc) : null,
    trailingBytes: quote.trailingBytes,
  };
}
