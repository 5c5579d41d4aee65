/**
 * Messages between a replica and whoever comes to its client door: clients, hosts, auditors, candidates that want to
 * join. spec/client-protocol.md.
 *
 * The door authenticates the replica, by its identity key. Whoever asks for what is not for everybody shows that it holds a key;
 * what has to be somebody's beyond that is signed by itself, and what a replica says is worth what it proves.
 */
import { commitCertificateCodec } from './certificate.ts';
import {
  bool,
  bytes,
  digest,
  encode,
  list,
  optional,
  publicKey,
  signature,
  struct,
  text,
  type TypeOf,
  u16,
  u32,
  u64,
  union,
} from './codec.ts';
import type { Digest } from './cryptography.ts';
import { statement } from './domain.ts';
import { epochCertificatesCodec } from './epoch.ts';
import { genesisDocumentCodec } from './genesis.ts';
import { headerCodec } from './header.ts';
import { limits } from './limits.ts';
import { joinCodec, systemRequestCodec } from './membership.ts';
import { bundleCodec } from './request.ts';
import { seatSignature } from './scheme.ts';

const callerCodec = struct({ key: publicKey, signature });

/** Whoever asks, shown to one replica. */
export type CallerProof = TypeOf<typeof callerCodec>;

const callerSubjectCodec = struct({ service: digest, replica: publicKey });

/**
 * The bytes that the holder of a key signs for a replica, named by its identity key. The replica alone sees the signature, and it
 * counts at no other: so it need not be fresh.
 */
export function callerStatement(service: Digest, replica: Uint8Array): Uint8Array {
  return statement('caller', encode(callerSubjectCodec, { service, replica }));
}

const id = u32;
const pathCodec = list(digest, limits.pathNodes);

/** To a replica. `id` is chosen by the asker and comes back with the answer. */
export const clientRequestCodec = union({
  /** Order these requests. Answered by `committed`, once for each batch that holds some of them, or by `refused`. */
  submit: struct({ bundle: bundleCodec }),
  /** Order this request of an instance. Answered by `accepted` or `refused` as to the pool, not the order. */
  system: struct({ id, request: systemRequestCodec }),
  /** Ask this replica's committed state. The answer is not proven. */
  query: struct({ id, target: text(32), payload: bytes(limits.operationBytes), as: optional(callerCodec) }),
  /** The genesis document, and the epoch certificates from `from` on. */
  chain: struct({ id, from: u64 }),
  /** What the replica knows of itself and the service, as JSON. */
  status: struct({ id }),
  /** Committed batches from this sequence number on, as long as the connection lasts: for those who may read the log. */
  subscribe: struct({ id, from: u64, as: optional(callerCodec) }),
  /** The replica's signature, with its key of the present epoch, over a nonce of the asker's. */
  freshness: struct({ id, nonce: digest }),
  /** Records of the ledger whose sequence number is `from` or higher, in order: for instances of the service. */
  ledger: struct({ id, from: u64, as: optional(callerCodec) }),
  /** Before genesis: the join of this instance. */
  founding: struct({ id }),
  /** Before genesis: found the service by this document. */
  found: struct({ id, document: genesisDocumentCodec }),
  /** What value a key of a service's map had as of batch `at`, or of the stable checkpoint. */
  history: struct({ id, map: text(48), key: bytes(1024), at: optional(u64), as: optional(callerCodec) }),
  /** As `chain`, of a service that this one goes on from, directly or not. */
  ancestor: struct({ id, service: digest, from: u64 }),
  /** To a replica of a service that members gave up: another one goes on with its log. It stops. */
  succession: struct({ id, document: genesisDocumentCodec }),
});

export type ClientRequest = TypeOf<typeof clientRequestCodec>;

/** One transaction of an answer to `submit`: what a receipt needs beyond what the client has itself. */
export const answeredTransactionCodec = struct({ result: bytes(limits.resultBytes), writeSetDigest: digest });

export const clientAnswerCodec = union({
  /**
   * Proof that requests of `client` are committed, and their results: those numbered from `first` on, which are the transactions from
   * `index` on of the batch.
   */
  committed: struct({
    client: publicKey,
    header: headerCodec,
    via: optional(struct({ header: headerCodec, path: pathCodec })),
    certificate: commitCertificateCodec,
    first: u64,
    index: u32,
    transactions: list(answeredTransactionCodec, limits.requestsPerBundle),
    /** Their siblings: ledger/src/merkle-proof.ts, `rangePathInLevels`. */
    path: list(digest, 2 * limits.pathNodes),
  }),
  /** Not ordered. With `retryAfterMs` it may be later, or elsewhere; without, never. */
  refused: struct({
    id,
    client: optional(publicKey),
    first: u64,
    reason: text(limits.nameBytes * 8),
    retryAfterMs: optional(u32),
  }),
  accepted: struct({ id }),
  answer: struct({ id, ok: bool, sequence: u64, payload: bytes(limits.messageBytes) }),
  chain: struct({ id, genesis: optional(genesisDocumentCodec), epochs: epochCertificatesCodec, more: bool }),
  /** A committed batch: its items and results as in the ledger's record, and what certifies it. */
  batch: struct({
    id,
    header: headerCodec,
    via: optional(struct({ header: headerCodec, path: pathCodec })),
    certificate: commitCertificateCodec,
    /** Encoded as in the ledger. */
    batch: bytes(limits.batchBytes),
    results: list(bytes(limits.resultBytes), 1 << 20),
  }),
  freshness: struct({ id, epoch: u64, slot: u16, committed: u64, signature: seatSignature }),
  ledger: struct({
    id,
    records: list(struct({ type: u16, sequence: u64, payload: bytes(limits.recordBytes) }), limits.ledgerRecords),
    more: bool,
  }),
  founding: struct({ id, join: joinCodec }),
  /** In the form of `shownValueCodec` in packages/ledger. */
  history: struct({ id, shown: bytes(limits.messageBytes) }),
});

export type ClientAnswer = TypeOf<typeof clientAnswerCodec>;
export type ClientAnswerOf<K extends ClientAnswer['kind']> = Extract<ClientAnswer, { kind: K }>;

const freshnessCodec = struct({ service: digest, epoch: u64, committed: u64, nonce: digest });

/** The bytes that a replica signs for `freshness`. */
export function freshnessStatement(subject: TypeOf<typeof freshnessCodec>): Uint8Array {
  return statement('freshness', encode(freshnessCodec, subject));
}
