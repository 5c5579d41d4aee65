/**
 * Messages between replicas.
 *
 * They travel on channels that authenticate the sender's identity key, so only what others must be able to check
 * later is signed by itself: votes, view changes, new-views, checkpoints, refusals.
 */
import {
  bytes,
  checkpointCertificateCodec,
  commitCertificateCodec,
  digest,
  epochCertificatesCodec,
  fixed,
  headerCodec,
  itemCodec,
  limits,
  list,
  newViewCodec,
  nonceBytes,
  outcomesCodec,
  refusalCodec,
  seatSignature,
  struct,
  type TypeOf,
  u16,
  u64,
  union,
  viewChangeCodec,
  voteCodec,
} from '@coppice/wire';

/** A batch under its header; the batch as it was encoded. */
export const entryCodec = struct({ header: headerCodec, batch: bytes(limits.batchBytes) });
export type LogEntry = TypeOf<typeof entryCodec>;

/** Entries of one answer. */
export const entriesPerMessage = 64;

const pathCodec = bytes(64);

export const messageCodec = union({
  'pre-prepare': struct({ header: headerCodec, batch: bytes(limits.batchBytes), vote: voteCodec }),
  prepare: struct({ vote: voteCodec }),
  commit: struct({
    epoch: u64,
    view: u64,
    reveals: list(struct({ sequence: u64, nonce: fixed(nonceBytes) }), 256),
  }),
  'view-change': struct({ viewChange: viewChangeCodec }),
  'new-view': struct({ newView: newViewCodec }),
  checkpoint: struct({
    epoch: u64,
    slot: u16,
    sequence: u64,
    ledgerRoot: digest,
    stateDigest: digest,
    signature: seatSignature,
  }),
  refusal: struct({ refusal: refusalCodec }),
  /** The primary's vote, shown to a replica that voted for something else: one of the two is a lie. */
  echo: struct({ vote: voteCodec }),
  /** A client's bundle, or a system request, on its way to the primary. */
  forward: struct({ item: itemCodec }),
  status: struct({ epoch: u64, view: u64, committed: u64, stable: u64 }),
  fetch: struct({ from: u64 }),
  /** Committed entries, the last certified. */
  entries: struct({ entries: list(entryCodec, entriesPerMessage), certificate: commitCertificateCodec }),
  /** What leads to a header that a new-view adopted. */
  'fetch-held': struct({ from: u64, sequence: u64, headerDigest: digest }),
  held: struct({ entries: list(entryCodec, entriesPerMessage * 8) }),
  'fetch-outcomes': struct({ sequence: u64, headerDigest: digest }),
  outcomes: struct({ sequence: u64, headerDigest: digest, outcomes: outcomesCodec }),
  'fetch-snapshot': struct({ epoch: u64 }),
  snapshot: struct({
    epochs: epochCertificatesCodec,
    certificate: checkpointCertificateCodec,
    header: headerCodec,
    /** Peaks of the tree over headers 1 … size, and the digests of those after, up to the checkpoint's. */
    frontier: struct({ size: u64, peaks: list(digest, limits.pathNodes) }),
    recent: list(digest, 256),
  }),
  'fetch-state': struct({ sequence: u64, paths: list(pathCodec, 1024) }),
  state: struct({
    sequence: u64,
    parts: list(struct({ path: pathCodec, bytes: bytes(limits.messageBytes) }), 1024),
    /** Asked for, and not in this answer: for lack of room. */
    omitted: list(pathCodec, 1024),
  }),
});

export type Message = TypeOf<typeof messageCodec>;
export type MessageOf<K extends Message['kind']> = Extract<Message, { kind: K }>;
