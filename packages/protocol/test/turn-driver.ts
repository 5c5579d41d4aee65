/** Moves a membership through turns, as correct hosts, instances and primaries would. */
import assert from 'node:assert/strict';
import { erasureStatement, readyStatement, sameBytes } from '@coppice/wire';
import { keysIn, type Membership } from '../src/membership.ts';
import { acceptChallenge, acceptReady, admit } from '../src/turn-admission.ts';
import { countErasure } from '../src/turn-notices.ts';
import { beginBatch, endBatch, type TurnPolicy } from '../src/turn.ts';
import type { SystemVerdict } from '../src/turn-verdict.ts';
import * as fixture from './turn-fixture.ts';

export function taken(verdict: SystemVerdict): Membership {
  assert.equal(verdict.kind, 'done', JSON.stringify(verdict));
  return verdict.membership;
}

export const codeOf = (verdict: SystemVerdict): string =>
  verdict.kind === 'refused' ? verdict.code : verdict.kind === 'invalid' ? 'invalid' : 'done';

/** One batch at `time`; sequence numbers equal times, unless given. */
export function batch(
  m: Membership,
  time: number,
  items: (m: Membership) => Membership = (same) => same,
  options: { policy?: TurnPolicy; sequence?: number; objection?: string } = {},
): Membership {
  const { policy = fixture.policy, sequence = time } = options;
  const opened = beginBatch(m, policy, fixture.releases, { time, sequence });
  return endBatch(items(opened), policy, { time, sequence }, () => options.objection);
}

export const challenge = (m: Membership, sequence: number): Membership =>
  taken(
    acceptChallenge(m, fixture.contextAt(sequence), m.open!.turn, fixture.certificate(m, m.open!.openedAt), () => ({
      variants: ['one'],
      waived: [],
    })),
  );

export const join = (m: Membership, sequence: number, name: string): Membership =>
  taken(
    admit(
      m,
      fixture.contextAt(sequence),
      fixture.joinFor(m, name),
      { policyKeys: fixture.policy.epochKeys, scheme: 1 },
      fixture.appraiser,
    ),
  );

export function readyAt(m: Membership, sequence: number): Parameters<typeof acceptReady>[2] {
  const unsigned = { service: fixture.service, turn: m.open!.turn, sequence, headerDigest: fixture.headerAt(sequence) };
  return { ...unsigned, signature: fixture.sign(m.candidate!.instance, readyStatement(unsigned)) };
}

export const ready = (m: Membership, sequence: number): Membership =>
  taken(acceptReady(m, fixture.contextAt(sequence), readyAt(m, sequence - 1)));

export function erasureOf(m: Membership, slot: number): Parameters<typeof countErasure>[2] {
  const { instance } = m.previous.find((entry) => entry.slot === slot)!;
  const unsigned = { service: fixture.service, epoch: m.epoch - 1, slot, instance };
  const seat = m.occupants[slot];
  const key = seat !== undefined && sameBytes(seat.instance, instance) ? keysIn(seat, m.epoch)!.signingKey : instance;
  return { ...unsigned, signature: fixture.sign(key, erasureStatement(unsigned)) };
}

/** Notices of erasure of these slots. */
export const erase = (m: Membership, sequence: number, slots: readonly number[]): Membership =>
  slots.reduce((n, slot) => taken(countErasure(n, fixture.contextAt(sequence), erasureOf(n, slot))), m);

/** A turn from its opening at `time` to its swap; nobody has given notice of erasure. */
export function completeTurnWithoutNotices(m: Membership, time: number, name: string): Membership {
  const n = batch(batch(m, time), time + 3, (x) => join(challenge(x, time + 2), time + 2, name));
  return batch(n, time + 5, (x) => ready(x, time + 5));
}

/** The open turn from challenge to swap, in four batches from `time` on; the new epoch is sealed at once. */
export function completeTurn(m: Membership, time: number, name: string): Membership {
  let n = batch(m, time, (x) => challenge(x, time));
  n = batch(n, time + 1, (x) => join(x, time + 1, name));
  n = batch(n, time + 3, (x) => ready(x, time + 3));
  return batch(n, time + 4, (x) =>
    erase(
      x,
      time + 4,
      [0, 1, 2, 3].filter((slot) => x.previous.some((entry) => entry.slot === slot)),
    ),
  );
}
