/**
 * Attestation documents of AWS Nitro Enclaves: a COSE_Sign1 with ES384, which brings the certificates of its key. AWS,
 * "Cryptographic attestation": nitro_enclaves/latest/user/verify-root.
 */
import type { Decoded } from '@coppice/wire';
import { type CborTable, decodeForeignCbor, type ForeignCbor } from '../cbor.ts';
import { decodeSign1, type Sign1 } from '../cose.ts';
import { type Certificate, decodeCertificate } from '../x509.ts';

const es384 = -35;
const registersMax = 32;
const registerBytes = 48;
const authoritiesMax = 8;

export interface NitroDocument extends Sign1 {
  readonly moduleId: string;
  /** Milliseconds since 1970, by the module's clock. */
  readonly timestamp: number;
  readonly registers: ReadonlyMap<number, Uint8Array>;
  /** From the module's key to the root. */
  readonly chain: readonly Certificate[];
  /** What whoever asked for the document gave along; at most 1024 bytes each. */
  readonly publicKey: Uint8Array | undefined;
  readonly userData: Uint8Array | undefined;
  readonly nonce: Uint8Array | undefined;
}

const fields = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle'];
const optional = ['public_key', 'user_data', 'nonce'];

class DocumentFault extends Error {}

/** The document that exactly these bytes are, or why they are none. */
export function decodeDocument(bytes: Uint8Array): Decoded<NitroDocument> {
  const message = decodeSign1(bytes);
  if (!message.ok) return message;
  const { protectedHeader, unprotectedHeader, payload } = message.value;
  if (protectedHeader.size !== 1 || protectedHeader.get(1) !== es384 || unprotectedHeader.size > 0)
    return { ok: false, reason: 'unknown header' };
  const body = decodeForeignCbor(payload);
  if (!body.ok) return { ok: false, reason: `payload: ${body.reason}` };
  if (!(body.value instanceof Map)) return { ok: false, reason: 'payload is no map' };
  try {
    return { ok: true, value: { ...message.value, ...readBody(body.value as CborTable) } };
  } catch (error) {
    if (error instanceof DocumentFault) return { ok: false, reason: error.message };
    throw error;
  }
}

function readBody(body: CborTable): Omit<NitroDocument, keyof Sign1> {
  if (!fields.every((field) => body.has(field))) throw new DocumentFault('a field is missing');
  for (const key of body.keys()) {
    if (!fields.includes(String(key)) && !optional.includes(String(key))) throw new DocumentFault('unknown field');
  }
  const [moduleId, timestamp, cabundle] = [body.get('module_id'), body.get('timestamp'), body.get('cabundle')];
  if (typeof moduleId !== 'string' || moduleId === '' || moduleId.length > 128) throw new DocumentFault('module');
  if (typeof timestamp !== 'number' || timestamp <= 0) throw new DocumentFault('timestamp');
  if (body.get('digest') !== 'SHA384') throw new DocumentFault('unknown digest');
  if (!Array.isArray(cabundle) || cabundle.length === 0 || cabundle.length > authoritiesMax)
    throw new DocumentFault('no certificates');
  return {
    moduleId,
    timestamp,
    registers: readRegisters(body.get('pcrs')),
    chain: [body.get('certificate'), ...(cabundle as ForeignCbor[]).toReversed()].map(readCertificate),
    publicKey: readBytes(body.get('public_key')),
    userData: readBytes(body.get('user_data')),
    nonce: readBytes(body.get('nonce')),
  };
}

function readRegisters(value: ForeignCbor | undefined): ReadonlyMap<number, Uint8Array> {
  if (!(value instanceof Map)) throw new DocumentFault('no registers');
  const registers = new Map<number, Uint8Array>();
  for (const [register, bytes] of value as CborTable) {
    if (typeof register !== 'number' || register < 0 || register >= registersMax)
      throw new DocumentFault('unknown register');
    if (!(bytes instanceof Uint8Array) || bytes.length !== registerBytes)
      throw new DocumentFault('register of another length');
    registers.set(register, bytes);
  }
  if (![0, 1, 2].every((register) => registers.has(register))) throw new DocumentFault('a register is missing');
  return registers;
}

function readCertificate(value: ForeignCbor | undefined): Certificate {
  const certificate = value instanceof Uint8Array ? decodeCertificate(value) : undefined;
  if (certificate?.ok !== true) throw new DocumentFault(`certificate: ${certificate?.reason ?? 'missing'}`);
  return certificate.value;
}

function readBytes(value: ForeignCbor | undefined): Uint8Array | undefined {
  if (value === undefined || value === null) return undefined;
  if (!(value instanceof Uint8Array) || value.length > 1024) throw new DocumentFault('not bytes, or too many');
  return value;
}
