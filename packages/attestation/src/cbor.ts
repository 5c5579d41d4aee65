/**
 * A strict reader of the CBOR of others (RFC 8949): shortest heads, definite lengths, no key twice, nothing after the
 * end, and no floats. What is free is the order of keys, since makers do not sort them; and tags, which are shown.
 */
import { type Decoded, decodeUtf8 } from '@coppice/wire';

export type ForeignCbor =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly ForeignCbor[]
  | CborTable
  | Tagged;

/** A map; its keys are integers and texts. */
export type CborTable = ReadonlyMap<number | string, ForeignCbor>;

export class Tagged {
  readonly tag: number;
  readonly value: ForeignCbor;

  constructor(tag: number, value: ForeignCbor) {
    this.tag = tag;
    this.value = value;
  }
}

const depthMax = 16;
const itemsMax = 16_384;

class CborFault extends Error {}

/** The value that exactly these bytes are, or why they are none. Byte strings in it are views. */
export function decodeForeignCbor(bytes: Uint8Array): Decoded<ForeignCbor> {
  try {
    const reader = new ForeignReader(bytes);
    const value = reader.value(0);
    reader.end();
    return { ok: true, value };
  } catch (error) {
    if (error instanceof CborFault) return { ok: false, reason: error.message };
    throw error;
  }
}

class ForeignReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  end(): void {
    if (this.#position !== this.#bytes.length) throw new CborFault('surplus bytes');
  }

  value(depth: number): ForeignCbor {
    if (depth > depthMax) throw new CborFault('nested too deep');
    if (++this.#items > itemsMax) throw new CborFault('too many values');
    const initial = this.#take(1)[0]!;
    const [major, info] = [initial >> 5, initial & 31];
    if (major === 7) return simple(info);
    const argument = this.#argument(info);
    if (major === 0) return argument;
    if (major === 1) return typeof argument === 'number' ? -1 - argument : -1n - argument;
    if (typeof argument === 'bigint') throw new CborFault('cut off');
    if (major === 2) return this.#take(argument);
    if (major === 3) {
      const text = decodeUtf8(this.#take(argument));
      if (text === undefined) throw new CborFault('not UTF-8');
      return text;
    }
    if (major === 6) return new Tagged(argument, this.value(depth + 1));
    // Nothing is allocated for a count: what it promises is read item by item, until the bytes end.
    if (major === 5) return this.#table(argument, depth + 1);
    const values: ForeignCbor[] = [];
    for (let i = 0; i < argument; i++) values.push(this.value(depth + 1));
    return values;
  }

  #table(count: number, depth: number): CborTable {
    const table = new Map<number | string, ForeignCbor>();
    for (let i = 0; i < count; i++) {
      const key = this.value(depth);
      if (typeof key !== 'number' && typeof key !== 'string') throw new CborFault('key is no text or integer');
      if (table.has(key)) throw new CborFault('a key twice');
      table.set(key, this.value(depth));
    }
    return table;
  }

  #take(length: number): Uint8Array {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw new CborFault('cut off');
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  /** A bigint where it is no safe integer. */
  #argument(info: number): number | bigint {
    if (info < 24) return info;
    if (info > 27) throw new CborFault('indefinite length');
    let argument = 0n;
    for (const byte of this.#take(2 ** (info - 24))) argument = argument * 256n + BigInt(byte);
    const least = info === 24 ? 24n : 1n << BigInt(8 * 2 ** (info - 25));
    if (argument < least) throw new CborFault('not the shortest head');
    return argument <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(argument) : argument;
  }
}

function simple(info: number): null | boolean {
  if (info === 22) return null;
  if (info !== 20 && info !== 21) throw new CborFault('float, or unknown simple value');
  return info === 21;
}
