/**
 * What an attestation agent's JSON says: a quote of TDX, or a report of SEV-SNP field by field, with the host's certificates.
 */
import { noEndorsements } from './endorsement-files.ts';
import type { RawEvidence } from './hardware.ts';
import { bytesOf, fieldsOf, snpReportOf } from './snp-document.ts';

type AgentReport = RawEvidence & { readonly platform: 'sev-snp' | 'tdx' };

/** `undefined`: evidence of another kind of hardware. */
export function readAgentReport(answer: Readonly<Record<string, unknown>>): AgentReport | undefined {
  const { attestation_report: report, cert_chain: chain, quote } = answer;
  if (typeof quote === 'string') {
    const bytes = new Uint8Array(Buffer.from(quote, 'base64'));
    return { platform: 'tdx', bytes, endorsements: noEndorsements };
  }
  const bytes = report === undefined ? undefined : snpReportOf(fieldsOf(report));
  if (bytes === undefined) return undefined;
  const certificates = (Array.isArray(chain) ? chain : []).flatMap(
    (entry: unknown) => bytesOf(fieldsOf(entry)['data']) ?? [],
  );
  return { platform: 'sev-snp', bytes, endorsements: { ...noEndorsements, certificates } };
}
