/** Keys of files in shares: any k members of them open a file, fewer and others none, and a wrong share is noticed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { newSealingKey } from '@coppice/cryptography';
import { type KeyFile, openLedger } from '@coppice/storage';
import { sameBytes } from '@coppice/wire';
import { combineShares, openReleased, openShare, releaseShare, type Share } from '../src/shares.ts';
import { InstanceVault, keyFilesOf } from '../src/vault.ts';

const service = new Uint8Array(32).fill(7);
const members = [newSealingKey(), newSealingKey(), newSealingKey()] as const;
const recoverer = newSealingKey();
const journal = { warn: (): void => assert.fail('a key was refused') };

const folder = mkdtempSync(join(tmpdir(), 'coppice-shares-'));
after(() => rmSync(folder, { recursive: true }));

/** The key files of a ledger of two segments; between them the sharing changes. */
async function filesOf(name: string, first: Sharing, second: Sharing): Promise<[KeyFile, KeyFile]> {
  const readers = { keys: [], sharing: first };
  const vault = new InstanceVault({ readers, journal });
  const { ledger } = openLedger(join(folder, name), { service, vault });
  const synced = () => new Promise<void>((resolve) => ledger.sync(() => resolve()));
  ledger.append({ type: 1, sequence: 1, payload: service });
  await synced();
  readers.sharing = second;
  ledger.beginSegment();
  ledger.append({ type: 1, sequence: 2, payload: service });
  await synced();
  await new Promise<void>((resolve) => ledger.close(() => resolve()));
  const files = [...keyFilesOf(join(folder, name))].map(({ file }) => file).sort((a, b) => a.number - b.number);
  assert.equal(files.length, 2);
  for (const file of files) assert.ok(vault.keyOf(file.id));
  return files as [KeyFile, KeyFile];
}

interface Sharing {
  readonly threshold: number;
  readonly keys: readonly Uint8Array[];
}

const among = (threshold: number, ...who: number[]): Sharing => ({
  threshold,
  keys: who.map((i) => members[i]!.publicKey),
});

/** What a member releases of a file to the recoverer, as the recoverer opens it. */
async function releasedBy(i: number, file: KeyFile): Promise<Share | undefined> {
  const share = await openShare(file, members[i]!.privateKey);
  if (share === undefined) return undefined;
  return openReleased(file, await releaseShare(file, share, recoverer.publicKey), recoverer.privateKey);
}

test('any k members make the key, fewer do not', async () => {
  const [file] = await filesOf('any', among(2, 0, 1, 2), among(2, 0, 1, 2));
  const shares = await Promise.all([0, 1, 2].map(async (i) => (await releasedBy(i, file))!));
  for (const some of [
    [0, 1],
    [2, 0],
    [1, 2],
    [0, 1, 2],
  ]) {
    const found = await combineShares(
      file,
      some.map((i) => shares[i]!),
    );
    assert.ok(found && sameBytes(found.key.id, file.id));
    assert.deepEqual(found.wrong, []);
  }
  assert.equal(await combineShares(file, [shares[0]!]), undefined);
  assert.equal(await combineShares(file, [shares[0]!, shares[0]!]), undefined);
  assert.equal(await combineShares(file, []), undefined);
});

test('who left has no share of what was begun afterwards, and those of before do not help', async () => {
  const [before, later] = await filesOf('left', among(2, 0, 1, 2), among(2, 0, 1));
  assert.ok(await releasedBy(2, before));
  assert.equal(await releasedBy(2, later), undefined);
  // Everything that all members had before, against what was begun later.
  const old = await Promise.all([0, 1, 2].map(async (i) => (await releasedBy(i, before))!));
  assert.equal(await combineShares(later, old), undefined);
  const own = (await releasedBy(0, later))!;
  assert.equal(await combineShares(later, [own, old[2]!]), undefined);
  assert.equal(await combineShares(later, [own, old[1]!]), undefined);
  assert.ok(await combineShares(later, [own, (await releasedBy(1, later))!]));
});

test('a share is of its file, its member and its recoverer', async () => {
  const [file, other] = await filesOf('bound', among(2, 0, 1), among(2, 0, 1));
  const moved = { ...file, id: other.id, number: other.number };
  assert.equal(await openShare(moved, members[0].privateKey), undefined);
  const share = (await openShare(file, members[0].privateKey))!;
  const sealed = await releaseShare(file, share, recoverer.publicKey);
  assert.equal(await openReleased(other, sealed, recoverer.privateKey), undefined);
  assert.equal(await openReleased(file, sealed, members[1].privateKey), undefined);
  const wrong = { threshold: 2, part: (await releasedBy(1, file))!.part.toReversed() };
  assert.equal(await combineShares(file, [(await releasedBy(0, file))!, wrong]), undefined);
});

test('whoever lies, about a share or how many it takes, is told from as many honest ones as it takes', async () => {
  const [file] = await filesOf('lies', among(2, 0, 1, 2), among(2, 0, 1, 2));
  const shares = await Promise.all([0, 1, 2].map(async (i) => (await releasedBy(i, file))!));
  const [first, second, third] = shares as [Share, Share, Share];
  const lies: Share[] = [
    { threshold: 2, part: first.part.toReversed() },
    { threshold: 2, part: Uint8Array.of(...second.part.subarray(0, -1), 99) },
    // Under the place of somebody who is honest.
    { threshold: 2, part: Uint8Array.of(...first.part.subarray(0, -1), second.part.at(-1)!) },
    { threshold: 200, part: first.part },
    { threshold: 0, part: first.part },
    { threshold: 2, part: Uint8Array.of(1, 2) },
  ];
  for (const lie of lies) {
    const found = await combineShares(file, [lie, second, third]);
    assert.ok(found && sameBytes(found.key.id, file.id));
    assert.deepEqual(found.wrong, [lie]);
    assert.equal(await combineShares(file, [lie, second]), undefined);
  }
  const all = await combineShares(file, [...lies, third, second]);
  assert.deepEqual(all?.wrong, lies);
});

test('one who lies is found among many', async () => {
  const many = Array.from({ length: 40 }, () => newSealingKey());
  const sharing = { threshold: 20, keys: many.map(({ publicKey }) => publicKey) };
  const [file] = await filesOf('many', sharing, sharing);
  const shares: Share[] = [];
  for (const { privateKey } of many) {
    const share = (await openShare(file, privateKey))!;
    shares.push(
      (await openReleased(file, await releaseShare(file, share, recoverer.publicKey), recoverer.privateKey))!,
    );
  }
  const lie = { threshold: 20, part: shares[0]!.part.toReversed() };
  const found = await combineShares(file, [lie, ...shares.slice(1)]);
  assert.deepEqual(found?.wrong, [lie]);
});
