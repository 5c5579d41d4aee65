/**
 * Receipts: one document that proves, to whoever knows the service digest, that a transaction is part of the log and
 * what it gave. spec/ledger.md, "Receipts"; docs/reference/receipts.md.
 *
 * Each part is bound to the one before it: the service digest to genesis, genesis to the chain of epochs, the last
 * epoch's members to a certificate, the certificate to a header, the header to the transaction. Nothing in a receipt
 * is left unbound, and each value has one byte form, so a receipt with any byte changed is not a receipt.
 */
import {
  bytes,
  commitCertificateCodec,
  digest,
  epochCertificatesCodec,
  genesisCodec,
  headerCodec,
  limits,
  list,
  malformed,
  mapped,
  operationCodec,
  optional,
  publicKey,
  struct,
  systemRequestCodec,
  type TypeOf,
  u16,
  u32,
  u64,
  union,
} from '@coppice/wire';

export const receiptVersion = 1;

const pathCodec = list(digest, limits.pathNodes);

/** A later header, and the path of an earlier one under its previous root. */
export const viaCodec = struct({ header: headerCodec, path: pathCodec });

const requestCodec = union({
  client: struct({ client: publicKey, number: u64, operation: operationCodec }),
  /** What instances ask for. The receipt of a join is the clean-start certificate of its instance. */
  system: struct({ request: systemRequestCodec }),
});

export const provenTransactionCodec = struct({
  /** Place among the batch's transactions, from 0. */
  index: u32,
  request: requestCodec,
  result: bytes(limits.resultBytes),
  writeSetDigest: digest,
  /** RFC 9162 path under the header's `transactionsRoot`. */
  path: pathCodec,
});

/** One transaction, as its header's `transactionsRoot` binds it. */
export type ProvenTransaction = TypeOf<typeof provenTransactionCodec>;

export const receiptCodec = struct({
  version: mapped(
    u16,
    (version) => (version === receiptVersion ? version : malformed(`receipt version ${version} is not known`)),
    (version: number) => version,
  ),
  genesis: genesisCodec,
  /** What leads to the signers' epoch: from epoch 0, or from an epoch that the verifier knows. */
  epochs: epochCertificatesCodec,
  /** Of the transaction's batch. */
  header: headerCodec,
  /** Where the certificate is about a later header. */
  via: optional(viaCodec),
  certificate: commitCertificateCodec,
  transaction: provenTransactionCodec,
});

export type Receipt = TypeOf<typeof receiptCodec>;
