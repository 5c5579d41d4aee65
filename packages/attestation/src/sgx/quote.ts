/**
 * Quotes of Intel's data center attestation (DCAP): a report of an enclave or a trust domain, signed by a key of the
 * quoting enclave, whose own report a key of the processor has signed.
 *
 *     PCK certificate ──▶ report of the quoting enclave ──▶ attestation key ──▶ header and body
 *
 * Intel SGX ECDSA QuoteLibReference, appendix A (version 3), and Intel TDX DCAP Quoting Library API (versions 4, 5).
 */
import { type Decoded, sameBytes, fromHex } from '@coppice/wire';

const headerBytes = 48;
const enclaveReportBytes = 384;
const paddingMax = 16 * 1024;
const intelQuotingEnclave = fromHex('939a7233f79c4ca9940a0db3957f0607')!;

/** What the body is a report of, with the numbers that quotes of version 5 have for it. */
const bodyBytes: Readonly<Record<number, number>> = { 1: enclaveReportBytes, 2: 584, 3: 648 };
const tdxTeeType = 0x81;

export interface Quote {
  readonly version: number;
  /** 1: an enclave. 2, 3: a trust domain of TDX 1.0, 1.5. */
  readonly bodyType: number;
  readonly body: Uint8Array;
  /** What the attestation key signs. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** x and y of the attestation key. */
  readonly attestationKey: Uint8Array;
  readonly enclaveReport: Uint8Array;
  readonly enclaveSignature: Uint8Array;
  readonly authenticationData: Uint8Array;
  /** PEM, from the PCK certificate to the root; cut at the zero that may end it. */
  readonly certificates: Uint8Array;
  /** Zeros after the quote's end, as interfaces of a fixed size leave them. */
  readonly trailingBytes: number;
}

/** What a quote is of by its header, whether or not the rest can be read. */
export function quotePlatform(bytes: Uint8Array): 'sgx' | 'tdx' {
  return bytes[4] === tdxTeeType ? 'tdx' : 'sgx';
}

class QuoteFault extends Error {}

class QuoteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Uint8Array {
    const start = this.position;
    if (length > this.bytes.length - start) throw new QuoteFault('cut off');
    this.position += length;
    return this.bytes.subarray(start, this.position);
  }

  u16(): number {
    const start = this.position;
    this.take(2);
    return this.#view.getUint16(start, true);
  }

  u32(): number {
    const start = this.position;
    this.take(4);
    return this.#view.getUint32(start, true);
  }

  end(): void {
    if (this.position !== this.bytes.length) throw new QuoteFault('surplus bytes');
  }
}

/** The quote that `bytes` begin with, if only zeros follow it; or why there is none. Byte strings in it are views. */
export function decodeQuote(bytes: Uint8Array): Decoded<Quote> {
  try {
    return { ok: true, value: readQuote(new QuoteReader(bytes)) };
  } catch (error) {
    if (error instanceof QuoteFault) return { ok: false, reason: error.message };
    throw error;
  }
}

function readQuote(reader: QuoteReader): Quote {
  const version = reader.u16();
  if (version < 3 || version > 5) throw new QuoteFault(`version ${version}`);
  if (reader.u16() !== 2) throw new QuoteFault('key is not of P-256');
  const teeType = reader.u32();
  if (teeType !== 0 && (version === 3 || teeType !== tdxTeeType)) throw new QuoteFault('unknown kind of environment');
  reader.take(4);
  if (!sameBytes(reader.take(16), intelQuotingEnclave)) throw new QuoteFault("not of Intel's quoting enclave");
  reader.position = headerBytes;
  const { bodyType, body } = readBody(reader, version, teeType);
  const signed = reader.bytes.subarray(0, reader.position);

  const data = new QuoteReader(reader.take(reader.u32()));
  const padding = reader.bytes.subarray(reader.position);
  if (padding.length > paddingMax || padding.some((byte) => byte !== 0)) throw new QuoteFault('surplus bytes');
  const signature = data.take(64);
  const attestationKey = data.take(64);
  const certification = version === 3 ? data : new QuoteReader(certified(data, 6));
  const enclaveReport = certification.take(enclaveReportBytes);
  const enclaveSignature = certification.take(64);
  const authenticationData = certification.take(certification.u16());
  const pem = certified(certification, 5);
  certification.end();
  data.end();
  const certificates = pem.at(-1) === 0 ? pem.subarray(0, -1) : pem;
  return {
    version,
    bodyType,
    body,
    signed,
    signature,
    attestationKey,
    enclaveReport,
    enclaveSignature,
    authenticationData,
    certificates,
    trailingBytes: padding.length,
  };
}

function readBody(reader: QuoteReader, version: number, teeType: number): { bodyType: number; body: Uint8Array } {
  const bodyType = version === 5 ? reader.u16() : teeType === tdxTeeType ? 2 : 1;
  const length = bodyBytes[bodyType];
  if (length === undefined || (bodyType === 1) !== (teeType === 0)) throw new QuoteFault('unknown body');
  if (version === 5 && reader.u32() !== length) throw new QuoteFault('body of another length');
  return { bodyType, body: reader.take(length) };
}

/** Certification data of one type. */
function certified(reader: QuoteReader, type: number): Uint8Array {
  if (reader.u16() !== type) throw new QuoteFault('unknown certification data');
  return reader.take(reader.u32());
}
