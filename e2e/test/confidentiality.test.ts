/**
 * What the host can see, searched byte by byte for a value that a client wrote, and for keys; and what an evicted intruder can read with
 * all that it had. spec/confidentiality.md.
 *
 * On simulated platforms a host could look into the memory of instances: that is what a TEE encrypts, so instances are left out, and it is
 * the host's own process that is searched.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditorKeys, decide } from '@coppice/cli';
import type { Client } from '@coppice/client';
import { newSealingKey, newSigner, signerOf } from '@coppice/cryptography';
import { historyFolders, openKeyFiles, readSealedFolder } from '@coppice/node';
import { encodeOperation } from '@coppice/service';
import { fileKey, KnownKeys, readLedger } from '@coppice/storage';
import { fromHex } from '@coppice/wire';
import { checkpointed, type Cluster, doorTo, found, operation, rob, turned, until, valueOf } from '../cluster.ts';
import { rangeHas } from '../search.ts';
import { tapped } from '../wiretap.ts';

const coppice = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

/** The host as a process of its own, which has seen nothing but what hosts see. */
function startHost(t: TestContext, cluster: Cluster): ChildProcess {
  const host = spawn(process.execPath, [coppice, 'host', '--folder', cluster.folder], { stdio: 'ignore' });
  t.after(() => host.kill('SIGKILL'));
  return host;
}

/** The 32 bytes of a private key, and as it is written in a PEM file. */
function formsOf(pem: string): Buffer[] {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  const [, body] = pem.split('\n');
  return [der.subarray(-32), Buffer.from(body!)];
}

/** Where these bytes are: in files below `folder`, but for what plays members, clients and auditors. */
function filesWith(folder: string, needles: readonly Buffer[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\/(?:auditors|members|clients|recovery)$/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      let bytes: Buffer;
      try {
        bytes = readFileSync(path);
      } catch (error) {
        // Instances that run rename what they have written, and remove what is too old.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
        throw error;
      }
      return needles.some((needle) => bytes.includes(needle));
    });
}

/** Whether these bytes are in the memory of a process; `undefined` where this system does not let us look. */
function memoryHas(pid: number, needles: readonly Buffer[]): boolean | undefined {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/mem`, 'r');
  } catch {
    return undefined;
  }
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8')
      .split('\n')
      .some((line) => {
        const [, low, high] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? [];
        return (
          low !== undefined &&
          !line.includes('[v') &&
          rangeHas(fd, Number.parseInt(low, 16), Number.parseInt(high!, 16), needles)
        );
      });
  } finally {
    closeSync(fd);
  }
}

async function put(client: Client, key: string, value: string): Promise<void> {
  await client.submit(operation({ command: 'put', input: { key, value } }));
}

/** Everything that auditors can read of an instance's disk, up to where they cannot. */
async function readBy(folder: string, keys: readonly KeyObject[]): Promise<{ content: Buffer; end: string }> {
  const parts: Uint8Array[] = [];
  for await (const item of readSealedFolder(folder, keys)) {
    if (item.kind === 'record') parts.push(item.record.payload);
    else return { content: Buffer.concat(parts), end: item.kind === 'corrupt' ? item.damage.reason : item.kind };
  }
  assert.fail('no end');
}

async function decrypted(folder: string): Promise<Buffer> {
  const { content, end } = await readBy(folder, auditorKeys(folder));
  assert.ok(end === 'clean' || end === 'torn', end);
  return content;
}

/** How many records of an instance's disk these keys open. */
function openedBy(folder: string, keys: KnownKeys): number {
  let records = 0;
  for (const ledger of [join(folder, 'ledger'), ...historyFolders(folder).map((one) => one.folder)])
    for (const item of readLedger(ledger, { keys })) if (item.kind === 'record') records += 1;
  return records;
}

it('neither what is private nor a key is in anything that the host sees, and an evicted intruder reads nothing new', async (t) => {
  const wires = mkdtempSync(join(tmpdir(), 'coppice-wires-'));
  t.after(() => rmSync(wires, { recursive: true, force: true }));
  const tap = await tapped(t, join(wires, 'heard'));
  if (tap === undefined) t.diagnostic('this system does not let us listen to its wires');
  const cluster = await found(t, { breach: true, recoveryThreshold: 2 });
  const host = startHost(t, cluster);
  const client = await cluster.client();
  const before = `before-${randomBytes(12).toString('hex')}`;
  const after = `after-${randomBytes(12).toString('hex')}`;
  const markers = [before, after].flatMap((value) => [Buffer.from(value), Buffer.from(value, 'utf16le')]);
  await put(client, 'private', before);
  const board = { key: 'private', kept: before, shown: `shown-${randomBytes(12).toString('hex')}` };
  await client.submit(operation({ command: 'publish', input: board }));

  const victim = cluster.at(2);
  const loot = await rob(cluster, victim);
  // What the intruder took is the intruder's, not the host's.
  rmSync(join(victim.folder, 'breach.json'));
  assert.ok(loot.fileKeys.length > 0 && loot.sealingKeys.length > 10);

  // While it sits, it is one of those that read: also the past, which it asks its peers for.
  await turned(cluster, client, 2);
  await turned(cluster, client, 3);
  await put(client, 'private', after);
  const all = readdirSync(join(cluster.folder, 'instances')).map((name) => join(cluster.folder, 'instances', name));
  assert.equal(all.length, 6);
  await checkpointed(
    client,
    [0, 1, 2, 3].map((slot) => cluster.at(slot)),
  );
  await until('the newest instance has a snapshot', () =>
    readdirSync(join(cluster.at(3).folder, 'snapshots')).some((name) => name.endsWith('.snap')),
  );

  // It is there, for auditors.
  const newest = await decrypted(cluster.at(0).folder);
  assert.ok(newest.includes(before) && newest.includes(after));

  const shown = [Buffer.from(board.shown)];
  assert.deepEqual(filesWith(cluster.folder, shown), []);
  const keys = [
    ...loot.fileKeys.map((key) => Buffer.from(key, 'hex')),
    ...[loot.identity, ...[...loot.signingKeys, ...loot.sealingKeys].map(({ key }) => key)].flatMap(formsOf),
    ...(await Promise.all(all.map((folder) => openKeyFiles(folder, auditorKeys(folder))))).flatMap((known) =>
      known.keys.map((key) => Buffer.from(key)),
    ),
  ];
  assert.ok(keys.length >= 10, `${keys.length} keys`);
  const needles = [...markers, ...keys, ...keys.map((key) => Buffer.from(key.toString('hex')))];
  assert.deepEqual(filesWith(cluster.folder, needles), []);
  for (const pid of [host.pid!, ...cluster.running().map((instance) => instance.pid)]) {
    const given = Buffer.concat(['environ', 'cmdline'].map((name) => readFileSync(`/proc/${pid}/${name}`)));
    assert.ok(!needles.some((needle) => given.includes(needle)));
  }
  // On the wires, of clients, instances and whoever asks them, is nothing in the clear: not even what is public.
  assert.notEqual(await tap?.heard([...needles, ...shown]), true, 'it is on a wire');
  // What a core of the host would have.
  const own = memoryHas(process.pid, markers);
  if (own === undefined) t.diagnostic('this system does not let us look into the memory of a process');
  else {
    assert.ok(own, 'whoever looks for the marker where it is finds it');
    assert.equal(memoryHas(host.pid!, needles), false, 'it is in the memory of the host');
  }

  // Nor is it in what anyone may have, and check.
  const exported = join(cluster.folder, 'public.ledger');
  const commands = [
    ['export', cluster.at(0).folder, '--out', exported],
    ['verify', exported, '--folder', cluster.folder],
  ];
  for (const command of commands) {
    const { status, stdout } = spawnSync(process.execPath, [coppice, 'ledger', ...command, '--json'], {
      encoding: 'utf8',
    });
    const { epochs, ok, system } = JSON.parse(stdout) as { epochs: number; ok: boolean; system: number };
    assert.deepEqual([status, ok, epochs], [0, true, 3]);
    assert.ok(system >= 2 * 3, 'challenges, joins and notices of two turns are in it');
  }
  assert.deepEqual(filesWith(cluster.folder, markers), []);
  assert.deepEqual(filesWith(cluster.folder, shown), [exported]);

  // The intruder's keys open what that instance wrote while it sat, and nothing else on any disk.
  const known = new KnownKeys();
  for (const key of loot.fileKeys) known.add(fileKey(fromHex(key)!));
  for (const folder of all) {
    const opened = openedBy(folder, known);
    if (folder !== victim.folder) assert.equal(opened, 0, folder);
    else assert.ok(opened > 0);
    const sealed = loot.sealingKeys.map(({ key }) => createPrivateKey(key));
    assert.equal((await openKeyFiles(folder, sealed)).size, 0);
  }
  assert.ok(!(await decrypted(victim.folder)).includes(after));

  // Nor does any door open to it, or to a client.
  const { instance, clientAddress } = cluster.at(0);
  const door = await doorTo({ clientAddress, instance });
  t.after(() => door.close());
  const { service } = cluster.local;
  const [evicted, stranger] = [signerOf(createPrivateKey(loot.identity)), newSigner()];
  const forInstances = /the ledger is for instances/;
  for (const as of [undefined, door.callerProof(service, stranger), door.callerProof(service, evicted)])
    await assert.rejects(door.ask({ kind: 'ledger', from: 1, as }, 'ledger'), forInstances);
  const payload = encodeOperation({ command: 'get', input: { key: 'private' } });
  const proof = door.callerProof(service, stranger);
  const answer = await door.ask({ kind: 'query', target: 'service', payload, as: proof }, 'answer');
  assert.equal(valueOf(answer.payload), after);
  // A key that is not the asker's: with another's signature, and with one that was made for another replica.
  const elsewhere = await doorTo(cluster.at(1));
  t.after(() => elsewhere.close());
  for (const as of [{ ...proof, key: evicted.publicKey }, elsewhere.callerProof(service, stranger)])
    await assert.rejects(door.ask({ kind: 'query', target: 'service', payload, as }, 'answer'), /not yours/);

  // Members put another auditor in the place of the first: it reads what is written from then on, and the first does not.
  const successor = newSealingKey();
  const { folder } = cluster.local;
  const members = folder.keys('members').map((name) => folder.key('members', name));
  const auditors = [{ name: 'successor', key: successor.publicKey }];
  assert.equal((await decide(client, members, { kind: 'set-auditors', auditors })).state, 'accepted');
  const later = `later-${randomBytes(12).toString('hex')}`;
  await put(client, 'private', later);
  const disk = cluster.at(0).folder;
  const first = auditorKeys(disk);
  await until('it is on the disk', async () =>
    (await readBy(disk, [...first, successor.privateKey])).content.includes(later),
  );
  const past = await readBy(disk, first);
  assert.equal(past.end, 'key-missing');
  assert.ok(past.content.includes(after) && !past.content.includes(later));
  assert.deepEqual(await readBy(disk, [successor.privateKey]), { content: Buffer.alloc(0), end: 'key-missing' });
});
