/**
 * Who vouches for a TPM's attestation key: endorsements in a bundle, in this order.
 *
 *     certificates from the key's to the root's, then revocation lists of their issuers;
 *     or the key alone, for which nobody vouches
 *     then, optionally, the event log
 *
 * Activating a credential shows the key to be in a certified TPM to nobody but who made the credential, since whoever
 * knows its secret can say the same. So whoever enrols keys that way issues a certificate, and that is verified here.
 */
import type { Cryptography } from '@coppice/wire';
import type { Message } from '../bundle.ts';
import { decodeRevocationList, listIssue, revocationFault, type RevocationList } from '../crl.ts';
import { type Collateral, unverified, type Verification } from '../evidence.ts';
import { certificateType, revocationListType } from '../media-types.ts';
import {
  type Certificate,
  type ChainContext,
  type ChainFault,
  chainFault,
  decodeCertificate,
  extendedKeyUsageOid,
  extendedKeyUsages,
  keyUsages,
  subjectAlternativeNameOid,
} from '../x509.ts';
import { decodeEventLog, type EventLog } from './event-log.ts';
import { eventLogType, publicKeyType } from './format.ts';

export const chainMax = 6;
/** What certificates of TPMs may have as critical, since it is looked at, or means nothing here. */
export const criticalExtensions = [extendedKeyUsageOid, subjectAlternativeNameOid];
/**
 * tcg-kp-AIKCertificate, and tcg-kp-EKCertificate, which some clouds write into certificates of keys that sign: an
 * endorsement key cannot. TCG EK Credential Profile.
 */
const keyUsageOids = ['2.23.133.8.3', '2.23.133.8.1'];

export interface KeyEndorsements {
  /** SubjectPublicKeyInfo of the attestation key. */
  readonly key: Uint8Array;
  /** From the key's certificate to the root; empty where nobody vouches for the key. */
  readonly chain: readonly Certificate[];
  readonly lists: readonly RevocationList[];
  readonly log: EventLog | undefined;
}

export function decodeEndorsements(
  messages: readonly Message[],
): { readonly ok: true; readonly value: KeyEndorsements } | { readonly ok: false; readonly refusal: Verification } {
  const refused = (...fault: Parameters<typeof unverified>): { ok: false; refusal: Verification } => ({
    ok: false,
    refusal: unverified(...fault),
  });
  const chain: Certificate[] = [];
  const lists: RevocationList[] = [];
  let key: Uint8Array | undefined;
  let log: EventLog | undefined;
  for (const { mediaType, bytes } of messages) {
    if (log !== undefined) return refused('endorsement-surplus', mediaType);
    if (mediaType === publicKeyType && key === undefined && chain.length === 0) {
      key = bytes;
    } else if (mediaType === certificateType && key === undefined && lists.length === 0 && chain.length < chainMax) {
      const certificate = decodeCertificate(bytes, criticalExtensions);
      if (!certificate.ok) return refused('malformed', `certificate: ${certificate.reason}`);
      chain.push(certificate.value);
    } else if (mediaType === revocationListType && chain.length > 0 && lists.length < chain.length) {
      const list = decodeRevocationList(bytes);
      if (!list.ok) return refused('malformed', `revocation list: ${list.reason}`);
      lists.push(list.value);
    } else if (mediaType === eventLogType && (key !== undefined || chain.length > 0)) {
      const decoded = decodeEventLog(bytes);
      if (!decoded.ok) return refused('malformed', `event log: ${decoded.reason}`);
      log = decoded.value;
    } else return refused('endorsement-surplus', mediaType);
  }
  key ??= chain[0]?.spki;
  if (key === undefined) return refused('endorsement-missing', 'attestation key');
  return { ok: true, value: { key, chain, lists, log } };
}

/** Why the certificates do not vouch for the key as an attestation key now; `undefined` if they do, or if there are none. */
export function endorsementFault({ chain, lists }: KeyEndorsements, context: ChainContext): ChainFault | undefined {
  const [leaf] = chain;
  if (leaf === undefined) return undefined;
  const fault = chainFault(chain, context) ?? listFault(chain, lists, context);
  if (fault !== undefined) return fault;
  const usages = extendedKeyUsages(leaf);
  const signs = leaf.keyUsage === undefined || (leaf.keyUsage & keyUsages.digitalSignature) !== 0;
  if (chain.length < 2 || !signs || (usages !== undefined && !usages.some((one) => keyUsageOids.includes(one))))
    return { error: 'endorsement-mismatch', detail: `${leaf.commonName} is not of an attestation key` };
  return undefined;
}

/** Lists in the order of the certificates that their issuers have issued, each issuer's at most once. */
function listFault(
  chain: readonly Certificate[],
  lists: readonly RevocationList[],
  context: ChainContext,
): ChainFault | undefined {
  let i = 0;
  for (const list of lists) {
    while (i + 1 < chain.length && !isOf(list, chain[i + 1]!)) i++;
    const [certificate, issuer] = [chain[i], chain[i + 1]];
    if (certificate === undefined || issuer === undefined)
      return { error: 'endorsement-mismatch', detail: 'a revocation list of no issuer here' };
    const fault = revocationFault(list, certificate, issuer, context);
    if (fault !== undefined) return fault;
    i++;
  }
  return undefined;
}

/** The latest word of every issuer in the chain on what it has issued. */
export function collateralOf({ chain, lists }: KeyEndorsements, cryptography: Cryptography): readonly Collateral[] {
  return chain.slice(1).map((issuer) =>
    listIssue(
      lists.find((list) => isOf(list, issuer)),
      issuer,
      cryptography,
    ),
  );
}

function isOf({ issuer }: RevocationList, { subject }: Certificate): boolean {
  return issuer.length === subject.length && issuer.every((byte, i) => byte === subject[i]);
}
