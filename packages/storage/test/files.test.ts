import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StorageError, writeFileAtomic } from '../src/index.ts';
import { newFolder } from './folders.ts';

test('replaces a file, and leaves nothing beside it', () => {
  const path = join(newFolder(), 'settings');
  writeFileAtomic(path, Uint8Array.of(1, 2));
  writeFileAtomic(path, Uint8Array.of(3));
  assert.deepEqual([...fs.readFileSync(path)], [3]);
  assert.deepEqual(fs.readdirSync(join(path, '..')), ['settings']);
});

test('says what failed', () => {
  const path = join(newFolder(), 'missing', 'settings');
  assert.throws(
    () => writeFileAtomic(path, Uint8Array.of(1)),
    (error) => error instanceof StorageError && error.detail.code === 'WRITE_FAILED' && error.detail.errno === 'ENOENT',
  );
});
