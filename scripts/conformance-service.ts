/**
 * What conformance.ts runs besides: the service that asks for everything on which engines are known to differ, loaded as a replica
 * loads it. Checks what it gives and every step that it takes, and prints how many outcomes there were.
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loaded } from '../packages/service/test/loaded.ts';

interface Vector {
  readonly command: string;
  readonly outcome: string;
  readonly steps: number;
  readonly result: string;
}

const folder = `${process.argv[2]!}/service/test/vectors`;
const expected = JSON.parse(readFileSync(`${folder}/conformance.json`, 'utf8')) as Vector[];
const service = loaded(readFileSync(`${folder}/conformance.js`, 'utf8'));
for (const vector of expected) {
  const { command } = vector;
  const outcome = service.call(command, { some: ['input', 1.5, null] });
  const result = hash('sha256', outcome.result, 'hex');
  const actual: Vector = { command, outcome: outcome.ok ? 'ok' : outcome.error.code, steps: outcome.steps, result };
  const [is, was] = [JSON.stringify(actual), JSON.stringify(vector)];
  if (is !== was) throw new Error(`${is}, not ${was}`);
}
console.log(JSON.stringify({ outcomes: expected.length }));
