/**
 * Genesis: the document whose digest *is* the service. spec/genesis.md.
 *
 * The digest covers the constitution by its digest and the joins by a Merkle root, so that a receipt can show where
 * its chain of epochs begins without carrying the evidence of every first instance.
 */
import { checkpointCertificateCodec, preparedCertificateCodec } from './certificate.ts';
import {
  bytes,
  type Codec,
  digest,
  encode,
  list,
  optional,
  publicKey,
  signature,
  struct,
  type TypeOf,
  u64,
} from './codec.ts';
import { configurationCodec } from './configuration.ts';
import type { Cryptography, Digest } from './cryptography.ts';
import { digestOf, statement } from './domain.ts';
import { headerCodec } from './header.ts';
import { limits } from './limits.ts';
import { joinCodec } from './membership.ts';
import { merkleRoot } from './merkle-root.ts';

/** Where the ledger goes on from: the head of a service that was lost. spec/recovery.md, line 32. */
export const predecessorCodec = struct({
  service: digest,
  /** The last header of its log, which its epoch's quorum prepared. */
  header: headerCodec,
  certificate: preparedCertificateCodec,
  /** RFC 9162 root over the digests of all headers up to that one. */
  ledgerRoot: digest,
  /** Of the state after it. */
  stateDigest: digest,
});

export type Predecessor = TypeOf<typeof predecessorCodec>;

const genesisFields = struct({
  constitution: digest,
  /** RFC 9162 root over the encoded joins, in slot order. */
  joinsRoot: digest,
  /** Agreed time of the first epoch's start, in milliseconds. */
  time: u64,
  /** The first epoch: 0, or with a predecessor the one after its last. */
  configuration: configurationCodec,
});

/** What the service digest is the digest of. A genesis of epoch 0 has no predecessor, and any other has one. */
export type Genesis = TypeOf<typeof genesisFields> & { readonly predecessor?: Predecessor | undefined };

export const genesisCodec: Codec<Genesis> = {
  write(writer, genesis) {
    genesisFields.write(writer, genesis);
    writeBeyondZero(writer, genesis, predecessorCodec, genesis.predecessor);
  },
  read(reader) {
    const genesis = genesisFields.read(reader);
    return genesis.configuration.epoch === 0 ? genesis : { ...genesis, predecessor: predecessorCodec.read(reader) };
  },
};

function writeBeyondZero<T>(
  writer: Parameters<Codec<T>['write']>[0],
  { configuration }: Pick<Genesis, 'configuration'>,
  codec: Codec<T>,
  value: T | undefined,
): void {
  if (configuration.epoch > 0 !== (value !== undefined))
    throw new RangeError('a genesis has a predecessor if, and only if, it is not of epoch 0');
  if (value !== undefined) codec.write(writer, value);
}

export function serviceDigest(cryptography: Cryptography, genesis: Genesis): Digest {
  return digestOf(cryptography, 'service', encode(genesisCodec, genesis));
}

/** What shows a successor's place to those who do not have its predecessor's log. */
export const inheritanceCodec = struct({
  /** Frontier of the tree of all headers but the last {@link headersInherited}, largest subtree first. */
  peaks: list(digest, limits.pathNodes),
  /** Digests of those last headers. */
  recent: list(digest, 64),
  /** The constitution in the predecessor's state, proven under a checkpoint: needed where it was amended since genesis. */
  standing: optional(
    struct({
      certificate: checkpointCertificateCodec,
      constitution: bytes(limits.constitutionBytes),
      /** In the form of `state`. */
      proof: list(bytes(1 << 16), limits.pathNodes + 1),
    }),
  ),
});

export type Inheritance = TypeOf<typeof inheritanceCodec>;

/** Headers whose digests a successor knows one by one: as many as execution may ask about. */
export const headersInherited = 64;

const documentFields = struct({
  genesis: genesisCodec,
  /** The constitution's bytes, in the form of `governance`. */
  constitution: bytes(limits.constitutionBytes),
  joins: list(joinCodec, limits.slots),
  /** Members' signatures over the service digest. */
  signatures: list(struct({ member: publicKey, signature }), limits.members),
});

/** The whole document: what members verify and sign, what every instance checks, where an audit begins. */
export type GenesisDocument = TypeOf<typeof documentFields> & { readonly inheritance?: Inheritance | undefined };

export const genesisDocumentCodec: Codec<GenesisDocument> = {
  write(writer, document) {
    documentFields.write(writer, document);
    writeBeyondZero(writer, document.genesis, inheritanceCodec, document.inheritance);
  },
  read(reader) {
    const document = documentFields.read(reader);
    if (document.genesis.configuration.epoch === 0) return document;
    return { ...document, inheritance: inheritanceCodec.read(reader) };
  },
};

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
