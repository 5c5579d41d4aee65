/**
 * The same on every runtime: what a service gives, and what it costs.
 *
 * `vectors/conformance.js` is a service that asks for everything on which engines are known to differ. Its outcomes are
 * frozen in `vectors/conformance.json`, and must be these in every runtime that replicas run on. A change of the digests
 * is a change of what services compute: replicas of before and after would not agree. `npm run test:update` (or
 * UPDATE_VECTORS=1) writes them anew.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { loaded } from './loaded.ts';

interface Vector {
  readonly command: string;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
  readonly steps: number;
  /** SHA-256 of the result's bytes. */
  readonly result: string;
}

const script = readFileSync(new URL('vectors/conformance.js', import.meta.url), 'utf8');
const vectors = new URL('vectors/conformance.json', import.meta.url);

function outcomes(): Vector[] {
  const { call, runtime } = loaded(script);
  const names = runtime.describe().commands.map(({ name }) => name);
  // Twice each, because what a script did once must not show.
  return [...names, ...names].map((command) => {
    const outcome = call(command, { some: ['input', 1.5, null] });
    const result = createHash('sha256').update(outcome.result).digest('hex');
    return { command, outcome: outcome.ok ? 'ok' : outcome.error.code, steps: outcome.steps, result };
  });
}

test('outcomes are those of the vectors', () => {
  const actual = outcomes();
  if (process.env['UPDATE_VECTORS'] === '1') writeFileSync(vectors, `${JSON.stringify(actual, null, 1)}\n`);
  const expected = JSON.parse(readFileSync(vectors, 'utf8')) as Vector[];
  const different = expected.filter((vector, i) => !isDeepStrictEqual(vector, actual[i]));
  assert.deepEqual(
    different.map(({ command }) => command),
    [],
  );
  assert.equal(actual.length, expected.length);
});
