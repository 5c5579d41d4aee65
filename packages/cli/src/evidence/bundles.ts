/**
 * Bundles of what files held: which endorsements belong to the evidence, in the order in which its platform reads them.
 */
import {
  assembleIntel,
  assembleSnp,
  azureEvidenceType,
  certificateType,
  decodeHostReport,
  encodeAzureEvidence,
  encodeTpmEvidence,
  type EvidenceBundle,
  eventLogType,
  imageSigners,
  keyChains,
  type Message,
  nitroDocumentType,
  publicKeyType,
  revocationListType,
  tpmEvidenceType,
  trimEventLog,
} from '@coppice/attestation';
import { distinct, type Parts, type Pool } from './pool.ts';
import { tpmEvidence } from './tpm-files.ts';

/** The bundles that may be meant, best first; none if there is no evidence in the pool. */
export function bundlesOf(pool: Pool): readonly EvidenceBundle[] {
  const found: Pool = {
    ...pool,
    certificates: distinct(pool.certificates),
    lists: distinct(pool.lists),
    firmware: distinct(pool.firmware),
    tcbInfos: distinct(pool.tcbInfos),
    enclaveIdentities: distinct(pool.enclaveIdentities),
  };
  const { eventLog } = pool.parts;
  const log = eventLog === undefined ? [] : [{ mediaType: eventLogType, bytes: trimEventLog(eventLog) }];
  return platformBundles(found).map((bundle) => ({ ...bundle, endorsements: [...bundle.endorsements, ...log] }));
}

function platformBundles(pool: Pool): readonly EvidenceBundle[] {
  const { hostReport, quote, report } = pool.parts;
  if (hostReport !== undefined) return azureBundles(pool, hostReport);
  if (report !== undefined) return hardwareBundles(pool, report);
  return quote === undefined ? [] : tpmBundles(pool);
}

function hardwareBundles(pool: Pool, { platform, bytes }: Parts['report']): readonly EvidenceBundle[] {
  if (platform === 'sev-snp') return assembleSnp(bytes, pool.certificates, pool.lists, pool.firmware);
  if (platform !== 'nitro') return assembleIntel(bytes, pool);
  const endorsements = imageSigners(pool.certificates).map((one): Message => ({
    mediaType: certificateType,
    bytes: one,
  }));
  return [{ platform, evidence: { mediaType: nitroDocumentType, bytes }, endorsements }];
}

/** Those of the hardware's own evidence, with the paravisor's claims and the quote of its TPM. */
function azureBundles(pool: Pool, hostReport: Uint8Array): readonly EvidenceBundle[] {
  const decoded = decodeHostReport(hostReport);
  const snp = decoded.ok && decoded.value.kind === 'snp';
  const report = snp
    ? { platform: 'sev-snp' as const, bytes: decoded.value.report }
    : { platform: 'tdx' as const, bytes: pool.parts.report?.bytes ?? new Uint8Array(0) };
  const tpm =
    pool.parts.quote === undefined
      ? { quote: new Uint8Array(0), signature: new Uint8Array(0), registers: new Uint8Array(0), launch: undefined }
      : tpmEvidence(pool.parts);
  const bytes = encodeAzureEvidence({ hostReport, domainQuote: snp ? undefined : report.bytes, ...tpm });
  return hardwareBundles(pool, report).map(({ endorsements }) => ({
    platform: snp ? 'azure-snp' : 'azure-tdx',
    evidence: { mediaType: azureEvidenceType, bytes },
    endorsements,
  }));
}

function tpmBundles(pool: Pool): readonly EvidenceBundle[] {
  const evidence = { mediaType: tpmEvidenceType, bytes: encodeTpmEvidence(tpmEvidence(pool.parts)) };
  const chains = keyChains(pool.certificates, pool.lists).map(({ certificates, lists }): Message[] => [
    ...certificates.map((bytes) => ({ mediaType: certificateType, bytes })),
    ...lists.map((bytes) => ({ mediaType: revocationListType, bytes })),
  ]);
  const { key: spki } = pool.parts;
  const key: Message[] = spki === undefined ? [] : [{ mediaType: publicKeyType, bytes: spki }];
  return (chains.length > 0 ? chains : [key]).map((endorsements) => ({
    platform: 'tpm2',
    evidence,
    endorsements,
  }));
}
