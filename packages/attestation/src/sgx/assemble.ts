/**
 * Bundles of a quote and whatever of Intel's collateral is at hand, in no order.
 */
import { sameBytes } from '@coppice/wire';
import type { EvidenceBundle, Message } from '../bundle.ts';
import { decodeRevocationList } from '../crl.ts';
import { certificateType, revocationListType } from '../media-types.ts';
import { decodeCertificate } from '../x509.ts';
import { collateralType } from './collateral.ts';
import { certificatesOf } from './dcap.ts';
import { decodeQuote, quotePlatform } from './quote.ts';
import { quoteType } from './verify.ts';

const signersMax = 4;

/** Collateral as it comes: documents as in collateral.ts, certificates and lists as DER. */
export interface IntelCollateral {
  readonly tcbInfos: readonly Uint8Array[];
  readonly enclaveIdentities: readonly Uint8Array[];
  readonly certificates: readonly Uint8Array[];
  readonly lists: readonly Uint8Array[];
}

/** One bundle for each certificate that may have signed the documents. Lists are told apart by their issuers' names. */
export function assembleIntel(quote: Uint8Array, collateral: IntelCollateral): readonly EvidenceBundle[] {
  const decoded = decodeQuote(quote);
  const chain = decoded.ok ? certificatesOf(decoded.value) : undefined;
  const issuers = chain?.ok === true ? [chain.value[2].subject, chain.value[1].subject] : [];
  const documents = [...collateral.tcbInfos, ...collateral.enclaveIdentities].map((bytes): Message => ({
    mediaType: collateralType,
    bytes,
  }));
  const lists = issuers.flatMap((issuer) =>
    collateral.lists
      .filter((bytes) => {
        const list = decodeRevocationList(bytes);
        return list.ok && sameBytes(list.value.issuer, issuer);
      })
      .map((bytes): Message => ({ mediaType: revocationListType, bytes })),
  );
  const signers = collateral.certificates.filter((bytes) => {
    const certificate = decodeCertificate(bytes);
    return certificate.ok && certificate.value.commonName === 'Intel SGX TCB Signing';
  });
  const bundle = (signer: readonly Uint8Array[]): EvidenceBundle => ({
    platform: quotePlatform(quote),
    evidence: { mediaType: quoteType, bytes: quote },
    endorsements: [...documents, ...signer.map((bytes) => ({ mediaType: certificateType, bytes })), ...lists],
  });
  return signers.length === 0 ? [bundle([])] : signers.slice(0, signersMax).map((signer) => bundle([signer]));
}
