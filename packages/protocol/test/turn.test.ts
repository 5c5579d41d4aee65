import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configurationOf, type Membership, vacancies, withSlot } from '../src/membership.ts';
import { requestTurn } from '../src/turn-notices.ts';
import {
  beginBatch,
  challengeMissing,
  challengeWithin,
  endBatch,
  halted,
  recentVariants,
  type TurnPolicy,
} from '../src/turn.ts';
import { batch, challenge, completeTurn, completeTurnWithoutNotices, erase, join, ready } from './turn-driver.ts';
import { founded, policy, releases } from './turn-fixture.ts';

const opensAt = (m: Membership, time: number, other: Partial<TurnPolicy> = {}, sequence = time) =>
  beginBatch(m, { ...policy, ...other }, releases, { time, sequence }).open;

const names = (m: Membership): (string | undefined)[] => m.occupants.map((occupant) => occupant?.address.split(':')[0]);
const slotsOf = (turns: readonly { slot: number }[]): number[] => turns.map(({ slot }) => slot);

/** `term` long after genesis for all but `slot`, whose term ends at `termEnd`. */
function withTermEnd(m: Membership, slot: number, termEnd: number): Membership {
  return { ...m, occupants: m.occupants.map((one, i) => one && { ...one, termEnd: i === slot ? termEnd : 100_000 }) };
}

describe('opening turns', () => {
  it('opens a turn when the interval is over, by time or by batches', () => {
    const m = founded();
    assert.equal(opensAt(m, 199), undefined);
    assert.deepEqual(
      [opensAt(m, 200)?.slot, opensAt(m, 200)?.reason, opensAt(m, 200)?.deadline],
      [0, 'proactive', 200 + policy.turnDeadlineMs],
    );
    assert.equal(opensAt(m, 10, { turnIntervalBatches: 50 }, 49), undefined);
    assert.equal(opensAt(m, 10, { turnIntervalBatches: 50 }, 50)?.openedAt, 50);
    assert.equal(opensAt(m, 10, {}, 1_000_000), undefined);
  });

  it('opens none while no release is approved', () => {
    const none = { current: undefined, approved: () => false };
    assert.equal(beginBatch(founded(), policy, none, { time: 500, sequence: 5 }).open, undefined);
  });

  it('replaces every slot within the recovery period, the oldest first', () => {
    let m = founded();
    for (let round = 1; round <= 8; round++) {
      m = batch(m, 200 * round);
      m = completeTurn(m, 200 * round + 10, `r${round}`);
    }
    assert.deepEqual(slotsOf(m.finished), [0, 1, 2, 3, 0, 1, 2, 3]);
    assert.deepEqual(names(m), ['r5', 'r6', 'r7', 'r8']);
    assert.equal(m.epoch, 8);
    assert.ok(m.finished.every(({ outcome }) => outcome === 'seated'));
  });

  it('tries a slot whose launches fail again, without letting the others wait for it', () => {
    let m = founded();
    const opened: number[] = [];
    for (let time = 1; time < 1000; time += 10) {
      const before = m.turnsOpened;
      m = batch(m, time);
      if (m.turnsOpened === before) continue;
      opened.push(m.open!.slot);
      if (m.open!.slot !== 0) m = completeTurn(m, time + 1, `t${m.turnsOpened}`);
    }
    // Due at 201, retried at 291 and 381; at 401 slot 1 is due, and so on: slot 0 fails in between.
    for (const slot of [1, 2, 3]) assert.ok(opened.includes(slot), `${slot} of ${opened.join()}`);
    assert.ok(opened.filter((slot) => slot === 0).length >= 4, opened.join());
    assert.deepEqual(m.slots[0]!.failures, m.finished.filter(({ slot }) => slot === 0).length);
    assert.equal(m.slots[1]!.failures, 0);
  });

  it('alternates prompt and scheduled turns when both are due', () => {
    let m = withSlot(founded(), 3, { accused: 'proven' });
    const reasons: string[] = [];
    // Every launch for slot 3 fails and every interval is over: the clock jumps.
    for (let time = 200; time < 200 + 12 * 300; time += 300) {
      m = batch(m, time, undefined, { policy: { ...policy, recoveryPeriodMs: 100_000 } });
      reasons.push(`${m.lastClass} ${m.open!.slot}`);
    }
    assert.deepEqual(
      reasons.map((reason) => reason.split(' ')[0]),
      reasons.map((_, i) => (i % 2 === 0 ? 'scheduled' : 'prompt')),
    );
    const slots = reasons.map((reason) => Number(reason.split(' ')[1]));
    for (let i = 0; i + 5 <= slots.length; i++) assert.equal(new Set(slots.slice(i, i + 5)).size, 4, slots.join());
  });

  it('opens prompt turns with their reasons', () => {
    const m = founded();
    assert.equal(opensAt(withSlot(m, 2, { accused: 'suspected' }), 1)?.reason, 'reactive');
    assert.equal(opensAt(requestTurn(m, 1), 1)?.reason, 'early');
    assert.equal(requestTurn(m, 9), m);
    const vacant = {
      ...withSlot(m, 1, { occupied: false }),
      occupants: m.occupants.map((o, i) => (i === 1 ? undefined : o)),
    };
    assert.deepEqual([opensAt(vacant, 1)?.reason, opensAt(vacant, 1)?.slot], ['refill', 1]);
    assert.equal(requestTurn(vacant, 1), vacant);
    // Keys for fewer than n epochs more.
    assert.equal(opensAt(founded(4, 5), 1), undefined);
    assert.equal(opensAt(founded(4, 4), 1)?.reason, 'proactive');
  });

  it('does not shift the schedule when an opening is late', () => {
    const late = beginBatch(founded(), policy, releases, { time: 260, sequence: 3 });
    assert.deepEqual(late.scheduled, { time: 200, sequence: 3 });
    const veryLate = beginBatch(founded(), policy, releases, { time: 100_000, sequence: 3 });
    assert.deepEqual(veryLate.scheduled.time, 100_000 - 4 * 200);
    const byBatches = beginBatch(founded(), { ...policy, turnIntervalBatches: 3 }, releases, { time: 5, sequence: 3 });
    assert.deepEqual(byBatches.scheduled, { time: 5, sequence: 3 });
  });
});

describe('ending turns', () => {
  it('reopens a turn past its deadline under another number, without its challenge and candidate', () => {
    let m = batch(founded(), 200);
    m = batch(m, 210, (x) => join(challenge(x, 210), 210, 'late'));
    assert.notEqual(m.candidate, undefined);
    m = batch(m, 200 + policy.turnDeadlineMs);
    assert.equal(m.candidate, undefined);
    assert.deepEqual([m.open?.turn, m.open?.slot, m.open?.drawn, m.open?.ready], [2, 0, undefined, false]);
    const [finished] = m.finished;
    assert.deepEqual([finished?.outcome, finished?.turn, m.slots[0]!.failures], ['expired', 1, 1]);
  });

  it('discards a turn whose release is no longer approved', () => {
    const m = batch(founded(), 200);
    const after = beginBatch(m, policy, { current: undefined, approved: () => false }, { time: 201, sequence: 201 });
    assert.deepEqual([after.open, after.finished[0]?.outcome], [undefined, 'discarded']);
  });

  it('misses the challenge only after the window', () => {
    const m = batch(founded(), 200);
    assert.ok(!challengeMissing(m, 200 + challengeWithin - 1));
    assert.ok(challengeMissing(m, 200 + challengeWithin));
    assert.ok(!challengeMissing(challenge(m, 210), 1000));
  });

  it('keeps the last 32 finished turns', () => {
    let m = founded();
    for (let time = 200; time < 200 + 100 * 40; time += 100) {
      m = batch(m, time, undefined, { policy: { ...policy, recoveryPeriodMs: 1_000_000, turnIntervalMs: 100 } });
    }
    assert.equal(m.finished.length, 32);
    assert.equal(m.finished.at(-1)!.turn, m.turnsOpened - 1);
  });
});

describe('closing epochs', () => {
  const opened = (): Membership => batch(founded(), 200);
  const prepared = (): Membership => batch(opened(), 203, (x) => join(challenge(x, 202), 202, 'new'));

  it('seats a candidate that is ready', () => {
    const m = batch(prepared(), 205, (x) => ready(x, 205));
    assert.equal(m.epoch, 1);
    assert.deepEqual(names(m), ['new', 'g1', 'g2', 'g3']);
    const seat = configurationOf(m).seats[0]!;
    assert.deepEqual([seat.turn, seat.since, seat.termEnd], [1, 205, 205 + policy.recoveryPeriodMs]);
    assert.deepEqual(seat.signingKey, m.occupants[0]!.keys[0]!.signingKey);
    assert.deepEqual(configurationOf(m).seats[1]!.signingKey, founded().occupants[1]!.keys[1]!.signingKey);
    assert.deepEqual(m.previous.length, 4);
    assert.deepEqual([m.open, m.candidate, m.start], [undefined, undefined, { sequence: 205, time: 205 }]);
  });

  it('seats nobody who is not ready', () => {
    assert.equal(batch(prepared(), 206).epoch, 0);
  });

  it('discards a candidate that caps refuse when the epoch would close', () => {
    const m = batch(prepared(), 205, (x) => ready(x, 205), { objection: 'cap' });
    assert.deepEqual([m.epoch, m.candidate, m.finished[0]?.outcome], [0, undefined, 'discarded']);
    assert.equal(m.slots[0]!.failures, 1);
  });

  it('waits for q notices of erasure before the next epoch closes', () => {
    let m = batch(prepared(), 205, (x) => ready(x, 205));
    m = batch(m, 400);
    m = batch(m, 401, (x) => join(challenge(x, 401), 401, 'second'));
    m = batch(m, 403, (x) => ready(x, 403));
    assert.equal(m.epoch, 1);
    m = batch(m, 404, (x) => erase(x, 404, [0, 2]));
    assert.equal(m.epoch, 1);
    m = batch(m, 405, (x) => erase(x, 405, [3]));
    assert.equal(m.epoch, 2);
    assert.deepEqual(m.unsealed, []);
    assert.deepEqual(names(m), ['new', 'second', 'g2', 'g3']);
  });

  it('goes on without a seal only past the deadline, where policy says so, and records it', () => {
    let m = batch(prepared(), 205, (x) => ready(x, 205));
    m = batch(m, 400);
    m = batch(m, 401, (x) => ready(join(challenge(x, 401), 399, 'second'), 401));
    assert.equal(m.epoch, 1);
    const patient = { ...policy, unsealed: 'continue', sealDeadlineMs: 300 } as const;
    assert.equal(batch(m, 410, undefined, { policy: patient }).epoch, 1);
    const after = batch(m, 410, undefined, { policy: { ...patient, sealDeadlineMs: 205 } });
    assert.deepEqual([after.epoch, after.unsealed], [2, [0]]);
  });

  it('closes nothing while a challenge is owed', () => {
    const m = withTermEnd(opened(), 2, 203);
    assert.equal(batch(m, 205).epoch, 0);
    assert.equal(batch(m, 205, (x) => challenge(x, 205)).epoch, 1);
  });

  it('never leaves seats that cannot all be replaced before their keys end', () => {
    // g1 has a key for epoch 1 and no later one: after slot 0 changes, slot 1 must. g2, too: then it would be too late.
    const shortened = (m: Membership, slots: number[], count: number): Membership => ({
      ...m,
      occupants: m.occupants.map((one, i) =>
        one && slots.includes(i) ? { ...one, keys: one.keys.slice(0, count) } : one,
      ),
    });
    const m = prepared();
    assert.equal(batch(shortened(m, [1], 2), 205, (x) => ready(x, 205)).epoch, 1);
    assert.equal(batch(shortened(m, [1, 2], 2), 205, (x) => ready(x, 205)).epoch, 0);
    assert.equal(batch(shortened(m, [1], 1), 205, (x) => ready(x, 205)).epoch, 0);
    assert.equal(batch(shortened(m, [0], 1), 205, (x) => ready(x, 205)).epoch, 1);
  });

  it('remembers the variants that a slot had', () => {
    let m = batch(prepared(), 205, (x) => ready(x, 205));
    assert.deepEqual(recentVariants(m, 0, policy, 300), ['one', 'one']);
    assert.deepEqual(recentVariants(m, 1, policy, 300), ['one']);
    assert.deepEqual(recentVariants(m, 0, policy, 205 + policy.recoveryPeriodMs), ['one']);
    m = { ...m, occupants: m.occupants.map((one) => one && { ...one, variant: 'two' }) };
    assert.deepEqual(recentVariants(m, 0, policy, 300), ['one', 'two']);
  });
});

describe('terms', () => {
  const release_ = { ...policy, turnIntervalMs: 1_000_000 };

  it('vacates a slot whose term has run out, and opens a turn to fill it', () => {
    const m = withTermEnd(founded(), 2, 50);
    assert.equal(batch(m, 49, undefined, { policy: release_ }).epoch, 0);
    // The first batch past the term opens a turn, whose challenge must come before anything closes.
    let n = batch(m, 50, undefined, { policy: release_ });
    n = batch(n, 51, (x) => challenge(x, 51), { policy: release_ });
    assert.deepEqual([n.epoch, names(n), vacancies(n)], [1, ['g0', 'g1', undefined, 'g3'], 1]);
    assert.equal(configurationOf(n).seats.length, 3);
    assert.equal(configurationOf(n).slots, 4);
    assert.ok(!halted(n, policy, 51));
  });

  it('never vacates more than f slots, and then does what policy says', () => {
    let m = withTermEnd(founded(), 2, 50);
    m = batch(m, 50, undefined, { policy: release_ });
    m = batch(m, 51, (x) => challenge(x, 51), { policy: release_ });
    m = withTermEnd(m, 3, 60);
    m = batch(m, 61, (x) => erase(x, 61, [0, 1, 2, 3]), { policy: release_ });
    assert.deepEqual([m.epoch, vacancies(m)], [1, 1]);
    assert.ok(!halted(m, policy, 59));
    assert.ok(halted(m, policy, 60));
    assert.ok(!halted(m, { ...policy, overdue: 'continue' }, 60));
  });

  it('vacates nobody beside a slot that is accused, or that gave no notice: that would leave too few', () => {
    const late = withTermEnd(founded(), 2, 50);
    const opened = batch(batch(late, 50, undefined, { policy: release_ }), 51, (x) => challenge(x, 51), {
      policy: release_,
    });
    assert.equal(opened.epoch, 1);
    const accused = batch(withSlot(late, 3, { accused: 'suspected' }), 50, undefined, { policy: release_ });
    const waiting = batch(accused, 51, (x) => challenge(x, 51), { policy: release_ });
    assert.deepEqual([waiting.epoch, vacancies(waiting)], [0, 0]);
    assert.ok(halted(waiting, policy, 50 + policy.sealDeadlineMs), 'and says so');
    // Itself accused, it goes.
    const itself = batch(withSlot(late, 2, { accused: 'proven' }), 50, undefined, { policy: release_ });
    assert.equal(batch(itself, 51, (x) => challenge(x, 51), { policy: release_ }).epoch, 1);

    // Epoch 1, in which slot 0 is new: of the others, slot 3 has not been heard of.
    const next = completeTurnWithoutNotices(founded(), 200, 'new');
    const due = batch(withTermEnd(next, 2, 206), 206, undefined, { policy: release_ });
    const sealed = batch(due, 207, (x) => erase(challenge(x, 207), 207, [0, 1, 2]), { policy: release_ });
    assert.deepEqual([sealed.epoch, vacancies(sealed)], [1, 0]);
    const heard = batch(sealed, 208, (x) => erase(x, 208, [3]), { policy: release_ });
    assert.deepEqual([heard.epoch, names(heard)], [2, ['new', 'g1', undefined, 'g3']]);
  });

  it('halts when a slot past its term cannot be vacated for as long as the seal may take', () => {
    const m = withTermEnd(founded(), 2, 50);
    assert.ok(!halted(m, policy, 50 + policy.sealDeadlineMs - 1));
    assert.ok(halted(m, policy, 50 + policy.sealDeadlineMs));
  });

  it('prefers the swap where the candidate of the late slot is ready, and the vacation where another slot is', () => {
    const m = batch(batch(founded(), 200), 203, (x) => join(challenge(x, 202), 202, 'new'));
    const swapped = batch(withTermEnd(m, 0, 204), 205, (x) => ready(x, 205));
    assert.deepEqual(names(swapped), ['new', 'g1', 'g2', 'g3']);
    const vacated = batch(withTermEnd(m, 3, 204), 205, (x) => ready(x, 205));
    assert.deepEqual(names(vacated), ['g0', 'g1', 'g2', undefined]);
    // The candidate is kept, and seated once the epoch is sealed; its first key served in no configuration.
    const after = batch(vacated, 206, (x) => erase(x, 206, [0, 1, 2, 3]));
    assert.deepEqual([after.epoch, names(after)], [2, ['new', 'g1', 'g2', undefined]]);
    assert.deepEqual(configurationOf(after).seats[0]!.signingKey, after.occupants[0]!.keys[1]!.signingKey);
  });
});

it('changes nothing, not even the object, when nothing is due', () => {
  const m = founded();
  assert.equal(beginBatch(m, policy, releases, { time: 10, sequence: 10 }), m);
  assert.equal(
    endBatch(m, policy, { time: 10, sequence: 10 }, () => undefined),
    m,
  );
});
