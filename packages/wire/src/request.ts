/**
 * Requests of clients. spec/requests.md.
 *
 * A client signs once per flush: a *bundle* is one signature over the digests of consecutive requests, and is
 * ordered as one item of a batch; each request in it is a transaction of its own, with a receipt of its own.
 * A request is named by (client, number); a request that was executed is never executed again.
 */
import { concatBytes } from './bytes.ts';
import { bytes, digest, encode, list, oneOf, publicKey, signature, struct, type TypeOf, u64 } from './codec.ts';
import type { Cryptography, Digest } from './cryptography.ts';
import { digestOfValue, statement } from './domain.ts';
import { limits } from './limits.ts';

/** What a request is handed to: the service, or the consortium's governance. */
export const operationCodec = struct({
  target: oneOf('service', 'governance'),
  payload: bytes(limits.operationBytes),
});

export type Operation = TypeOf<typeof operationCodec>;

export const bundleCodec = struct({
  /** The key that signs: the client's identity. */
  client: publicKey,
  /** All of the client's requests up to this number have been answered to its satisfaction: their results may go. */
  acknowledged: u64,
  /** The client's clock in milliseconds: keeps primaries from slowing the agreed time unnoticed. */
  time: u64,
  /** Number of the first request; the others follow one by one. */
  first: u64,
  operations: list(operationCodec, limits.requestsPerBundle),
  signature,
});

export type Bundle = TypeOf<typeof bundleCodec>;

const requestCodec = struct({ client: publicKey, number: u64, operation: operationCodec });

/** The digest by which a transaction names its request. */
export function requestDigest(
  cryptography: Cryptography,
  client: Uint8Array,
  number: number,
  operation: Operation,
): Digest {
  return digestOfValue(cryptography, 'request', requestCodec, { client, number, operation });
}

/** Digests of a bundle's requests, in order. */
export function requestDigests(cryptography: Cryptography, bundle: Omit<Bundle, 'signature'>): Digest[] {
  return bundle.operations.map((operation, i) =>
    requestDigest(cryptography, bundle.client, bundle.first + i, operation),
  );
}

const signedBundleCodec = struct({
  service: digest,
  client: publicKey,
  acknowledged: u64,
  time: u64,
  first: u64,
  /** Of the requests' digests, one after the other. */
  requests: digest,
});

/** The bytes that a client signs for a bundle whose requests have these digests. */
export function bundleStatement(
  cryptography: Cryptography,
  service: Digest,
  bundle: Omit<Bundle, 'signature'>,
  digests: readonly Digest[],
): Uint8Array {
  const { client, acknowledged, time, first } = bundle;
  const requests = cryptography.hash(concatBytes(...digests));
  return statement('requests', encode(signedBundleCodec, { service, client, acknowledged, time, first, requests }));
}
