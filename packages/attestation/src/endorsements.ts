/**
 * Endorsements by themselves: revocation lists and Intel's documents, as members bring them to the ledger.
 *
 * They are as hostile here as in a bundle. Whatever comes with them is a pool of certificates, which is gone through from the pinned roots
 * downwards: keys that nobody has certified are never used, each certificate and list is verified once, the first fault ends it all, and
 * so does a signature too many.
 */
import { type Cryptography, decodeUtf8, sameBytes, toLatin1 } from '@coppice/wire';
import { decodeRevocationList, listIssue, type RevocationList } from './crl.ts';
import { type Anchor, type Collateral, type EvidenceFault } from './evidence.ts';
import { revocationListType } from './media-types.ts';
import { collateralType, identityIssue, signedText, tcbInfoIssue } from './sgx/collateral.ts';
import { decodeEnclaveIdentity, decodeTcbInfo } from './sgx/tcb.ts';
import type { X509Cryptography } from './signatures.ts';
import {
  type Certificate,
  type ChainContext,
  chainFault,
  type ChainFault,
  decodeCertificate,
  issueFault,
  keyUsages,
  validityFault,
} from './x509.ts';

/** An endorsement that holds, with what says which of two is the newer one. */
export interface Endorsement extends Collateral {
  readonly issue: number;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** Of Intel's documents: the certificate of who signed it. */
  readonly signer: Uint8Array | undefined;
}

export type EndorsementsVerdict =
  | { readonly ok: true; readonly endorsements: readonly Endorsement[] }
  | { readonly ok: false; readonly error: EvidenceFault; readonly detail: string };

export interface EndorsementContext {
  readonly cryptography: Cryptography;
  readonly x509: X509Cryptography;
  /** Agreed time in milliseconds. */
  readonly now: number;
  readonly anchors: readonly Anchor[];
  /** How many signatures may still be verified: for all imports of a batch together. */
  readonly signatures: { left: number };
}

interface Read<T> {
  readonly bytes: Uint8Array;
  readonly value: T;
}

interface Pool {
  readonly certificates: Read<Certificate>[];
  readonly lists: Read<RevocationList>[];
  readonly documents: Uint8Array[];
}

/** An authority or a signer that is certified, and by whom: a root by itself. */
interface Certified extends Read<Certificate> {
  readonly root: Certificate;
}

interface VerifiedList {
  readonly issuer: Certificate;
  readonly list: RevocationList;
}

/** Intel's roots vouch for Intel's documents; which list is whose follows from the key that issues it. */
const intelPlatforms: readonly string[] = ['sgx', 'tdx'];

/** Every list and document in `files`, of certificates and lists in DER and documents as Intel serves them. Pure and total. */
export function verifyEndorsementFiles(files: readonly Uint8Array[], context: EndorsementContext): EndorsementsVerdict {
  const pool: Pool = { certificates: [], lists: [], documents: [] };
  for (const [i, bytes] of files.entries()) {
    const certificate = decodeCertificate(bytes);
    const list = certificate.ok ? undefined : decodeRevocationList(bytes);
    if (certificate.ok) pool.certificates.push({ bytes, value: certificate.value });
    else if (list?.ok === true) pool.lists.push({ bytes, value: list.value });
    else if (bytes[0] === 0x7b) pool.documents.push(bytes);
    else return { ok: false, error: 'malformed', detail: `file ${i} is no endorsement` };
  }
  return new Import(context).verify(pool);
}

class TooMany extends Error {}

class Import {
  readonly #context: EndorsementContext;
  readonly #pins: ChainContext;
  constructor(context: EndorsementContext) {
    const x509: X509Cryptography = {
      ...context.x509,
      verifySignature: (...asked) => {
        if (context.signatures.left-- <= 0) throw new TooMany();
        return context.x509.verifySignature(...asked);
      },
    };
    this.#context = { ...context, x509 };
    this.#pins = { ...this.#context, pinned: context.anchors.map(({ spki }) => spki) };
  }

  verify(pool: Pool): EndorsementsVerdict {
    try {
      const certified = this.#certified(pool.certificates);
      if ('error' in certified) return { ok: false, ...certified };
      const endorsements: Endorsement[] = [];
      const lists: VerifiedList[] = [];
      // Those of the roots first: what they revoke issues no lists.
      const byRoot = ({ value }: Read<RevocationList>): number =>
        certified.some((one) => one.value === one.root && sameBytes(one.value.subject, value.issuer)) ? 0 : 1;
      for (const list of pool.lists.toSorted((a, b) => byRoot(a) - byRoot(b))) {
        const verified = this.#list(list, certified, lists) ?? this.#unissued(list.value, pool.certificates);
        if ('error' in verified) return { ok: false, ...verified };
        lists.push({ issuer: verified.issuer, list: list.value });
        endorsements.push(verified.endorsement);
      }
      for (const document of pool.documents) {
        const verified = this.#document(document, certified, lists);
        if ('error' in verified) return { ok: false, ...verified };
        endorsements.push(verified);
      }
      return endorsements.length === 0
        ? { ok: false, error: 'endorsement-missing', detail: 'neither a list nor a document' }
        : { ok: true, endorsements };
    } catch (error) {
      if (!(error instanceof TooMany)) throw error;
      return { ok: false, error: 'malformed', detail: 'too many signatures for one batch: import less, or later' };
    }
  }

  /** Roots whose keys are pinned, and whatever one of them has issued. Others are of no use, and not looked at. */
  #certified(certificates: readonly Read<Certificate>[]): Certified[] | ChainFault {
    const { now, x509 } = this.#context;
    const roots: Certified[] = [];
    for (const one of certificates) {
      const { value } = one;
      if (!sameBytes(value.subject, value.issuer) || this.#platformsOf(value).length === 0) continue;
      const fault = chainFault([value], this.#pins);
      if (fault !== undefined) return fault;
      roots.push({ ...one, root: value });
    }
    const issued: Certified[] = [];
    for (const one of certificates) {
      const { value } = one;
      if (sameBytes(value.subject, value.issuer)) continue;
      const root = roots.find((candidate) => sameBytes(candidate.value.subject, value.issuer))?.value;
      if (root === undefined) continue;
      const fault =
        issueFault(value, root, keyUsages.certificateSigning, x509) ?? validityFault(value, value.commonName, now);
      if (fault !== undefined) return fault;
      issued.push({ ...one, root });
    }
    return [...roots, ...issued];
  }

  /** The platforms whose pinned root this is. */
  #platformsOf({ spki }: Certificate): readonly string[] {
    const digest = this.#context.cryptography.hash(spki);
    return this.#context.anchors.filter((anchor) => sameBytes(anchor.spki, digest)).map(({ platform }) => platform);
  }

  /** `undefined`: no certified issuer is here. */
  #list(
    { bytes, value }: Read<RevocationList>,
    certified: readonly Certified[],
    lists: readonly VerifiedList[],
  ): { readonly endorsement: Endorsement; readonly issuer: Certificate } | ChainFault | undefined {
    const { cryptography, now, x509 } = this.#context;
    const late = validityFault(value, 'revocation list', now);
    if (late !== undefined) return late;
    const named = certified.filter((one) => sameBytes(one.value.subject, value.issuer));
    if (named.length === 0) return undefined;
    const faults = named.map(
      (one) => revokedFault(one, lists) ?? issueFault(value, one.value, keyUsages.crlSigning, x509),
    );
    const issuer = named[faults.indexOf(undefined)]?.value;
    if (issuer === undefined) return faults[0]!;
    const { issued, source } = listIssue(value, issuer, cryptography);
    const dated = { issue: issued, issued };
    return { issuer, endorsement: { source, ...dated, mediaType: revocationListType, bytes, signer: undefined } };
  }

  #document(
    bytes: Uint8Array,
    certified: readonly Certified[],
    lists: readonly VerifiedList[],
  ): Endorsement | ChainFault {
    const { now, x509 } = this.#context;
    const message = { mediaType: collateralType, bytes };
    const [tcbInfo, identity] = [signedText(message, 'tcbInfo'), signedText(message, 'enclaveIdentity')];
    const signed = tcbInfo ?? identity;
    if (signed === undefined) return { error: 'malformed', detail: 'not a signed document' };
    const signer = certified.find(
      ({ root, value }) =>
        value.commonName === 'Intel SGX TCB Signing' &&
        this.#platformsOf(root).some((platform) => intelPlatforms.includes(platform)) &&
        x509.verifySignature('ecdsa-p256-sha256', value.spki, signed.text, signed.signature),
    );
    if (signer === undefined)
      return { error: 'endorsement-signature', detail: 'a document that no certified signer here has signed' };
    const revoked = revokedFault(signer, lists);
    if (revoked !== undefined) return revoked;
    const text = decodeUtf8(signed.text) ?? '';
    const decoded = tcbInfo === undefined ? decodeEnclaveIdentity(text) : decodeTcbInfo(text);
    if (!decoded.ok) return { error: 'malformed', detail: decoded.reason };
    const late = validityFault(decoded.value, decoded.value.id, now);
    if (late !== undefined) return late;
    const { source, issued } = 'fmspc' in decoded.value ? tcbInfoIssue(decoded.value) : identityIssue(decoded.value);
    return { source, issue: issued, issued, ...message, signer: signer.bytes };
  }

  /** Why nobody here has issued a list: its issuer, or the root above, is missing, or of that name only. */
  #unissued({ issuer }: RevocationList, certificates: readonly Read<Certificate>[]): ChainFault {
    const named = certificates.find(({ value }) => sameBytes(value.subject, issuer))?.value;
    if (named === undefined) return { error: 'endorsement-missing', detail: 'the certificate of an issuer' };
    if (!sameBytes(named.issuer, named.subject))
      return { error: 'endorsement-missing', detail: `the root of ${named.commonName}` };
    return chainFault([named], this.#pins)!;
  }
}

/** Whether a list that was verified has it. */
function revokedFault({ root, value }: Certified, lists: readonly VerifiedList[]): ChainFault | undefined {
  const serial = toLatin1(value.serial);
  const revoked = lists.some(({ issuer, list }) => sameBytes(issuer.spki, root.spki) && list.revoked.has(serial));
  return revoked ? { error: 'revoked', detail: `${value.commonName} by ${root.commonName}` } : undefined;
}
