/**
 * Whatever is done to the files, the reader gives back a prefix of what was written, says how it ends, and throws nothing.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openLedger } from '../src/index.ts';
import { closed, newFolder, readAll, segmentsOf, service } from './folders.ts';
import { recordAt } from './recorded.ts';

const edit = fc.record({
  segment: fc.nat(2),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  /** Bytes taken out, and what is put in their place. */
  removed: fc.oneof(fc.nat(20), fc.nat(20_000)),
  inserted: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat(20_000).map((bytes) => new Uint8Array(bytes)),
  ),
});

test('a prefix of what was written, and how it ends', async () => {
  const folder = newFolder();
  const { ledger } = openLedger(folder, { service, segmentBytes: 30_000 });
  for (let i = 0; i < 12; i++) ledger.append(recordAt(i));
  await closed(ledger);
  const files = segmentsOf(folder).map((name) => ({
    path: join(folder, name),
    bytes: fs.readFileSync(join(folder, name)),
  }));
  assert.ok(files.length >= 3);

  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      for (const { segment, at, removed, inserted } of edits) {
        const { path } = files[segment]!;
        const bytes = fs.readFileSync(path);
        const from = Math.floor(at * bytes.length);
        fs.writeFileSync(path, Buffer.concat([bytes.subarray(0, from), inserted, bytes.subarray(from + removed)]));
      }
      const { records, end } = readAll(folder);
      for (const { path, bytes } of files) fs.writeFileSync(path, bytes);

      assert.equal(end.records, records.length);
      assert.ok(records.length <= 12);
      for (const [i, { type, sequence, payload }] of records.entries()) {
        assert.deepEqual({ type, sequence, payload }, recordAt(i));
      }
    }),
    { numRuns: 100 },
  );
});
