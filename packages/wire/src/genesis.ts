/**
 * Genesis: the document whose digest *is* the service. spec/genesis.md.
 *
 * The digest covers the constitution by its digest and the joins by a Merkle root, so that a receipt can show where
 * its chain of epochs begins without carrying the evidence of every first instance.
 */
import { bytes, digest, encode, list, publicKey, signature, struct, type TypeOf, u64 } from './codec.ts';
import { configurationCodec } from './configuration.ts';
import type { Cryptography, Digest } from './cryptography.ts';
import { digestOf, statement } from './domain.ts';
import { limits } from './limits.ts';
import { joinCodec } from './membership.ts';
import { merkleRoot } from './merkle-root.ts';

/** What the service digest is the digest of. */
export const genesisCodec = struct({
  constitution: digest,
  /** RFC 9162 root over the encoded joins, in slot order. */
  joinsRoot: digest,
  /** Agreed time of epoch 0's start, in milliseconds. */
  time: u64,
  /** Epoch 0. */
  configuration: configurationCodec,
});

export type Genesis = TypeOf<typeof genesisCodec>;

export function serviceDigest(cryptography: Cryptography, genesis: Genesis): Digest {
  return digestOf(cryptography, 'service', encode(genesisCodec, genesis));
}

/** The whole document: what members verify and sign, what every instance checks, where an audit begins. */
export const genesisDocumentCodec = struct({
  genesis: genesisCodec,
  /** The constitution's bytes, in the form of `governance`. */
  constitution: bytes(limits.constitutionBytes),
  joins: list(joinCodec, limits.slots),
  /** Members' signatures over the service digest. */
  signatures: list(struct({ member: publicKey, signature }), limits.members),
});

export type GenesisDocument = TypeOf<typeof genesisDocumentCodec>;

export function joinsRoot(cryptography: Cryptography, joins: GenesisDocument['joins']): Digest {
  return merkleRoot(
    cryptography,
    joins.map((join) => encode(joinCodec, join)),
  );
}

/** The bytes that a member signs to found the service. */
export function genesisStatement(service: Digest): Uint8Array {
  return statement('genesis', service);
}
