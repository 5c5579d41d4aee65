/**
 * Members who govern while replicas fail, are replaced and attacked. `npm run sim -- --seeds 500 --ballots` runs more.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Governance } from '../src/checkers/governance.ts';
import { type Outcome, simulate, smallPlan } from '@coppice/simulator';
import { encodeCbor, ofAllVersions } from '@coppice/wire';
import { encodeWriteSet } from '../../state/src/index.ts';

describe('seeds in which members vote', () => {
  const outcomes: Outcome[] = [];
  for (let seed = 2; seed <= 7; seed++) {
    it(`${seed}`, () => {
      const outcome = simulate(seed, { choices: { ...smallPlan, ballots: true } });
      outcomes.push(outcome);
      assert.deepEqual(outcome.violations, [], `npm run sim -- --seed ${seed} --small --ballots --log`);
    });
  }

  after(() => {
    for (const action of ['early-turn', 'set-roles', 'set-thresholds', 'rotate-key', 'set-reference-values'])
      assert.ok(
        outcomes.some(({ decided }) => (decided[action] ?? 0) > 0),
        action,
      );
    const discarded = outcomes.reduce((sum, { reached }) => sum + (reached['turn outcome']['discarded'] ?? 0), 0);
    assert.ok(discarded > 0, 'a candidate that members do not accept any more is not seated');
  });
});

it('the checker sees a constitution that nobody decided on', () => {
  const violations: string[] = [];
  const hash = (): Uint8Array => new Uint8Array(32);
  const cryptography = ofAllVersions({ hash, verify: () => true, validPublicKey: () => true }, hash);
  const checker = new Governance(
    (message) => violations.push(message),
    cryptography,
    new Uint8Array(32),
    encodeCbor({}),
  );
  const writeSet = encodeWriteSet([{ address: '$constitution\0', value: encodeCbor({}) }]);
  checker.committed(
    { corrupt: false } as never,
    { header: { sequence: 1, time: 1 }, outcomes: [{ writeSet }] } as never,
  );
  assert.deepEqual(violations, ['batch 1: the constitution changed without a decision of its members']);
});
