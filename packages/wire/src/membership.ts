/**
 * What instances say about themselves and each other, and what is ordered of it: joining, readiness, erased keys,
 * suspicions, refusals, proofs of fault. spec/epochs.md, spec/turns.md.
 */
import {
  bytes,
  digest,
  encode,
  list,
  oneOf,
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
import type { Cryptography, Digest } from './cryptography.ts';
import { commitCertificateCodec, voteCodec } from './certificate.ts';
import { digestOf, statement } from './domain.ts';
import { headerCodec } from './header.ts';
import { limits } from './limits.ts';
import { seatSignature, signingKey } from './scheme.ts';

/** The keys of one epoch of an instance's term. */
export const epochKeysCodec = struct({ signingKey, sealingKey: publicKey });
export type EpochKeys = TypeOf<typeof epochKeysCodec>;

const joinFields = {
  /** The service; in genesis, before there is one, the constitution's digest. */
  service: digest,
  /** The turn that asked for this launch; 0 in genesis. */
  turn: u64,
  slot: u16,
  /** The identity key of this launch. */
  instance: publicKey,
  /** keys[k] serve in epoch firstEpoch + k. */
  firstEpoch: u64,
  keys: list(epochKeysCodec, limits.epochKeys),
  release: digest,
  variant: text(limits.nameBytes),
  address: text(limits.nameBytes),
  clientAddress: text(limits.nameBytes),
};

const claimsCodec = struct(joinFields);

/** What an instance claims of itself: the attested part of a join. */
export type InstanceClaims = TypeOf<typeof claimsCodec>;

export function encodeInstanceClaims(claims: InstanceClaims): Uint8Array {
  return encode(claimsCodec, claims);
}

export const joinCodec = struct({
  ...joinFields,
  /** Evidence and endorsements, in the form of `attestation`: its report data covers the claims above. */
  evidence: bytes(limits.evidenceBytes),
  /** By the identity key, over claims and evidence. */
  signature,
});

export type Join = TypeOf<typeof joinCodec>;

const unsignedJoinCodec = struct({ ...joinFields, evidence: bytes(limits.evidenceBytes) });

export function joinStatement(join: Omit<Join, 'signature'>): Uint8Array {
  return statement('join', encode(unsignedJoinCodec, join));
}

const readyFields = { service: digest, turn: u64, sequence: u64, headerDigest: digest };
/** A candidate has followed the log up to this header. */
export const readyCodec = struct({ ...readyFields, signature });
export type Ready = TypeOf<typeof readyCodec>;
const unsignedReadyCodec = struct(readyFields);

export function readyStatement(ready: Omit<Ready, 'signature'>): Uint8Array {
  return statement('ready', encode(unsignedReadyCodec, ready));
}

const erasureFields = { service: digest, epoch: u64, slot: u16, instance: publicKey };
/**
 * An instance no longer has its keys and nonces of `epoch`. Signed by its signing key of the next epoch, or by its
 * identity key where it has no seat in the next epoch.
 */
export const erasureCodec = struct({ ...erasureFields, signature: seatSignature });
export type Erasure = TypeOf<typeof erasureCodec>;
const unsignedErasureCodec = struct(erasureFields);

export function erasureStatement(erasure: Omit<Erasure, 'signature'>): Uint8Array {
  return statement('erasure', encode(unsignedErasureCodec, erasure));
}

const suspicionFields = {
  service: digest,
  epoch: u64,
  slot: u16,
  suspect: u16,
  instance: publicKey,
  reason: oneOf('silent', 'diverging', 'refusing'),
};
/** A member of the epoch in `slot` suspects the instance in slot `suspect`. Signed by its signing key. */
export const suspicionCodec = struct({ ...suspicionFields, signature: seatSignature });
export type Suspicion = TypeOf<typeof suspicionCodec>;
const unsignedSuspicionCodec = struct(suspicionFields);

export function suspicionStatement(suspicion: Omit<Suspicion, 'signature'>): Uint8Array {
  return statement('suspicion', encode(unsignedSuspicionCodec, suspicion));
}

const refusalFields = {
  service: digest,
  epoch: u64,
  view: u64,
  sequence: u64,
  headerDigest: digest,
  /** Digest of the first request whose execution differed. */
  request: digest,
  slot: u16,
};
/** A backup's own execution of a proposed batch gave another header. spec/divergence.md. */
export const refusalCodec = struct({ ...refusalFields, signature: seatSignature });
export type Refusal = TypeOf<typeof refusalCodec>;
const unsignedRefusalCodec = struct(refusalFields);

export function refusalStatement(refusal: Omit<Refusal, 'signature'>): Uint8Array {
  return statement('refusal', encode(unsignedRefusalCodec, refusal));
}

/**
 * A contradiction that only a faulty instance can have signed: two votes of one key in one view that are not on one
 * chain. For two votes at different places, `path` shows what the later header has at the earlier place.
 */
export const faultProofCodec = struct({
  slot: u16,
  instance: publicKey,
  first: voteCodec,
  second: voteCodec,
  fork: optional(
    struct({
      /** The header of the second, later vote. */
      header: headerCodec,
      /** What stands at the first vote's sequence number in the second header's past, and its RFC 9162 path. */
      headerDigest: digest,
      path: list(digest, limits.pathNodes),
    }),
  ),
});
export type FaultProof = TypeOf<typeof faultProofCodec>;

/** Requests that are not clients': ordered like any other, one transaction each. */
export const systemRequestCodec = union({
  /** The commit certificate of the batch that opened a turn: its nonces are the turn's challenge. */
  challenge: struct({ turn: u64, certificate: commitCertificateCodec }),
  join: struct({ join: joinCodec }),
  ready: struct({ ready: readyCodec }),
  erasure: struct({ erasure: erasureCodec }),
  suspicion: struct({ suspicion: suspicionCodec }),
  fault: struct({ proof: faultProofCodec }),
  /** A request that f + 1 views could not agree on, ordered without being executed. */
  divergent: struct({ request: digest, refusals: list(refusalCodec, limits.slots * limits.slots) }),
  /** From here on the service speaks the newest that this release speaks. spec/upgrades.md. */
  activate: struct({ release: digest, protocol: u16, service: u32, attempt: u32 }),
});

export type SystemRequest = TypeOf<typeof systemRequestCodec>;

export function systemRequestDigest(cryptography: Cryptography, request: SystemRequest): Digest {
  return digestOf(cryptography, 'request', encode(systemRequestCodec, request));
}

/** The challenge of a turn: the opening header and the nonces that nobody knew together before it was committed. */
export function challengeOf(
  cryptography: Cryptography,
  turn: number,
  certificate: TypeOf<typeof commitCertificateCodec>,
): Digest {
  const codec = struct({ turn: u64, headerDigest: digest, nonces: list(bytes(64), limits.slots) });
  const nonces = certificate.reveals.map((reveal) => reveal.nonce);
  return digestOf(
    cryptography,
    'challenge',
    encode(codec, { turn, headerDigest: certificate.subject.headerDigest, nonces }),
  );
}
