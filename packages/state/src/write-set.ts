/**
 * Write sets: what one transaction changes, in the one encoding that is hashed into headers and kept in the ledger.
 *
 *     write set = u32 count ‖ count × change, in ascending order of address
 *     change    = u32 addressLength ‖ address ‖ (0 | 1 ‖ u32 valueLength ‖ value)
 *
 * 0 marks a deleted key. A replica that executed the same transaction has the same bytes; one that diverged applies
 * the bytes that were voted, without executing.
 */
import {
  bytes,
  type Codec,
  decode,
  type Decoded,
  fromLatin1,
  limits,
  list,
  malformed,
  mapped,
  optional,
  struct,
  toLatin1,
  Writer,
} from '@coppice/wire';
import { type Address, addressBytesMax, isAddress, valueBytesMax } from './address.ts';

export interface Change {
  readonly address: Address;
  /** The new value; `undefined` if the key was deleted. */
  readonly value: Uint8Array | undefined;
}

/** Changes in ascending order of address, at most one of each. */
export type WriteSet = readonly Change[];

/** Bytes of an encoded write set. A transaction cannot write more. */
export const writeSetBytesMax = limits.writeSetBytes;

/** What every write set takes, and what every change takes beside its address and value. */
export const writeSetOverhead = 4;
export const changeOverhead = 9;

const addressCodec: Codec<Address> = mapped(
  bytes(addressBytesMax),
  (latin1) => {
    const address = toLatin1(latin1);
    return isAddress(address) ? address : malformed('not an address');
  },
  fromLatin1,
);

const changesCodec = list(
  struct({ address: addressCodec, value: optional(bytes(valueBytesMax)) }),
  Math.floor(writeSetBytesMax / changeOverhead),
);

/** The bytes of a write set. */
export function encodeWriteSet(writeSet: WriteSet): Uint8Array {
  let length = writeSetOverhead;
  for (const { address, value } of writeSet) length += changeOverhead + address.length + (value?.length ?? 0);
  const writer = new Writer(length);
  changesCodec.write(writer, writeSet);
  return writer.finish();
}

/** The write set whose bytes these are, or why there is none. Values are views of `encoded`. */
export function decodeWriteSet(encoded: Uint8Array): Decoded<WriteSet> {
  if (encoded.length > writeSetBytesMax) return { ok: false, reason: 'too long' };
  const decoded = decode(changesCodec, encoded);
  if (!decoded.ok) return decoded;
  const changes = decoded.value;
  for (let i = 1; i < changes.length; i++) {
    if (changes[i - 1]!.address >= changes[i]!.address) return { ok: false, reason: 'not in ascending order' };
  }
  return decoded;
}
