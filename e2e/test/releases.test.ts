/**
 * Code that members have not approved gets no seat; once they have, turns bring it into every slot.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { HostEvent } from '@coppice/host';
import { fromHex, type Seat, toHex } from '@coppice/wire';
import {
  earlyTurn,
  found,
  foundersRelease,
  log,
  lyingDriver,
  openTurn,
  operation,
  serviceFile,
  statusOf,
  until,
} from '../cluster.ts';
import { Load } from '../load.ts';

const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

it('a changed line of source is refused until members approve it', async (t) => {
  const cluster = await found(t);
  const client = await cluster.client();
  const load = new Load(client);
  const folder = mkdtempSync(join(tmpdir(), 'coppice-changed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...args: readonly string[]): any => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [coppice, ...args, '--json'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1)!);
  };

  const source = readFileSync(serviceFile, 'utf8');
  // What a service does goes by its version: replicas of both releases execute the old one until the new one is everywhere.
  const changed = source
    .replace('`texts: ', '`nothing but texts: ')
    .replace('  version: 1,\n  commands', '  version: 2,\n  commands');
  assert.match(changed, /nothing but texts[^]*version: 2/);
  symlinkSync(packages, join(folder, 'node_modules'));
  writeFileSync(join(folder, 'service.ts'), changed);
  const release = join(folder, 'release');
  const build = ['release', 'build', '--service', join(folder, 'service.ts'), '--out', release];
  const digest: string = run(...build, '--from', foundersRelease(cluster)).digest;
  assert.notEqual(digest, toHex(cluster.local.release));

  const seated = (what: string, is: (seat: Seat) => boolean): Promise<unknown> =>
    until(what, async () => {
      // Any answer from the new epoch makes the client follow.
      await client.submit(operation({ command: 'increment', input: { key: 'seated' } }));
      return client.chain.configuration.seats.some(is);
    });

  // An operator who launches it anyway: as what it is, it is not what the turn is for.
  await earlyTurn(cluster, 1);
  const turn = await openTurn(cluster);
  const launch = {
    ...{ service: cluster.local.service, slot: turn.slot, turn: turn.turn },
    ...{ challenge: fromHex(turn.challenge!)!, release: fromHex(digest)!, variant: turn.variant! },
  };
  const bootstrap = client.chain.configuration.seats.map((seat) => seat.clientAddress);
  const program = join(release, 'replica.mjs');
  const intruder = await lyingDriver(cluster, program).launch({ launch, bootstrap, epochKeys: 0 });
  await until(
    'it is refused and ends',
    () => /wrong-release/.test(log(intruder.folder)) && log(intruder.folder).includes('"exit"'),
  );
  assert.equal((await statusOf(cluster.at(0))).turn?.candidate, null);

  // Members approve it. The host, which has no such release, says so, and goes on when it has.
  const events: HostEvent[] = [];
  cluster.local.startHost((event) => events.push(event));
  await seated('slot 1 has an instance of the turn', (seat) => seat.slot === 1 && seat.turn > 0);
  run('member', 'propose', release, '--folder', cluster.folder, '--as', 'member-1');
  run('member', 'vote', '2', '--approve', '--folder', cluster.folder, '--as', 'member-2');
  await earlyTurn(cluster, 2);
  const missing = await until('the host says what it lacks', () =>
    events.find((event) => event.kind === 'failed' && event.reason.includes(digest)),
  );
  assert.match((missing as { reason: string }).reason, /coppice release add/);
  run('release', 'add', release, '--folder', cluster.folder);
  await seated('slot 2 runs it', (seat) => seat.slot === 2 && toHex(seat.release) === digest);
  await load.finish();
});
