/**
 * Files of a TPM's evidence, as tpm2-tools, kernels and agents write them: quote, signature, values of registers, key.
 */
import { createPublicKey } from 'node:crypto';
import {
  attestationKeySpki,
  type TpmQuote,
  decodeTpmQuote,
  decodeTpmSignature,
  type TpmEvidence,
} from '@coppice/attestation';
import { bytesOf, type Fields, fieldsOf, type Parts, type Pool, setPart } from './pool.ts';

/** Values of registers: by bank and number, or all of the quoted ones in the order of the quote. */
export type Registers =
  | { readonly kind: 'banks'; readonly banks: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>> }
  | { readonly kind: 'list'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'quoted'; readonly bytes: Uint8Array };

const magic = Buffer.from('ff544347', 'hex');

/** Whether the bytes are a part of a TPM's evidence, which is then in the pool. */
export function addTpmFile(bytes: Uint8Array, pool: Pool): boolean {
  const quote = quoteOf(bytes);
  if (quote !== undefined) setPart(pool, 'quote', quote);
  else if (decodeTpmSignature(bytes).ok) setPart(pool, 'signature', bytes);
  else if (!addSerialized(bytes, pool)) {
    const key = publicKeyOf(bytes);
    const registers = registersOf(bytes);
    if (key !== undefined) setPart(pool, 'key', key);
    else if (registers !== undefined) setPart(pool, 'registers', registers);
    else return false;
  }
  return true;
}

/** TPMS_ATTEST, or TPM2B_ATTEST. */
function quoteOf(bytes: Uint8Array): Uint8Array | undefined {
  if (Buffer.compare(bytes.subarray(0, 4), magic) === 0) return bytes;
  const sized = bytes.length > 6 && bytes.length - 2 === (bytes[0]! << 8) + bytes[1]!;
  return sized && Buffer.compare(bytes.subarray(2, 6), magic) === 0 ? bytes.subarray(2) : undefined;
}

/** Signature, quote and registers, each with its length in eight bytes: how Azure's tools in Rust store them. */
function addSerialized(bytes: Uint8Array, pool: Pool): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  const length = (): number => {
    const value = position + 8 <= bytes.length ? Number(view.getBigUint64(position, true)) : Infinity;
    position += 8;
    return value;
  };
  const take = (count: number): Uint8Array => bytes.subarray(position, (position += count));
  const signature = take(length());
  if (signature.length < 64 || signature.length > 1024) return false;
  const quote = quoteOf(take(length()));
  if (quote === undefined) return false;
  const count = length();
  if (count > 32 || position + 32 * count !== bytes.length) return false;
  setPart(pool, 'signature', signature);
  setPart(pool, 'quote', quote);
  setPart(pool, 'registers', { kind: 'list', values: Array.from({ length: count }, () => take(32)) });
  return true;
}

/** PEM or DER of a public key; TPMT_PUBLIC or TPM2B_PUBLIC. */
function publicKeyOf(bytes: Uint8Array): Uint8Array | undefined {
  for (const area of [bytes, bytes.subarray(2)]) {
    const read = attestationKeySpki(area);
    if (read.ok) return read.value;
  }
  const buffer = Buffer.from(bytes);
  const pem = buffer.subarray(0, 26).toString('latin1') === '-----BEGIN PUBLIC KEY-----';
  if (!pem && bytes[0] !== 0x30) return undefined;
  try {
    const key = pem ? createPublicKey(buffer) : createPublicKey({ key: buffer, format: 'der', type: 'spki' });
    return new Uint8Array(key.export({ format: 'der', type: 'spki' }));
  } catch {
    return undefined;
  }
}

const bankOfLength: Readonly<Record<number, string>> = { 40: 'sha1', 64: 'sha256', 96: 'sha384', 128: 'sha512' };

/** Text with a register in each line, as `tpm2_pcrread` and others print it. */
function registersOf(bytes: Uint8Array): Registers | undefined {
  const banks = new Map<string, Map<number, Uint8Array>>();
  if (bytes.length > 65_536 || bytes.includes(0)) return undefined;
  for (const line of Buffer.from(bytes).toString('latin1').split('\n')) {
    if (line.trim() === '' || /^\s*(pcrs|sha1|sha256|sha384|sha512)\s*:\s*$/.test(line)) continue;
    const [, register, hex] = /^\s*(?:PCR)?\[?(\d{1,2})\]?\s*[:= ]\s*(?:0x)?([0-9a-f]+)\s*$/i.exec(line) ?? [];
    const bank = bankOfLength[hex?.length ?? 0];
    if (bank === undefined) return undefined;
    if (!banks.has(bank)) banks.set(bank, new Map());
    banks.get(bank)!.set(Number(register), new Uint8Array(Buffer.from(hex!, 'hex')));
  }
  return banks.size === 0 ? undefined : { kind: 'banks', banks };
}

/** Quote, signature and registers as agents write them into JSON; whether there are any. */
export function addTpmDocument(document: Fields, pool: Pool): boolean {
  const { message, signature, pcrs } = document;
  const quote = bytesOf(message);
  const values = Array.isArray(pcrs) ? pcrs.map(bytesOf) : [];
  if (quote === undefined || quoteOf(quote) === undefined || values.length === 0 || values.includes(undefined))
    return false;
  setPart(pool, 'quote', quoteOf(quote)!);
  setPart(pool, 'signature', bytesOf(signature) ?? new Uint8Array(0));
  setPart(pool, 'registers', { kind: 'list', values: values as Uint8Array[] });
  return true;
}

/** A TPM's evidence in JSON, with its key beside; whether it is that. */
export function addTpmEvidence(document: Fields, pool: Pool): boolean {
  if (addTpmDocument(document, pool)) return true;
  const key = bytesOf(document['ak_public']);
  if (key === undefined || !addTpmDocument(fieldsOf(document['tpm_quote']), pool)) return false;
  setPart(pool, 'key', key);
  return true;
}

/** Whether the bytes may be what only a quote gives a meaning: a bare signature, registers, or the nonce. */
export function addToQuote(bytes: Uint8Array, pool: Pool): boolean {
  const { parts } = pool;
  if (parts.quote === undefined) return false;
  const quote = decodeTpmQuote(parts.quote);
  const registerBytes = quote.ok ? registerCount(quote.value) : 0;
  if (parts.registers === undefined && bytes.length === registerBytes)
    setPart(pool, 'registers', { kind: 'quoted', bytes });
  else if (parts.signature === undefined && (bytes.length >= 256 || bytes[0] === 0x30))
    setPart(pool, 'signature', bytes);
  else if (bytes.length <= 64) setPart(pool, 'nonce', bytes);
  else return false;
  return true;
}

function registerCount({ selections }: TpmQuote): number {
  return selections.reduce((sum, { hash, registers }) => sum + hash.bytes * registers.length, 0);
}

/** The parts as evidence; what is missing is left empty, to be refused. */
export function tpmEvidence({ quote, signature, registers }: Partial<Parts>): TpmEvidence {
  const decoded = decodeTpmQuote(quote!);
  return {
    quote: quote!,
    signature: signature === undefined ? new Uint8Array(0) : wrapped(signature, decoded.ok ? decoded.value : undefined),
    registers:
      registers === undefined ? new Uint8Array(0) : quotedRegisters(registers, decoded.ok ? decoded.value : undefined),
    launch: undefined,
  };
}

/** TPMT_SIGNATURE of a signature that comes without its algorithm: RSASSA, or ECDSA if it is DER of two numbers. */
function wrapped(signature: Uint8Array, quote: TpmQuote | undefined): Uint8Array {
  if (decodeTpmSignature(signature).ok) return signature;
  const hash = ({ 48: 0x0c, 64: 0x0d } as Readonly<Record<number, number>>)[quote?.pcrDigest.length ?? 32] ?? 0x0b;
  const sized = (bytes: Uint8Array): Buffer =>
    Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
  const numbers = signature.length < 200 ? derNumbers(signature) : undefined;
  if (numbers !== undefined) return Buffer.concat([Buffer.of(0, 0x18, 0, hash), ...numbers.map(sized)]);
  return Buffer.concat([Buffer.of(0, 0x14, 0, hash), sized(signature)]);
}

/** r and s of an ECDSA signature in DER of the short form. */
function derNumbers(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const start = bytes[1] === 0x81 ? 3 : 2;
  const first = bytes[start + 1] ?? 0;
  const second = bytes[start + 3 + first] ?? 0;
  if (bytes[0] !== 0x30 || bytes[start] !== 2 || bytes[start + 2 + first] !== 2) return undefined;
  if (start + 4 + first + second !== bytes.length) return undefined;
  const number = (from: number, length: number): Uint8Array =>
    bytes[from] === 0 ? bytes.subarray(from + 1, from + length) : bytes.subarray(from, from + length);
  return [number(start + 2, first), number(start + 4 + first, second)];
}

function quotedRegisters(registers: Registers, quote: TpmQuote | undefined): Uint8Array {
  if (registers.kind === 'quoted') return registers.bytes;
  const selections = quote?.selections ?? [];
  const count = selections.reduce((sum, selection) => sum + selection.registers.length, 0);
  // Some write all registers of a bank, others those of the quote alone.
  if (registers.kind === 'list' && registers.values.length === count) return Buffer.concat(registers.values);
  const valueOf = (bank: string | undefined, register: number): Uint8Array =>
    (registers.kind === 'list' ? registers.values[register] : registers.banks.get(bank ?? '')?.get(register)) ??
    new Uint8Array(0);
  return Buffer.concat(
    selections.flatMap(({ hash, registers: selected }) => selected.map((register) => valueOf(hash.name, register))),
  );
}
