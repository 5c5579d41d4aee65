/**
 * Another signature scheme and another hash with real processes, under load: from version 2 of the protocol to 3, and to 4. Seats bring keys
 * of scheme 2 turn by turn, the hash changes with a batch; receipts of before, of the times between and of after hold from the genesis digest
 * alone, and so do the ledger and the certificates.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { auditFolder } from '@coppice/cli';
import type { Committed } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { receiptCodec, receiptFromJson, receiptToJson, verifyReceipt } from '@coppice/ledger';
import { encode, keysOf, toHex } from '@coppice/wire';
import { checkpointed, found, healthy, operation, serviceFile, turned, until, whole } from '../cluster.ts';
import { Load } from '../load.ts';

const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));

it('a service outlives its signature scheme and its hash', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-algorithms-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: readonly string[]): any => {
    const { status, stdout } = spawnSync(process.execPath, [coppice, ...args, '--json'], { encoding: 'utf8' });
    const answer: unknown = JSON.parse(stdout.trim().split('\n').at(-1)!);
    assert.equal(status, 0, JSON.stringify(answer));
    return answer;
  };
  const build = (out: string, ...more: readonly string[]): string =>
    run('release', 'build', '--service', serviceFile, '--out', join(folder, out), ...more).digest;
  build('first');
  const successor = build('second', '--protocols', '1,2,3');
  const last = build('third', '--protocols', '1,2,3,4');

  const cluster = await found(t, { release: join(folder, 'first') });
  const { local } = cluster;
  local.startHost();
  const client = await cluster.client();
  const load = new Load(client);
  const bySchemes = (): number[] =>
    [1, 2].map((scheme) => client.chain.configuration.seats.filter((seat) => keysOf(scheme as 1 | 2, [seat])).length);
  const receipts: Committed[] = [];
  const take = async (version: number): Promise<void> => {
    receipts.push(
      await until(`a header of version ${version}`, async () => {
        const committed = await client.submit(operation({ command: 'increment', input: { key: 'taken' } }));
        return committed.receipt().header.protocolVersion === version ? committed : undefined;
      }),
    );
  };
  const round = async (): Promise<void> => {
    for (let slot = 0; slot < 4; slot++) {
      await turned(cluster, client, slot);
      await load.progress(20);
    }
  };
  const approve = (release: string): void => {
    run('release', 'add', join(folder, release), '--folder', cluster.folder);
    const given = ['--folder', cluster.folder, '--as'];
    const { proposal } = run('member', 'propose', join(folder, release), ...given, 'member-1');
    run('member', 'vote', String(proposal), '--approve', ...given, 'member-2');
  };
  const certified = (name: string): any => {
    const certificate = join(folder, name);
    run('upgrade', 'report', '--folder', cluster.folder, '--out', certificate);
    return run('upgrade', 'verify', certificate, '--genesis', toHex(local.service));
  };
  await take(2);

  approve('second');
  await round();
  await take(3);
  assert.deepEqual(bySchemes(), [4, 0], 'no key that exists is changed');

  await round();
  await until('every seat has keys of scheme 2', async () => {
    await client.submit(operation({ command: 'increment', input: { key: 'awaited' } }));
    return bySchemes()[1] === 4;
  });
  await take(3);
  const shown = certified('certificate');
  assert.deepEqual([shown.to, shown.activation.protocol], [successor, { from: 2, to: 3 }]);

  approve('third');
  await round();
  await take(4);
  // Who comes now receives a state of the new hash, and a log of both.
  await turned(cluster, client, 0);
  await take(4);
  await load.progress(50);
  await load.finish();
  t.diagnostic(load.describe());

  const verdicts = receipts.map((committed) => {
    const receipt = committed.receipt();
    const { service } = local;
    const json = receiptFromJson(JSON.stringify(receiptToJson(receipt)));
    assert.ok(json.ok, 'has a form in JSON');
    const bytes = encode(receiptCodec, json.value);
    assert.deepEqual(verifyReceipt(nodeCryptography, bytes, { service }).ok, true);
    // One bit of what one seat signed, in the half that the receipt has last.
    const changed = bytes.slice();
    const { signature } = receipt.certificate.reveals.at(-1)!;
    changed[Buffer.from(bytes).lastIndexOf(Buffer.from(signature)) + signature.length - 1]! ^= 1;
    const verdict = verifyReceipt(nodeCryptography, changed, { service });
    return [signature.length, verdict.ok ? undefined : verdict.check];
  });
  assert.deepEqual(verdicts, [[64, 'certificate'], [64, 'certificate'], ...[3, 4, 4].map(() => [3373, 'certificate'])]);

  await healthy(cluster, client, 'after it');
  // Not those who gave up their seats: they may still be about.
  const seated = [0, 1, 2, 3].map((slot) => cluster.at(slot));
  await checkpointed(client, seated);
  await whole(seated);
  const report = await auditFolder(cluster.at(0).folder, local.service);
  assert.deepEqual(report.problems, []);
  assert.deepEqual([...new Set(report.epochs.map(({ scheme }) => scheme))], [1, 2]);
  assert.equal(report.epochs.at(-1)!.scheme, 2);
  assert.deepEqual(
    report.activations.map(({ from, to, failed }) => [from.protocol, to.protocol, failed]),
    [
      [2, 3, undefined],
      [3, 4, undefined],
    ],
  );
  const { stateRecomputed } = report.checkpoints;
  assert.ok(stateRecomputed > 0, 'states of both hashes were recomputed');
  const upgraded = certified('last certificate');
  assert.deepEqual([upgraded.to, upgraded.activation.protocol], [last, { from: 3, to: 4 }]);
});
