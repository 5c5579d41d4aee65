/**
 * What a launch is bound to, and what an instance says of itself. spec/attestation.md.
 *
 * Fresh evidence alone shows no fresh instance: code that was subverted after its launch can still ask the hardware for
 * a report over any nonce. So the turn's challenge goes into the *launch data*, which the platform fixes at launch, and
 * the keys that the instance generated go into the *report data*, which the instance chooses afterwards.
 */
import {
  type Cryptography,
  type Digest,
  digest,
  digestOf,
  digestOfValue,
  encodeInstanceClaims,
  concatBytes,
  type InstanceClaims,
  limits,
  struct,
  text,
  type TypeOf,
  u16,
  u64,
} from '@coppice/wire';

const launchCodec = struct({
  /** The service; in genesis, before there is one, the constitution's digest. */
  service: digest,
  slot: u16,
  /** 0 in genesis. */
  turn: u64,
  /** Nobody knew it before the turn was opened; in genesis, the constitution's digest. */
  challenge: digest,
  release: digest,
  variant: text(limits.nameBytes),
});

/** The inputs of one launch: whoever knows them recomputes the launch digest. */
export type LaunchData = TypeOf<typeof launchCodec>;

/** What the platform binds at launch. */
export function launchDigest(cryptography: Cryptography, launch: LaunchData): Digest {
  return digestOfValue(cryptography, 'launch', launchCodec, launch);
}

/** What the instance has the platform report: its claims, and the launch that it makes them for. */
export function reportData(cryptography: Cryptography, claims: InstanceClaims, launch: Digest): Digest {
  return digestOf(cryptography, 'report', concatBytes(encodeInstanceClaims(claims), launch));
}
