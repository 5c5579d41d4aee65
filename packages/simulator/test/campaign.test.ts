/**
 * The command line of the simulator: campaigns on several threads, totals, diagrams.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { simulate, smallPlan } from '@coppice/simulator';
import { add, missing } from '../src/coverage.ts';
import { Diagram } from '../src/diagram.ts';
import { kindHosts } from '../src/plan.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr, lines: stdout.trimEnd().split('\n') };
}

describe('a campaign', () => {
  it('gives the same totals on two threads as in one after the other', () => {
    const { status, lines, stderr } = run('--seeds', '3', '--from', '5', '--small', '--threads', '2', '--json');
    assert.equal(status, 0, stderr);
    assert.equal(lines.length, 1, 'nothing else on stdout');
    const totals = JSON.parse(lines[0]!) as Record<string, unknown>;
    const outcomes = [5, 6, 7].map((seed) => simulate(seed, { choices: smallPlan }));
    const sum = (name: 'operations' | 'batches' | 'turns' | 'viewChanges'): number =>
      outcomes.reduce((total, outcome) => total + outcome[name], 0);
    for (const name of ['operations', 'batches', 'turns', 'viewChanges'] as const)
      assert.equal(totals[name], sum(name), name);
    assert.equal(totals['seeds'], 3);
    assert.deepEqual(totals['reached'], add(add(outcomes[0]!.reached, outcomes[1]!.reached), outcomes[2]!.reached));
    assert.deepEqual(totals['failures'], []);
    assert.ok((totals['judged'] as { agreement: number }).agreement > 1000);
    assert.match(stderr, /3 of 3 seeds, 0 failed/);
  });

  it('has arguments that make no sense', () => {
    for (const args of [['--seeds', '-1'], ['--log'], ['--seed', '1', '--svg', 'x'], ['--sed', '1']]) {
      const { status, stderr } = run(...args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, /--seeds N/);
    }
  });
});

describe('coverage', () => {
  it('counts what one seed reached, and knows what it did not', () => {
    const { reached } = simulate(3, { choices: smallPlan });
    assert.ok(reached.message['pre-prepare']! > 100 && reached['turn outcome']['seated']! > 3);
    const never = missing(reached);
    assert.ok(never.includes('refusal: wrong-release') && !never.includes('message: prepare'));
    assert.ok(!never.includes('report: contradiction'), 'what cannot be reached is not asked for');
  });
});

describe('a diagram', () => {
  const diagram = new Diagram({ from: 40, to: 41 });
  simulate(3, { choices: { ...smallPlan, slots: 4, faults: [], hosts: kindHosts }, observer: diagram });

  it('has a line for each message about the sequence numbers, with its recipients', () => {
    const lines = diagram.text().split('\n');
    assert.match(lines[0]!, /^ +time +0 +1 +2 +3/);
    const proposals = lines.filter((line) => line.includes('pre-prepare'));
    assert.deepEqual(
      proposals.map((line) => line.split(' ').at(-1)),
      ['40', '41'],
    );
    assert.equal(proposals[0]!.split('▶').length + proposals[0]!.split('◀').length - 2, 3);
    assert.equal(lines.filter((line) => line.includes('■') && line.endsWith('committed 40')).length, 4);
  });

  it('is a picture, too', () => {
    const svg = diagram.svg();
    assert.match(svg, /^<svg /);
    assert.ok(svg.split('class="pre-prepare"').length === 7 && svg.includes('>committed 41</text>'));
    assert.ok(!svg.includes('NaN') && !svg.includes('undefined'));
  });
});
