/** The checker of what turns draw, and of who sits beside whom, is shown turns of one slot. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Constitution, encodeConstitution, type Variant } from '@coppice/governance';
import type { Result, Seat, SystemRequest } from '@coppice/wire';
import { Selection } from '../src/checkers/selection.ts';
import { constitutionOf } from '../src/founding.ts';
import { batch, certificate, digestOfText, founders, instance, seat, signerNamed, verdicts } from './made-up.ts';

const a = instance('a');
const ok = (value: object): Result => ({ ok: true, value: value as never });

/** Exactly one finding, and it says this. */
function finds(found: readonly string[], expected: RegExp): void {
  assert.equal(found.length, 1, found.join('\n'));
  assert.match(found[0]!, expected);
}

describe('selection', () => {
  const release = digestOfText('release');
  // Of five engines, in turn. Four slots are taken, and one turn after the other is of slot 0.
  const variant = (i: number): Variant => ({
    ...{ id: `v${i}`, engineFamily: `e${i % 5}`, runtime: `e${i % 5}@1`, program: new Uint8Array(32).fill(i + 1) },
    ...{ engineSettings: [], cryptography: 'any' },
    referenceValues: [{ platform: 'simulated', measurements: [release] }],
  });
  const constitution = (count: number, policy: object = {}): Constitution => ({
    ...constitutionOf({
      ...{ slots: 4, members: [signerNamed('ada')], choice: 'ample' },
      policy: {
        ...{ recoveryPeriodMs: 1000, caps: { platform: 4, provider: 1, chip: 1, engineFamily: 1, variant: 1 } },
        ...{ waiversMax: 1, ...policy },
      },
    }),
    releases: [
      {
        ...{ digest: release, protocols: [1], services: [{ version: 1, script: release }] },
        variants: Array.from({ length: count }, (_, i) => variant(i)),
      },
    ],
  });
  const sits = (slot: number, name: string, i: number, turn = 0): Seat =>
    seat(slot, name, { release, variant: `v${i}`, turn, platform: 'simulated' });
  const founding = ['a', 'b', 'c', 'd'].map((name, slot) => sits(slot, name, slot));

  /** Turns of slot 0, each with what it drew: at its time, the challenge's first 48 bits are 0. */
  const judged = (
    count: number,
    turns: readonly {
      readonly variant: number;
      readonly waived?: readonly string[];
      readonly at: number;
      readonly hardware?: object;
    }[],
    policy: object = {},
  ): string[] => {
    const { found, violate } = verdicts();
    const bytes = encodeConstitution(constitution(count, policy));
    const start = { epoch: 0, slots: 4, seats: founding };
    const checker = new Selection({ violate, genesis: start, constitution: () => bytes });
    const launch = (name: string, slot: number, i: number, hardware: object = {}): void =>
      checker.launched(
        instance(name, {
          launch: { slot, release, variant: `v${i}` },
          hardware: { provider: `provider ${slot}`, chip: `chip ${slot}`, ...hardware },
        }),
      );
    for (const [slot, name] of founders.entries()) launch(name, slot, slot);
    for (const [i, { variant: drawn, waived = [], at, hardware }] of turns.entries()) {
      const turn = i + 1;
      const request: SystemRequest = { kind: 'challenge', turn, certificate: certificate(batch(1).header) };
      const value = { challenge: new Uint8Array(32), variant: `v${drawn}`, waived };
      const options = { items: [{ kind: 'system', request }] as const, results: [ok(value)], epoch: i, time: at };
      checker.committed(a, batch(turn, options));
      launch(`new ${turn}`, 0, drawn, hardware);
      const next = { epoch: turn, slots: 4, seats: [sits(0, `new ${turn}`, drawn, turn), ...founding.slice(1)] };
      const { header, certificate: proof } = batch(turn, { time: at });
      checker.epoch(a, { header, certificate: proof, next }, next);
    }
    return found;
  };

  it('is content with the first variant that fits, is new here, and differs', () => {
    // v4 is of an engine that nobody has; v0 sits there.
    assert.deepEqual(judged(5, [{ variant: 4, at: 100 }]), []);
  });

  it('finds what is beyond a cap, whatever the turn drew', () => {
    assert.match(judged(5, [{ variant: 1, at: 100 }]).join(), /2 of 4 slots have engineFamily e1, 1 may/);
    assert.match(judged(5, [{ variant: 1, at: 100 }]).join(), /2 of 4 slots have variant v1, 1 may/);
    finds(judged(5, [{ variant: 4, at: 100, hardware: { chip: 'chip 2' } }]), /2 of 4 slots have chip chip 2, 1 may/);
    const one = [{ variant: 4, at: 100, hardware: { provider: 'provider 3' } }];
    finds(judged(5, one), /2 of 4 slots have provider provider 3, 1 may/);
    assert.deepEqual(judged(5, one, { caps: { platform: 4, provider: 2, chip: 1, engineFamily: 1, variant: 1 } }), []);
  });

  it('finds a variant that the challenge did not draw', () => {
    finds(judged(10, [{ variant: 9, at: 100 }]), /turn 1 seated v9, drew v9, and should have v4 of v4 v9/);
  });

  it('finds one that sat there lately, and a rule that was waived without need, or too often', () => {
    const twice = [
      { variant: 4, at: 100 },
      { variant: 0, at: 200 },
    ];
    finds(judged(5, twice), /turn 2 waived nothing, and had to recent distance/);
    // Of v0, which was there before, and v4, which is there now.
    const waived = twice.map((one, i) => (i === 0 ? one : { ...one, waived: ['recent', 'distance'] }));
    assert.deepEqual(judged(5, waived), []);
    finds(judged(5, waived, { waiversMax: 0 }), /turn 2 waived recent distance after 0 others within a term/);
    // A term later it may come back.
    const later = [twice[0]!, { variant: 0, at: 1100 }];
    assert.deepEqual(judged(5, later), []);
    finds(judged(5, [{ variant: 4, at: 100, waived: ['distance'] }]), /turn 1 waived distance, and had to nothing/);
  });

  it('finds one that differs in too little from the one before it', () => {
    // v5 is of the engine of v0.
    finds(judged(10, [{ variant: 5, at: 100 }]), /turn 1 seated v5, drew v5, and should have v4 of v4 v9/);
  });
});
