/** Runs every scenario file; `npm run test:update` writes the transcripts anew. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { failed, rerun } from './scenario.ts';

const folder = new URL('scenarios/', import.meta.url);
/** Set by `npm run test:update`. */
const update = process.env['UPDATE_SCENARIOS'] === '1';

for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
  test(file.replace('.txt', '').replaceAll('-', ' '), () => {
    const path = new URL(file, folder);
    const expected = readFileSync(path, 'utf8');
    const actual = rerun(expected);
    assert.ok(!actual.includes(`\n${failed}`), actual);
    if (update) writeFileSync(path, actual);
    else assert.equal(actual, expected);
  });
}
