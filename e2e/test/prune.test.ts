/**
 * Disks of retired instances are removed once no recovery can need them; who sat where, and what receipts say, is proven without them.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { it } from 'node:test';
import { auditFolder, type LocalService, receiptText } from '@coppice/cli';
import type { Client } from '@coppice/client';
import { toHex } from '@coppice/wire';
import { Cluster, found, operation, patienceMs, turned, until, valueOf } from '../cluster.ts';
import { commandLine, killAll, recovered } from '../recovery.ts';

const increment = operation({ command: 'increment', input: { key: 'k' } });

interface Pruned {
  readonly removed: readonly { readonly folder: string; readonly bytes: number }[];
  readonly kept: readonly { readonly folder: string; readonly reason: string }[];
  readonly proofs: { readonly ok: boolean; readonly batches: number; readonly epochs: number } | null;
}

async function prune(folder: string, ...options: string[]): Promise<Pruned> {
  const { answer, said, status } = await commandLine('ledger', 'prune', '--folder', folder, ...options);
  assert.equal(status, 0, said);
  return answer as Pruned;
}

/** Names of the disks that are there. */
const disksOf = (local: LocalService): string[] => readdirSync(join(local.folder.path, 'instances')).sort();

/** Until these, and no others, are left; more is asked for meanwhile, and so there are checkpoints. */
async function prunedTo(local: LocalService, client: Client, names: readonly string[]): Promise<void> {
  await until('what is not needed is removed', async () => {
    for (let i = 0; i < 8; i++) await client.submit(increment);
    const { kept } = await prune(local.folder.path);
    if (disksOf(local).length > names.length) throw new Error(JSON.stringify(kept));
    return true;
  });
  assert.deepEqual(disksOf(local), [...names].sort());
}

it('disks of retired instances are removed, and what they proved is proven without them', async (t) => {
  const cluster = await found(t, { policy: { checkpointInterval: 8 } });
  const { folder, local } = cluster;
  local.startHost();
  const client = await cluster.client();
  const receipt = join(folder, 'receipt.json');
  writeFileSync(receipt, receiptText((await client.submit(increment)).receipt()));
  const founders = [0, 1, 2, 3].map((slot) => local.instanceIn(client, slot)!);

  // Nothing is, while they sit. One that is archived goes with its archive.
  assert.deepEqual(await prune(folder), { dryRun: false, removed: [], kept: [], proofs: null });
  await turned(cluster, client, 0);
  const archives = join(folder, 'archives', basename(founders[1]!.folder));
  assert.equal((await commandLine('ledger', 'archive', founders[1]!.folder, '--to', archives)).status, 0);
  assert.ok(existsSync(archives));
  await turned(cluster, client, 1);
  const seated = (): string[] => [0, 1, 2, 3].map((slot) => basename(local.instanceIn(client, slot)!.folder));

  await until('they have ended', () => cluster.running().length === 4);
  const before = disksOf(local);
  const only = await prune(folder, '--dry-run');
  assert.equal(only.removed.length + only.kept.length, 2);
  assert.deepEqual(disksOf(local), before);
  const proofs = join(folder, 'public.ledger');
  assert.ok(!existsSync(proofs));

  await prunedTo(local, client, seated());
  assert.ok(!existsSync(archives));
  assert.deepEqual(await prune(folder), { dryRun: false, removed: [], kept: [], proofs: null });

  // What a crash left half removed goes the next time.
  const half = join(folder, 'removed', 'turn-0000-slot-0', 'ledger');
  mkdirSync(half, { recursive: true });
  await prune(folder);
  assert.ok(!existsSync(half));

  // The file is extended, by another disk's records.
  await turned(cluster, client, 2);
  await until('it has ended', () => cluster.running().length === 4);
  await prunedTo(local, client, seated());
  const last = await client.submit(increment);
  client.close();
  await local.stopHost();
  await killAll(cluster);
  const dead = await commandLine('ledger', 'prune', '--folder', folder);
  assert.equal(dead.status, 3);

  // Who sat where, and that there is one history, with the founders in it.
  const listed = await commandLine('ledger', 'ls', proofs);
  const { epochs, list } = listed.answer as { epochs: number; list: { seats: { instance: string }[] }[] };
  assert.equal(epochs, 4);
  assert.deepEqual(
    list[0]!.seats.map(({ instance }) => instance),
    founders.map(({ instance }) => instance),
  );
  const shown = await commandLine('ledger', 'show', proofs, '1');
  assert.deepEqual(
    (shown.answer as { kind: string }[]).map(({ kind }) => kind),
    ['batch', 'commit'],
  );
  const service = ['--service', toHex(local.service)];
  assert.equal((await commandLine('audit', proofs, ...service)).status, 0);
  assert.equal((await commandLine('receipt', 'verify', receipt, ...service, '--ledger', proofs)).status, 0);

  // And all that was acknowledged is on the disks that are left.
  const [left] = disksOf(local);
  assert.equal((await commandLine('audit', join(folder, 'instances', left!))).status, 0);
  const { answer, local: successor } = await recovered(folder);
  assert.ok(answer.head.sequence >= last.sequence);
  const next = await successor.connect(undefined, { giveUpMs: patienceMs });
  t.after(() => next.close());
  assert.equal(valueOf((await next.submit(increment)).result), (valueOf(last.result) as number) + 1);

  // Nor are disks of the lost service needed, once its successor has a checkpoint; the file goes on in that.
  const after = new Cluster(t, successor);
  await prunedTo(
    successor,
    next,
    after.running().map((instance) => basename(instance.folder)),
  );
  const both = await commandLine('ledger', 'verify', proofs, '--service', toHex(successor.service));
  assert.equal(both.status, 0);
  assert.deepEqual((both.answer as { predecessors: string[] }).predecessors, [toHex(local.service)]);
  assert.equal((await commandLine('receipt', 'verify', receipt, ...service, '--ledger', proofs)).status, 0);
});

it('a disk of a lost service stays if more may have been acknowledged than its successor goes on with', async (t) => {
  const cluster = await found(t, { policy: { checkpointInterval: 8 } });
  const { folder } = cluster;
  const client = await cluster.client();
  await client.submit(increment);
  const behind = cluster.at(3);
  // It may be behind already, with nothing on its disk.
  await until('its disk has a part of the log', async () => {
    const { head } = await auditFolder(behind.folder, undefined);
    return head !== undefined && head.sequence > 0;
  });
  cluster.signal(behind, 'SIGKILL');
  await until('it has ended', () => cluster.running().length === 3);
  const last = await client.submit(increment);
  client.close();
  const ahead = [0, 1, 2].map((slot) => basename(cluster.at(slot).folder));
  await killAll(cluster);
  const { answer, local: successor } = await recovered(folder, '--from', behind.folder, '--accept-loss');
  assert.ok(answer.head.sequence < last.sequence);

  const next = await successor.connect(undefined, { giveUpMs: patienceMs });
  t.after(() => next.close());
  const running = new Cluster(t, successor).running().map((instance) => basename(instance.folder));
  await prunedTo(successor, next, [...ahead, ...running]);
  const { kept, removed } = await prune(folder);
  assert.deepEqual(removed, []);
  assert.deepEqual(kept.map((one) => basename(one.folder)).sort(), ahead.sort());
  for (const { reason } of kept) assert.match(reason, /batch \d+ may have been acknowledged/);
});
