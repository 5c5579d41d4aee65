/**
 * A fleet in which every replica is another program: made from the same sources, by other seeds.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { auditFolder } from '@coppice/cli';
import type { RunningInstance } from '@coppice/host';
import {
  checkpointed,
  type Cluster,
  found,
  foundersRelease,
  healthy,
  statusOf,
  turned,
  until,
  whole,
} from '../cluster.ts';
import { Load } from '../load.ts';

/** The file that an instance really runs. */
function programOf(cluster: Cluster, instance: RunningInstance): string {
  const release = `${foundersRelease(cluster)}/`;
  const argument = readFileSync(`/proc/${instance.pid}/cmdline`, 'utf8')
    .split('\0')
    .find((one) => one.startsWith(release));
  return argument!.slice(release.length);
}

it('four programs agree, and each turn brings another one into its slot', async (t) => {
  const cluster = await found(t, { seeds: ['e1', 'e2', 'e3', 'e4'], policy: { checkpointInterval: 16 } });
  const programs = cluster.running().map((instance) => programOf(cluster, instance));
  assert.deepEqual(programs, ['replica.mjs', 'replica-e1.mjs', 'replica-e2.mjs', 'replica-e3.mjs']);
  const client = await cluster.client();
  const seated = (slot: number): Promise<RunningInstance> =>
    until(`the host knows who sits in slot ${slot}`, () => cluster.local.instanceIn(client, slot) ?? false);
  const load = new Load(client);
  await load.progress(200);
  cluster.local.startHost();
  for (const slot of [0, 1, 2, 3]) {
    const before = programOf(cluster, await seated(slot));
    await turned(cluster, client, slot);
    const after = programOf(cluster, await seated(slot));
    t.diagnostic(`slot ${slot}: ${before} became ${after}`);
    assert.notEqual(after, before);
  }
  await load.progress(200);
  await load.finish();

  await healthy(cluster, client, 'at the end');
  const fleet = await Promise.all([0, 1, 2, 3].map(seated));
  await checkpointed(client, fleet);
  await whole(fleet);
  for (const instance of fleet) {
    const { counters, slot } = await statusOf(instance);
    const different = Object.keys(counters).filter((name) => /different|diverge|fault/.test(name));
    assert.deepEqual(different, [], `slot ${slot}`);
  }
  await cluster.local.destroy();
  for (const instance of fleet) {
    const report = await auditFolder(instance.folder, cluster.local.service);
    assert.deepEqual(report.problems, []);
    assert.ok(report.checkpoints.stateRecomputed > 0);
  }
});
