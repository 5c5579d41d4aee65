/**
 * Bundles of a report and whatever certificates and lists are at hand, in no order: as files, hosts and AMD's key
 * server give them.
 */
import { sameBytes } from '@coppice/wire';
import type { EvidenceBundle, Message } from '../bundle.ts';
import { certificateType, revocationListType } from '../media-types.ts';
import { type Certificate, decodeCertificate } from '../x509.ts';
import { firmwareEndorsementType } from './firmware-endorsement.ts';
import { snpReportType } from './verify.ts';

/** Where several certificates have one name: who has so many does not know what they have. */
const chainsMax = 16;

/**
 * The bundles that the names in the certificates allow, one for each chain; one with the certificates as they come,
 * to be refused, where there is none. Certificates that are in no chain are left out.
 */
export function assembleSnp(
  report: Uint8Array,
  certificates: readonly Uint8Array[],
  lists: readonly Uint8Array[],
  firmware: readonly Uint8Array[] = [],
): readonly EvidenceBundle[] {
  const read = certificates.flatMap((bytes) => {
    const certificate = decodeCertificate(bytes);
    return certificate.ok ? [{ bytes, ...certificate.value }] : [];
  });
  const issuersOf = (one: Certificate): typeof read => read.filter(({ subject }) => sameBytes(subject, one.issuer));
  const chains = read
    .filter(({ commonName }) => commonName === 'SEV-VCEK' || commonName === 'SEV-VLEK')
    .flatMap((leaf) =>
      issuersOf(leaf).flatMap((authority) => issuersOf(authority).map((root) => [leaf, authority, root])),
    )
    .slice(0, chainsMax)
    .map((chain) => chain.map(({ bytes }) => bytes));
  return (chains.length > 0 ? chains : [certificates]).map((chain) => ({
    platform: 'sev-snp',
    evidence: { mediaType: snpReportType, bytes: report },
    endorsements: [
      ...chain.map((bytes): Message => ({ mediaType: certificateType, bytes })),
      ...lists.map((bytes): Message => ({ mediaType: revocationListType, bytes })),
      ...firmware.map((bytes): Message => ({ mediaType: firmwareEndorsementType, bytes })),
    ],
  }));
}
