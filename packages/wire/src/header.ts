/**
 * Headers: what replicas agree on. spec/ledger.md.
 *
 * `previousRoot` is the Merkle root over all earlier headers, so a vote for one header is a vote for the whole prefix.
 * The view is not in the header but in the votes: a new primary puts the same header to the vote again.
 */
import { allocate, copyInto } from './bytes.ts';
import { digest, struct, type TypeOf, u16, u32, u64 } from './codec.ts';
import type { Cryptography, Digest } from './cryptography.ts';
import { digestOfValue } from './domain.ts';

/** The protocol that this code speaks. */
export const protocolVersion = 1;

export const headerCodec = struct({
  protocolVersion: u16,
  /** Digest of the genesis document. */
  service: digest,
  epoch: u64,
  /** From 1, without gaps, across epochs. */
  sequence: u64,
  /** Agreed time in milliseconds since 1970; never less than the header before it. */
  time: u64,
  /** Slot of the primary that first proposed it. */
  proposer: u16,
  /** RFC 9162 Merkle root over the digests of headers 1 … sequence − 1. */
  previousRoot: digest,
  /** RFC 9162 Merkle root over the transactions: see {@link transactionLeaf}. */
  transactionsRoot: digest,
  /** How many transactions there are. */
  transactions: u32,
  /** Digest of the configuration in force after this batch: differs from the epoch's own in its closing batch. */
  configuration: digest,
});

export type Header = TypeOf<typeof headerCodec>;

export function headerDigest(cryptography: Cryptography, header: Header): Digest {
  return digestOfValue(cryptography, 'header', headerCodec, header);
}

/** A transaction as a leaf of `transactionsRoot`: the digests of its request, its result and its write set. */
export function transactionLeaf(request: Digest, result: Digest, writeSet: Digest): Uint8Array {
  const leaf = allocate(96);
  copyInto(leaf, request, 0);
  copyInto(leaf, result, 32);
  copyInto(leaf, writeSet, 64);
  return leaf;
}
