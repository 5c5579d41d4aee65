/**
 * Batches: what is ordered under one header, and what its execution gave. spec/ledger.md.
 */
import { bytes, digest, list, struct, type TypeOf, union } from './codec.ts';
import type { Cryptography, Digest } from './cryptography.ts';
import { digestOf } from './domain.ts';
import { limits } from './limits.ts';
import { systemRequestCodec } from './membership.ts';
import { bundleCodec } from './request.ts';

export const itemCodec = union({
  /** Each operation of the bundle is one transaction. */
  bundle: struct({ bundle: bundleCodec }),
  /** One transaction. */
  system: struct({ request: systemRequestCodec }),
});

export type Item = TypeOf<typeof itemCodec>;

export const batchCodec = struct({ items: list(itemCodec, limits.itemsPerBatch) });
export type Batch = TypeOf<typeof batchCodec>;

/** What a transaction gave. */
export const outcomeCodec = struct({
  /** Digest of the request; zero for the batch's own writes, which come last. */
  request: digest,
  /** As the client gets it. */
  result: bytes(limits.resultBytes),
  /** Salt of the write set's digest. */
  salt: bytes(32),
  /** In the form of `state`. */
  writeSet: bytes(limits.writeSetBytes),
});

export type Outcome = TypeOf<typeof outcomeCodec>;

export const outcomesCodec = list(outcomeCodec, 1 << 20);

/** Maps whose names begin with this are public: what is written to them may be shown to anyone, with proof. */
export const publicMapPrefix = 'public/';

export function resultDigest(cryptography: Cryptography, result: Uint8Array): Digest {
  return digestOf(cryptography, 'result', result);
}
