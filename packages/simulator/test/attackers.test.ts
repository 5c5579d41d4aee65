/**
 * Attackers do what they are named for, and nothing comes of it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulate } from '@coppice/simulator';
import { type AttackerKind } from '../src/faulty/index.ts';
import { kindHosts, noManners } from '../src/plan.ts';

/** Of each seed: the log from the attack on. */
function attack(kind: AttackerKind, seeds: readonly number[]): { lines: string[] }[] {
  return seeds.map((seed) => {
    const lines: string[] = [];
    const faults = [{ atMs: 400, kind, durationMs: 0 }];
    const choices = { slots: 4, clients: 2, disturbedMs: 3000, undisturbedMs: 3500, faults, hosts: kindHosts };
    const outcome = simulate(seed, { choices, onLine: (line) => void lines.push(line) });
    assert.deepEqual(outcome.violations, [], `seed ${seed}`);
    const begin = lines.findIndex((line) => line.includes(` ${kind} `));
    assert.ok(begin >= 0, `seed ${seed}: ${kind}`);
    return { lines: lines.slice(begin) };
  });
}

const some = (lines: readonly string[], pattern: RegExp): boolean => lines.some((line) => pattern.test(line));

describe('attackers', () => {
  it('an equivocator is convicted by its own votes, and replaced', () => {
    const runs = attack('equivocator', [1, 2, 3, 4, 5, 6]);
    const convicted = runs.filter(({ lines }) => some(lines, /proves a fault/));
    // Only primaries can equivocate: some seeds pick a backup.
    assert.ok(convicted.length >= 2, `${convicted.length} of ${runs.length}`);
  });

  it('a mute primary is voted out', () => {
    const runs = attack('mute-primary', [1, 2, 3, 4, 5, 6]);
    const voted = runs.filter(({ lines }) => some(lines, /asks for view/));
    assert.ok(voted.length >= 2, `${voted.length} of ${runs.length}`);
  });

  it('a slow primary and a censor are voted out', () => {
    for (const kind of ['slow-primary', 'censor'] as const) {
      const runs = attack(kind, [1, 2, 3, 4, 5, 6]);
      const voted = runs.filter(({ lines }) => some(lines, /asks for view/));
      assert.ok(voted.length >= 2, `${kind}: ${voted.length} of ${runs.length}`);
    }
  });

  it('who asks for other views all the time changes none', () => {
    const runs = attack('view-change-spammer', [1, 2, 3]);
    assert.ok(runs.every(({ lines }) => !some(lines, /asks for view/)));
  });

  it('who lies to those that catch up is found out, and does not hold them up', () => {
    const runs = attack('liar', [1, 2, 3, 4]);
    const convicting = /rejects (snapshot|state|entries|held): (wrong|bad|malformed)/;
    assert.ok(runs.some(({ lines }) => some(lines, convicting)));
  });

  it('who forgets what it prepared makes nobody forget', () => {
    attack('amnesiac', [1, 2, 3]);
  });

  it('two of seven that vote for both batches achieve nothing, and are convicted', () => {
    const faults = [400, 450, 500].map((atMs) => ({ atMs, kind: 'colluders' as const, durationMs: 0 }));
    const lines: string[] = [];
    for (const seed of [1, 2, 3]) {
      const choices = { slots: 7, clients: 2, disturbedMs: 3000, undisturbedMs: 4500, faults, hosts: kindHosts };
      const outcome = simulate(seed, { choices, onLine: (line) => void lines.push(line) });
      assert.deepEqual(outcome.violations, [], `seed ${seed}`);
      assert.equal(outcome.faults.colluders, 2);
    }
    assert.ok(some(lines, /proves a fault/));
  });

  it('who keeps old keys is not heard', () => {
    const runs = attack('stale-key-signer', [1, 2, 3]);
    // The attacker may be replaced before he has an old key.
    assert.ok(runs.some(({ lines }) => some(lines, /rejects prepare: wrong-epoch/)));
  });

  it('who says everything twice, late and in another order changes nothing', () => {
    const runs = attack('repeater', [1, 2, 3]);
    assert.ok(runs.some(({ lines }) => some(lines, /rejects (prepare|commit): \w/)));
  });

  it('who keeps an epoch from being sealed is voted out', () => {
    const runs = attack('withholder', [1, 2, 3, 4, 5, 6]);
    assert.ok(runs.some(({ lines }) => some(lines, /asks for view .*a request is not being ordered/)));
  });

  it('a hoarder of nonces holds up nobody', () => {
    attack('nonce-hoarder', [1, 2]);
  });

  it('two processes with one identity are one faulty slot', () => {
    const hosts = { manners: { ...noManners, cloned: 100 }, starve: false };
    const lines: string[] = [];
    for (const seed of [1, 2]) {
      const choices = { slots: 4, clients: 2, disturbedMs: 6000, undisturbedMs: 3500, faults: [], hosts };
      const outcome = simulate(seed, { choices, onLine: (line) => void lines.push(line) });
      assert.deepEqual(outcome.violations, [], `seed ${seed}`);
      assert.ok((outcome.faults.cloned ?? 0) > 0);
    }
    assert.ok(some(lines, /\d' +enters epoch/), 'the copy follows, too');
  });

  it('nobody is seated whose release was not asked for, or who says what is not so', () => {
    const hosts = { manners: { ...noManners, 'other-release': 50, hasty: 50 }, starve: false };
    const refusals = { 'wrong-release': 0, 'unknown-header': 0 };
    for (const seed of [1, 2, 3]) {
      const choices = { slots: 4, clients: 2, disturbedMs: 6000, undisturbedMs: 3500, faults: [], hosts };
      const outcome = simulate(seed, { choices });
      assert.deepEqual(outcome.violations, [], `seed ${seed}`);
      const { expired, seated } = outcome.reached['turn outcome'];
      assert.ok(expired! > 0 && seated! > 0);
      for (const code of Object.keys(refusals) as (keyof typeof refusals)[])
        refusals[code] += outcome.reached.refusal[code]!;
    }
    assert.ok(refusals['wrong-release'] > 0 && refusals['unknown-header'] > 0, JSON.stringify(refusals));
  });
});
