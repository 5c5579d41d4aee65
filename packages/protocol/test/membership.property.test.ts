import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { sameBytes } from '@coppice/wire';
import {
  configurationOf,
  faultsOf,
  keysLeft,
  type Membership,
  membershipEntries,
  readMembership,
  vacancies,
} from '../src/membership.ts';
import { acceptChallenge, acceptReady, admit } from '../src/turn-admission.ts';
import { countErasure, requestTurn } from '../src/turn-notices.ts';
import { beginBatch, endBatch } from '../src/turn.ts';
import type { SystemVerdict } from '../src/turn-verdict.ts';
import { erasureOf, readyAt } from './turn-driver.ts';
import * as fixture from './turn-fixture.ts';

const applied = (m: Membership, verdict: SystemVerdict): Membership => {
  assert.notEqual(verdict.kind, 'invalid');
  return verdict.kind === 'done' ? verdict.membership : m;
};

const mostly = fc.integer({ min: 0, max: 9 }).map((n) => n > 0);

/** One batch: what instances and hosts do in it, if they do anything. */
const step = fc.record({
  delay: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(250)),
  challenge: mostly,
  join: mostly,
  ready: mostly,
  erase: fc.oneof(fc.subarray([0, 1, 2, 3]), fc.constant([0, 1, 2, 3])),
  early: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 10 }),
  objection: mostly.map((good) => (good ? undefined : 'caps')),
});

it('keeps its invariants whatever hosts, instances and members do', () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 60 }),
      fc.constantFrom('wait' as const, 'continue' as const),
      (steps, unsealed) => {
        const policy = { ...fixture.policy, unsealed };
        let m = fixture.founded(4, 4);
        const state = new Map(membershipEntries(m).map(({ key, value }) => [key, value]));
        let time = 0;
        for (const [i, s] of steps.entries()) {
          const before = m;
          const sequence = i + 1;
          time += s.delay;
          const context = fixture.contextAt(sequence, time);
          m = beginBatch(m, policy, fixture.releases, { sequence, time });
          if (s.challenge && m.open !== undefined && m.open.openedAt < sequence) {
            const { turn, openedAt } = m.open;
            m = applied(
              m,
              acceptChallenge(m, context, turn, fixture.certificate(m, openedAt), () => ({
                variants: ['one', 'two'],
                waived: [],
              })),
            );
          }
          if (s.join && m.open?.drawn !== undefined) {
            m = applied(
              m,
              admit(
                m,
                context,
                fixture.joinFor(m, `i${sequence}`),
                { policyKeys: policy.epochKeys, scheme: 1 },
                fixture.appraiser,
              ),
            );
          }
          if (s.ready && m.candidate !== undefined) m = applied(m, acceptReady(m, context, readyAt(m, sequence - 1)));
          for (const slot of s.erase) {
            if (m.previous.some((entry) => entry.slot === slot))
              m = applied(m, countErasure(m, context, erasureOf(m, slot)));
          }
          if (s.early !== null) m = requestTurn(m, s.early);
          m = endBatch(m, policy, { sequence, time }, () => s.objection);

          // One seat at most changes, and the epoch with it.
          const changed = m.occupants.filter((one, slot) => one !== before.occupants[slot]);
          assert.equal(changed.length, m.epoch - before.epoch);
          assert.ok(m.epoch - before.epoch <= 1);
          assert.ok(vacancies(m) <= faultsOf(m));
          assert.ok(m.turnsOpened - before.turnsOpened <= 1);
          const left = m.occupants
            .flatMap((one) => (one === undefined ? [] : [keysLeft(one, m.epoch)]))
            .sort((a, b) => a - b);
          assert.ok(
            left.every((keys, k) => keys >= k),
            left.join(),
          );
          const { seats } = configurationOf(m);
          assert.equal(new Set(seats.map(({ signingKey }) => signingKey.join())).size, seats.length);
          for (const seat of seats) {
            const then = configurationOf(before).seats.find(({ slot }) => slot === seat.slot);
            assert.equal(m.epoch !== before.epoch, then === undefined || !sameBytes(then.signingKey, seat.signingKey));
          }

          // What was written so far is the value.
          for (const { key, value } of membershipEntries(m, before)) {
            if (value === undefined) state.delete(key);
            else state.set(key, value);
          }
          assert.deepEqual(
            readMembership((key) => state.get(key)),
            m,
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

it('is not read from entries that contradict each other', () => {
  const m = fixture.founded();
  assert.deepEqual(fixture.stored(m), m);
  const entries = new Map(membershipEntries(m).map(({ key, value }) => [key, value!]));
  for (const key of entries.keys()) {
    assert.equal(
      readMembership((asked) => (asked === key ? undefined : entries.get(asked))),
      undefined,
      key,
    );
    assert.equal(
      readMembership((asked) => (asked === key ? entries.get(asked)!.slice(1) : entries.get(asked))),
      undefined,
      key,
    );
  }
  assert.deepEqual(membershipEntries(m, m), []);
});
