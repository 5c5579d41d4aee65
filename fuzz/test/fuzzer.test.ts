/**
 * The fuzzer finds what it is for: parsers with planted faults are caught, and sound ones are not.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codecTarget } from '../target.ts';
import { runChunk } from '../chunk.ts';
import { corpusFolder, loadTargets } from '../corpus.ts';
import { drawn } from '../draw.ts';
import { mutate } from '../mutate.ts';
import { Random } from '../../packages/simulator/src/random.ts';
import { decode, encode, list, oneOf, optional, struct, text, u16, u64 } from '@coppice/wire';

const planted = join(import.meta.dirname, 'planted');
const targets = new Map((await loadTargets(planted)).map((target) => [target.name, target]));

const found = (name: string): string[] => {
  const target = targets.get(name)!;
  const { failures } = runChunk(target, target.seeds(), 'planted', 150);
  return [...new Set(failures.map(({ kind }) => kind))];
};

test('planted faults are found', () => {
  assert.deepEqual(found('sound'), []);
  assert.deepEqual(found('throws'), ['throws']);
  assert.deepEqual(found('not-canonical'), ['broken']);
  assert.deepEqual(found('greedy'), ['memory']);
});

test('what takes long is found', () => {
  const slow = targets.get('slow')!;
  const { failures } = runChunk(slow, slow.seeds(), 'planted', 30);
  assert.ok(failures.every(({ kind }) => kind === 'slow'));
  assert.ok(failures.length > 0);
});

/** The whole program, on one planted target; what it kept is removed. */
function program(name: string): { status: number | null; output: string; kept: Uint8Array[] } {
  const folder = join(corpusFolder, name);
  try {
    const args = [join(import.meta.dirname, '../fuzz.ts'), '--targets', planted, '--only', name, '--inputs', '60'];
    const run = spawnSync(process.execPath, [...args, '--workers', '1', '--hang-seconds', '1', '--json'], {
      encoding: 'utf8',
    });
    const files = existsSync(folder) ? readdirSync(folder) : [];
    return {
      status: run.status,
      output: `${run.stdout}${run.stderr}`,
      kept: files.map((file) => new Uint8Array(readFileSync(join(folder, file)))),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('an input that hangs, or ends the process, is known and kept', () => {
  for (const [name, word] of [
    ['hangs', 'nothing for 1 s'],
    ['dies', 'SIGKILL'],
  ] as const) {
    const { status, output, kept } = program(name);
    assert.equal(status, 1);
    assert.match(output, new RegExp(word));
    assert.match(output, new RegExp(`npm run fuzz -- --only ${name} --input fuzz/corpus/${name}/`));
    assert.ok(kept.length > 0 && kept.every((input) => input.length === 9));
  }
});

test('the same label gives the same inputs', () => {
  const inputs = (): string[] => {
    const seen: string[] = [];
    const target = targets.get('sound')!;
    runChunk(target, target.seeds(), 'label', 200, (input) => seen.push(Buffer.from(input).toString('hex')));
    return seen;
  };
  assert.deepEqual(inputs(), inputs());
  assert.ok(new Set(inputs()).size > 100);
});

test('drawn encodings are accepted, and most changes of them are not', () => {
  const codec = struct({
    slots: list(u16, 9),
    word: oneOf('a', 'b', 'c'),
    name: text(40),
    at: optional(u64),
  });
  const random = new Random('drawn');
  const target = codecTarget('structure', codec);
  let refused = 0;
  for (let i = 0; i < 200; i++) {
    const bytes = drawn(codec, random)!;
    const decoded = decode(codec, bytes);
    assert.ok(decoded.ok);
    assert.deepEqual(Buffer.from(encode(codec, decoded.value)), Buffer.from(bytes));
    if (target.run(mutate('bytes', bytes, bytes, random)) !== undefined) refused += 1;
  }
  assert.ok(refused > 60, `${refused}`);
});
