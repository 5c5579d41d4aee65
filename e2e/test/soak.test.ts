/**
 * Fault after fault, never more than f at a time, under load, for as long as COPPICE_E2E_SOAK says in seconds (20 if it does not): no request fails,
 * every receipt holds, and all that the instances ever wrote is one history.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { auditFolder } from '@coppice/cli';
import type { Client } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { type Receipt, receiptCodec, verifyReceipt } from '@coppice/ledger';
import { encode, headerDigest, toHex } from '@coppice/wire';
import { type Cluster, found, healthy, sleep, turned, whole } from '../cluster.ts';
import { readDisk } from '../disks.ts';
import { Load } from '../load.ts';

const seconds = Number(process.env['COPPICE_E2E_SOAK'] ?? 20);

/** Each leaves the service as well as it found it. */
const faults: Readonly<Record<string, (cluster: Cluster, client: Client, slot: number) => Promise<void>>> = {
  async kill(cluster, client, slot) {
    const victim = cluster.local.instanceIn(client, slot);
    if (victim !== undefined) cluster.signal(victim, 'SIGKILL');
  },
  async freeze(cluster, client, slot) {
    const victim = cluster.local.instanceIn(client, slot);
    if (victim === undefined) return;
    cluster.signal(victim, 'SIGSTOP');
    await sleep(500 + Math.random() * 3000);
    cluster.signal(victim, 'SIGCONT');
  },
  turn: turned,
  async 'kill during a turn'(cluster, client, slot) {
    const turning = turned(cluster, client, slot);
    await sleep(Math.random() * 1000);
    const victim = cluster.local.instanceIn(client, slot);
    if (victim !== undefined) cluster.signal(victim, 'SIGKILL');
    await turning;
  },
};

it(`${seconds} s of faults`, async (t) => {
  const cluster = await found(t, { policy: { turnDeadlineMs: 8000 } });
  cluster.local.startHost();
  const client = await cluster.client();
  const load = new Load(client);
  const end = Date.now() + seconds * 1000;
  const done: string[] = [];
  while (Date.now() < end) {
    const names = Object.keys(faults);
    const name = names[done.length % names.length]!;
    const slot = Math.floor(Math.random() * 4);
    done.push(`${name} ${slot}`);
    await load.progress(20);
    await faults[name]!(cluster, client, slot);
    await healthy(cluster, client, `after ${done.join(', ')}`);
  }
  await load.progress(20);
  await load.finish();
  t.diagnostic(`${done.join(', ')}: ${load.describe()}`);

  const receipts = load.acknowledged.map(({ committed }) => committed.receipt());
  for (const receipt of sample(receipts, 200)) {
    const verdict = verifyReceipt(nodeCryptography, encode(receiptCodec, receipt), { service: cluster.local.service });
    assert.ok(verdict.ok, JSON.stringify(verdict));
  }
  const survivors = cluster.running();
  await whole(survivors);
  await cluster.local.destroy();
  await oneHistory(cluster, receipts);
  for (const { folder } of survivors) assert.deepEqual((await auditFolder(folder, cluster.local.service)).problems, []);
});

/** What was acknowledged is in the files of every instance that was there, and what any two hold of it is the same. */
async function oneHistory(cluster: Cluster, receipts: readonly Receipt[]): Promise<void> {
  const known = new Map<number, string>();
  for (const { header } of receipts) {
    const digest = toHex(headerDigest(nodeCryptography, header));
    assert.equal(known.get(header.sequence) ?? digest, digest, `two headers ${header.sequence} were certified`);
    known.set(header.sequence, digest);
  }
  const disks = await Promise.all(
    readdirSync(join(cluster.folder, 'instances')).map((name) => readDisk(join(cluster.folder, 'instances', name), 0)),
  );
  for (const [sequence, digest] of known) {
    const holders = disks.filter(({ headers }) => headers.has(digest)).length;
    assert.ok(holders >= 3, `batch ${sequence} is on ${holders} disks`);
  }
}

function sample<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, i) => i % step === 0);
}
