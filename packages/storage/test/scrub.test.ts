/** What was written is read again: damage that nobody asks for is found, and key files are mended. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { toHex } from '@coppice/wire';
import { archiveOf, archiveSegments, type Ledger, openLedger, type Scrubber, type StorageError } from '../src/index.ts';
import { newFolder } from './folders.ts';
import { TestVault } from './vault.ts';

const service = new Uint8Array(32).fill(7);
const segments = 3;

/** A ledger of so many segments of a few records each, and the folder that it is in. */
async function ledgerOf(vault?: TestVault): Promise<{ ledger: Ledger; folder: string; paths: string[] }> {
  const folder = newFolder();
  const { ledger } = openLedger(folder, { service, vault });
  for (let i = 0; i < segments; i++) {
    for (let j = 0; j < 4; j++) ledger.append({ type: 1, sequence: i, payload: new Uint8Array(300_000).fill(j + 1) });
    await new Promise<void>((resolve) => ledger.sync(() => resolve()));
    ledger.beginSegment();
  }
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.seg'));
  return { ledger, folder, paths: names.map((name) => join(folder, name)) };
}

/** Knows the key files that are there now. */
function scrubberOf(folder: string): Scrubber & { readonly mendedPaths: string[] } {
  const known = new Map<string, Uint8Array>();
  for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.key'))) {
    const bytes = new Uint8Array(fs.readFileSync(join(folder, name)));
    known.set(toHex(bytes.slice(52, 60)), bytes);
  }
  const mendedPaths: string[] = [];
  return { keyFile: (id) => known.get(toHex(id)), mended: (path) => mendedPaths.push(path), mendedPaths };
}

async function scrubbed(ledger: Ledger, scrubber: Scrubber): Promise<number> {
  let bytes = 0;
  for await (const some of ledger.scrub!(scrubber)) bytes += some;
  return bytes;
}

function reasonOf(ledger: Ledger, scrubber: Scrubber): Promise<string> {
  return scrubbed(ledger, scrubber).then(
    () => 'nothing',
    ({ detail }: StorageError) =>
      detail.code === 'CORRUPT_SEGMENT' ? `${detail.segment}: ${detail.reason}` : detail.code,
  );
}

function flip(path: string, offset: number): void {
  const bytes = fs.readFileSync(path);
  bytes[offset]! ^= 1;
  fs.writeFileSync(path, bytes);
}

for (const vault of [undefined, new TestVault()]) {
  test(`a byte anywhere in what was written is found${vault ? ', encrypted' : ''}`, async () => {
    const { folder, ledger, paths } = await ledgerOf(vault);
    const scrubber = scrubberOf(folder);
    assert.ok((await scrubbed(ledger, scrubber)) >= segments * 4 * 300_000);
    for (const [path, offset, reason] of [
      [paths[0]!, 20, 'segment-header'],
      [paths[0]!, 70, 'record-header'],
      [paths[1]!, 500, 'record-payload'],
      [paths[2]!, 1_000_000, 'record-payload'],
    ] as const) {
      flip(path, offset);
      assert.match(await reasonOf(ledger, scrubber), new RegExp(`seg: ${reason}$`));
      flip(path, offset);
    }
    fs.truncateSync(paths[1]!, 700_000);
    assert.match(await reasonOf(ledger, scrubber), /seg: record-cut$/);
    assert.deepEqual(scrubber.mendedPaths, []);
  });
}

test('a key file that is missing or altered is written anew by who made it, and told by others', async () => {
  const { folder, ledger, paths } = await ledgerOf(new TestVault());
  const scrubber = scrubberOf(folder);
  const stranger = { ...scrubber, keyFile: () => undefined };
  const path = paths[1]!.replace('.seg', '.key');
  const original = fs.readFileSync(path);
  fs.rmSync(path);
  assert.match(await reasonOf(ledger, stranger), /key: key-file-missing$/);
  await scrubbed(ledger, scrubber);
  assert.deepEqual(fs.readFileSync(path), original);
  flip(path, 80);
  assert.match(await reasonOf(ledger, stranger), /key: key-checksum$/);
  await scrubbed(ledger, scrubber);
  assert.deepEqual(fs.readFileSync(path), original);
  assert.deepEqual(scrubber.mendedPaths, [path, path]);
  await scrubbed(ledger, stranger);
});

test('what an archive has is read there, and passed over while it is away', async () => {
  const { folder, ledger } = await ledgerOf(new TestVault());
  const scrubber = scrubberOf(folder);
  const whole = await scrubbed(ledger, scrubber);
  await archiveSegments(folder, newFolder());
  assert.equal(await scrubbed(ledger, scrubber), whole);
  const archive = archiveOf(folder)!;
  fs.renameSync(archive, `${archive}.away`);
  assert.equal(await scrubbed(ledger, scrubber), whole / segments);
  fs.renameSync(`${archive}.away`, archive);
  const [first] = fs.readdirSync(archive).filter((name) => name.endsWith('.seg'));
  flip(join(archive, first!), 500);
  assert.match(await reasonOf(ledger, scrubber), /seg: record-payload$/);
  assert.deepEqual(scrubber.mendedPaths, []);
});
