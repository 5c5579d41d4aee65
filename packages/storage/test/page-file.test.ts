/** Pages of the state on the host's disk: it learns nothing of them, and gives back what was kept or nothing. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PageFile, StorageError } from '../src/index.ts';
import { newFolder } from './folders.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** A page file, and what the host can do to it: it removes no file that is open, but has it under another name. */
function opened(cacheBytes = 0): { file: PageFile; path: string; failures: StorageError[] } {
  const failures: StorageError[] = [];
  const folder = newFolder();
  const rmSync = fs.rmSync;
  const path = join(folder, `pages-${process.pid}`);
  const stolen = `${path}-host`;
  fs.rmSync = ((target: string) => fs.renameSync(target, stolen)) as typeof fs.rmSync;
  try {
    return {
      file: new PageFile(folder, { cacheBytes, onFailure: (error) => failures.push(error) }),
      path: stolen,
      failures,
    };
  } finally {
    fs.rmSync = rmSync;
  }
}

function page(i: number, bytes = 700): Uint8Array {
  return new Uint8Array(bytes).fill(i);
}

/** Keeps a page by itself. */
function keep(file: PageFile, bytes: Uint8Array): { read(once?: boolean): Uint8Array | undefined } {
  const pages = file.keep([bytes]);
  return { read: (once) => pages.read(0, once) };
}

test('gives back what was kept, of any length', () => {
  const { file } = opened();
  const kept = [0, 1, 495, 496, 497, 16_384, 1_100_000].map((bytes, i) => ({
    kept: keep(file, page(i, bytes)),
    bytes: page(i, bytes),
  }));
  for (const { bytes, kept: one } of kept.toReversed()) assert.deepEqual(one.read(), bytes);
  file.close();
});

test('the file is gone from the folder as soon as it is there, and holds nothing that was kept', () => {
  const folder = newFolder();
  new PageFile(folder, { cacheBytes: 0, onFailure: assert.ifError }).close();
  assert.deepEqual(fs.readdirSync(folder), []);
  const { file, path } = opened();
  for (let i = 0; i < 100; i++) keep(file, Buffer.from('a private value that must not be seen'.repeat(10)));
  assert.equal(fs.readFileSync(path).indexOf('private'), -1);
  file.close();
});

test('what was altered, swapped, rolled back or cut off is never given back', () => {
  const { failures, file, path } = opened();
  const [first, second] = [keep(file, page(1)), keep(file, page(2))];
  const before = fs.readFileSync(path);
  const half = before.length / 2;
  const refused = (content: Uint8Array, ...kept: { read(): unknown }[]): void => {
    fs.writeFileSync(path, content);
    for (const one of kept)
      assert.throws(
        () => one.read(),
        (error) => error instanceof StorageError && error.detail.code === 'CORRUPT_PAGE' && failures.includes(error),
      );
  };
  const flipped = Buffer.from(before);
  flipped[3]! ^= 1;
  refused(flipped, first);
  refused(Buffer.concat([before.subarray(half), before.subarray(0, half)]), first, second);
  refused(before.subarray(0, half + 100), second);
  fs.writeFileSync(path, before);
  assert.deepEqual(second.read(), page(2));
  file.close();
});

test('a place is used again when nobody holds what was there, and its earlier content is none', async () => {
  const { file, path } = opened();
  // Held by nobody once this returns.
  (() => void keep(file, page(1)))();
  const before = fs.readFileSync(path);
  let kept = keep(file, page(2));
  for (let i = 0; i < 100 && fs.readFileSync(path).subarray(0, before.length).equals(before); i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 1));
    kept = keep(file, page(3));
  }
  assert.ok(file.bytes <= 100 * before.length);
  assert.deepEqual(kept.read(), page(3));
  const whole = fs.readFileSync(path);
  whole.set(before);
  fs.writeFileSync(path, whole);
  assert.throws(() => kept.read());
  file.close();
});

test('a page is kept as long as one of the groups is held that have it', async () => {
  const { file, path } = opened();
  let first: ReturnType<PageFile['keep']> | undefined = file.keep([page(1), undefined, page(2)]);
  const second = file.keep([page(3), { pages: first, index: 2 }]);
  assert.deepEqual(
    [0, 1, 2].map((i) => first!.read(i)),
    [page(1), undefined, page(2)],
  );
  first = undefined;
  const { bytes } = file;
  // Places are taken again, that of the first page among them.
  const before = fs.readFileSync(path).subarray(0, 512);
  for (let i = 0; i < 100 && fs.readFileSync(path).subarray(0, 512).equals(before); i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 1));
    keep(file, page(4));
  }
  assert.notDeepEqual(fs.readFileSync(path).subarray(0, 512), before);
  assert.ok(file.bytes <= 100 * bytes);
  assert.deepEqual(
    [0, 1].map((i) => second.read(i)),
    [page(3), page(2)],
  );
  file.close();
});

test('whatever groups come and go, those that are held have what was kept', async () => {
  const { file } = opened(3000);
  let seed = 1;
  const next = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const held: { pages: ReturnType<PageFile['keep']>; content: (Uint8Array | undefined)[] }[] = [];
  for (let step = 0; step < 600; step++) {
    const chosen = Array.from({ length: 1 + next(5) }, () => {
      const from = held[next(held.length + 1)];
      if (from === undefined) return next(4) === 0 ? [undefined, undefined] : Array(2).fill(page(step, next(1500)));
      const index = next(from.content.length);
      return [{ pages: from.pages, index }, from.content[index]];
    });
    held.push({ pages: file.keep(chosen.map(([kept]) => kept)), content: chosen.map(([, bytes]) => bytes) });
    if (held.length > 20) held.splice(next(held.length), 1);
    if (step % 50 !== 0) continue;
    collect();
    await new Promise((resolve) => setTimeout(resolve, 1));
    for (const { content, pages } of held)
      assert.deepEqual(
        content.map((_, i) => pages.read(i)),
        content,
      );
  }
  file.close();
});

test('what was used last is in memory, within its bytes', () => {
  const { file, path } = opened(2000);
  const kept = [1, 2, 3].map((i) => keep(file, page(i)));
  fs.truncateSync(path, 0);
  // Of three of 700 bytes, two are here: the first that was kept is not.
  assert.throws(() => kept[0]!.read());
  assert.deepEqual(kept[1]!.read(), page(2));
  assert.deepEqual(kept[2]!.read(), page(3));
  // Who looks at everything changes nothing about it.
  for (const once of [kept[1]!, kept[2]!, kept[1]!]) once.read(true);
  assert.deepEqual(kept[2]!.read(), page(3));
  keep(file, page(4));
  assert.throws(() => kept[1]!.read());
  assert.deepEqual(kept[2]!.read(), page(3));
  file.close();
});
