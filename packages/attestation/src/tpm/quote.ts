/**
 * Quotes of TPM 2.0, with their signatures: Trusted Platform Module Library, part 2, TPMS_ATTEST and TPMT_SIGNATURE.
 */
import type { Decoded } from '@coppice/wire';
import { decodeTpm, type NamedHash, TpmFault, type TpmHash, type TpmReader } from './reader.ts';

/** Registers of one bank that a quote is about, in ascending order. */
export interface PcrSelection {
  readonly hash: TpmHash;
  readonly registers: readonly number[];
}

/** What a TPM signs of its registers: TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE. */
export interface TpmQuote {
  /** Name of the key in its hierarchy: depends on the keys above it. */
  readonly qualifiedSigner: Uint8Array;
  /** What whoever asked for the quote gave along. */
  readonly qualifyingData: Uint8Array;
  /** Milliseconds that the TPM was powered. */
  readonly clock: bigint;
  /** Times that the TPM was reset, and resumed since; masked by the TPM for keys of the owner. */
  readonly resetCount: number;
  readonly restartCount: number;
  /** Whether the clock never showed an earlier time. */
  readonly safe: boolean;
  readonly firmwareVersion: bigint;
  readonly selections: readonly PcrSelection[];
  /** Of the values of the selected registers, one after the other. */
  readonly pcrDigest: Uint8Array;
}

const generated = 0xff544347;
const quoteType = 0x8018;
const nameBytesMax = 66;
const digestBytesMax = 64;
const banksMax = 16;
const registersMax = 24;

/** The quote that exactly these bytes are, or why they are none. */
export function decodeTpmQuote(bytes: Uint8Array): Decoded<TpmQuote> {
  return decodeTpm(bytes, (reader) => {
    if (reader.u32() !== generated) throw new TpmFault('not made by a TPM');
    if (reader.u16() !== quoteType) throw new TpmFault('not a quote');
    const qualifiedSigner = reader.sized(nameBytesMax);
    const qualifyingData = reader.sized(nameBytesMax);
    const [clock, resetCount, restartCount] = [reader.u64(), reader.u32(), reader.u32()];
    const safe = reader.u8();
    if (safe > 1) throw new TpmFault('not a truth value');
    const firmwareVersion = reader.u64();
    const count = reader.u32();
    if (count > banksMax) throw new TpmFault('too many banks');
    const selections = Array.from({ length: count }, () => readSelection(reader));
    if (new Set(selections.map(({ hash }) => hash)).size !== count) throw new TpmFault('a bank twice');
    if (selections.every(({ registers }) => registers.length === 0)) throw new TpmFault('no registers');
    const pcrDigest = reader.sized(digestBytesMax);
    return {
      qualifiedSigner,
      qualifyingData,
      clock,
      resetCount,
      restartCount,
      safe: safe === 1,
      firmwareVersion,
      selections,
      pcrDigest,
    };
  });
}

function readSelection(reader: TpmReader): PcrSelection {
  const hash = reader.hash();
  const bits = reader.take(reader.u8());
  if (bits.length * 8 > registersMax) throw new TpmFault('too many registers');
  const registers: number[] = [];
  for (let i = 0; i < bits.length * 8; i++) if (((bits[i >> 3]! >> (i & 7)) & 1) === 1) registers.push(i);
  return { hash, registers };
}

/** Values of quoted registers of one hash. */
export interface Bank {
  readonly hash: TpmHash;
  readonly registers: ReadonlyMap<number, Uint8Array>;
}

/** The values of the registers that a quote is about, from all of them one after the other. */
export function readBanks(
  { selections }: Pick<TpmQuote, 'selections'>,
  registers: Uint8Array,
): Decoded<readonly Bank[]> {
  let position = 0;
  const banks = selections.map(({ hash, registers: selected }) => ({
    hash,
    registers: new Map(
      selected.map((register) => [register, registers.subarray(position, (position += hash.bytes))] as const),
    ),
  }));
  return position === registers.length
    ? { ok: true, value: banks }
    : { ok: false, reason: 'registers of another length' };
}

/** A signature with its algorithm: TPMT_SIGNATURE. */
export interface TpmSignature {
  readonly scheme: 'rsa-pkcs1' | 'rsa-pss-any-salt' | 'ecdsa';
  readonly hash: NamedHash;
  /** Of ECDSA: r and s. */
  readonly parts: readonly Uint8Array[];
}

const schemes = new Map([
  [0x0014, { scheme: 'rsa-pkcs1', parts: 1 }],
  [0x0016, { scheme: 'rsa-pss-any-salt', parts: 1 }],
  [0x0018, { scheme: 'ecdsa', parts: 2 }],
] as const);
const signatureBytesMax = 1024;

export function decodeTpmSignature(bytes: Uint8Array): Decoded<TpmSignature> {
  return decodeTpm(bytes, (reader) => {
    const known = schemes.get(reader.u16() as never);
    if (known === undefined) throw new TpmFault('unknown signature algorithm');
    const hash = reader.hash();
    if (hash.name === undefined || hash.name === 'sha1') throw new TpmFault('hash that no signature may have');
    const parts = Array.from({ length: known.parts }, () => reader.sized(signatureBytesMax));
    return { scheme: known.scheme, hash, parts };
  });
}
