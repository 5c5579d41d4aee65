/**
 * Event logs: what a machine's firmware, and whatever it loaded, extended its registers with. TCG PC Client Platform
 * Firmware Profile, "Event Logging", in the crypto-agile form; confidential guests have the same log (CCEL).
 *
 * A register's value is nothing but its log, folded: replaying the log gives the value, or the log is of something
 * else. The text of an event is signed by nothing; only its digests are.
 */
import { concatBytes, type Decoded, toLatin1 } from '@coppice/wire';
import type { X509Cryptography } from '../signatures.ts';
import { hashes, type NamedHash } from './reader.ts';

const eventsMax = 4096;
const banksMax = 16;
const registersMax = 32;
/** An event that is a remark, and extends nothing. */
const noAction = 3;
const headerSignature = 'Spec ID Event03\0';
const localitySignature = 'StartupLocality\0';

interface MeasuredEvent {
  readonly register: number;
  /** By identifier of the hash. */
  readonly digests: ReadonlyMap<number, Uint8Array>;
}

export interface EventLog {
  readonly events: readonly MeasuredEvent[];
  /** What register 0 began with: the locality that started the TPM. */
  readonly startupLocality: number;
}

class LogFault extends Error {}

class LogReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where nothing but filling follows: interfaces of a fixed size fill what is left with ones, or with zeros. */
  readonly #end: number;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const fill = bytes.at(-1);
    let end = bytes.length;
    if (fill === 0 || fill === 0xff) while (end > 0 && bytes[end - 1] === fill) end--;
    this.#end = end;
  }

  get more(): boolean {
    return this.position < this.#end;
  }

  take(length: number): Uint8Array {
    const start = this.position;
    if (length > this.#bytes.length - start) throw new LogFault('cut off');
    this.position += length;
    return this.#bytes.subarray(start, this.position);
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  u16(): number {
    this.take(2);
    return this.#view.getUint16(this.position - 2, true);
  }

  u32(): number {
    this.take(4);
    return this.#view.getUint32(this.position - 4, true);
  }
}

/** The log that `bytes` begin with, if only filling follows it; or why there is none. */
export function decodeEventLog(bytes: Uint8Array): Decoded<EventLog> {
  try {
    return { ok: true, value: readLog(new LogReader(bytes)) };
  } catch (error) {
    if (error instanceof LogFault) return { ok: false, reason: error.message };
    throw error;
  }
}

/** The part of a log that is not filling, if it can be read. */
export function trimEventLog(bytes: Uint8Array): Uint8Array {
  const reader = new LogReader(bytes);
  try {
    readLog(reader);
  } catch (error) {
    if (!(error instanceof LogFault)) throw error;
    return bytes;
  }
  return bytes.subarray(0, reader.position);
}

function readLog(reader: LogReader): EventLog {
  const digestBytes = readHeader(reader);
  const events: MeasuredEvent[] = [];
  let startupLocality = 0;
  while (reader.more) {
    const [register, type] = [reader.u32(), reader.u32()];
    if (register >= registersMax && type !== noAction) throw new LogFault('unknown register');
    const digests = readDigests(reader, digestBytes);
    const text = reader.take(reader.u32());
    if (type === noAction) {
      const locality = toLatin1(text.subarray(0, 16)) === localitySignature ? text[16] : undefined;
      if (locality === undefined) continue;
      if (register !== 0 || events.some((event) => event.register === 0)) throw new LogFault('locality after events');
      startupLocality = locality;
      continue;
    }
    events.push({ register, digests });
    if (events.length > eventsMax) throw new LogFault('too many events');
  }
  return { events, startupLocality };
}

/** The first event, in the older form, tells the bytes of each hash. */
function readHeader(reader: LogReader): ReadonlyMap<number, number> {
  // Logs of trust domains begin with their first register that is extended.
  if (reader.u32() > 1 || reader.u32() !== noAction) throw new LogFault('not a log of events');
  if (reader.take(20).some((byte) => byte !== 0)) throw new LogFault('not a log of events');
  const header = new LogReader(reader.take(reader.u32()));
  if (toLatin1(header.take(16)) !== headerSignature) throw new LogFault('not a log with several hashes');
  header.take(8);
  const count = header.u32();
  if (count === 0 || count > banksMax) throw new LogFault('too many hashes');
  const digestBytes = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const [id, bytes] = [header.u16(), header.u16()];
    if (digestBytes.has(id) || hashes.some((one) => one.id === id && one.bytes !== bytes))
      throw new LogFault('hash of another length');
    digestBytes.set(id, bytes);
  }
  return digestBytes;
}

function readDigests(reader: LogReader, digestBytes: ReadonlyMap<number, number>): ReadonlyMap<number, Uint8Array> {
  const count = reader.u32();
  if (count > digestBytes.size) throw new LogFault('too many digests');
  const digests = new Map<number, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const id = reader.u16();
    const bytes = digestBytes.get(id);
    if (bytes === undefined || digests.has(id)) throw new LogFault('unknown hash');
    digests.set(id, reader.take(bytes));
  }
  return digests;
}

/** The registers of one bank that a log has events of, with the values that these give; `undefined`: not in this hash. */
export function replayEvents(
  { events, startupLocality }: EventLog,
  hash: NamedHash,
  x509: X509Cryptography,
): ReadonlyMap<number, Uint8Array> | undefined {
  const registers = new Map<number, Uint8Array>();
  for (const { register, digests } of events) {
    const digest = digests.get(hash.id);
    if (digest === undefined) return undefined;
    const value = registers.get(register) ?? initialValue(register, hash, startupLocality);
    registers.set(register, x509.hash(hash.name, concatBytes(value, digest)));
  }
  return registers;
}

function initialValue(register: number, hash: NamedHash, startupLocality: number): Uint8Array {
  const value = new Uint8Array(hash.bytes);
  // Those of a dynamic launch, which only that launch resets to zero.
  if (register >= 17 && register <= 22) value.fill(0xff);
  if (register === 0) value[hash.bytes - 1] = startupLocality;
  return value;
}
