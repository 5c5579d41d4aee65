/**
 * Hosts that present evidence of something else: the hardware has signed it, and no replica admits it, all for one reason.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { simulate } from '@coppice/simulator';
import { type Choices, noManners } from '../src/plan.ts';

/** By kind of forgery, the claim that gives it away. */
const expected = [
  ...['launch-data', 'report-data', 'measurement', 'debug', 'collateral:simulated/evaluation', 'evidence'],
  'cap:provider',
];

it('nobody is seated with evidence of another launch, code or instance, and all replicas say why alike', () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 14; seed++) {
    const hosts = { manners: { ...noManners, misdirected: 100 }, starve: false };
    const choices: Choices = {
      ...{ slots: 4, clients: 1, disturbedMs: 6000, undisturbedMs: 3500, faults: [], hosts },
      ...{ choice: 'ample', ballots: false, upgrades: 'none' },
    };
    const lines: string[] = [];
    const outcome = simulate(seed, { choices, onLine: (line) => void lines.push(line) });
    assert.deepEqual(outcome.violations, [], `seed ${seed}`);

    const reasons = new Map<string, Set<string>>();
    for (const line of lines) {
      const [, name, why] = /does not take the join of (\S+): not-admitted: ([^ ]+): /.exec(line) ?? [];
      if (name === undefined || why === undefined) continue;
      const said = reasons.get(name) ?? new Set<string>();
      reasons.set(name, said.add(why));
    }
    const seated = new Set(lines.flatMap((line) => / epoch \d+: (.*)$/.exec(line)?.[1]?.split(' ') ?? []));
    assert.ok(seated.size > 4, 'somebody else is seated afterwards');
    for (const [name, said] of reasons) {
      assert.equal(said.size, 1, `seed ${seed}: ${name}: ${[...said].join(', ')}`);
      for (const why of said) seen.add(why);
      assert.ok(!seated.has(name), `seed ${seed}: ${name} is seated`);
    }
  }
  assert.deepEqual([...seen].sort(), [...expected].sort());
});
