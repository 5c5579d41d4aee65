/**
 * Headers: what replicas agree on. spec/ledger.md.
 *
 * `previousRoot` is the Merkle root over all earlier headers, so a vote for one header is a vote for the whole prefix.
 * The view is not in the header but in the votes: a new primary puts the same header to the vote again.
 */
import { allocate, copyInto } from './bytes.ts';
import { type Codec, digest, malformed, struct, type TypeOf, u16, u32, u64 } from './codec.ts';
import { type Cryptography, type Digest, rehashedFrom } from './cryptography.ts';
import { type Configuration, configurationDigest } from './configuration.ts';
import { digestOfValue } from './domain.ts';

/** Versions of the protocol that this code speaks, ascending. spec/upgrades.md. */
export const protocolVersions: readonly number[] = [1, 2, 3, 4];

const fields = {
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
};

export const codeCodec = struct({
  /** Of the service. */
  version: u32,
  /** SHA-256 of its confined script; zeros: unstated. */
  script: digest,
});

/** What executes requests to the service. */
export type Code = TypeOf<typeof codeCodec>;

const firstCodec = struct(fields);
const secondCodec = struct({ ...fields, code: codeCodec });
const fourthCodec = struct({ ...fields, code: codeCodec, rehashed: u64 });

export type Header = TypeOf<typeof firstCodec> & {
  /** In force when the batch was executed: 1, or a version that was activated before it. */
  readonly protocolVersion: number;
  /** By what its requests to the service were executed: from version 2 on, and only there. */
  readonly code?: Code | undefined;
  /** The last sequence number whose header is of the hash before: from version 4 on, and only there. spec/algorithms.md, 21. */
  readonly rehashed?: number | undefined;
};

/** The version comes first, and says what follows. */
export const headerCodec: Codec<Header> = {
  write(writer, header) {
    const { code, protocolVersion, rehashed } = header;
    if (
      !protocolVersions.includes(protocolVersion) ||
      (code !== undefined) !== protocolVersion >= 2 ||
      (rehashed !== undefined) !== protocolVersion >= rehashedFrom
    )
      throw new RangeError(`no header of protocol version ${protocolVersion}`);
    u16.write(writer, protocolVersion);
    if (code === undefined) firstCodec.write(writer, header);
    else if (rehashed === undefined) secondCodec.write(writer, { ...header, code });
    else fourthCodec.write(writer, { ...header, code, rehashed });
  },
  read(reader) {
    const protocolVersion = u16.read(reader);
    if (!protocolVersions.includes(protocolVersion)) malformed(`protocol version ${protocolVersion} is not known`);
    if (protocolVersion === 1) return { protocolVersion, ...firstCodec.read(reader) };
    if (protocolVersion < rehashedFrom) return { protocolVersion, ...secondCodec.read(reader) };
    const header = fourthCodec.read(reader);
    if (header.rehashed >= header.sequence)
      malformed(`header ${header.sequence} is of the hash before ${header.rehashed}`);
    return { protocolVersion, ...header };
  },
};

/** What the header of a batch says of what is active before it. `rehashed`: as {@link Header.rehashed}, should it be of the new hash. */
export function headerVersion(
  { protocol, code }: Active,
  rehashed: number,
): Pick<Header, 'protocolVersion' | 'code' | 'rehashed'> {
  if (protocol === 1) return { protocolVersion: protocol };
  return protocol < rehashedFrom ? { protocolVersion: protocol, code } : { protocolVersion: protocol, code, rehashed };
}

/** What a service speaks at a place of its log. */
export interface Active {
  /** Version of the protocol. */
  readonly protocol: number;
  readonly code: Code;
}

/** By the hash of its version. */
export function headerDigest(cryptography: Cryptography, header: Header): Digest {
  return digestOfValue(cryptography.of(header.protocolVersion), 'header', headerCodec, header);
}

/** The digest of a configuration, as a header of this version names it. */
export function configurationNamed(cryptography: Cryptography, header: Header, configuration: Configuration): Digest {
  return configurationDigest(cryptography.of(header.protocolVersion), configuration);
}

/** A transaction as a leaf of `transactionsRoot`: the digests of its request, its result and its write set. */
export function transactionLeaf(request: Digest, result: Digest, writeSet: Digest): Uint8Array {
  const leaf = allocate(96);
  copyInto(leaf, request, 0);
  copyInto(leaf, result, 32);
  copyInto(leaf, writeSet, 64);
  return leaf;
}
