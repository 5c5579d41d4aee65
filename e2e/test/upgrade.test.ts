/**
 * An upgrade with real processes, under load: from version 1 of the service and of the protocol to 2, with a migration. What was
 * planned is what happens, the ledger shows it, receipts of both versions hold, and the old release does not come back. The migration writes
 * more than a transaction can; COPPICE_MIGRATED_MB says how much.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditFolder } from '@coppice/cli';
import { nodeCryptography } from '@coppice/cryptography';
import { receiptCodec, verifyReceipt } from '@coppice/ledger';
import { encode, toHex } from '@coppice/wire';
import { checkpointed, found, operation, serviceFile, statusOf, turned, until, valueOf, whole } from '../cluster.ts';
import { Load } from '../load.ts';

const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** Of the values that fill the state: more of them than one transaction can write. */
const large = 'x'.repeat(100_000);
const largeValues = Number(process.env['COPPICE_MIGRATED_MB'] ?? 8) * 10;

/** Counters count in a map of another name, and go on from where they were; values are all written anew, in steps. */
function successorOf(source: string): string {
  const migrate = `  migrate: {
    2: (tx, after?: string) => {
      const values = tx.map<string>('values');
      for (const [key, value] of values.entries(undefined, { after })) {
        values.set(key, '2' + value);
        if (tx.full()) return key;
      }
      const [counters, tallies] = [tx.map<number>('counters'), tx.map<number>('tallies')];
      for (const [key, count] of [...counters.entries()]) {
        tallies.set(key, count);
        counters.delete(key);
      }
    },
  },
`;
  const renamed = source.replaceAll("'counters'", "'tallies'").replaceAll('counters: ', 'tallies: ');
  const next = renamed.replace(/(name: 'put-get',\s+version: )1,\n/, (_, before: string) => `${before}2,\n${migrate}`);
  assert.match(next, /version: 2,\n  migrate/);
  return next;
}

it('the whole fleet is upgraded under load, and its state with it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-upgrade-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const coppiceStatus = (...args: readonly string[]): { status: number | null; answer: any } => {
    const { status, stdout } = spawnSync(process.execPath, [coppice, ...args, '--json'], { encoding: 'utf8' });
    return { status, answer: JSON.parse(stdout.trim().split('\n').at(-1)!) };
  };
  const run = (...args: readonly string[]): any => {
    const { answer, status } = coppiceStatus(...args);
    assert.equal(status, 0, JSON.stringify(answer));
    return answer;
  };
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  run('release', 'build', '--service', serviceFile, '--out', first, '--protocols', '1');
  symlinkSync(packages, join(folder, 'node_modules'));
  writeFileSync(join(folder, 'service.ts'), successorOf(readFileSync(serviceFile, 'utf8')));
  const build = ['release', 'build', '--service', join(folder, 'service.ts'), '--out', second];
  const successor: string = run(...build, '--from', first).digest;

  const cluster = await found(t, { release: first });
  const { local } = cluster;
  local.startHost();
  const client = await cluster.client();
  const load = new Load(client);
  const before = await client.submit(operation({ command: 'increment', input: { key: 'kept' } }));
  await load.progress(50);
  for (let i = 0; i < largeValues; i += 10)
    await Promise.all(
      Array.from({ length: 10 }, (_, j) =>
        client.submit(operation({ command: 'put', input: { key: `large/${i + j}`, value: large } })),
      ),
    );

  // Anybody with a copy of the ledger sees beforehand what it will be.
  await checkpointed(client, cluster.running());
  const plan = run(
    'upgrade',
    'plan',
    '--release',
    second,
    '--ledger',
    cluster.at(0).folder,
    '--folder',
    cluster.folder,
  );
  assert.deepEqual(
    [plan.from, plan.to],
    [
      { protocol: 1, service: 1 },
      { protocol: 2, service: 2 },
    ],
  );
  assert.ok(plan.ok && plan.steps > 0 && plan.stateAfter !== plan.stateBefore);
  assert.ok(plan.transactions > 8 && plan.writeSet.bytes > largeValues * large.length);
  assert.ok(plan.writeSet.bytesMost < plan.writeSet.bytesMax);

  run('release', 'add', second, '--folder', cluster.folder);
  run('member', 'propose', second, '--folder', cluster.folder, '--as', 'member-1');
  run('member', 'vote', '1', '--approve', '--folder', cluster.folder, '--as', 'member-2');
  for (let slot = 0; slot < 4; slot++) {
    await turned(cluster, client, slot);
    await load.progress(20);
  }
  assert.ok(client.chain.configuration.seats.every(({ release }) => toHex(release) === successor));

  const after = await until('the new version executes', async () => {
    const committed = await client.submit(operation({ command: 'increment', input: { key: 'after' } }));
    return committed.receipt().header.code?.version === 2 ? committed : undefined;
  });
  const kept = await client.submit(operation({ command: 'increment', input: { key: 'kept' } }));
  assert.equal(valueOf(kept.result), 2, 'counters were carried over');
  await load.progress(50);
  await load.finish();
  t.diagnostic(load.describe());
  t.diagnostic(`planned: ${plan.transactions} transactions, ${plan.writeSet.bytes} bytes, ${plan.ms} ms`);

  const versions = [before, after].map((committed) => {
    const receipt = committed.receipt();
    const verdict = verifyReceipt(nodeCryptography, encode(receiptCodec, receipt), { service: local.service });
    assert.ok(verdict.ok, JSON.stringify(verdict));
    return receipt.header.protocolVersion;
  });
  assert.deepEqual(versions, [1, 2]);

  // The old release can execute nothing any more.
  const back = coppiceStatus('member', 'propose', first, '--folder', cluster.folder, '--as', 'member-1');
  assert.notEqual(back.status, 0);
  assert.match(JSON.stringify(back.answer), /cannot-speak/);

  await checkpointed(client, cluster.running());
  await whole(cluster.running());
  const instance = cluster.at(0);
  assert.equal((await statusOf(instance)).health, 'ok');
  const report = await auditFolder(instance.folder, local.service);
  assert.deepEqual(report.problems, []);
  const { from, to, failed, release } = report.activations[0]!;
  assert.deepEqual([from, to, failed], [{ protocol: 1, service: 1 }, { protocol: 2, service: 2 }, undefined]);
  assert.equal(toHex(release), successor);
  assert.equal(report.activations.length, 1);
  assert.ok(
    report.activations[0]!.batches >= plan.transactions,
    'as many steps as were planned, and some for what came later',
  );

  const file = join(folder, 'upgrade.certificate');
  const instanceOption = ['--folder', cluster.folder, '--instance', instance.folder];
  run('upgrade', 'report', ...instanceOption, '--release-folder', second, '--out', file);
  const verified = run('upgrade', 'verify', file, '--genesis', toHex(local.service));
  assert.equal(verified.activation.writeSets.length, report.activations[0]!.batches);
  assert.deepEqual(verified.activation.service, { from: 1, to: 2 });
  const altered = readFileSync(file);
  altered[altered.length >> 1]! ^= 1;
  writeFileSync(file, altered);
  assert.equal(coppiceStatus('upgrade', 'verify', file, '--genesis', toHex(local.service)).answer.ok, false);
});
