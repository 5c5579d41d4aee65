/**
 * Intel's collateral in a bundle: TCB info, identity of the quoting enclave, the certificate of who signs both, and
 * the revocation lists of the root and of the authority of PCK certificates, in this order.
 *
 * The documents are as Intel serves them, `{"tcbInfo":…,"signature":"…"}`. The signature covers the text between, byte
 * for byte, so it is verified before anything reads that text as JSON.
 */
import { type Decoded, decodeUtf8, fromHex, toHex, toLatin1 } from '@coppice/wire';
import type { Message } from '../bundle.ts';
import { decodeRevocationList, listIssue, revocationFault, type RevocationList } from '../crl.ts';
import { type Collateral as Issue, type HardwareContext, type Verification, unverified } from '../evidence.ts';
import { certificateType, revocationListType } from '../media-types.ts';
import { type Certificate, type ChainContext, chainFault, decodeCertificate, validityFault } from '../x509.ts';
import { decodeEnclaveIdentity, decodeTcbInfo, type EnclaveIdentity, type TcbInfo } from './tcb.ts';

export const collateralType = 'application/vnd.coppice.intel-collateral+json';

type Refusal = Extract<Verification, { ok: false }>;

export interface Collateral {
  readonly tcbInfo: TcbInfo;
  readonly enclaveIdentity: EnclaveIdentity;
  /** What was used, for the time in which all of it is valid. */
  readonly dated: readonly { readonly from: number; readonly until: number }[];
  readonly issues: readonly Issue[];
}

interface SignedText {
  readonly text: Uint8Array;
  /** r and s. */
  readonly signature: Uint8Array;
}

interface Parts {
  readonly tcbInfo: SignedText;
  readonly enclaveIdentity: SignedText;
  readonly signer: Certificate;
  readonly rootList: RevocationList;
  readonly pckList: RevocationList;
}

/** The collateral in a bundle's endorsements, verified together with the PCK certificate's chain. */
export function verifyCollateral(
  messages: readonly Message[],
  [pck, authority, root]: readonly [Certificate, Certificate, Certificate],
  pinned: readonly Uint8Array[],
  context: HardwareContext,
): { readonly ok: true; readonly value: Collateral } | Refusal {
  const refused = (error: Refusal['error'], detail: string): Refusal => unverified(error, detail) as Refusal;
  const chain: ChainContext = { ...context, pinned };
  const quoteFault = chainFault([pck, authority, root], chain);
  if (quoteFault !== undefined) return refused(quoteFault.error, quoteFault.detail);
  if (messages.length < 5) return refused('endorsement-missing', 'collateral');
  if (messages.length > 5) return refused('endorsement-surplus', messages[5]!.mediaType);
  const parts = decodeParts(messages);
  if (!parts.ok) return refused('malformed', parts.reason);
  const { signer, rootList, pckList, ...texts } = parts.value;

  const fault =
    chainFault([signer, root], chain) ??
    revocationFault(rootList, authority, root, context) ??
    revocationFault(rootList, signer, root, context) ??
    revocationFault(pckList, pck, authority, context);
  if (fault !== undefined) return refused(fault.error, fault.detail);
  if (signer.commonName !== 'Intel SGX TCB Signing')
    return refused('endorsement-mismatch', `TCB info by ${signer.commonName}`);
  if (!/^Intel SGX PCK (Processor|Platform) CA$/.test(authority.commonName))
    return refused('endorsement-mismatch', `PCK by ${authority.commonName}`);

  for (const [name, { text, signature }] of Object.entries(texts)) {
    if (!context.x509.verifySignature('ecdsa-p256-sha256', signer.spki, text, signature))
      return refused('endorsement-signature', `${name} by ${signer.commonName}`);
  }
  const tcbInfo = decodeTcbInfo(decodeUtf8(texts.tcbInfo.text) ?? '');
  if (!tcbInfo.ok) return refused('malformed', `TCB info: ${tcbInfo.reason}`);
  const identity = decodeEnclaveIdentity(decodeUtf8(texts.enclaveIdentity.text) ?? '');
  if (!identity.ok) return refused('malformed', `enclave identity: ${identity.reason}`);
  const stale =
    validityFault(tcbInfo.value, 'TCB info', context.now) ??
    validityFault(identity.value, 'enclave identity', context.now);
  if (stale !== undefined) return refused(stale.error, stale.detail);
  const dated = [pck, authority, root, signer, rootList, pckList, tcbInfo.value, identity.value];
  const issues = [
    tcbInfoIssue(tcbInfo.value),
    identityIssue(identity.value),
    listIssue(rootList, root, context.cryptography),
    listIssue(pckList, authority, context.cryptography),
  ];
  return { ok: true, value: { tcbInfo: tcbInfo.value, enclaveIdentity: identity.value, dated, issues } };
}

/** Each evaluation is a source of its own: Intel goes on issuing an earlier one for a year beside the next. */
export function tcbInfoIssue({ id, fmspc, evaluation, from }: TcbInfo): Issue {
  return { source: `intel/tcb-info/${id}/${toHex(fmspc)}/${evaluation}`, issue: from, issued: from };
}

export function identityIssue({ id, evaluation, from }: EnclaveIdentity): Issue {
  return { source: `intel/identity/${id}/${evaluation}`, issue: from, issued: from };
}

function decodeParts(messages: readonly Message[]): Decoded<Parts> {
  const [tcbInfo, identity, signer, rootList, pckList] = messages;
  const texts = [signedText(tcbInfo!, 'tcbInfo'), signedText(identity!, 'enclaveIdentity')] as const;
  if (texts[0] === undefined || texts[1] === undefined) return { ok: false, reason: 'not a signed document' };
  if (signer!.mediaType !== certificateType) return { ok: false, reason: `certificate: ${signer!.mediaType}` };
  const certificate = decodeCertificate(signer!.bytes);
  if (!certificate.ok) return { ok: false, reason: `certificate: ${certificate.reason}` };
  const lists: RevocationList[] = [];
  for (const { mediaType, bytes } of [rootList!, pckList!]) {
    const list = mediaType === revocationListType ? decodeRevocationList(bytes) : undefined;
    if (list?.ok !== true) return { ok: false, reason: `revocation list: ${list?.reason ?? mediaType}` };
    lists.push(list.value);
  }
  return {
    ok: true,
    value: {
      tcbInfo: texts[0],
      enclaveIdentity: texts[1],
      signer: certificate.value,
      rootList: lists[0]!,
      pckList: lists[1]!,
    },
  };
}

const signatureDigits = 128;

/** A document as Intel serves it: the text between, and the signature over it. Not verified. */
export function signedText({ mediaType, bytes }: Message, name: string): SignedText | undefined {
  if (mediaType !== collateralType) return undefined;
  const [before, between, after] = [`{"${name}":`, ',"signature":"', '"}'];
  const end = bytes.length - between.length - signatureDigits - after.length;
  if (end < before.length || toLatin1(bytes.subarray(0, before.length)) !== before) return undefined;
  const tail = toLatin1(bytes.subarray(end));
  const signature = fromHex(tail.slice(between.length, between.length + signatureDigits));
  if (signature === undefined || !tail.startsWith(between) || !tail.endsWith(after)) return undefined;
  return { text: bytes.subarray(before.length, end), signature };
}
