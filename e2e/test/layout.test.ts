/**
 * Instances of one variant, which run the same program on the same engine, have their keys in different places of their memory.
 */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { it } from 'node:test';
import type { RunningInstance } from '@coppice/host';
import { type Cluster, found, rob } from '../cluster.ts';

/** Keys lie in one array of about this size. */
const arrayBytesMax = 48 * 1024;

/** The private key itself. */
function seedOf(pem: string): Buffer {
  return Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d!, 'base64url');
}

/** Addresses in a process at which these bytes are. */
function addressesOf(pid: number, wanted: readonly Buffer[]): bigint[][] {
  const found = wanted.map((): bigint[] => []);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      if (from === undefined || to === undefined) continue;
      const start = BigInt(`0x${from}`);
      const bytes = Buffer.alloc(Number(BigInt(`0x${to}`) - start));
      try {
        readSync(memory, bytes, 0, bytes.length, start);
      } catch {
        // What is mapped need not be there.
        continue;
      }
      for (const [i, one] of wanted.entries())
        for (let at = bytes.indexOf(one); at >= 0; at = bytes.indexOf(one, at + 1)) found[i]!.push(start + BigInt(at));
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

it('instances of one variant have their keys in different places', async (t) => {
  const cluster = await found(t, { breach: true });
  const layouts = await Promise.all(cluster.running().map((instance) => distances(cluster, instance)));
  t.diagnostic(layouts.join('; '));
  assert.equal(new Set(layouts).size, layouts.length);
});

/** How far the next keys of an instance lie from its first one, wherever the system has put all of them. */
async function distances(cluster: Cluster, instance: RunningInstance): Promise<string> {
  const { signingKeys } = await rob(cluster, instance);
  const keys = signingKeys.slice(0, 5).map(({ key }) => seedOf(key));
  const [firsts = [], ...others] = addressesOf(instance.pid, keys);
  // Of each key there is what the breach exported it from, too: that is freed, and lies anywhere.
  for (const first of firsts) {
    const near = others.map((addresses) =>
      addresses.map((address) => Number(address - first)).find((distance) => Math.abs(distance) < arrayBytesMax),
    );
    if (near.every((distance) => distance !== undefined)) return near.join(' ');
  }
  return assert.fail(`slot ${instance.slot} does not have its keys in one place`);
}
