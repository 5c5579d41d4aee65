/**
 * An intruder takes everything that one replica has in memory. The slot's next turn evicts it, and from then on nothing that it
 * holds is worth anything: not on channels, not at the doors, not towards verifiers; nor can the process be started again as itself.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { tryEverything } from '@coppice/cli';
import type { DoorError } from '@coppice/client';
import { type Cluster, doorTo, earlyTurn, found, foundersRelease, rob, statusOf, turned, until } from '../cluster.ts';
import { Load } from '../load.ts';

it('an evicted intruder can do nothing with what it stole', async (t) => {
  const cluster = await found(t, { breach: true });
  cluster.local.startHost();
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(50);
  const victim = cluster.at(2);
  const loot = await rob(cluster, victim);
  assert.equal(loot.epoch, 0);
  assert.ok(loot.signingKeys.length > 10, 'it has the keys of many epochs to come');
  const receipt = load.acknowledged[0]!.committed.receipt();

  // While it sits, it is one of f: the attempts say so.
  const tooEarly = await tryEverything({ client, service: cluster.local.service, loot, receipt });
  assert.ok(tooEarly.some(({ refused }) => !refused));

  await turned(cluster, client, 2);
  const inTheNextEpoch = await tryEverything({ client, service: cluster.local.service, loot, receipt });
  assert.deepEqual(
    inTheNextEpoch.filter(({ refused }) => !refused),
    [],
  );
  assert.match(inTheNextEpoch[0]!.how, /unknown-sender/);

  await turned(cluster, client, 3);
  // With a turn open, and no host to serve it, the seat is for whoever can prove a clean start.
  await cluster.local.stopHost();
  await earlyTurn(cluster, 1);
  await until('a challenge is drawn', async () => (await statusOf(cluster.at(0))).turn?.challenge);
  const later = await tryEverything({ client, service: cluster.local.service, loot, receipt });
  assert.deepEqual(
    later.filter(({ refused }) => !refused),
    [],
  );
  assert.match(later[0]!.how, /peer-not-admitted/);
  const old = later.find(({ attempt }) => attempt.includes('old evidence'));
  assert.match(old!.how, /not-admitted: launch-data: was not launched for this turn/);
  for (const { attempt, how } of later) t.diagnostic(`${attempt}: ${how}`);

  await load.progress(50);
  await load.finish();
});

it('an instance cannot be started again as itself', async (t) => {
  const cluster = await found(t);
  const victim = cluster.at(2);
  const load = new Load(await cluster.client());
  await load.progress(50);
  const settings = join(victim.folder, 'settings.json');

  // While it runs, after it was killed: the folder is that of another launch.
  for (const signal of ['SIGCONT', 'SIGKILL'] as const) {
    cluster.signal(victim, signal);
    const { code, log } = await launch(cluster, settings);
    assert.equal(code, 5);
    assert.match(log, /was the folder of another launch/);
  }

  // In a folder of its own it has other keys, and its genesis is somebody else's.
  const folder = join(cluster.folder, 'again');
  const again = { ...(JSON.parse(readFileSync(settings, 'utf8')) as object), folder };
  writeFileSync(`${folder}.json`, JSON.stringify(again));
  const reborn = spawn(process.execPath, [programOf(cluster), `${folder}.json`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => reborn.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) =>
    reborn.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  );
  const told = JSON.parse(line) as { instance: string; clientAddress: string };
  assert.notEqual(told.instance, victim.instance);
  const door = await doorTo(told);
  await door.ask({ kind: 'founding' }, 'founding');
  const genesis = (await cluster.client()).chain.document;
  await assert.rejects(door.ask({ kind: 'found', document: genesis }, 'accepted'), (error: DoorError) =>
    /my join is not in it/.test(error.message),
  );
  door.close();

  // With its old ledger in place of its own, it does not even start.
  rmSync(folder, { recursive: true, force: true });
  cpSync(victim.folder, folder, { recursive: true });
  const cloned = await launch(cluster, `${folder}.json`);
  assert.equal(cloned.code, 5);

  await load.progress(50);
  await load.finish();
});

function programOf(cluster: Cluster): string {
  return join(foundersRelease(cluster), 'replica.mjs');
}

async function launch(cluster: Cluster, settings: string): Promise<{ code: number | null; log: string }> {
  const child = spawn(process.execPath, [programOf(cluster), settings], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, log };
}
