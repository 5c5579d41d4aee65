/**
 * A backup of an instance that works, restored, and asked what was so as of a batch: with the service digest, the release and the
 * key of an auditor, when the service is gone.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
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
  const cluster = await found(t);
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
  stop.abort();
  await load;
  const release = foundersRelease(cluster);
  const service = toHex(cluster.local.service);
  const auditor = join(cluster.folder, 'auditors', 'auditor-1.key');
  await cluster.local.destroy();

  const restored = join(cluster.folder, 'restored');
  assert.equal((await coppice('backup', 'verify', '--store', store)).ok, true);
  await coppice('backup', 'restore', '--store', store, '--out', restored);
  const folders = ['--instance', restored, '--release', release, '--service', service, '--auditor-key', auditor];
  const answer = await coppice('query', 'count', '{"key":"k"}', '--at', String(places[2]), ...folders);
  assert.deepEqual([answer.value, answer.sequence], [3, places[2]]);
});
