/**
 * Replicas with most of their state on disk: its host can read nothing there, and what it writes there costs it that replica.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import type { RunningInstance } from '@coppice/host';
import { checkpointed, found, operation, turned, until, valueOf } from '../cluster.ts';
import { Load } from '../load.ts';

const slot = 3;
const secret = 'a private value that its host must not see ';

/** The file that an instance has pages of its state in, as its host finds it: it has no name any more. */
function pagesOf({ pid }: RunningInstance): string {
  const folder = `/proc/${pid}/fd`;
  const open = readdirSync(folder).find((fd) => readlinkSync(join(folder, fd)).includes('/state/pages-'));
  assert.ok(open, 'it has no such file open');
  return join(folder, open);
}

it('a state that is not in memory is read by nobody else, and altered by nobody else', async (t) => {
  const cluster = await found(t, { stateCacheBytes: 0, policy: { checkpointInterval: 16 } });
  const client = await cluster.client();
  const load = new Load(client);
  const value = secret.repeat(50);
  const keys = Array.from({ length: 60 }, (_, i) => `large ${i}`);
  await Promise.all(keys.map((key) => client.submit(operation({ command: 'put', input: { key, value } }))));
  await load.progress(50);
  await checkpointed(client, cluster.running());

  const altered = cluster.at(slot);
  const pages = pagesOf(altered);
  const written = readFileSync(pages);
  assert.ok(written.length > value.length * keys.length, `${written.length} bytes are there`);
  assert.equal(written.indexOf(secret), -1);
  const fd = openSync(pages, 'r+');
  writeSync(fd, new Uint8Array(written.length), 0, written.length, 0);
  closeSync(fd);
  await until('the replica whose pages were altered has left', async () => {
    await client.submit(operation({ command: 'put', input: { key: keys[0]!, value } }));
    return cluster.running().length === 3;
  });
  assert.match(readFileSync(join(altered.folder, 'node.log'), 'utf8'), /"event":"exit".*storage: CORRUPT_PAGE/);
  await load.progress(50);

  // Another one receives the state, and has it on its disk, too.
  cluster.local.startHost();
  await turned(cluster, client, slot);
  assert.ok(readFileSync(pagesOf(cluster.at(slot))).length > value.length * keys.length);
  await load.progress(50);
  await load.finish();
  const { result } = await client.submit(operation({ command: 'put', input: { key: keys[1]!, value: 'short' } }));
  assert.equal(valueOf(result), null);
});
