/**
 * Membership: who sits where, since when, with what keys, and the turn under way. spec/turns.md.
 *
 * A plain value that the turn machine (turn.ts and its neighbours) maps to the next one. It is part of the replicated
 * state, in three kinds of entries, so that what changes often (the schedule) is small, and what is large (the keys of
 * an instance) is written once in its life.
 *
 * - `epoch` is that of every configuration derived from the value: keys[epoch − firstEpoch] are a seat's.
 * - At most one turn is open; turn numbers ascend without gaps.
 * - In every epoch the seats, ordered by the keys they have left for later epochs, have at least 0, 1, 2, … of them.
 */
import {
  ascending,
  assert,
  bool,
  bytes,
  type Codec,
  type Configuration,
  decode,
  digest,
  encode,
  epochKeysCodec,
  faultsTolerated,
  limits,
  list,
  oneOf,
  optional,
  publicKey,
  quorumOf,
  type Seat,
  struct,
  text,
  type TypeOf,
  u16,
  u32,
  u64,
  waivedCodec,
} from '@coppice/wire';

const name = text(limits.nameBytes);

/** What appraising its evidence showed of an instance: what caps count. Empty where evidence shows nothing. */
const factsFields = { platform: name, provider: name, chip: bytes(128), engineFamily: name };

const instanceFields = {
  /** The turn that launched it; 0 in genesis. */
  turn: u64,
  instance: publicKey,
  /** keys[k] serve in epoch firstEpoch + k. */
  firstEpoch: u64,
  keys: list(epochKeysCodec, limits.epochKeys),
  release: digest,
  variant: name,
  address: name,
  clientAddress: name,
  ...factsFields,
};

const occupantCodec = struct({
  ...instanceFields,
  /** Agreed times, in milliseconds: seated, and no longer counting. */
  since: u64,
  termEnd: u64,
});

/** An instance with a seat. */
export type Occupant = TypeOf<typeof occupantCodec>;

const candidateCodec = struct({ ...instanceFields, admittedAt: u64 });

/** An instance that was admitted for the open turn, by the batch `admittedAt`. */
export type Candidate = TypeOf<typeof candidateCodec>;

/** A copy that does not keep alive what its byte strings are views of, which may be a whole batch. */
export function detachedCandidate(candidate: Candidate): Candidate {
  const copy = decode(candidateCodec, encode(candidateCodec, candidate));
  assert(copy.ok, 'what was encoded can be decoded');
  return copy.value;
}

/** What occupants and candidates have in common. */
export type AdmittedInstance = Omit<Candidate, 'admittedAt'>;
export type InstanceFacts = Pick<AdmittedInstance, 'platform' | 'provider' | 'chip' | 'engineFamily'>;

const turnReason = oneOf('proactive', 'reactive', 'early', 'refill');
/** Why a turn was opened. */
export type TurnReason = TypeOf<typeof turnReason>;

const openTurnCodec = struct({
  turn: u64,
  slot: u16,
  reason: turnReason,
  release: digest,
  /** Sequence number and agreed time of the batch that opened it. */
  openedAt: u64,
  openedTime: u64,
  deadline: u64,
  /** Once known: what launches must be bound to, the variant that it drew, and what was waived for that. */
  drawn: optional(struct({ challenge: digest, variant: name, waived: waivedCodec })),
  /** The candidate follows the log. */
  ready: bool,
});

export type OpenTurn = TypeOf<typeof openTurnCodec>;

const finishedTurnCodec = struct({
  turn: u64,
  slot: u16,
  reason: turnReason,
  outcome: oneOf('seated', 'expired', 'discarded'),
  openedTime: u64,
  closedTime: u64,
  closedAt: u64,
  /** The instance that sat in the slot when the turn ended, and the turn's candidate. */
  before: optional(publicKey),
  candidate: optional(publicKey),
  /** Of the rules for its variant. */
  waived: waivedCodec,
});

/** A turn that is over. */
export type FinishedTurn = TypeOf<typeof finishedTurnCodec>;

const slotCodec = struct({
  occupied: bool,
  /** The last turn opened for this slot; 0 at first. */
  lastTurn: u64,
  /** Turns for this slot that seated nobody, since somebody was last seated. */
  failures: u32,
  /** Members asked for a turn. */
  early: bool,
  /** Of the present instance. */
  accused: oneOf('no', 'suspected', 'proven'),
  /** Slots whose incumbents of this epoch suspect the present instance. */
  suspectedBy: ascending(u16, limits.slots, (slot) => slot),
  /** Variants that sat here, and when they left, oldest first. */
  recent: list(struct({ variant: name, until: u64 }), 16),
});

export type SlotRecord = TypeOf<typeof slotCodec>;

/** How many finished turns, and epochs that were never sealed, are remembered. */
export const remembered = 32;

const scheduleCodec = struct({
  epoch: u64,
  /** The batch that closed the epoch before; (0, time of genesis) in epoch 0. */
  start: struct({ sequence: u64, time: u64 }),
  slots: list(slotCodec, limits.slots),
  turnsOpened: u64,
  /** The last scheduled opening. */
  scheduled: struct({ sequence: u64, time: u64 }),
  lastClass: oneOf('scheduled', 'prompt'),
  open: optional(openTurnCodec),
  hasCandidate: bool,
  /** Incumbents of the epoch before, and whether each gave notice that it erased that epoch's keys. */
  previous: ascending(struct({ slot: u16, instance: publicKey, erased: bool }), limits.slots, (entry) => entry.slot),
  /** The newest epochs that were followed by two others without being sealed. */
  unsealed: list(u64, remembered),
  finished: list(finishedTurnCodec, remembered),
});

type Schedule = TypeOf<typeof scheduleCodec>;

export interface Membership extends Omit<Schedule, 'hasCandidate'> {
  /** By slot. */
  readonly occupants: readonly (Occupant | undefined)[];
  readonly candidate: Candidate | undefined;
}

/** An entry of the state map that holds the membership; no value: the entry goes. */
export interface MembershipEntry {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

const scheduleKey = 'schedule';
const candidateKey = 'candidate';
const occupantKey = (slot: number): string => `occupant/${slot}`;

/** The entries in which `after` differs from `before`; all of them without a `before`. Values are compared by identity. */
export function membershipEntries(after: Membership, before?: Membership): MembershipEntry[] {
  if (after === before) return [];
  const { occupants, candidate, ...schedule } = after;
  const entries: MembershipEntry[] = [
    { key: scheduleKey, value: encode(scheduleCodec, { ...schedule, hasCandidate: candidate !== undefined }) },
  ];
  const add = <T>(key: string, codec: Codec<T>, value: T | undefined, earlier: T | undefined): void => {
    if (value !== earlier) entries.push({ key, value: value === undefined ? undefined : encode(codec, value) });
  };
  add(candidateKey, candidateCodec, candidate, before?.candidate);
  for (const [slot, occupant] of occupants.entries()) {
    add(occupantKey(slot), occupantCodec, occupant, before?.occupants[slot]);
  }
  return entries;
}

/** Reads a membership from its entries; `undefined` where they are not those of one. */
export function readMembership(get: (key: string) => Uint8Array | undefined): Membership | undefined {
  const read = <T>(key: string, codec: Codec<T>): T | undefined => {
    const value = get(key);
    const decoded = value === undefined ? undefined : decode(codec, value);
    return decoded?.ok === true ? decoded.value : undefined;
  };
  const schedule = read(scheduleKey, scheduleCodec);
  if (schedule === undefined) return undefined;
  const { hasCandidate, ...rest } = schedule;
  const candidate = hasCandidate ? read(candidateKey, candidateCodec) : undefined;
  const occupants = schedule.slots.map(({ occupied }, slot) =>
    occupied ? read(occupantKey(slot), occupantCodec) : undefined,
  );
  const complete =
    (candidate !== undefined) === hasCandidate &&
    occupants.every((occupant, slot) => (occupant !== undefined) === schedule.slots[slot]!.occupied);
  return complete ? { ...rest, occupants, candidate } : undefined;
}

/** A slot without history. */
const emptySlot: SlotRecord = {
  occupied: false,
  lastTurn: 0,
  failures: 0,
  early: false,
  accused: 'no',
  suspectedBy: [],
  recent: [],
};

/** Membership at genesis: every slot is occupied, nothing is due. */
export function genesisMembership(
  time: number,
  termMs: number,
  instances: readonly Omit<AdmittedInstance, 'turn'>[],
  /** The first epoch, and the last batch before it. */
  { epoch, sequence }: { readonly epoch: number; readonly sequence: number } = { epoch: 0, sequence: 0 },
): Membership {
  const start = { sequence, time };
  return {
    epoch,
    start,
    slots: instances.map(() => ({ ...emptySlot, occupied: true })),
    turnsOpened: 0,
    scheduled: start,
    lastClass: 'prompt',
    open: undefined,
    previous: [],
    unsealed: [],
    finished: [],
    occupants: instances.map((instance) => ({ ...instance, turn: 0, since: time, termEnd: time + termMs })),
    candidate: undefined,
  };
}

/** Whether the occupant's keys serve in `epoch`. */
export function keysIn(occupant: AdmittedInstance, epoch: number): TypeOf<typeof epochKeysCodec> | undefined {
  return occupant.keys[epoch - occupant.firstEpoch];
}

/** How many epochs after `epoch` the occupant has keys for; negative if it has none for `epoch`. */
export function keysLeft(occupant: AdmittedInstance, epoch: number): number {
  return occupant.firstEpoch + occupant.keys.length - 1 - epoch;
}

/** The configuration in force. */
export function configurationOf(m: Membership): Configuration {
  const seats: Seat[] = [];
  for (const [slot, occupant] of m.occupants.entries()) {
    if (occupant === undefined) continue;
    const keys = keysIn(occupant, m.epoch);
    assert(keys !== undefined, 'every seat has keys in its epoch');
    const { instance, release, variant, platform, provider, turn, since, termEnd } = occupant;
    const { address, clientAddress } = occupant;
    const term = { turn, since, termEnd };
    seats.push({ slot, ...keys, instance, release, variant, platform, provider, ...term, address, clientAddress });
  }
  return { epoch: m.epoch, slots: m.slots.length, seats };
}

export function vacancies(m: Membership): number {
  return m.occupants.filter((occupant) => occupant === undefined).length;
}

/** f of this membership. */
export function faultsOf(m: Membership): number {
  return faultsTolerated(m.slots.length);
}

/** Whether the epoch before is sealed: a quorum of its incumbents erased its keys. Nothing comes before the first epoch. */
export function sealed(m: Membership): boolean {
  return m.previous.length === 0 || m.previous.filter((entry) => entry.erased).length >= quorumOf(m.slots.length);
}

/** Occupied slots whose term has run out at `time`, the one longest past it first. */
export function expired(m: Membership, time: number): number[] {
  const termEnd = (slot: number): number => m.occupants[slot]?.termEnd ?? Infinity;
  return [...m.slots.keys()].filter((slot) => termEnd(slot) <= time).sort((a, b) => termEnd(a) - termEnd(b));
}

/** A copy with one slot's record changed. */
export function withSlot(m: Membership, slot: number, change: Partial<SlotRecord>): Membership {
  return { ...m, slots: m.slots.map((record, i) => (i === slot ? { ...record, ...change } : record)) };
}
