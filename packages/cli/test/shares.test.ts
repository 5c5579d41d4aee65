/** Shares that members released: who is told to have given something wrong, and who is not. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { newSealingKey } from '@coppice/cryptography';
import { InstanceVault } from '@coppice/node';
import { openLedger } from '@coppice/storage';
import { keyOpener, releaseShares, requestShares } from '../src/recovery/shares.ts';

test('with a key that shares were not released to, nobody is accused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-shares-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const members = [newSealingKey(), newSealingKey()];
  const sharing = { threshold: 2, keys: members.map(({ publicKey }) => publicKey) };
  const vault = new InstanceVault({ readers: { keys: [], sharing }, journal: { warn: () => assert.fail() } });
  const { ledger } = openLedger(join(folder, 'ledger'), { service: new Uint8Array(32), vault });
  ledger.append({ type: 1, sequence: 1, payload: new Uint8Array(8) });
  await new Promise<void>((resolve) => ledger.sync(() => resolve()));
  await new Promise<void>((resolve) => ledger.close(() => resolve()));

  const [own, other] = [newSealingKey(), newSealingKey()];
  const request = requestShares([folder], own.publicKey);
  const given = await Promise.all(
    members.map(async (member, i) => ({ ...(await releaseShares(request, member)).released, file: `${i}.json` })),
  );
  const said: string[] = [];
  const say = (line: string): number => said.push(line);
  await assert.rejects(keyOpener([], given, other, say)(folder), /was not released to this key/);
  assert.equal(said.length, 2);
  for (const [i, line] of said.entries())
    assert.match(line, new RegExp(`^${i}\\.json: was released to ${request.to}, and the key of --share-key is `));

  // Of what was released to this key, a share that does not open is its member's doing.
  said.length = 0;
  const spoilt = { ...given[0]!, shares: Object.fromEntries(Object.keys(given[0]!.shares).map((id) => [id, '00'])) };
  const keys = await keyOpener([], [spoilt, ...given], own, say)(folder);
  assert.equal(keys.keys.length, 1);
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^0\.json: the share of segment 0 is wrong/);
});
