/**
 * A successor is founded once: where nothing lives, by members wherever their keys are, and whoever was interrupted goes on.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { LocalService, receiptText } from '@coppice/cli';
import { ProcessDriver } from '@coppice/host';
import { Cluster, found, foundersRelease, operation, until } from '../cluster.ts';
import { Load } from '../load.ts';
import { commandLine, killAll, recover, started } from '../recovery.ts';

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The disks of what runs, as if it did not. */
function copied(cluster: Cluster, to: string): string {
  for (const { folder } of cluster.running()) {
    const copy = join(to, folder.split('/').at(-1)!);
    cpSync(folder, copy, { recursive: true });
    rmSync(join(copy, 'process.json'));
  }
  return to;
}

it('a service that lives is not touched by a recovery in its folder', async (t) => {
  const cluster = await found(t);
  const client = await cluster.client();
  await client.submit(operation({ command: 'increment', input: { key: 'before' } }));
  const disks = copied(cluster, folderFor(t));
  const refused = await recover(cluster.folder, '--from', disks);
  assert.equal(refused.status, 1);
  assert.match(refused.said, /4 instances of this folder run/);
  assert.equal(cluster.running().length, 4);
  await client.submit(operation({ command: 'increment', input: { key: 'after' } }));
});

it('members sign on their machines, once; a founding that was cut short is finished, and there is never another one', async (t) => {
  const cluster = await found(t);
  const load = new Load(await cluster.client());
  await load.progress(50);
  await load.stop();
  await killAll(cluster);
  const place = mkdtempSync(join(tmpdir(), 'coppice-e2e-'));
  const [draft, folder] = [join(place, 'draft.json'), join(place, 'new')];
  const disks = ['--from', cluster.folder, '--key', join(cluster.folder, 'auditors', 'auditor-1.key')];
  const driver = new ProcessDriver({ folder, programOf: () => '' });
  t.after(() => {
    for (const instance of driver.running()) driver.destroy(instance);
    rmSync(place, { recursive: true, force: true });
  });

  // The coordinator has no member's key.
  const alone = await recover(folder, ...disks, '--release', foundersRelease(cluster));
  assert.match(alone.said, /3 of 3 members must sign, and keys of 0 are in .*: --draft FILE/);
  assert.deepEqual(driver.running(), []);
  // What another one that was cut short launched is ended: it has no service.
  const made = ['--draft', draft, '--release', foundersRelease(cluster)];
  const early = await recover(folder, ...disks, ...made);
  assert.equal(early.status, 0, early.said);
  const [first] = driver.running();
  rmSync(join(folder, 'founding.json'));
  const over = await recover(folder, ...disks, ...made);
  assert.match(over.said, /draft\.json is there already/);
  rmSync(draft);
  const { status, said, answer } = await recover(folder, ...disks, ...made);
  assert.equal(status, 0, said);
  const founders = driver.running();
  assert.equal(founders.length, 4);
  assert.ok(founders.every(({ instance }) => instance !== first!.instance));
  const waits = await recover(folder, ...disks);
  assert.match(waits.said, /a draft of [0-9a-f]{64} waits for members' signatures/);

  const signed: string[] = [];
  for (const i of [1, 2, 3]) {
    // As on a machine that has the member's key, and nothing else.
    const own = folderFor(t);
    const key = join(own, 'member.key');
    cpSync(join(cluster.folder, 'members', `member-${i}.key`), key);
    const sign = (out: string, file: string) =>
      commandLine('member', 'sign', file, '--member-key', key, '--out', join(own, out), '--folder', own);
    assert.equal((await sign('signed.json', draft)).status, 0);
    signed.push(join(own, 'signed.json'));
  }
  // A member signs no other one.
  const third = join(signed[2]!, '..', 'member.key');
  const notes = JSON.parse(readFileSync(`${third}.successions`, 'utf8')) as { successor: string }[];
  writeFileSync(`${third}.successions`, JSON.stringify(notes.map((one) => ({ ...one, successor: '00'.repeat(32) }))));
  const second = ['member', 'sign', draft, '--member-key', third, '--out', join(place, 'second.json')];
  const refused = await commandLine(...second);
  assert.equal(refused.status, 1);
  assert.match(refused.said, /signed a successor of [0-9a-f]{64} already: (00){32}, from batch \d+ on/);
  assert.equal((await commandLine(...second, '--another')).status, 0);

  const few = await recover(folder, ...disks, '--signed', ...signed.slice(0, 2));
  assert.match(few.said, /signatures: 2 of 3 members signed/);
  assert.equal(driver.running().length, 4);

  // Nobody reads what it writes last: whoever recovers hangs there, and can be killed when founders have been given what is signed.
  const last = join(folder, 'genesis.bin');
  execFileSync('mkfifo', [last]);
  const run = started('recover', '--folder', folder, ...disks, '--signed', ...signed);
  const stage = (): string =>
    (JSON.parse(readFileSync(join(folder, 'founding.json'), 'utf8')) as { stage: string }).stage;
  await until('founders are given what is signed', () => stage() === 'given');
  run.kill('SIGKILL');
  await until('it is gone', () => run.signalCode !== null);
  rmSync(last);
  const again = await recover(folder, ...disks);
  assert.equal(again.status, 0, again.said);
  assert.equal(again.answer.successor, (answer as unknown as { successor: string }).successor);
  assert.deepEqual(
    driver.running().map(({ instance }) => instance),
    founders.map(({ instance }) => instance),
  );

  // It lives; and whoever has a receipt of it can show that to who would found another one.
  const local = LocalService.open(folder);
  const successor = new Load(await new Cluster(t, local).client());
  await successor.progress(20);
  await successor.stop();
  const living = await recover(folder, ...disks);
  assert.match(living.said, /4 instances of this folder run/);
  const receipt = join(place, 'receipt.json');
  writeFileSync(receipt, receiptText(successor.acknowledged.at(-1)!.committed.receipt()));
  const fork = await recover(cluster.folder, '--check', '--receipts', receipt);
  assert.equal(fork.status, 1);
  assert.match(fork.said, /FORK, by the receipt .* goes on from batch \d+ of/);
  await local.destroy();
  await until('all are gone', () => driver.running().length === 0);
  const taken = await recover(folder, ...disks);
  assert.match(
    taken.said,
    /is the folder of a successor of [0-9a-f]{64} already: [0-9a-f]{64}, which goes on from batch/,
  );
  const elsewhere = join(place, 'elsewhere');
  mkdirSync(elsewhere);
  const sibling = [
    '--service',
    waitsFor(taken.said),
    '--from',
    cluster.folder,
    join(folder, 'instances'),
    ...disks.slice(2),
  ];
  assert.match(
    (await recover(elsewhere, ...sibling)).said,
    /is the disk of [0-9a-f]{64}, another service that goes on from/,
  );
});

/** The service whose successor there is. */
const waitsFor = (said: string): string => /a successor of ([0-9a-f]{64}) already/.exec(said)![1]!;
