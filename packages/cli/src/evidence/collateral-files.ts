/**
 * Intel's collateral, as Intel and its libraries hand it out.
 */
import { decodePem } from '@coppice/attestation';
import { bytesOf, type Fields, type Pool } from './pool.ts';

/** Intel's documents, each with its signature. */
export interface TcbDocuments {
  readonly tcbInfos: Uint8Array[];
  readonly enclaveIdentities: Uint8Array[];
}

/** The collateral that DCAP's libraries hand out as one JSON object, by the names of its C structure. */
interface QuoteCollateral {
  readonly tcb_info: string;
  readonly tcb_info_signature: string;
  readonly tcb_info_issuer_chain: string;
  readonly qe_identity: string;
  readonly qe_identity_signature: string;
  readonly qe_identity_issuer_chain: string;
  readonly root_ca_crl: string;
  readonly pck_crl: string;
  readonly pck_crl_issuer_chain: string;
}

const collateralFields = [
  'tcb_info',
  'tcb_info_signature',
  'tcb_info_issuer_chain',
  'qe_identity',
  'qe_identity_signature',
  'qe_identity_issuer_chain',
  'root_ca_crl',
  'pck_crl',
  'pck_crl_issuer_chain',
] as const satisfies readonly (keyof QuoteCollateral)[];

/**
 * Either such an object, or a document as Intel serves it, whose bytes are kept: they are what is signed. Whether the text
 * is that.
 */
export function addCollateral(text: string, document: Fields, pool: Pool): boolean {
  const bytes = Buffer.from(text.trim());
  if ('tcbInfo' in document) return pool.tcbInfos.push(bytes) > 0;
  if ('enclaveIdentity' in document) return pool.enclaveIdentities.push(bytes) > 0;
  if (!isCollateral(document)) return false;
  const signed = (name: string, body: string, signature: string): Buffer =>
    Buffer.from(`{"${name}":${body},"signature":"${signature}"}`);
  pool.tcbInfos.push(signed('tcbInfo', document.tcb_info, document.tcb_info_signature));
  pool.enclaveIdentities.push(signed('enclaveIdentity', document.qe_identity, document.qe_identity_signature));
  for (const list of [document.root_ca_crl, document.pck_crl]) {
    // Services hand lists out in hexadecimal, in base64, or as PEM.
    const pem = decodePem(list);
    const der = pem.ok ? pem.value[0]!.bytes : bytesOf(list);
    if (der === undefined) return false;
    pool.lists.push(der);
  }
  const chains = [document.tcb_info_issuer_chain, document.qe_identity_issuer_chain, document.pck_crl_issuer_chain];
  return chains.every((chain) => {
    // Texts of C may bring their end along.
    const pem = decodePem(chain.replace(/\0$/, ''));
    if (!pem.ok) return false;
    for (const { label, bytes: der } of pem.value) (label === 'CERTIFICATE' ? pool.certificates : pool.lists).push(der);
    return true;
  });
}

function isCollateral(document: object): document is QuoteCollateral {
  return collateralFields.every((field) => typeof (document as Fields)[field] === 'string');
}
