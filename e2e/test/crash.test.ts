/**
 * Replicas that die or stand still: one of four is nobody's loss, two stop the service, and nothing that was acknowledged is
 * ever lost.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditFolder } from '@coppice/cli';
import { nodeCryptography } from '@coppice/cryptography';
import { encodeOperation } from '@coppice/service';
import { headerDigest, toHex } from '@coppice/wire';
import { type Cluster, found, operation, sleep, statusOf, told, until, valueOf, whole } from '../cluster.ts';
import { quorums, readDisk, votedLog } from '../disks.ts';
import { Load } from '../load.ts';

/** The command line. */
const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));

describe('with one of four replicas gone', () => {
  it('no request fails when a backup is killed', async (t) => {
    const cluster = await found(t);
    const load = new Load(await cluster.client());
    await load.progress(100);
    const { primary } = await statusOf(cluster.at(0));
    cluster.signal(cluster.at((primary + 1) % 4), 'SIGKILL');
    await load.progress(300);
    await load.finish();
    t.diagnostic(load.describe());
  });

  it('the others change the view when the primary is killed', async (t) => {
    const cluster = await found(t);
    const load = new Load(await cluster.client());
    await load.progress(100);
    const { primary } = await statusOf(cluster.at(0));
    cluster.signal(cluster.at(primary), 'SIGKILL');
    await load.progress(300);
    await load.finish();
    const after = await statusOf(cluster.at((primary + 1) % 4));
    assert.ok(after.view > 0);
    assert.notEqual(after.primary, primary);
    t.diagnostic(load.describe());
  });

  it('one that stood still catches up', async (t) => {
    // So short an interval that the others have forgotten the batches that it missed: it receives the state.
    const cluster = await found(t, { policy: { checkpointInterval: 16 } });
    const load = new Load(await cluster.client());
    await load.progress(100);
    const { primary, committed } = await statusOf(cluster.at(0));
    const frozen = cluster.at(primary);
    const other = cluster.at((primary + 1) % 4);
    cluster.signal(frozen, 'SIGSTOP');
    await until('the others are far ahead', async () => (await statusOf(other)).committed > committed + 32 * 16);
    cluster.signal(frozen, 'SIGCONT');
    await load.progress(100);
    await until('the frozen replica has caught up', async () => {
      const [behind, ahead] = await Promise.all([statusOf(frozen), statusOf(other)]);
      return behind.view === ahead.view && behind.committed + 8 >= ahead.committed;
    });
    await load.progress(100);
    await load.finish();
    t.diagnostic(load.describe());
    // What it slept through is in its files again, and everything in them holds. Where it fell behind again, that was another state.
    assert.ok(told(frozen, 'installed') >= 1);
    await whole([frozen]);
    await cluster.local.destroy();
    const report = await auditFolder(frozen.folder, cluster.local.service);
    assert.deepEqual(report.problems, []);
  });
});

it('with two of four killed the service stops, says why, and loses nothing', async (t) => {
  const cluster = await found(t);
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(200);
  const [first, second, ...remaining] = cluster.running();
  cluster.signal(first!, 'SIGKILL');
  cluster.signal(second!, 'SIGKILL');
  const statuses = await until('both see that there is no quorum', async () => {
    const all = await Promise.all(remaining.map(statusOf));
    return all.every(({ health }) => health === 'no-quorum') && all;
  });
  const acknowledged = load.acknowledged.length;
  const [before] = statuses;
  assert.ok(before!.committedMsAgo > 1000);
  await sleep(1000);
  assert.equal(load.acknowledged.length, acknowledged, 'nothing is acknowledged without a quorum');
  assert.equal((await statusOf(remaining[0]!)).committed, before!.committed);

  // Whoever comes now is told, too; reading goes on.
  const { stdout } = spawnSync(process.execPath, [coppice, 'status', '--folder', cluster.folder], { encoding: 'utf8' });
  assert.match(stdout, /no quorum: 2 of 4 replicas answer, and 3 are needed/);
  const late = await cluster.client({ giveUpMs: 1000 });
  await assert.rejects(late.submit(operation({ command: 'increment', input: { key: 'late' } })), { code: 'refused' });
  const { key, value } = load.acknowledged.find((one) => one.key !== load.counter)!;
  const answer = await late.query('service', encodeOperation({ command: 'get', input: { key } }));
  assert.equal(valueOf(answer.payload), value);

  assert.deepEqual(load.failures, []);
  await holdsEverything(cluster, load);
});

it('nothing acknowledged is lost when all four are killed at once', async (t) => {
  const cluster = await found(t);
  const load = new Load(await cluster.client(), { workers: 32, pauseMs: 0 });
  await load.progress(1500);
  const all = cluster.running();
  for (const instance of all) cluster.signal(instance, 'SIGKILL');
  await until('all are gone', () => cluster.running().length === 0);
  t.diagnostic(load.describe());
  await holdsEverything(cluster, load);
});

/** Whichever quorum of the four disks is left, what it votes for has every acknowledged operation, in the place that its receipt names. */
async function holdsEverything({ local, folder }: Cluster, load: Load): Promise<void> {
  await local.destroy();
  const names = readdirSync(join(folder, 'instances'));
  assert.equal(names.length, 4);
  const disks = await Promise.all(names.map((name) => readDisk(join(folder, 'instances', name), 0)));
  const receipts = load.acknowledged.map(({ committed }) => committed.receipt());
  for (const some of quorums(disks, 4)) {
    const log = votedLog(some, local.service, receipts[0]!.genesis.configuration);
    for (const { header } of receipts)
      assert.equal(log[header.sequence], toHex(headerDigest(nodeCryptography, header)));
  }
}
