/**
 * The few commands of TPM 2.0 that launching and quoting take. Trusted Platform Module Library, parts 2 and 3.
 *
 *     tag ‖ length ‖ code ‖ handles ‖ [length of authorisations ‖ authorisations] ‖ parameters
 *
 * Nothing here has an authorisation value: whoever can send commands to the TPM may do all of it, which is the case for
 * the owner of a machine anyway.
 */
import { concatBytes } from '@coppice/wire';
import { CollectionError } from '../error.ts';
import type { TpmConnection } from './connection.ts';

const tags = { none: 0x8001, sessions: 0x8002 } as const;
const codes = {
  PCR_Event: 0x13c,
  CreatePrimary: 0x131,
  EvictControl: 0x120,
  FlushContext: 0x165,
  ReadPublic: 0x173,
  Quote: 0x158,
  PCR_Read: 0x17e,
  NV_ReadPublic: 0x169,
  NV_Read: 0x14e,
} as const;
const hierarchies = { owner: 0x4000_0001, endorsement: 0x4000_000b } as const;
const sha256 = 0x000b;
const headerBytes = 10;
/** Registers read at a time: a list of digests has at most eight. */
const registersRead = 8;
/** Bytes of an NV index that any TPM reads at a time. */
const chunkBytes = 512;

const u8 = (value: number): Uint8Array => Uint8Array.of(value);
const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
const u32 = (value: number): Uint8Array => concatBytes(u16(value >>> 16), u16(value & 0xffff));
const sized = (bytes: Uint8Array): Uint8Array => concatBytes(u16(bytes.length), bytes);
const nothing = sized(new Uint8Array(0));
/** TPMS_AUTH_COMMAND of an empty password. */
const password = concatBytes(u32(0x4000_0009), nothing, u8(0), nothing);

/** TPML_PCR_SELECTION of one bank. */
function selectionOf(registers: readonly number[]): Uint8Array {
  const bits = new Uint8Array(3);
  for (const register of registers) bits[register >> 3]! |= 1 << (register & 7);
  return concatBytes(u32(1), u16(sha256), u8(bits.length), bits);
}

interface Call {
  readonly name: keyof typeof codes;
  readonly handles?: readonly number[];
  /** Whether the first handle needs an authorisation. */
  readonly authorised?: boolean;
  readonly parameters?: Uint8Array;
}

/** A response's parameters, read in order; a response that ends too early is malformed. */
class Answer {
  readonly #name: string;
  readonly #bytes: Uint8Array;
  position = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
  }

  take(length: number): Uint8Array {
    const start = this.position;
    if (length > this.#bytes.length - start) throw new CollectionError({ code: 'TPM_MALFORMED', command: this.#name });
    this.position += length;
    return this.#bytes.slice(start, this.position);
  }

  number(bytes: number): number {
    return this.take(bytes).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  sized(): Uint8Array {
    return this.take(this.number(2));
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.position);
  }
}

/** Sends a command; its response's handle, where it has one, and parameters. */
async function call(tpm: TpmConnection, { name, handles = [], authorised = false, parameters }: Call): Promise<Answer> {
  const body = concatBytes(
    ...handles.map(u32),
    ...(authorised ? [u32(password.length), password] : []),
    parameters ?? new Uint8Array(0),
  );
  const tag = authorised ? tags.sessions : tags.none;
  const command = concatBytes(u16(tag), u32(headerBytes + body.length), u32(codes[name]), body);
  const response = (await tpm.send(name, command)).subarray(headerBytes);
  if (!authorised) return new Answer(name, response);
  // Between handle and authorisations are the parameters, after their length.
  const handle = name === 'CreatePrimary' ? response.subarray(0, 4) : new Uint8Array(0);
  const answer = new Answer(name, response.subarray(handle.length));
  return new Answer(name, concatBytes(handle, answer.take(answer.number(4))));
}

/** Extends a register of every bank with the digest of `data`, of at most 1024 bytes. */
export async function measure(tpm: TpmConnection, register: number, data: Uint8Array): Promise<void> {
  await call(tpm, { name: 'PCR_Event', handles: [register], authorised: true, parameters: sized(data) });
}

/**
 * TPMT_PUBLIC of a key of P-256 that was made in the TPM, never leaves it, and signs nothing but what the TPM has made:
 * fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign.
 */
const attestationKeyTemplate = concatBytes(
  u16(0x0023),
  u16(sha256),
  u32(0x0005_0072),
  nothing,
  u16(0x0010),
  ...[u16(0x0018), u16(sha256)],
  u16(0x0003),
  u16(0x0010),
  nothing,
  nothing,
);

/** Makes an attestation key, and keeps it at a persistent handle. */
export async function createAttestationKey(tpm: TpmConnection, handle: number): Promise<void> {
  const sensitive = sized(concatBytes(nothing, nothing));
  const created = await call(tpm, {
    name: 'CreatePrimary',
    handles: [hierarchies.endorsement],
    authorised: true,
    parameters: concatBytes(sensitive, sized(attestationKeyTemplate), nothing, u32(0)),
  });
  const transient = created.number(4);
  await call(tpm, {
    name: 'EvictControl',
    handles: [hierarchies.owner, transient],
    authorised: true,
    parameters: u32(handle),
  });
  await call(tpm, { name: 'FlushContext', parameters: u32(transient) });
}

/** TPMT_PUBLIC of a loaded key. */
export async function readPublic(tpm: TpmConnection, handle: number): Promise<Uint8Array> {
  return (await call(tpm, { name: 'ReadPublic', handles: [handle] })).sized();
}

export interface Quoted {
  /** TPMS_ATTEST. */
  readonly quote: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
  /** Values of the registers, one after the other, lowest first. */
  readonly registers: Uint8Array;
}

/** Has registers of the SHA-256 bank signed together with `data`, of at most 50 bytes. */
export async function quote(
  tpm: TpmConnection,
  key: number,
  registers: readonly number[],
  data: Uint8Array,
): Promise<Quoted> {
  const selection = selectionOf(registers);
  const parameters = concatBytes(sized(data), u16(0x0010), selection);
  const answer = await call(tpm, { name: 'Quote', handles: [key], authorised: true, parameters });
  const signed = { quote: answer.sized(), signature: answer.rest() };
  return { ...signed, registers: await readRegisters(tpm, registers) };
}

async function readRegisters(tpm: TpmConnection, registers: readonly number[]): Promise<Uint8Array> {
  const sorted = [...registers].sort((a, b) => a - b);
  const values: Uint8Array[] = [];
  for (let i = 0; i < sorted.length; i += registersRead) {
    const wanted = sorted.slice(i, i + registersRead);
    const answer = await call(tpm, { name: 'PCR_Read', parameters: selectionOf(wanted) });
    // Counter of updates; the selection again.
    answer.take(4 + selectionOf(wanted).length);
    if (answer.number(4) !== wanted.length) throw new CollectionError({ code: 'TPM_MALFORMED', command: 'PCR_Read' });
    for (const _ of wanted) values.push(answer.sized());
  }
  return concatBytes(...values);
}

/** All bytes of an NV index that its owner may read. */
export async function readIndex(tpm: TpmConnection, index: number): Promise<Uint8Array> {
  const described = await call(tpm, { name: 'NV_ReadPublic', handles: [index] });
  const area = new Answer('NV_ReadPublic', described.sized());
  area.take(4 + 2 + 4);
  area.sized();
  const length = area.number(2);
  const chunks: Uint8Array[] = [];
  for (let offset = 0; offset < length; offset += chunkBytes) {
    const parameters = concatBytes(u16(Math.min(chunkBytes, length - offset)), u16(offset));
    const answer = await call(tpm, {
      name: 'NV_Read',
      handles: [hierarchies.owner, index],
      authorised: true,
      parameters,
    });
    chunks.push(answer.sized());
  }
  return concatBytes(...chunks);
}
