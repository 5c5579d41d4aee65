/**
 * Evidence of Azure's confidential virtual machines: the paravisor's report from the machine's TPM, a quote by the key that this report
 * names, and, of TDX, the domain's quote, which the host makes of the report.
 *
 * The hardware's report is of the paravisor and its TPM only, and the same at every request: what the instance wants reported is in the
 * TPM's quote.
 */
import { azureEvidenceType, decodeHostReport, encodeAzureEvidence, type EvidenceBundle } from '@coppice/attestation';
import type { Collector } from './collector.ts';
import type { EndorsementFiles } from './endorsement-files.ts';
import { CollectionError, reasonOf } from './error.ts';
import { request } from './fetch.ts';
import { assemble, completed } from './hardware.ts';
import { quote, readIndex } from './tpm/commands.ts';
import { TpmConnection } from './tpm/connection.ts';

export interface AzureSettings {
  readonly name: 'azure-snp' | 'azure-tdx';
  readonly tpm: string;
  readonly registers: readonly number[];
  /** Where the host makes quotes of reports of TDX. */
  readonly quotes: string;
  readonly endorsements: readonly string[];
}

export const azureTpm = '/dev/tpmrm0';
export const azureQuotes = 'http://169.254.169.254/acc/tdquote';
/** Trusted Hardware Identity Management: the VCEK of the machine's processor. */
export const azureVcek = 'http://169.254.169.254/metadata/THIM/amd/certification';

const hostReportIndex = 0x0140_0001;
const attestationKey = 0x8100_0003;
/** Bytes of a report of TDX. */
const domainReportBytes = 1024;

export const azureCollector =
  (settings: AzureSettings): Collector =>
  async ({ launch, now, reportData }) => {
    const { endorsements, name, registers } = settings;
    const tpm = await TpmConnection.open(settings.tpm);
    let hostReport: Uint8Array;
    let quoted: Awaited<ReturnType<typeof quote>>;
    try {
      hostReport = await readIndex(tpm, hostReportIndex);
      quoted = await quote(tpm, attestationKey, registers, reportData);
    } finally {
      await tpm.close();
    }
    const decoded = decodeHostReport(hostReport);
    if (!decoded.ok || name !== `azure-${decoded.value.kind}`) {
      const reason = decoded.ok ? `its host report is of ${decoded.value.kind}` : `host report: ${decoded.reason}`;
      throw new CollectionError({ code: 'NO_EVIDENCE', from: settings.tpm, reason });
    }
    const { kind, report } = decoded.value;
    const domainQuote = kind === 'tdx' ? await domainQuoteOf(settings.quotes, report) : undefined;
    const bytes = encodeAzureEvidence({ hostReport, domainQuote, launch, ...quoted });
    const evidence = { mediaType: azureEvidenceType, bytes };
    const bundles = (found: EndorsementFiles): EvidenceBundle[] =>
      assemble(kind === 'snp' ? 'sev-snp' : 'tdx', domainQuote ?? report, found).map((bundle) => ({
        ...{ platform: name, evidence },
        endorsements: bundle.endorsements,
      }));
    return completed(bundles, endorsements, now);
  };

async function domainQuoteOf(url: string, report: Uint8Array): Promise<Uint8Array> {
  try {
    const text = Buffer.from(report.subarray(0, domainReportBytes)).toString('base64url');
    const { body } = await request(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ report: text }),
    });
    const { quote: answer } = JSON.parse(Buffer.from(body).toString('utf8')) as { readonly quote?: unknown };
    if (typeof answer !== 'string') throw new Error('no quote in the answer');
    return new Uint8Array(Buffer.from(answer, 'base64url'));
  } catch (error) {
    throw new CollectionError({ code: 'NO_EVIDENCE', from: url, reason: reasonOf(error) });
  }
}
