/**
 * What was found in files of evidence and endorsements, whichever file it was in.
 *
 * Endorsements are brought by whoever wants the evidence accepted. So a part of the evidence is set once, by the file that is judged where
 * that has it: what another file says of the same part is surplus, and refuses all of it.
 */
import type { TcbDocuments } from './collateral-files.ts';
import type { Mismatch } from './statements.ts';
import type { Registers } from './tpm-files.ts';

export interface EvidenceFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Of what can be there only once. */
export interface Parts {
  /** What hardware has signed, by the platform whose form it has. */
  readonly report: { readonly platform: 'sev-snp' | 'tdx' | 'sgx' | 'nitro'; readonly bytes: Uint8Array };
  /** What an Azure machine's TPM has of its paravisor. */
  readonly hostReport: Uint8Array;
  /** TPMS_ATTEST. */
  readonly quote: Uint8Array;
  /** TPMT_SIGNATURE, or the bare signature. */
  readonly signature: Uint8Array;
  readonly registers: Registers;
  /** SubjectPublicKeyInfo of a TPM's attestation key. */
  readonly key: Uint8Array;
  /** What the quote is expected to have as qualifying data. */
  readonly nonce: Uint8Array;
  readonly eventLog: Uint8Array;
  /** Why verified evidence, by its report data, is not that of what it came with. */
  readonly check: (reportData: Uint8Array) => Mismatch | undefined;
}

export interface Pool extends TcbDocuments {
  readonly parts: Partial<Parts>;
  readonly certificates: Uint8Array[];
  readonly lists: Uint8Array[];
  /** Endorsements of firmware. */
  readonly firmware: Uint8Array[];
  /** A part that is there twice. */
  twice?: keyof Parts;
}

export function emptyPool(): Pool {
  return { parts: {}, certificates: [], lists: [], tcbInfos: [], enclaveIdentities: [], firmware: [] };
}

/** The first word counts. */
export function setPart<K extends keyof Parts>(pool: Pool, part: K, value: Parts[K]): void {
  if (pool.parts[part] === undefined)
    (pool.parts as Partial<Pick<Parts, K>> as { [one in K]?: Parts[K] })[part] = value;
  else pool.twice ??= part;
}
export function jsonOf(bytes: Uint8Array): Fields | undefined {
  const text = Buffer.from(bytes.subarray(0, 64)).toString('latin1').trimStart();
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Fields;
  } catch {
    return undefined;
  }
}

export type Fields = Readonly<Record<string, unknown>>;

/** An object's fields; none of anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

/** Bytes as JSON has them: a list of numbers, hexadecimal, or base64 of either alphabet. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (Array.isArray(value))
    return value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)
      ? Uint8Array.from(value as number[])
      : undefined;
  if (typeof value !== 'string') return undefined;
  if (/^([0-9a-f]{2})*$/i.test(value)) return new Uint8Array(Buffer.from(value, 'hex'));
  const padded = /^[A-Za-z0-9+/]*={0,2}$/.test(value) || /^[A-Za-z0-9_-]*={0,2}$/.test(value);
  return padded ? new Uint8Array(Buffer.from(value, 'base64')) : undefined;
}

export function distinct(all: readonly Uint8Array[]): Uint8Array[] {
  return all.filter((bytes, i) => all.findIndex((other) => Buffer.compare(other, bytes) === 0) === i);
}
