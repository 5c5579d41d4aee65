/**
 * Ledgers whose closed segments are not on the replicas' disks any more: they are read from the archive by whoever needs them, and while it
 * is out of reach nobody stops, and nobody is seated without them.
 */
import assert from 'node:assert/strict';
import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { keepArchiving } from '@coppice/cli';
import { archiveOf } from '@coppice/storage';
import { earlyTurn, found, operation, told, turned, until, valueOf } from '../cluster.ts';
import { commandLine, killAll, recovered } from '../recovery.ts';

it('a newcomer, an audit and a recovery read what was archived', async (t) => {
  const cluster = await found(t, { policy: { checkpointInterval: 8 } });
  cluster.local.startHost();
  const client = await cluster.client();
  const increment = operation({ command: 'increment', input: { key: 'k' } });
  for (let i = 0; i < 5; i++) await client.submit(increment);
  // Another epoch, and another segment.
  await turned(cluster, client, 0);

  const archives = join(cluster.folder, 'archives');
  const ended = new AbortController();
  const archiving = keepArchiving(cluster.folder, archives, ended.signal, (line) => t.diagnostic(line));
  const seated = [0, 1, 2, 3].map((slot) => cluster.local.instanceIn(client, slot)!);
  const ledgers = seated.map(({ folder }) => join(folder, 'ledger'));
  const segments = (folder: string): number => readdirSync(folder).filter((name) => name.endsWith('.seg')).length;
  await until('all that is closed has been moved', () =>
    ledgers.every((ledger) => archiveOf(ledger) !== undefined && segments(ledger) === 1),
  );
  ended.abort();
  await archiving;

  // Where it cannot be read, a newcomer waits, and the others go on.
  const elsewhere = `${archives}-elsewhere`;
  renameSync(archives, elsewhere);
  const before = new Set(cluster.running().map(({ folder }) => folder));
  await earlyTurn(cluster, 1);
  await until('the newcomer has asked everybody', async () => {
    await client.submit(increment);
    const newcomer = cluster.running().find(({ folder }) => !before.has(folder));
    return newcomer !== undefined && told(newcomer, 'history-failed') >= 4;
  });
  const running = new Set(cluster.running().map(({ folder }) => folder));
  assert.ok(seated.every(({ folder }) => running.has(folder)));
  assert.equal(client.chain.configuration.seats.find(({ slot }) => slot === 1)?.turn, 0);
  renameSync(elsewhere, archives);
  await until('slot 1 has another instance', async () => {
    await client.submit(increment);
    return client.chain.configuration.seats.find(({ slot }) => slot === 1)?.turn !== 0;
  });

  const last = await client.submit(increment);
  client.close();
  await cluster.local.stopHost();
  await killAll(cluster);
  renameSync(archives, elsewhere);
  const store = join(cluster.folder, 'backups');
  for (const command of [['ledger', 'ls'], ['ledger', 'verify'], ['audit'], ['backup', 'create', '--store', store]]) {
    const away = await commandLine(...command, seated[2]!.folder);
    const { error } = away.answer as { error: { code: string } };
    assert.deepEqual([away.status, error.code], [3, 'archive-unavailable'], command.join(' '));
  }
  renameSync(elsewhere, archives);
  const { answer: verified, status } = await commandLine('ledger', 'verify', seated[2]!.folder);
  assert.equal(status, 0, JSON.stringify(verified));
  const { audit, snapshot } = verified as { audit: { batches: number }; snapshot: { sequence: number } };
  assert.ok(audit.batches >= snapshot.sequence && snapshot.sequence > 0);
  const { answer, local } = await recovered(cluster.folder);
  assert.ok(answer.head.sequence >= last.sequence);
  const successor = await local.connect();
  t.after(() => successor.close());
  assert.equal(valueOf((await successor.submit(increment)).result), (valueOf(last.result) as number) + 1);
});
