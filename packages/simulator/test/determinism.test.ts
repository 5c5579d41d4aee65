import assert from 'node:assert/strict';
import { it } from 'node:test';
import { simulate, smallPlan } from '@coppice/simulator';

it('the same seed gives the same audit hash, watched or not; another seed gives another', () => {
  const lines: string[] = [];
  const first = simulate(3, { choices: smallPlan });
  const again = simulate(3, { choices: smallPlan, onLine: (line) => void lines.push(line) });
  assert.deepEqual(again, first);
  assert.ok(lines.length > 100);
  assert.notEqual(simulate(4, { choices: smallPlan }).auditHash, first.auditHash);
});
