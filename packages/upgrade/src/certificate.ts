/**
 * The upgrade certificate: one document that proves, to whoever knows the service digest, how a service got from one release to
 * another. docs/reference/upgrade-certificate.md.
 *
 * It is made of what the ledger has: decisions with what members signed, joins, the activation, certificates. Each part is bound to the
 * chain of epochs, and that to the service digest; nothing in it is left unbound, and each value has one byte form.
 */
import { provenTransactionCodec, viaCodec } from '@coppice/ledger';
import {
  bytes,
  checkpointCertificateCodec,
  type Codec,
  commitCertificateCodec,
  digest,
  epochCertificatesCodec,
  genesisCodec,
  headerCodec,
  limits,
  list,
  malformed,
  mapped,
  optional,
  publicKey,
  signature,
  struct,
  type TypeOf,
  u16,
} from '@coppice/wire';

export const upgradeCertificateVersion = 2;
/** Bytes of a certificate, at most. */
export const upgradeCertificateBytesMax = 64 * 1024 * 1024;
/** Decisions that led from genesis to the approval, at most. */
export const decisionsMax = 4096;
/** Steps of its migration, at most. */
const stepsMax = 65_536;
const manifestBytesMax = 1 << 20;
const statementBytesMax = 1 << 22;

const provenFields = {
  header: headerCodec,
  /** Where the certificate is about a later header. */
  via: optional(viaCodec),
  certificate: commitCertificateCodec,
  transaction: provenTransactionCodec,
};

const provenCodec = struct(provenFields);

/** A transaction of the log, with what proves that it is. */
export type Proven = TypeOf<typeof provenCodec>;

const writtenCodec = struct({
  ...provenFields,
  /** Of the write set's digest. */
  salt: bytes(32),
  writeSet: bytes(limits.writeSetBytes),
});

/** A proven transaction with what it wrote. */
export type ProvenWrites = TypeOf<typeof writtenCodec>;

/** A list that has at least one item. */
function some<T>(item: Codec<T>, max: number): Codec<readonly T[]> {
  return mapped(
    list(item, max),
    (items) => (items.length === 0 ? malformed('an empty list') : items),
    (items: readonly T[]) => [...items],
  );
}

export const upgradeCertificateCodec = struct({
  version: mapped(
    u16,
    (version) => (version === upgradeCertificateVersion ? version : malformed(`version ${version} is not known`)),
    (version: number) => version,
  ),
  genesis: genesisCodec,
  /** Of genesis. */
  constitution: bytes(limits.constitutionBytes),
  /** From that of the first epoch on. */
  epochs: epochCertificatesCodec,
  /** Those that changed the constitution; the last approves the release. */
  decisions: some(writtenCodec, decisionsMax),
  /** Of the release: its SHA-256 is what members approved. */
  manifest: bytes(manifestBytesMax),
  provenance: optional(
    struct({
      /** In-toto, as it was signed. */
      statement: bytes(statementBytesMax),
      signatures: some(struct({ key: publicKey, signature }), 64),
    }),
  ),
  /** Joins of the instances that sit in slots 0, 1, 2, … */
  cleanStarts: some(provenCodec, limits.slots),
  activation: optional(
    struct({
      /** Of its migration, before the last. What they wrote is in the ledger, under the digests that they name. */
      steps: list(provenCodec, stepsMax),
      transaction: writtenCodec,
      before: checkpointCertificateCodec,
      after: checkpointCertificateCodec,
      /** Of the activation's header, under the ledger root of `after`. */
      path: list(digest, limits.pathNodes),
    }),
  ),
});

export type UpgradeCertificate = TypeOf<typeof upgradeCertificateCodec>;
