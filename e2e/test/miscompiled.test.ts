/**
 * A compiler has miscompiled one variant of the release: its counters wrap. The replica that runs it is outvoted, named, and replaced by
 * another variant, and clients notice nothing.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditFolder } from '@coppice/cli';
import { cryptographyNames, installedRuntimes } from '@coppice/host';
import { buildRelease } from '@coppice/release';
import { seatOf, toHex } from '@coppice/wire';
import { checkpointed, found, healthy, serviceFile, until, whole } from '../cluster.ts';
import { Load } from '../load.ts';
import { miscompile } from '../plant.ts';

const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));

it('a miscompiled variant is outvoted, named, and replaced', async (t) => {
  const release = mkdtempSync(join(tmpdir(), 'coppice-miscompiled-'));
  t.after(() => rmSync(release, { recursive: true, force: true }));
  const { manifest } = await buildRelease({
    ...{ service: serviceFile, folder: release, seeds: ['c1', 'c2', 'c3'] },
    ...{ runtimes: [installedRuntimes()[0]!], cryptography: cryptographyNames },
  });
  // Founders take the variants in their order, and the primary is not in slot 2.
  const { id: planted, program } = manifest.variants[2]!;
  const wrong = manifest.variants.filter((one) => one.program === program).map(({ id }) => id);
  // The counter is 0 where it should be 64.
  miscompile(release, program, /counters\W?\)\.get\(\w+\) \?\? 0\) \+ 1/, '$& & 63');

  const cluster = await found(t, { release, policy: { checkpointInterval: 16 } });
  cluster.local.startHost();
  const client = await cluster.client();
  const before = seatOf(client.chain.configuration, 2)!;
  assert.equal(before.variant, planted);
  const load = new Load(client);
  const successor = await until('slot 2 has another instance', () => {
    const seat = seatOf(client.chain.configuration, 2);
    return seat !== undefined && toHex(seat.instance) !== toHex(before.instance) ? seat : undefined;
  });
  assert.ok(!wrong.includes(successor.variant), `${planted} became ${successor.variant}`);
  t.diagnostic(`${planted} became ${successor.variant}`);

  const { stdout } = spawnSync(process.execPath, [coppice, 'status', '--folder', cluster.folder, '--json'], {
    encoding: 'utf8',
  });
  const { concerns } = JSON.parse(stdout) as { readonly concerns: readonly string[] };
  const said = concerns.find((line) => line.includes('computed something else than a quorum')) ?? '';
  assert.match(said, new RegExp(`^slot 2 .*${toHex(before.instance).slice(0, 8)}`));
  assert.ok(said.includes(`variant ${planted}, which a turn has replaced`), said);
  t.diagnostic(said);

  // Nothing failed, and every increment counted once, beyond 64.
  await load.progress(100);
  await load.finish();
  assert.ok(load.acknowledged.filter(({ key }) => key === load.counter).length > 64);
  await healthy(cluster, client, 'at the end');
  const seated = client.chain.configuration.seats.map(({ slot }) => cluster.local.instanceIn(client, slot)!);
  await checkpointed(client, seated);
  await whole(seated);
  await cluster.local.destroy();
  for (const { folder, slot } of seated) {
    const { problems, suspicions } = await auditFolder(folder, cluster.local.service);
    assert.deepEqual(problems, [], `slot ${slot}`);
    const named = suspicions.filter(({ reason }) => reason !== 'silent');
    assert.deepEqual(
      [...new Set(named.map((one) => `${one.slot} ${one.variant} ${toHex(one.instance)}`))],
      [`2 ${planted} ${toHex(before.instance)}`],
    );
  }
});
