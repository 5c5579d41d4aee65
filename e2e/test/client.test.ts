/**
 * A client of real replicas: calls with the service's types, freshness, and following the ledger from outside.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { callerOf } from '@coppice/client';
import { nodeCryptography } from '@coppice/cryptography';
import { receiptToJson, verifyReceipt } from '@coppice/ledger';
import { isServiceError } from '@coppice/service';
import { found } from '../cluster.ts';
import { killAll } from '../recovery.ts';
import service from '../service.ts';

test('calls with the types of the service, each with its receipt', async (t) => {
  const cluster = await found(t);
  const client = await cluster.client();
  const caller = callerOf(service, client);

  assert.equal(await caller.increment({ key: 'a' }), 1);
  const { receipt, result } = await caller.increment.withReceipt({ key: 'a' });
  assert.equal(result, 2);
  const text = JSON.stringify(receiptToJson(receipt!()));
  assert.ok(verifyReceipt(nodeCryptography, text, { service: cluster.local.service }).ok);
  await caller.put({ key: 'k', value: 'v' });
  assert.equal(await caller.get({ key: 'k' }), 'v');
  await assert.rejects(caller.put({ key: 'k' } as never), (error: unknown) => isServiceError(error));

  // In the realm of a replica, which is locked down, too.
  await assert.rejects(caller.flood(), (error: unknown) => isServiceError(error) && error.code === 'too-large');

  assert.ok(await client.fresh());

  // From the first batch on, in order and without a gap; the requests above are among them.
  const stop = new AbortController();
  let next = 1;
  let bundles = 0;
  for await (const { batch, header } of client.follow(1, stop.signal)) {
    assert.equal(header.sequence, next++);
    bundles += batch.items.filter((item) => item.kind === 'bundle').length;
    if (bundles >= 4) stop.abort();
  }
  assert.ok(bundles >= 4);
});

test('whoever waits when all replicas end is told that the outcome is not known', async (t) => {
  const cluster = await found(t);
  const { folder } = cluster;
  // In a process that nothing else keeps alive.
  const program = `
    const { LocalService } = await import('@coppice/cli');
    const { encodeOperation } = await import('@coppice/service');
    const client = await LocalService.open(${JSON.stringify(folder)}).connect(undefined, { giveUpMs: 3000 });
    const operation = { target: 'service', payload: encodeOperation({ command: 'increment', input: { key: 'k' } }) };
    await client.submit(operation);
    process.send('ready');
    await new Promise((resolve) => process.once('message', resolve));
    process.disconnect();
    await client.submit(operation).catch(({ code }) => console.log(code));
    client.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout!.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'message');
  await killAll(cluster);
  child.send('go');
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.equal(said, 'unknown\n');
});
