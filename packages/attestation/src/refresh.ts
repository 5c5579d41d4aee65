/**
 * Evidence with endorsements that were not there yet when it was collected: what an instance that was admitted with them
 * would be judged by today.
 *
 * Only what is newer takes the place of what a bundle has, or, where a list may be left out, is added. What comes out is
 * verified like any bundle.
 */
import type { Cryptography } from '@coppice/wire';
import { decodeUtf8 } from '@coppice/wire';
import type { EvidenceBundle, Message } from './bundle.ts';
import { decodeRevocationList, listIssue, listSource } from './crl.ts';
import type { Endorsement } from './endorsements.ts';
import { certificateType, revocationListType } from './media-types.ts';
import { identityIssue, signedText, tcbInfoIssue } from './sgx/collateral.ts';
import { certificatesOf } from './sgx/dcap.ts';
import { decodeQuote } from './sgx/quote.ts';
import { domainQuoteIn } from './azure/verify.ts';
import { decodeEnclaveIdentity, decodeTcbInfo } from './sgx/tcb.ts';
import { type Certificate, decodeCertificate } from './x509.ts';

/** The newest endorsement of a source that the ledger holds. */
export type NewestEndorsement = (source: string) => Endorsement | undefined;

/** The bundle with what is newer; the same one where nothing is, or where it cannot be read. */
export function refreshBundle(
  bundle: EvidenceBundle,
  newest: NewestEndorsement,
  cryptography: Cryptography,
): EvidenceBundle {
  switch (bundle.platform) {
    case 'sev-snp':
    case 'azure-snp':
      return refreshSnp(bundle, newest, cryptography);
    case 'sgx':
    case 'tdx':
      return refreshIntel(bundle, bundle.evidence.bytes, newest, cryptography);
    case 'azure-tdx':
      return refreshIntel(bundle, domainQuoteIn(bundle), newest, cryptography);
    default:
      return bundle;
  }
}

function refreshSnp(bundle: EvidenceBundle, newest: NewestEndorsement, cryptography: Cryptography): EvidenceBundle {
  const [leaf, authority, root, ...rest] = bundle.endorsements;
  const list = rest.find(({ mediaType }) => mediaType === revocationListType);
  const issuer = root && decodeCertificate(root.bytes);
  if (issuer?.ok !== true) return bundle;
  const newer = newerList(list, issuer.value, newest, cryptography);
  const others = rest.filter((one) => one !== list);
  return newer === undefined ? bundle : { ...bundle, endorsements: [leaf!, authority!, root!, newer, ...others] };
}

function refreshIntel(
  bundle: EvidenceBundle,
  quoteBytes: Uint8Array,
  newest: NewestEndorsement,
  cryptography: Cryptography,
): EvidenceBundle {
  const { endorsements } = bundle;
  const quote = decodeQuote(quoteBytes);
  const chain = quote.ok ? certificatesOf(quote.value) : undefined;
  if (chain?.ok !== true || endorsements.length < 5) return bundle;
  const [, authority, root] = chain.value;
  let [tcbInfo, identity, signer, rootList, pckList] = endorsements;
  for (const [i, message] of [tcbInfo!, identity!].entries()) {
    const newer = newerDocument(message, newest);
    if (newer === undefined) continue;
    if (i === 0) tcbInfo = newer;
    else identity = newer;
    signer = { mediaType: certificateType, bytes: newer.signer! };
  }
  rootList = newerList(rootList, root, newest, cryptography) ?? rootList;
  pckList = newerList(pckList, authority, newest, cryptography) ?? pckList;
  const refreshed = [tcbInfo!, identity!, signer!, rootList!, pckList!, ...endorsements.slice(5)];
  if (refreshed.every((message, i) => message === endorsements[i])) return bundle;
  return { ...bundle, endorsements: refreshed.map(({ mediaType, bytes }) => ({ mediaType, bytes })) };
}

function newerList(
  message: Message | undefined,
  issuer: Certificate,
  newest: NewestEndorsement,
  cryptography: Cryptography,
): Endorsement | undefined {
  const found = newest(listSource(issuer, cryptography));
  if (found === undefined || message === undefined) return found;
  const list = message.mediaType === revocationListType ? decodeRevocationList(message.bytes) : undefined;
  const issue = list?.ok === true ? listIssue(list.value, issuer, cryptography).issue! : undefined;
  return issue !== undefined && found.issue > issue ? found : undefined;
}

function newerDocument(message: Message, newest: NewestEndorsement): Endorsement | undefined {
  const tcbInfo = signedText(message, 'tcbInfo');
  const signed = tcbInfo ?? signedText(message, 'enclaveIdentity');
  const text = signed === undefined ? '' : (decodeUtf8(signed.text) ?? '');
  const decoded = tcbInfo === undefined ? decodeEnclaveIdentity(text) : decodeTcbInfo(text);
  if (!decoded.ok) return undefined;
  const { source, issued } = 'fmspc' in decoded.value ? tcbInfoIssue(decoded.value) : identityIssue(decoded.value);
  const found = newest(source);
  return found !== undefined && found.issued > issued ? found : undefined;
}
