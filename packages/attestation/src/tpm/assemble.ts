/**
 * Chains of certificates for attestation keys, of whatever certificates and lists are at hand, in no order.
 */
import { sameBytes } from '@coppice/wire';
import { decodeRevocationList } from '../crl.ts';
import { type Certificate, decodeCertificate } from '../x509.ts';
import { chainMax, criticalExtensions } from './endorsements.ts';

interface KeyChain {
  readonly certificates: readonly Uint8Array[];
  readonly lists: readonly Uint8Array[];
}

/**
 * One chain for each certificate that is of no authority, by the names in it, as far as it goes; with the lists in the
 * order of their issuers. Lists of no issuer in it come last, to be refused.
 */
export function keyChains(certificates: readonly Uint8Array[], lists: readonly Uint8Array[]): readonly KeyChain[] {
  const read = certificates.flatMap((bytes) => {
    const certificate = decodeCertificate(bytes, criticalExtensions);
    return certificate.ok ? [{ bytes, ...certificate.value }] : [];
  });
  const issuerOf = (one: Certificate): (typeof read)[number] | undefined =>
    sameBytes(one.issuer, one.subject) ? undefined : read.find(({ subject }) => sameBytes(subject, one.issuer));
  return read
    .filter(({ authority }) => authority === undefined)
    .map((leaf) => {
      const chain = [leaf];
      for (let issuer = issuerOf(leaf); issuer !== undefined && chain.length < chainMax; issuer = issuerOf(issuer))
        chain.push(issuer);
      const place = (list: Uint8Array): number => {
        const decoded = decodeRevocationList(list);
        const found = chain.findIndex(({ subject }) => decoded.ok && sameBytes(subject, decoded.value.issuer));
        return found === -1 ? chain.length : found;
      };
      return {
        certificates: chain.map(({ bytes }) => bytes),
        lists: lists.toSorted((a, b) => place(a) - place(b)),
      };
    });
}
