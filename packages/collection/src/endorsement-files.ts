/**
 * Endorsements in the forms in which makers, clouds and hosts serve them: what a file is, its content says.
 *
 * Nothing is verified here. What comes out are single certificates and lists, in DER, and Intel's documents byte for byte.
 */
import {
  decodeCertificate,
  decodeCertificateTable,
  decodeFirmwareEndorsement,
  decodePem,
  decodeRevocationList,
  type PemBlock,
} from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { fromHex } from '@coppice/wire';

export interface EndorsementFiles {
  readonly certificates: readonly Uint8Array[];
  readonly lists: readonly Uint8Array[];
  /** `{"tcbInfo":…,"signature":"…"}`, `{"enclaveIdentity":…,"signature":"…"}`. */
  readonly documents: readonly Uint8Array[];
  /** COSE_Sign1 of who made the firmware that a report measures ("UVM endorsements"). */
  readonly firmware: readonly Uint8Array[];
}

export const noEndorsements: EndorsementFiles = { certificates: [], lists: [], documents: [], firmware: [] };

/** All that is in these, each once. */
export function mergeEndorsements(all: readonly EndorsementFiles[]): EndorsementFiles {
  const merged = (of: keyof EndorsementFiles): Uint8Array[] => {
    const distinct = new Map(
      all.flatMap((one) => one[of]).map((bytes) => [Buffer.from(bytes).toString('base64'), bytes]),
    );
    return [...distinct.values()];
  };
  return {
    certificates: merged('certificates'),
    lists: merged('lists'),
    documents: merged('documents'),
    firmware: merged('firmware'),
  };
}

/** What a file holds, in base64 or as it is; `undefined` if it is none of the known forms. */
export function readEndorsements(bytes: Uint8Array): EndorsementFiles | undefined {
  const text = Buffer.from(bytes).toString('latin1').trim();
  const encoded = text !== '' && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return readPlain(bytes) ?? (encoded ? readPlain(new Uint8Array(Buffer.from(text, 'base64'))) : undefined);
}

function readPlain(bytes: Uint8Array): EndorsementFiles | undefined {
  if (decodeCertificate(bytes).ok) return { ...noEndorsements, certificates: [bytes] };
  if (decodeRevocationList(bytes).ok) return { ...noEndorsements, lists: [bytes] };
  if (decodeFirmwareEndorsement(bytes, nodeCryptography).ok) return { ...noEndorsements, firmware: [bytes] };
  const text = Buffer.from(bytes).toString('latin1').trim();
  if (text.startsWith('{')) return ofJson(Buffer.from(bytes).toString('utf8').trim());
  const pem = ofPem(text);
  if (pem !== undefined) return pem;
  const table = decodeCertificateTable(bytes);
  return table.ok && table.value.length > 0 ? { ...noEndorsements, certificates: table.value } : undefined;
}

/** PEM, also as Intel's server has it in a header: with a percent sign for every other character. */
function ofPem(text: string): EndorsementFiles | undefined {
  const plain = text.startsWith('-----BEGIN%20') ? decoded(text) : text;
  const pem = decodePem(plain);
  return pem.ok ? ofBlocks(pem.value) : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function ofBlocks(blocks: readonly PemBlock[]): EndorsementFiles {
  const labelled = (label: PemBlock['label']): Uint8Array[] =>
    blocks.filter((block) => block.label === label).map(({ bytes }) => bytes);
  return { ...noEndorsements, certificates: labelled('CERTIFICATE'), lists: labelled('X509 CRL') };
}

function ofJson(text: string): EndorsementFiles | undefined {
  let source: unknown;
  try {
    source = JSON.parse(text);
  } catch {
    return undefined;
  }
  const fields = source as Readonly<Record<string, unknown>>;
  // The text is what is signed, so it is kept as it is.
  if ('tcbInfo' in fields || 'enclaveIdentity' in fields) return { ...noEndorsements, documents: [Buffer.from(text)] };
  if (typeof fields['vcekCert'] === 'string') return ofThim(fields);
  return typeof fields['tcb_info'] === 'string' ? ofQuoteCollateral(fields) : undefined;
}

/** Azure's Trusted Hardware Identity Management: the VCEK, and its authorities. */
function ofThim(fields: Readonly<Record<string, unknown>>): EndorsementFiles | undefined {
  const parts = [fields['vcekCert'], fields['certificateChain']].map((field) =>
    typeof field === 'string' ? ofPem(field.trim()) : undefined,
  );
  return parts.some((part) => part === undefined) ? undefined : mergeEndorsements(parts as EndorsementFiles[]);
}

/** Everything about one quote, by the names of DCAP's C structure. */
function ofQuoteCollateral(fields: Readonly<Record<string, unknown>>): EndorsementFiles | undefined {
  const text = (name: string): string => (typeof fields[name] === 'string' ? fields[name] : '');
  const document = (name: string, of: string): Uint8Array =>
    Buffer.from(`{"${name}":${text(of)},"signature":"${text(`${of}_signature`)}"}`);
  const chains = ['tcb_info_issuer_chain', 'qe_identity_issuer_chain', 'pck_crl_issuer_chain'].map((name) =>
    ofPem(text(name).trim()),
  );
  const lists = ['root_ca_crl', 'pck_crl'].map((name) => fromHex(text(name).toLowerCase()));
  if (chains.some((chain) => chain === undefined) || lists.some((list) => list === undefined)) return undefined;
  const documents = [document('tcbInfo', 'tcb_info'), document('enclaveIdentity', 'qe_identity')];
  return mergeEndorsements([
    ...(chains as EndorsementFiles[]),
    { ...noEndorsements, lists: lists as Uint8Array[], documents },
  ]);
}
