/**
 * Structures of TPM 2.0: Trusted Platform Module Library, part 2. Big-endian; sized parts have a length of two bytes.
 *
 * A reader goes forward through all of the bytes, and refuses what it does not know. A {@link TpmFault} does not leave
 * the decoders here.
 */
import type { Decoded } from '@coppice/wire';

/** Hash algorithms by their identifiers; `name` where signatures and registers may have them. */
export const hashes = [
  { id: 0x0004, bytes: 20, name: 'sha1' },
  { id: 0x000b, bytes: 32, name: 'sha256' },
  { id: 0x000c, bytes: 48, name: 'sha384' },
  { id: 0x000d, bytes: 64, name: 'sha512' },
  { id: 0x0012, bytes: 32, name: undefined },
  { id: 0x0027, bytes: 32, name: undefined },
  { id: 0x0028, bytes: 48, name: undefined },
  { id: 0x0029, bytes: 64, name: undefined },
] as const;
export const sha384 = hashes[2];
export type TpmHash = (typeof hashes)[number];
export type NamedHash = Extract<TpmHash, { name: string }>;

export class TpmFault extends Error {}

export class TpmReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Uint8Array {
    const start = this.#position;
    if (length > this.#bytes.length - start) throw new TpmFault('cut off');
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  u16(): number {
    const { byteOffset } = this.take(2);
    return this.#view.getUint16(byteOffset - this.#view.byteOffset);
  }

  u32(): number {
    const { byteOffset } = this.take(4);
    return this.#view.getUint32(byteOffset - this.#view.byteOffset);
  }

  u64(): bigint {
    const { byteOffset } = this.take(8);
    return this.#view.getBigUint64(byteOffset - this.#view.byteOffset);
  }

  sized(bytesMax: number): Uint8Array {
    const length = this.u16();
    if (length > bytesMax) throw new TpmFault('too long');
    return this.take(length);
  }

  hash(): TpmHash {
    const id = this.u16();
    const hash = hashes.find((one) => one.id === id);
    if (hash === undefined) throw new TpmFault(`unknown hash algorithm ${id}`);
    return hash;
  }

  end(): void {
    if (this.#position !== this.#bytes.length) throw new TpmFault('surplus bytes');
  }
}

export function decodeTpm<T>(bytes: Uint8Array, read: (reader: TpmReader) => T): Decoded<T> {
  try {
    const reader = new TpmReader(bytes);
    const value = read(reader);
    reader.end();
    return { ok: true, value };
  } catch (error) {
    if (error instanceof TpmFault) return { ok: false, reason: error.message };
    throw error;
  }
}
