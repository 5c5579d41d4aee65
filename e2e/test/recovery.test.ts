/**
 * All replicas gone at once: members go on with what their disks hold, and nothing that was acknowledged is lost.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditFolder, decide, LocalService, receiptText } from '@coppice/cli';
import { ProcessDriver } from '@coppice/host';
import { toHex } from '@coppice/wire';
import {
  checkpointed,
  Cluster,
  found,
  foundersRelease,
  operation,
  statusOf,
  told,
  turned,
  until,
  valueOf,
  whole,
} from '../cluster.ts';
import { Load } from '../load.ts';
import { commandLine, killAll, recover, recovered } from '../recovery.ts';
import { killAllRounds } from '../rounds.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

it('a service whose replicas are all killed goes on from their disks, and a client goes on with it', async (t) => {
  const cluster = await found(t);
  const before = cluster.local.service;
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(300);
  await killAll(cluster);
  const { local, answer } = await recovered(cluster.folder);
  assert.equal(answer.successor, toHex(local.service));
  assert.ok(answer.head.sequence > 0);
  // What was under way when the replicas died is sent again, under its old numbers, and counts once.
  await client.succeed(local.addresses());
  assert.deepEqual(client.chain.service, local.service);
  await load.progress(300);
  await load.finish();
  t.diagnostic(load.describe());

  // Whoever knows only the old service comes to the new one, and its log goes on from the old.
  const after = new Cluster(t, local);
  const late = await local.connect(undefined, { service: before });
  t.after(() => late.close());
  assert.deepEqual(late.chain.service, local.service);
  const [instance] = after.running();
  await local.destroy();
  for (const service of [before, local.service]) {
    const report = await auditFolder(instance!.folder, service);
    assert.deepEqual(report.problems, []);
    assert.deepEqual(report.service, local.service);
    const [succession] = report.successions;
    assert.deepEqual([succession!.from, succession!.to], [before, local.service]);
    assert.equal(succession!.sequence, answer.head.sequence);
  }
  // Nor is there anything secret in what shows both services to anyone.
  const exported = join(folderFor(t), 'public.ledger');
  assert.equal((await commandLine('ledger', 'export', instance!.folder, '--out', exported)).status, 0);
  for (const service of [before, local.service]) {
    const { answer: report, status } = await commandLine('ledger', 'verify', exported, '--service', toHex(service));
    assert.equal(status, 0, JSON.stringify(report));
    const { predecessors, service: last } = report as { predecessors: string[]; service: string };
    assert.deepEqual([predecessors, last], [[toHex(before)], toHex(local.service)]);
  }
  assert.equal((await commandLine('ledger', 'verify', exported, '--service', '00'.repeat(32))).status, 1);
  // A receipt of the lost service is as good as it was.
  const old = load.acknowledged[0]!.committed.receipt();
  const kept = join(folderFor(t), 'receipt.json');
  writeFileSync(kept, receiptText(old));
  assert.equal((await commandLine('receipt', 'verify', kept, '--service', toHex(before))).status, 0);
  assert.equal((await commandLine('receipt', 'verify', kept, '--service', toHex(local.service))).status, 1);
  // Whoever has the service's folder has what leads from the one to the other.
  const verified = await commandLine('receipt', 'verify', kept, '--folder', cluster.folder);
  const { lostAt, service } = verified.answer as { lostAt: number; service: string };
  assert.deepEqual([verified.status, service, lostAt], [0, toHex(before), answer.head.sequence]);
});

it('turns go on in the successor, and it can be lost and recovered, too', async (t) => {
  // With checkpoints, which prove to clients who the members are.
  const cluster = await found(t, { recoveryThreshold: 2, policy: { checkpointInterval: 8 } });
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(100);
  // A member is put out: what is written from then on is not for it, whoever helps.
  const { folder } = cluster.local;
  const members = folder.keys('members').map((name) => folder.key('members', name));
  const putOut = { kind: 'remove-member', key: folder.key('members', 'member-2').publicKey } as const;
  assert.equal((await decide(client, members, putOut)).state, 'accepted');
  rmSync(join(folder.path, 'members', 'member-2.key'));
  await load.progress(100);
  const disk = cluster.at(0).folder;
  await killAll(cluster);
  // No auditor is there: the two members who are left open the disks together.
  const auditors = join(cluster.folder, 'auditors');
  renameSync(auditors, `${auditors}.away`);
  const shut = await recover(cluster.folder, '--check');
  assert.match(shut.said, /is encrypted: name the key file of an auditor/);
  const [key, request] = ['recoverer.key', 'request.json'].map((name) => join(cluster.folder, name)) as [
    string,
    string,
  ];
  const made = await commandLine('member', 'share', 'key', '--out', key);
  const { publicKey } = made.answer as { publicKey: string };
  const asked = ['request', '--folder', cluster.folder, '--to', publicKey, '--out', request];
  assert.equal((await commandLine('member', 'share', ...asked)).status, 0);
  const shares: string[] = [];
  for (const i of [1, 2, 3]) {
    const out = join(cluster.folder, `share-${i}.json`);
    // As on a machine that has the member's key, and nothing else.
    const own = ['--share-key', join(cluster.folder, 'recovery', `member-${i}.key`), '--folder', folderFor(t)];
    const { answer, status } = await commandLine('member', 'share', 'release', request, '--out', out, ...own);
    const opened = answer as { shares: number; of: number };
    assert.equal(status, 0);
    assert.equal(opened.shares === opened.of, i !== 2, JSON.stringify(opened));
    assert.ok(opened.shares > 0);
    shares.push(out);
  }
  const gone = await recover(cluster.folder, '--check', '--share', ...shares.slice(0, 2), '--share-key', key);
  assert.equal(gone.status, 1);
  assert.match(gone.said, /1 of 2 shares that segment \d+ takes were released/);
  // One more says that it is member 2, and that it has something of every file.
  const lie = join(cluster.folder, 'lie.json');
  const { shares: ofFirst, ...said } = JSON.parse(readFileSync(shares[0]!, 'utf8')) as {
    shares: Record<string, string>;
  };
  const ids = Object.keys(ofFirst);
  const mixed = ids.map((id, i) => [id, i % 2 === 0 ? '00' : ofFirst[ids[i - 1]!]]);
  writeFileSync(lie, JSON.stringify({ ...said, shares: Object.fromEntries(mixed) }));
  const together = ['--share', lie, shares[0]!, shares[2]!, '--share-key', key];
  const checked = await recover(cluster.folder, '--check', ...together);
  assert.equal(checked.status, 0, checked.said);
  assert.equal(checked.said.split('lie.json: the share of segment').length, 2, checked.said);
  // They need not have it recovered to know that it holds.
  const repeated = ['--share', shares[0]!, '--share', shares[2]!, '--share-key', key];
  for (const command of ['audit', 'ledger verify']) {
    const { answer, status } = await commandLine(...command.split(' '), disk, ...repeated);
    assert.equal(status, 0, JSON.stringify(answer));
  }
  const { local: second } = await recovered(cluster.folder, ...together);
  renameSync(`${auditors}.away`, auditors);
  await client.succeed(second.addresses());
  const between = new Cluster(t, second);
  second.startHost();
  await turned(between, client, 1);
  const seated = between.at(1);
  // A quorum goes on without a newcomer that lags: its disk has the turn once it has a later checkpoint.
  await checkpointed(client, [seated]);
  await whole([seated]);
  await load.progress(100);
  await second.stopHost();
  await killAll(between);
  const report = await auditFolder(seated.folder, second.service);
  assert.deepEqual(report.problems, []);
  assert.equal(report.turns.length, 1);
  // Of a disk that was not copied whole, nobody says that nothing was there.
  const part = join(folderFor(t), 'part');
  cpSync(join(seated.folder, 'ledger'), join(part, 'ledger'), { recursive: true });
  const lacking = await recover(cluster.folder, '--check', '--from', part);
  assert.equal(lacking.status, 1);
  assert.match(lacking.said, /there is more than can be read: part: batches 1 to \d+ are not on it/);

  const { answer, local: third } = await recovered(cluster.folder);
  assert.equal(answer.predecessor, toHex(second.service));
  assert.equal(answer.disks.find(({ folder }) => folder === seated.folder)?.slot, 1);
  await client.succeed(third.addresses());
  await load.progress(100);
  await load.finish();
  t.diagnostic(load.describe());
  await third.destroy();
});

it('killed in the middle of load, again and again, it loses nothing', async (t) => {
  await killAllRounds({ folder: folderFor(t), rounds: 2, operations: 60, say: (line) => t.diagnostic(line) });
});

it('names the disk that was rolled back, and says what cannot be certain where too few are left', async (t) => {
  const cluster = await found(t);
  const load = new Load(await cluster.client());
  await load.progress(100);
  const copies = folderFor(t);
  // Instance 1 reveals nonces in some certificate before and after; its disk goes back to here.
  const early = join(copies, 'early');
  cpSync(cluster.at(1).folder, early, { recursive: true });
  await load.progress(300);
  const receipt = join(copies, 'receipt.json');
  writeFileSync(receipt, receiptText(load.acknowledged.at(-1)!.committed.receipt()));
  await killAll(cluster);
  const disks = [0, 2, 3].map((slot) => {
    const name = readdirSync(join(cluster.folder, 'instances')).find((one) => one.endsWith(`slot-${slot}`))!;
    return join(cluster.folder, 'instances', name);
  });

  // f destroyed, one more rolled back: nothing is lost.
  const all = await recover(cluster.folder, '--check', '--from', disks[0]!, disks[1]!, early, '--receipts', receipt);
  assert.equal(all.status, 0, all.said);
  assert.equal(all.answer.shortage, null);
  const [, , rolled] = all.answer.disks;
  assert.match(String(rolled!.altered), /^rolled back: it ends with batch \d+, and its instance revealed its nonce/);
  assert.ok(all.answer.disks.slice(0, 2).every(({ altered }) => altered === null));
  for (const { committed } of load.acknowledged) assert.ok(committed.sequence <= all.answer.head.sequence);

  // Whatever the host says of copies, they are of the instance that wrote them: a quorum of copies of one is none.
  const claimed = disks.slice(1).map((disk, i) => {
    const copy = join(copies, `claimed-${i}`);
    cpSync(early, copy, { recursive: true });
    cpSync(join(disk, 'process.json'), join(copy, 'process.json'));
    return copy;
  });
  const one = await recover(cluster.folder, '--check', '--from', early, ...claimed);
  assert.deepEqual([one.answer.ok, one.answer.shortage?.given], [false, 1], one.said);
  // And what the host noted of them is not needed.
  const bare = disks.concat(early).map((from, i) => {
    const copy = join(copies, `bare-${i}`);
    cpSync(join(from, 'ledger'), join(copy, 'ledger'), { recursive: true });
    return copy;
  });
  const unnamed = await recover(cluster.folder, '--check', '--from', ...bare, '--receipts', receipt);
  assert.deepEqual([unnamed.answer.ok, unnamed.answer.disks.map(({ slot }) => slot)], [true, [0, 2, 3, 1]]);

  // More than f missing: refused, with the range.
  const short = await recover(cluster.folder, '--check', '--from', disks[0]!, early);
  assert.deepEqual([short.status, short.answer.ok], [6, false]);
  assert.deepEqual([short.answer.shortage?.given, short.answer.shortage?.needed], [2, 3]);
  assert.equal(short.answer.lostFrom, short.answer.head.sequence + 1);
  const refused = await recover(cluster.folder, '--from', disks[0]!, early);
  assert.equal(refused.status, 1);
  assert.match(refused.said, /may be lost every batch after \d+/);
  assert.match(refused.said, /--accept-loss/);

  // All rolled back: they do not convict each other, a receipt does.
  const back = await recover(cluster.folder, '--check', '--from', early, '--receipts', receipt);
  assert.equal(back.status, 1);
  assert.match(back.said, /VOID, by the receipt .*: batch \d+ was committed, and these disks end with \d+/);
});

it('a replica that was thought dead stops when it is shown the succession, and a client that saw more says fork', async (t) => {
  const cluster = await found(t);
  const load = new Load(await cluster.client());
  await load.progress(50);
  const copies = folderFor(t);
  const disk = join(copies, 'disks');
  // Disks that lag behind what is acknowledged afterwards: with all of them rolled back, members go on from before.
  await load.progress(50);
  const client = await cluster.client();
  const lost = load.acknowledged.length;
  for (const { folder } of cluster.running())
    cpSync(folder, join(disk, folder.split('/').at(-1)!), { recursive: true });
  await load.progress(100);
  assert.ok(load.acknowledged.length > lost);
  await client.submit(operation({ command: 'increment', input: { key: 'seen' } }));
  await load.stop();
  // One is out of reach.
  const hidden = cluster.at(3);
  cluster.signal(hidden, 'SIGSTOP');
  for (const instance of cluster.running()) if (instance.slot !== 3) cluster.signal(instance, 'SIGKILL');
  await until('three are gone', () => cluster.running().length === 1);
  const running = await recover(cluster.folder);
  assert.equal(running.status, 1);
  assert.match(running.said, /1 instances of this folder run \(slot 3, turn 0\)/);

  // Elsewhere, nobody knows that it lives.
  for (const name of readdirSync(disk)) rmSync(join(disk, name, 'process.json'));
  const elsewhere = join(copies, 'elsewhere');
  cpSync(join(cluster.folder, 'members'), join(elsewhere, 'members'), { recursive: true });
  const auditor = ['--key', join(cluster.folder, 'auditors', 'auditor-1.key')];
  const lacking = await recover(elsewhere, '--from', disk, ...auditor);
  assert.match(lacking.said, /no release .* is in .*: --release FOLDER names one/);
  assert.equal(existsSync(join(elsewhere, 'instances')) && readdirSync(join(elsewhere, 'instances')).length > 0, false);
  const release = ['--release', foundersRelease(cluster)];
  const { local } = await recovered(elsewhere, '--from', disk, ...auditor, ...release);
  await assert.rejects(client.succeed(local.addresses()), { code: 'FORK' });
  cluster.signal(hidden, 'SIGCONT');
  const proof = join(copies, 'succession.proof');
  assert.equal((await commandLine('succession', 'prove', '--folder', elsewhere, '--out', proof)).status, 0);
  const verified = await commandLine('succession', 'verify', proof, '--service', toHex(cluster.local.service));
  assert.deepEqual(verified.answer, {
    ok: true,
    service: toHex(cluster.local.service),
    successor: toHex(local.service),
  });
  // Members left out what was acknowledged after the copies: whoever holds a receipt of it sees that, and nobody is led on from another service.
  const receipt = join(copies, 'receipt.json');
  writeFileSync(receipt, receiptText(load.acknowledged.at(-1)!.committed.receipt()));
  const verify = ['succession', 'verify', proof, '--service'];
  const forked = await commandLine(...verify, toHex(cluster.local.service), '--receipts', receipt);
  assert.deepEqual([forked.status, (forked.answer as { kind: string }).kind], [1, 'fork']);
  assert.equal((await commandLine(...verify, '00'.repeat(32))).status, 1);
  const tell = ['succession', 'tell', proof, '--address'];
  assert.equal((await commandLine(...tell, hidden.clientAddress)).status, 0);
  const status = await statusOf(hidden);
  assert.equal(status.health, 'succeeded');
  assert.equal(status.successor, toHex(local.service));
  await local.destroy();
});

it('a service is recovered to machines that an operator’s command launches, and from them', async (t) => {
  const cluster = await found(t, { policy: { checkpointInterval: 8 } });
  const client = await cluster.client();
  const increment = operation({ command: 'increment', input: { key: 'k' } });
  const count = async (): Promise<unknown> => valueOf((await client.submit(increment)).result);
  for (let i = 1; i <= 5; i++) assert.equal(await count(), i);
  await killAll(cluster);

  const folder = mkdtempSync(join(tmpdir(), 'coppice-e2e-'));
  const machines = new ProcessDriver({ folder, programOf: () => assert.fail('launches nothing') });
  const running = { running: () => machines.running(), signal: cluster.signal.bind(cluster) };
  t.after(async () => {
    await killAll(running);
    rmSync(folder, { recursive: true, force: true });
  });
  const script = fileURLToPath(new URL('../machines.ts', import.meta.url));
  const driver = [process.execPath, script, cluster.folder, folder];
  await recovered(cluster.folder, '--driver', ...driver);
  const local = LocalService.open(cluster.folder, { driver });
  assert.equal(machines.running().length, 4);
  await client.succeed(local.addresses());
  assert.equal(await count(), 6);
  const second = new Cluster(t, local);
  t.after(() => local.stopHost());
  local.startHost();
  await turned(second, client, 1);
  const newcomer = machines.running().find(({ turn }) => turn === 1)!;
  await until('the newcomer has the whole log', () => told(newcomer, 'history-complete') > 0);
  const last = await client.submit(increment);
  await local.stopHost();
  await killAll(running);

  // Turns of the successor begin at 1 again: what is on record of machines that are lost does not count.
  const { answer } = await recovered(cluster.folder, '--from', folder, '--driver', ...driver);
  assert.ok(answer.head.sequence >= last.sequence);
  const third = LocalService.open(cluster.folder, { driver });
  assert.deepEqual(
    third.driver
      .running()
      .map(({ instance }) => instance)
      .sort(),
    machines
      .running()
      .map(({ instance }) => instance)
      .sort(),
  );
  await client.succeed(third.addresses());
  t.after(() => third.stopHost());
  third.startHost();
  await turned(new Cluster(t, third), client, 2);
  assert.equal(await count(), (valueOf(last.result) as number) + 1);
});
