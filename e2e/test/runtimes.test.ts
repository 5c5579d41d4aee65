/**
 * Fleets whose replicas are run by different engines: real processes on Node 22, 24 and 26, Bun and Deno, which agree on every result,
 * and turn into each other.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { auditFolder, parseLocalRuntimes } from '@coppice/cli';
import type { Client } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { cryptographyNames, findRuntime, Host, installedRuntimes, type RunningInstance } from '@coppice/host';
import {
  checkpointed,
  type Cluster,
  found,
  healthy,
  lyingDriver,
  rob,
  runtimesMissing,
  statusOf,
  turned,
  until,
  whole,
} from '../cluster.ts';
import { Load } from '../load.ts';

const skip = runtimesMissing() ?? false;
const all = skip === false ? installedRuntimes().map(({ name }) => name) : [];
const node22 = all.find((name) => name.startsWith('node@22'))!;
const node24 = all.find((name) => name.startsWith('node@24'))!;

/** The runtime that the constitution names for the variant of an instance, after a look at what really runs. */
function runtimeOf(cluster: Cluster, instance: RunningInstance): string {
  const settings = JSON.parse(readFileSync(join(instance.folder, 'settings.json'), 'utf8')) as {
    launch: { variant: string };
  };
  const { releases } = JSON.parse(readFileSync(join(cluster.folder, 'constitution.json'), 'utf8')) as {
    releases: [{ variants: { id: string; runtime: string; cryptography: string }[] }];
  };
  const { cryptography, runtime } = releases[0].variants.find(({ id }) => id === settings.launch.variant)!;
  const executable = readlinkSync(`/proc/${instance.pid}/exe`);
  assert.equal(executable, realpathSync(findRuntime(runtime).command));
  const environment = readFileSync(`/proc/${instance.pid}/environ`, 'latin1').split('\0');
  assert.deepEqual(
    environment.filter((one) => one.startsWith('COPPICE_CRYPTOGRAPHY=')),
    [`COPPICE_CRYPTOGRAPHY=${cryptography}`],
  );
  return runtime;
}

function runtimesOf(cluster: Cluster): string[] {
  return cluster.running().map((instance) => runtimeOf(cluster, instance));
}

/** Nobody computed anything else than the others, and what is on each disk leads to the same state. */
async function agreed(t: TestContext, cluster: Cluster, client: Client): Promise<void> {
  await healthy(cluster, client, 'at the end');
  const seated = client.chain.configuration.seats.map(({ slot }) => cluster.local.instanceIn(client, slot)!);
  await checkpointed(client, seated);
  await whole(seated);
  for (const instance of seated) {
    const { counters, slot } = await statusOf(instance);
    const different = Object.keys(counters).filter((name) => /different|diverge|fault/.test(name));
    assert.deepEqual(different, [], `slot ${slot}`);
  }
  await cluster.local.destroy();
  for (const instance of seated) {
    const report = await auditFolder(instance.folder, cluster.local.service);
    assert.deepEqual(report.problems, []);
    assert.ok(report.checkpoints.stateRecomputed > 0);
    t.diagnostic(
      `slot ${instance.slot}: ${report.batches} batches, state recomputed ${report.checkpoints.stateRecomputed} times`,
    );
  }
}

const policy = { checkpointInterval: 16 };

describe('a fleet of different runtimes', { skip }, () => {
  it('serves, survives a kill, and turns each slot to another runtime', async (t) => {
    const runtimes = parseLocalRuntimes([...all.filter((name) => name !== node24), node24].join(','));
    const cluster = await found(t, { runtimes, cryptography: cryptographyNames, policy });
    assert.deepEqual(runtimesOf(cluster), [...all.filter((name) => name !== node24)]);
    const client = await cluster.client();
    const load = new Load(client);
    await load.progress(200);

    // Whoever is the primary dies, and the slot is refilled by something else.
    const { primary } = await statusOf(cluster.at(0));
    const victim = cluster.at(primary);
    const died = runtimeOf(cluster, victim);
    cluster.signal(victim, 'SIGKILL');
    await load.progress(100);
    cluster.local.startHost();
    for (const slot of [primary, ...[0, 1, 2, 3].filter((one) => one !== primary)]) {
      const before = slot === primary ? died : runtimeOf(cluster, cluster.at(slot));
      await turned(cluster, client, slot);
      const after = runtimeOf(cluster, cluster.at(slot));
      t.diagnostic(`slot ${slot}: ${before} became ${after}`);
      assert.notEqual(after, before);
    }
    await load.progress(200);
    await load.finish();
    await agreed(t, cluster, client);
  });

  it('agrees with other settings of its engines and other cryptography, too', async (t) => {
    const runtimes = parseLocalRuntimes(
      `${node22}+jitless,${node24}+no-optimizer+small-heap,bun+jitless,deno+eager-baseline`,
    );
    const cluster = await found(t, { runtimes, cryptography: ['node-crypto'], policy });
    runtimesOf(cluster);
    const client = await cluster.client();
    const load = new Load(client);
    await load.progress(100);
    await load.finish();
    await agreed(t, cluster, client);
  });

  it('stops where its host says so, and gives its memory to whoever may have it', async (t) => {
    const cluster = await found(t, { runtimes: parseLocalRuntimes(all.slice(1).join(',')), breach: true });
    for (const instance of cluster.running()) {
      assert.equal((await rob(cluster, instance)).slot, instance.slot);
      cluster.signal(instance, 'SIGTERM');
      await until('it is gone', () => !cluster.running().some(({ pid }) => pid === instance.pid));
    }
  });

  it('an instance that another runtime runs is not admitted', async (t) => {
    const cluster = await found(t, { runtimes: parseLocalRuntimes(all.join(',')), policy });
    const client = await cluster.client();
    // A host that launches every variant on the runtime at hand.
    const host = new Host({
      cryptography: nodeCryptography,
      driver: lyingDriver(cluster),
      service: cluster.local.service,
      epochKeys: cluster.local.folder.readService().epochKeys,
      missing: () => undefined,
      onEvent: () => undefined,
    });
    t.after(() => host.stop());
    void host.run();
    // Slot 0 was founded on it, so none of its variants is drawn there.
    void turned(cluster, client, 0).catch(() => undefined);
    // The candidate ends when it is refused: its log stays.
    const instances = join(cluster.folder, 'instances');
    const log = await until('a join is refused', () =>
      readdirSync(instances)
        .filter((name) => !name.startsWith('turn-0000'))
        .map((name) => readFileSync(join(instances, name, 'node.log'), 'utf8'))
        .find((text) => text.includes('no replica takes the join')),
    );
    assert.match(log, /not-admitted: measurement/);
  });
});
