/**
 * Certificate revocation lists (RFC 5280, section 5): whole ones, by the issuer of what they revoke.
 *
 * A list is the attester's input like everything else: garbage is refused, never taken for an empty list.
 */

import { type Cryptography, type Decoded, sameBytes, toHex, toLatin1 } from '@coppice/wire';
import { decodeDer, DerFault, DerReader, explicit, inside, smallInteger, tags, time } from './der.ts';
import type { Collateral } from './evidence.ts';
import type { X509Cryptography } from './signatures.ts';
import {
  type Certificate,
  type ChainFault,
  issueFault,
  keyUsages,
  readExtensions,
  readSerial,
  readSigned,
  type SignedObject,
  validityFault,
} from './x509.ts';

export interface RevocationList extends SignedObject {
  /** In milliseconds: when it was issued, and when the next one is due. */
  readonly from: number;
  readonly until: number;
  /** Serial numbers, as latin-1. */
  readonly revoked: ReadonlySet<string>;
}

const entriesMax = 20_000;

/** The list that exactly these bytes are, or why they are none. */
export function decodeRevocationList(bytes: Uint8Array): Decoded<RevocationList> {
  return decodeDer(bytes, (outer) => {
    const { body, algorithmBytes, ...signature } = inside(outer.next(tags.sequence), readSigned);
    return { ...signature, ...inside(body, readList(algorithmBytes)) };
  });
}

const readList =
  (algorithmBytes: Uint8Array) =>
  (body: DerReader): Pick<RevocationList, 'issuer' | 'from' | 'until' | 'revoked'> => {
    if (smallInteger(body.next(tags.integer)) !== 1) throw new DerFault('not of version 2');
    if (!sameBytes(body.next(tags.sequence).bytes, algorithmBytes)) throw new DerFault('two signature algorithms');
    const { bytes: issuer } = body.next(tags.sequence);
    const [from, until] = [time(body.any()), time(body.any())];
    const revoked = new Set<string>();
    const entries = body.optional(tags.sequence);
    if (entries !== undefined) inside(entries, (list) => readEntries(list, revoked));
    // Of a delta, or of one that leaves certificates out, the extension that says so is critical, and so refused.
    inside(body.next(explicit(0)), (field) => readExtensions(field));
    return { issuer, from, until, revoked };
  };

function readEntries(list: DerReader, revoked: Set<string>): void {
  while (list.more) {
    inside(list.next(tags.sequence), (entry) => {
      revoked.add(toLatin1(readSerial(entry)));
      time(entry.any());
      const extensions = entry.optional(tags.sequence);
      if (extensions !== undefined) readExtensions(new DerReader(extensions.bytes));
    });
    if (revoked.size > entriesMax) throw new DerFault('too many entries');
  }
}

/** By the key of who issues it: certificates of authorities are renewed. */
export const listSource = ({ spki }: Certificate, cryptography: Cryptography): string =>
  `revocations/${toHex(cryptography.hash(spki))}`;

export function listIssue(
  list: RevocationList | undefined,
  issuer: Certificate,
  cryptography: Cryptography,
): Collateral {
  return { source: listSource(issuer, cryptography), issue: list?.from, issued: list?.from ?? 0 };
}

/** Why `certificate` does not count under the list of its issuer; `undefined` if it does. */
export function revocationFault(
  list: RevocationList,
  certificate: Certificate,
  issuer: Certificate,
  { x509, now }: { readonly x509: X509Cryptography; readonly now: number },
): ChainFault | undefined {
  const fault =
    issueFault(list, issuer, keyUsages.crlSigning, x509) ??
    validityFault(list, `revocation list of ${issuer.commonName}`, now);
  if (fault !== undefined) return fault;
  return list.revoked.has(toLatin1(certificate.serial))
    ? { error: 'revoked', detail: `${certificate.commonName} by ${issuer.commonName}` }
    : undefined;
}
