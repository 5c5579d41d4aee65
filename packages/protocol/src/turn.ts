/**
 * Turns, before and after the items of a batch: what is due is opened, what is late is ended, an epoch that may close
 * closes. spec/turns.md; line numbers in brackets.
 *
 * Everything is a function from a membership and the agreed time and sequence number of a batch to the next membership.
 * The primary has no say in it.
 */
import { type Digest, sameBytes } from '@coppice/wire';
import {
  type Candidate,
  expired,
  faultsOf,
  type FinishedTurn,
  keysLeft,
  type Membership,
  type Occupant,
  remembered,
  sealed,
  type SlotRecord,
  type TurnReason,
  vacancies,
  withSlot,
} from './membership.ts';

/** What members decide about turns. Durations are in milliseconds of agreed time. */
export interface TurnPolicy {
  /** The term of an instance. */
  readonly recoveryPeriodMs: number;
  /** A scheduled turn is due so long after the last one, or after so many batches (0: by time only). */
  readonly turnIntervalMs: number;
  readonly turnIntervalBatches: number;
  /** From the opening of a turn to the seating of its candidate. */
  readonly turnDeadlineMs: number;
  /** How long an epoch waits for the seal of the one before, and what then. */
  readonly sealDeadlineMs: number;
  readonly unsealed: 'wait' | 'continue';
  /** What if more slots are vacant or past their term than faults are tolerated. */
  readonly overdue: 'halt' | 'continue';
  /** Keys that a join brings, at least. */
  readonly epochKeys: number;
}

/** Releases that the members approve. */
export interface TurnReleases {
  /** What turns launch now; none: no turn opens, and one without a challenge is discarded. */
  readonly current: Digest | undefined;
  approved(release: Digest): boolean;
}

/** Where in the log a batch is. */
export interface BatchPlace {
  readonly sequence: number;
  /** Agreed time in milliseconds. */
  readonly time: number;
}

/** Batches from a turn's opening within which its challenge is ordered: more than can be in flight. [15] */
export const challengeWithin = 32;

/** Lines 1-12. What changes before the items of a batch; the same value if nothing does. */
export function beginBatch(m: Membership, policy: TurnPolicy, releases: TurnReleases, at: BatchPlace): Membership {
  let next = m;
  if (next.open !== undefined && at.time >= next.open.deadline) next = endTurn(next, 'expired', at);
  const idle = next.open?.drawn === undefined && releases.current === undefined;
  if (next.open !== undefined && (idle || !releases.approved(next.open.release))) next = endTurn(next, 'discarded', at);
  return openTurn(next, policy, releases, at);
}

/** Lines 13-14. Whether requests to the service are answered `overdue`. */
export function halted(m: Membership, policy: TurnPolicy, time: number): boolean {
  if (policy.overdue === 'continue') return false;
  const late = expired(m, time);
  if (vacancies(m) + late.length > faultsOf(m)) return true;
  return late.some((slot) => m.occupants[slot]!.termEnd + policy.sealDeadlineMs <= time);
}

/** Lines 4-5. Why a slot needs a turn at once, if it does. */
export function promptReason(m: Membership, slot: number, time: number): TurnReason | undefined {
  const occupant = m.occupants[slot];
  const { accused, early, failures } = m.slots[slot]!;
  if (occupant === undefined) return 'refill';
  if (accused !== 'no') return 'reactive';
  if (early) return 'early';
  const due = failures > 0 || occupant.termEnd <= time || keysLeft(occupant, m.epoch) < m.slots.length;
  return due ? 'proactive' : undefined;
}

/** Lines 4-12. */
function openTurn(m: Membership, policy: TurnPolicy, releases: TurnReleases, at: BatchPlace): Membership {
  if (m.open !== undefined || releases.current === undefined) return m;
  const slots = [...m.slots.keys()];
  const prompt = slots.filter((slot) => promptReason(m, slot, at.time) !== undefined);
  const { turnIntervalMs, turnIntervalBatches } = policy;
  const scheduled =
    at.time - m.scheduled.time >= turnIntervalMs ||
    (turnIntervalBatches > 0 && at.sequence - m.scheduled.sequence >= turnIntervalBatches);
  if (prompt.length === 0 && !scheduled) return m;

  const turnClass = prompt.length > 0 && (!scheduled || m.lastClass === 'scheduled') ? 'prompt' : 'scheduled';
  const eligible = turnClass === 'prompt' ? prompt : slots.filter((slot) => m.occupants[slot] !== undefined);
  // The least recently tried, so that a slot whose launches fail does not keep the others waiting. [9]
  const slot = eligible.reduce((a, b) => (m.slots[b]!.lastTurn < m.slots[a]!.lastTurn ? b : a));
  const turn = m.turnsOpened + 1;
  const opened: Membership = {
    ...withSlot(m, slot, { lastTurn: turn }),
    turnsOpened: turn,
    lastClass: turnClass,
    open: {
      turn,
      slot,
      reason: promptReason(m, slot, at.time) ?? 'proactive',
      release: releases.current,
      openedAt: at.sequence,
      openedTime: at.time,
      deadline: at.time + policy.turnDeadlineMs,
      drawn: undefined,
      ready: false,
    },
  };
  if (turnClass === 'prompt') return opened;
  // A late opening does not delay the next ones; after a standstill, at most one round is made up for. [11]
  const planned = Math.max(m.scheduled.time + turnIntervalMs, at.time - slots.length * turnIntervalMs);
  return { ...opened, scheduled: { sequence: at.sequence, time: Math.min(planned, at.time) } };
}

/** Line 26. */
function endTurn(m: Membership, outcome: FinishedTurn['outcome'], at: BatchPlace): Membership {
  const { open, candidate } = m;
  if (open === undefined) return m;
  const { turn, slot, reason, openedTime } = open;
  const finished: FinishedTurn = {
    turn,
    slot,
    reason,
    outcome,
    openedTime,
    closedTime: at.time,
    closedAt: at.sequence,
    before: m.occupants[slot]?.instance,
    candidate: candidate?.instance,
    waived: open.drawn?.waived ?? [],
  };
  const failures = outcome === 'seated' ? 0 : m.slots[slot]!.failures + 1;
  return {
    ...withSlot(m, slot, { failures }),
    open: undefined,
    candidate: undefined,
    finished: [...m.finished, finished].slice(-remembered),
  };
}

/** Whether the challenge of the open turn should have been ordered by now. [15] */
export function challengeMissing(m: Membership, sequence: number): boolean {
  return m.open !== undefined && m.open.drawn === undefined && sequence >= m.open.openedAt + challengeWithin;
}

/**
 * Lines 16-26. What changes after the items of a batch; another epoch than before: the batch closes the epoch.
 * `objection` judges the seats that would result, given by slot.
 */
export function endBatch(
  m: Membership,
  policy: TurnPolicy,
  at: BatchPlace,
  objection: (occupants: readonly (Occupant | undefined)[], slot: number) => string | undefined,
): Membership {
  if (m.open !== undefined && m.open.drawn === undefined) return m;
  const patient = policy.unsealed === 'wait' || at.time < m.start.time + policy.sealDeadlineMs;
  if (!sealed(m) && patient) return m;

  const [late] = expired(m, at.time);
  if (late !== undefined && late !== readySlot(m) && mayVacate(m, late)) {
    const closed = close(m, late, undefined, policy, at);
    if (closed !== undefined) return closed;
  }
  const slot = readySlot(m);
  if (slot === undefined || m.candidate === undefined) return m;
  const seated = seatedFrom(m.candidate, policy, at);
  if (objection(replaced(m.occupants, slot, seated), slot) !== undefined) return endTurn(m, 'discarded', at);
  return close(m, slot, seated, policy, at) ?? m;
}

/**
 * Line 19. Whether the seats that remain would be as many as a quorum needs, as far as the ledger shows: of those that are
 * accused, or gave no notice of erasure in this epoch, nothing shows that they work.
 */
function mayVacate(m: Membership, slot: number): boolean {
  const mute = m.previous.filter(({ erased }) => !erased).map(({ instance }) => instance);
  const doubtful = m.occupants.filter((occupant, i) => {
    if (occupant === undefined || i === slot) return false;
    return m.slots[i]!.accused !== 'no' || mute.some((instance) => sameBytes(instance, occupant.instance));
  });
  return vacancies(m) + 1 + doubtful.length <= faultsOf(m);
}

function readySlot(m: Membership): number | undefined {
  return m.open?.ready === true ? m.open.slot : undefined;
}

function seatedFrom(candidate: Candidate, policy: TurnPolicy, at: BatchPlace): Occupant {
  const { admittedAt: _, ...instance } = candidate;
  return { ...instance, since: at.time, termEnd: at.time + policy.recoveryPeriodMs };
}

/** The seats after one of them changed hands. */
export function replaced(
  occupants: readonly (Occupant | undefined)[],
  slot: number,
  occupant: Occupant | undefined,
): (Occupant | undefined)[] {
  return occupants.map((present, i) => (i === slot ? occupant : present));
}

/** Line 23. Whether seats of `epoch` can be replaced in time, one an epoch. */
function replaceable(occupants: readonly (Occupant | undefined)[], epoch: number): boolean {
  const left = occupants.flatMap((occupant) => (occupant === undefined ? [] : [keysLeft(occupant, epoch)]));
  return left.sort((a, b) => a - b).every((keys, i) => keys >= i);
}

/** Lines 23-26. The next epoch, in which `slot` has another occupant or none; `undefined` if that is not allowed. */
function close(
  m: Membership,
  slot: number,
  occupant: Occupant | undefined,
  policy: TurnPolicy,
  at: BatchPlace,
): Membership | undefined {
  const occupants = replaced(m.occupants, slot, occupant);
  if (!replaceable(occupants, m.epoch + 1)) return undefined;
  const ended = occupant === undefined ? m : endTurn(m, 'seated', at);
  const leaving = m.occupants[slot];
  const fresh: Partial<SlotRecord> = {
    occupied: occupant !== undefined,
    early: false,
    accused: 'no',
    recent: [
      ...m.slots[slot]!.recent.filter(({ until }) => until > at.time - policy.recoveryPeriodMs),
      ...(leaving === undefined ? [] : [{ variant: leaving.variant, until: at.time }]),
    ].slice(-16),
  };
  return {
    ...ended,
    epoch: m.epoch + 1,
    start: at,
    slots: ended.slots.map((record, i) => ({ ...record, ...(i === slot ? fresh : {}), suspectedBy: [] })),
    previous: m.occupants.flatMap((seat, i) =>
      seat === undefined ? [] : [{ slot: i, instance: seat.instance, erased: false }],
    ),
    unsealed: sealed(m) ? m.unsealed : [...m.unsealed, m.epoch - 1].slice(-remembered),
    occupants,
  };
}

/** Turns that ended within the last recovery period, and had a rule waived. */
export function waivedTurns(m: Membership, policy: TurnPolicy, time: number): number {
  return m.finished.filter(({ closedTime, waived }) => waived.length > 0 && closedTime > time - policy.recoveryPeriodMs)
    .length;
}

/** Variants that sat in `slot` within the last recovery period, the present one included. */
export function recentVariants(m: Membership, slot: number, policy: TurnPolicy, time: number): string[] {
  const variants = m.slots[slot]!.recent.filter(({ until }) => until > time - policy.recoveryPeriodMs);
  const present = m.occupants[slot];
  return [...variants.map(({ variant }) => variant), ...(present === undefined ? [] : [present.variant])];
}
