/**
 * A flaw in the sources, in every variant, that depends on what runs it: the exploit that robs an instance gets nothing from its successor.
 *
 * Two careless lines, as they have been written elsewhere: signatures are made with a copy of the key in a small `Buffer`, and answers
 * to queries are the memory that a small `Buffer` lies in. Node takes small ones from one pool, so an answer is the pool, with the copies
 * in it; in Bun each has memory of its own.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { signerFromSeed } from '@coppice/cryptography';
import { installedRuntimes } from '@coppice/host';
import { openRelease } from '@coppice/release';
import { encodeOperation } from '@coppice/service';
import { type Seat, sameBytes, seatOf, toHex } from '@coppice/wire';
import { checkOut } from '../../packages/release/test/checkout.ts';
import { doorTo, found, runtimesMissing, serviceFile, turned } from '../cluster.ts';
import { Load } from '../load.ts';
import { replaceIn } from '../plant.ts';

const skip = runtimesMissing() ?? false;
const [own, ...others] = installedRuntimes().map(({ name }) => name);
const bun = others.find((name) => name.startsWith('bun@'));
const root = fileURLToPath(new URL('../..', import.meta.url));
const attempts = 50;

/** The flawed sources, built by themselves: the plain program on Node, and another on Bun. */
function buildFlawed(folder: string): string {
  const sources = join(folder, 'sources');
  checkOut(sources);
  replaceIn(
    join(sources, 'packages/cryptography/src/sodium.ts'),
    'crypto_sign_detached(signature, message, secretKey(secret))',
    'crypto_sign_detached(signature, message, Buffer.from(secretKey(secret)))',
  );
  replaceIn(
    join(sources, 'packages/node/src/desk.ts'),
    'sequence: node.replica.committed, payload });',
    'sequence: node.replica.committed, payload: request.target === "service" ? new Uint8Array(Buffer.from(payload).buffer) : payload });',
  );
  symlinkSync(join(root, 'runtimes/node_modules'), join(sources, 'runtimes/node_modules'));
  const out = join(folder, 'release');
  const options = ['--service', serviceFile, '--out', out, '--runtimes', `${own},${bun}`, '--variant', 'birch'];
  const program = join(sources, 'packages/cli/src/main.ts');
  const { status, stderr } = spawnSync(process.execPath, [program, 'release', 'build', ...options], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return out;
}

/** The exploit: asks for nothing, and looks for the key of the seat in what else comes with the answer. */
async function exploit({ clientAddress, instance, signingKey }: Seat): Promise<Uint8Array | undefined> {
  const door = await doorTo({ clientAddress, instance: toHex(instance) });
  try {
    for (let i = 0; i < attempts; i++) {
      const payload = encodeOperation({ command: 'get', input: { key: 'nothing' } });
      const answer = await door.ask({ kind: 'query', target: 'service', payload, as: undefined }, 'answer');
      const leaked = Buffer.from(answer.payload);
      // A secret key ends with the public one.
      for (let at = leaked.indexOf(signingKey); at >= 0; at = leaked.indexOf(signingKey, at + 1)) {
        if (at < 32) continue;
        const seed = new Uint8Array(leaked.subarray(at - 32, at));
        if (sameBytes(signerFromSeed(seed).publicKey, signingKey)) return seed;
      }
    }
    return undefined;
  } finally {
    door.close();
  }
}

it('an exploit that robs an instance gets nothing from its successor', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-flawed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const release = buildFlawed(folder);
  const cluster = await found(t, { release });
  const client = await cluster.client();
  const load = new Load(client);
  await load.progress(50);
  const seat = (slot = 0): Seat => seatOf(client.chain.configuration, slot)!;
  const runtimeIn = ({ variant }: Seat): string =>
    openRelease(release).manifest.variants.find(({ id }) => id === variant)!.runtime;

  assert.equal(runtimeIn(seat()), own);
  assert.ok(await exploit(seat()), 'the predecessor gives its key');

  cluster.local.startHost();
  await turned(cluster, client, 0);
  assert.equal(runtimeIn(seat()), bun);
  await load.progress(50);
  assert.equal(await exploit(seat()), undefined, 'the successor does not');
  assert.equal(runtimeIn(seat(3)), own);
  assert.ok(await exploit(seat(3)), 'and who still runs on what it needs does');
  t.diagnostic(`slot 0, now ${seat().variant} (${toHex(seat().instance).slice(0, 8)}), was asked ${attempts} times`);
  await load.finish();
});
