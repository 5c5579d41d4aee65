/**
 * Every mutant fits the code, and a few of them are hunted; `npm run sim:mutants` hunts all.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hunt } from '../src/mutants/hunt.ts';
import { mutants } from '../src/mutants/index.ts';
import { patched } from '../src/mutants/patch.ts';

const packages = fileURLToPath(new URL('../../', import.meta.url));
const main = `${packages}simulator/src/mutants/main.ts`;

describe('mutants', () => {
  it('are at least 25, under names of their own', () => {
    assert.ok(mutants.length >= 25, `${mutants.length}`);
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  });

  for (const { name, patches } of mutants) {
    it(`${name} fits the code`, () => {
      for (const file of new Set(patches.map((patch) => patch.file))) {
        const source = readFileSync(`${packages}${file}`, 'utf8');
        assert.notEqual(
          patched(
            source,
            patches.filter((patch) => patch.file === file),
          ),
          source,
        );
      }
    });
  }

  for (const [name, checkers] of [
    ['quorum-one-less', ['agreement']],
    ['nonce-before-sync', ['promises', 'durability']],
    ['two-votes-at-one-place', ['promises', 'conduct']],
    ['keys-not-erased', ['keys', 'forgery']],
  ] as const) {
    it(`${name} is caught`, async () => {
      const { checker } = await hunt(
        mutants.find((mutant) => mutant.name === name)!,
        6,
      );
      assert.ok((checkers as readonly (string | undefined)[]).includes(checker), `by ${checker}`);
    });
  }

  it('are found out where nobody looks for long enough', () => {
    const run = spawnSync(process.execPath, [main, 'seal-ignored', '--seeds', '1', '--json'], { encoding: 'utf8' });
    const answer = JSON.parse(run.stdout) as { escaped: string[] };
    assert.deepEqual([run.status, answer.escaped], [1, ['seal-ignored']], run.stderr);
  });

  it('have to exist', () => {
    const { status, stderr } = spawnSync(process.execPath, [main, 'no-such-mutant'], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /there is no mutant no-such-mutant/);
  });
});
