/**
 * Configurations: who sits where in an epoch, with which keys, since when. spec/epochs.md.
 *
 * A configuration is all that a verifier of that epoch's certificates needs. Its digest is in every header, and an
 * epoch ends with the batch whose header names another one: the chain from genesis is a chain of configurations.
 */
import { ascending, digest, publicKey, struct, text, type TypeOf, u16, u64 } from './codec.ts';
import { type Cryptography, type Digest } from './cryptography.ts';
import { digestOfValue } from './domain.ts';
import { limits } from './limits.ts';
import { signingKey } from './scheme.ts';

export const seatCodec = struct({
  slot: u16,
  /** The identity key of the launch that sits here: authenticates channels and the retirement notice. */
  instance: publicKey,
  /** Signs in this epoch, and in no other. */
  signingKey,
  /** X25519: opens what is sealed to this seat in this epoch. */
  sealingKey: publicKey,
  release: digest,
  variant: text(limits.nameBytes),
  platform: text(limits.nameBytes),
  provider: text(limits.nameBytes),
  /** Turn that seated the instance; 0 in genesis. */
  turn: u64,
  /** Agreed time, in milliseconds, at which the instance was seated. */
  since: u64,
  /** Agreed time, in milliseconds, from which the seat stops counting. */
  termEnd: u64,
  /** Where other replicas, and where clients, find it. A hint: channels are authenticated by `instance`. */
  address: text(limits.nameBytes),
  clientAddress: text(limits.nameBytes),
});

/** One slot and the instance that sits in it. */
export type Seat = TypeOf<typeof seatCodec>;

export const configurationCodec = struct({
  epoch: u64,
  /** n: seats that exist, vacant ones included. Quorums are counted of these. */
  slots: u16,
  /** The occupied slots, ascending. */
  seats: ascending(seatCodec, limits.slots, (seat) => seat.slot),
});

export type Configuration = TypeOf<typeof configurationCodec>;

export function configurationDigest(cryptography: Cryptography, configuration: Configuration): Digest {
  return digestOfValue(cryptography, 'configuration', configurationCodec, configuration);
}

/** The instance in `slot`, or `undefined` where the slot is vacant or does not exist. */
export function seatOf(configuration: Configuration, slot: number): Seat | undefined {
  return configuration.seats.find((seat) => seat.slot === slot);
}

/**
 * Quorum arithmetic for n slots of which f = ⌊(n−1)/3⌋ may be faulty.
 *
 * Two quorums of q = ⌈(n+f+1)/2⌉ share at least 2q − n ≥ f + 1 slots, so at least one correct one. Every safety
 * argument in spec/ leans on that sentence. Vacant slots count in n: a quorum is never smaller because a seat is empty.
 */
export function faultsTolerated(slots: number): number {
  return Math.floor((slots - 1) / 3);
}

export function quorumOf(slots: number): number {
  return Math.ceil((slots + faultsTolerated(slots) + 1) / 2);
}

/** The primary's slot of a view: the epoch's first primary, then on around the slots. It may be vacant. */
export function primarySlot(slots: number, firstPrimary: number, view: number): number {
  return (firstPrimary + view) % slots;
}
