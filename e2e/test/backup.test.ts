/**
 * A backup of an instance that works, restored, and asked what was so as of a batch: with the service digest, the release and the
 * key of an auditor, when the service is gone.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toHex } from '@coppice/wire';
import { found, foundersRelease, operation, until } from '../cluster.ts';

const main = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));

async function coppice(...words: readonly string[]): Promise<any> {
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...words, '--json']);
  return JSON.parse(stdout);
}

it('a backup that was taken under load answers for every batch', async (t) => {
  const cluster = await found(t, { policy: { checkpointInterval: 2 } });
  const client = await cluster.client();
  const increment = operation({ command: 'increment', input: { key: 'k' } });
  const places: number[] = [];
  for (let i = 0; i < 5; i++) places.push((await client.submit(increment)).sequence);
  const store = join(cluster.folder, 'store');
  const { folder } = cluster.at(0);
  const stop = new AbortController();
  const load = (async () => {
    while (!stop.signal.aborted) await client.submit(increment);
  })();
  // One replica may lag behind the others, and the last of its batches need not be certified yet.
  await until('a backup has what was committed before', async () => {
    const { sequence } = await coppice('backup', 'create', folder, '--store', store);
    return sequence > places.at(-1)! + 4;
  });
  // What is written meanwhile is no damage.
  const verified = await coppice('ledger', 'verify', folder);
  assert.deepEqual([verified.ok, verified.snapshot.problem], [true, undefined]);
  stop.abort();
  await load;
  const release = foundersRelease(cluster);
  const service = toHex(cluster.local.service);
  const auditor = join(cluster.folder, 'auditors', 'auditor-1.key');
  await cluster.local.destroy();

  // A crash cuts the last write, and that loses nothing.
  const segments = readdirSync(join(folder, 'ledger')).filter((name) => name.endsWith('.seg'));
  const last = join(folder, 'ledger', segments.sort().at(-1)!);
  truncateSync(last, readFileSync(last).findLastIndex((byte) => byte !== 0) - 2);
  const { cut, frames, ok } = await coppice('ledger', 'verify', folder);
  assert.deepEqual([ok, frames, cut.length], [true, [], 1]);

  const restored = join(cluster.folder, 'restored');
  assert.equal((await coppice('backup', 'verify', '--store', store)).ok, true);
  await coppice('backup', 'restore', '--store', store, '--out', restored);
  const folders = ['--instance', restored, '--release', release, '--service', service, '--auditor-key', auditor];
  const answer = await coppice('query', 'count', '{"key":"k"}', '--at', String(places[2]), ...folders);
  assert.deepEqual([answer.value, answer.sequence], [3, places[2]]);

  // In the service's folder are its releases and keys; and what is after the end is not answered as if it were known.
  const late = ['--at', '2999-01-01T00:00:00Z', '--instance', folder];
  const unnamed = await coppice('query', 'count', '{"key":"k"}', ...late);
  assert.ok(unnamed.value > 5);
  assert.equal(unnamed.ledgerEnds.sequence, unnamed.sequence);

  // As of a batch, and as of its time: a read-only service, which proves to others what keys had.
  const { time } = answer as { time: number };
  for (const [i, moment] of [String(places[2]), new Date(time).toISOString()].entries()) {
    const then = join(cluster.folder, `then-${i}`);
    await coppice('backup', 'restore', '--store', store, '--out', then, '--at', moment);
    const named = ['--release', release, '--service', service, '--auditor-key', auditor];
    const url = await served(t, then, ...named);
    const ask = async (path: string, body?: string) => {
      const response = await fetch(new URL(path, url), body === undefined ? {} : { method: 'POST', body });
      return { status: response.status, answer: (await response.json()) as any };
    };
    assert.equal((await ask('/')).answer.sequence, places[2]);
    const counted = await ask('/query/count', '{"key":"k"}');
    assert.deepEqual([counted.status, counted.answer.value, counted.answer.sequence], [200, 3, places[2]]);
    const proven = await ask(`/history/counters?key=k&at=${places[0]}`);
    assert.deepEqual([proven.answer.value, proven.answer.from, proven.answer.until], [1, places[0], places[1]]);
    const proof = join(cluster.folder, `${i}.proof`);
    writeFileSync(proof, Buffer.from(proven.answer.proof, 'base64'));
    const verified = await coppice('history', 'verify', proof, '--service', service);
    assert.deepEqual([verified.ok, verified.value, verified.from], [true, 1, places[0]]);
    // What came later is nothing that it knows, and it changes nothing.
    assert.equal((await ask(`/history/counters?key=k&at=${places[4]}`)).answer.error.code, 'not-stable');
    assert.equal((await ask('/history/values?key=k')).answer.error.code, 'not-allowed');
    assert.equal((await ask('/query/increment', '{"key":"k"}')).status, 422);
    assert.equal((await ask('/query/count', '{')).status, 400);
    assert.equal((await ask('/query/count', `"${'x'.repeat(600_000)}"`)).status, 413);
    assert.equal((await ask('/votes')).status, 404);
  }
  await assert.rejects(coppice('backup', 'restore', '--store', store, '--out', 'nowhere', '--at', '99999999'));
});

/** The address of a read-only service of this folder, that ends with the test. */
async function served(t: TestContext, folder: string, ...options: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [main, 'backup', 'serve', folder, ...options, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) return (JSON.parse(line) as { url: string }).url;
  assert.fail('it does not serve');
}
