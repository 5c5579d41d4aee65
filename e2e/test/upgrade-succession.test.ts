/**
 * A service that is upgraded, lost and recovered, and upgraded again: each upgrade is proven as one of the service that it was in, and what the
 * ledger holds of both is read and shown as one.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toHex } from '@coppice/wire';
import { checkpointed, Cluster, found, operation, serviceFile, turned, until, whole } from '../cluster.ts';
import { commandLine, killAll, recovered } from '../recovery.ts';

const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));
const increment = operation({ command: 'increment', input: { key: 'k' } });

/** The service in this version; each migration leaves something behind. */
function sourceOf(version: number): string {
  const steps = Array.from({ length: version - 1 }, (_, i) => i + 2);
  const migrations = steps.map((to) => `${to}: (tx: any) => { tx.map('counters').set('v${to}', ${to}); },`).join(' ');
  const head = `${version},\n  ${version === 1 ? '' : `migrate: { ${migrations} },`}\n`;
  const source = readFileSync(serviceFile, 'utf8');
  return source.replace(/(name: 'put-get',\s+version: )1,\n/, (_, before: string) => `${before}${head}`);
}

it('upgrades before and after a recovery are proven, each of its service', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-upgrade-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const run = async (...args: string[]): Promise<any> => {
    const { answer, said, status } = await commandLine(...args);
    assert.equal(status, 0, `${args.join(' ')}: ${JSON.stringify(answer)} ${said}`);
    return answer;
  };
  symlinkSync(packages, join(folder, 'node_modules'));
  const digests: string[] = [];
  const releases = [1, 2, 3].map((version) => join(folder, `release-${version}`));
  for (const [i, out] of releases.entries()) {
    const service = join(folder, `service-${i + 1}.ts`);
    writeFileSync(service, sourceOf(i + 1));
    const from = i === 0 ? [] : ['--from', releases[i - 1]!];
    digests.push((await run('release', 'build', '--service', service, '--out', out, ...from)).digest);
  }
  const upgrade = async (cluster: Cluster, version: number): Promise<void> => {
    const client = await cluster.client();
    const [release, at] = [releases[version - 1]!, ['--folder', cluster.folder]];
    await run('release', 'add', release, ...at);
    const { proposal } = await run('member', 'propose', release, ...at, '--as', 'member-1');
    await run('member', 'vote', String(proposal), '--approve', ...at, '--as', 'member-2');
    for (let slot = 0; slot < 4; slot++) await turned(cluster, client, slot);
    await until('the new version executes', async () => {
      const committed = await client.submit(increment);
      return committed.receipt().header.code?.version === version;
    });
    // Those that were replaced may still run.
    const seated = [0, 1, 2, 3].map((slot) => cluster.local.instanceIn(client, slot)!);
    await checkpointed(client, seated);
    await whole(seated);
    client.close();
  };

  const first = await found(t, { release: releases[0]!, policy: { checkpointInterval: 8 } });
  first.local.startHost();
  await upgrade(first, 2);
  await first.local.stopHost();
  await killAll(first);
  const { local } = await recovered(first.folder);
  t.after(() => local.stopHost());
  const [before, after] = [first.local.service, local.service].map(toHex) as [string, string];

  // Of the successor, there is none; and it says of whom there is.
  const at = ['upgrade', 'report', '--folder', first.folder];
  const none = await commandLine(...at);
  assert.equal(none.status, 1);
  assert.match(none.said, new RegExp(`approved no release since it goes on from ${before}`));
  const another = await commandLine(...at, '--release', digests[1]!);
  assert.equal(another.status, 1);
  assert.match(another.said, new RegExp(`in the service ${before}.*--service ${before}`));

  const second = new Cluster(t, local);
  local.startHost();
  await upgrade(second, 3);
  const client = await second.client();
  const { folder: seated } = local.instanceIn(client, 1)!;
  client.close();
  await local.destroy();
  // Of all ledgers on this machine: not every replica has the checkpoints that it takes.
  for (const [service, [from, to]] of [
    [before, [digests[0], digests[1]]],
    [after, [digests[1], digests[2]]],
  ] as const) {
    const file = join(folder, `${service}.certificate`);
    await run(...at, '--service', service, '--out', file);
    const verified = await run('upgrade', 'verify', file, '--genesis', service);
    assert.deepEqual([verified.service, verified.from, verified.to], [service, from, to]);
    const other = service === before ? after : before;
    assert.equal((await commandLine('upgrade', 'verify', file, '--genesis', other)).status, 1);
  }

  const exported = join(folder, 'public.ledger');
  await run('ledger', 'export', seated, '--out', exported);
  for (const service of [before, after]) {
    const { predecessors, service: last } = await run('ledger', 'verify', exported, '--service', service);
    assert.deepEqual([predecessors, last], [[before], after]);
    const { audit, snapshot } = await run('ledger', 'verify', seated, '--service', service);
    assert.ok(audit.batches >= snapshot.sequence && snapshot.sequence > 0);
    const { activations, problems } = await run('audit', seated, '--service', service);
    assert.deepEqual([problems, activations.length], [[], 2]);
  }
});
