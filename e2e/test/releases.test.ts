/**
 * Code that members have not approved gets no seat; once they have, turns bring it into every slot, it is activated, and one file
 * proves that.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fleetStatus, statusLines } from '@coppice/cli';
import type { HostEvent } from '@coppice/host';
import type { NodeStatus } from '@coppice/node';
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

  const refused = (...args: readonly string[]): string => {
    const { status, stdout } = spawnSync(process.execPath, [coppice, ...args, '--json'], { encoding: 'utf8' });
    assert.equal(status, 1, stdout);
    return stdout;
  };

  const source = readFileSync(serviceFile, 'utf8');
  const changed = source.replace(
    /^  version: 1,$/m,
    "  version: 2, migrate: { 2: (tx) => tx.map<string>('values').set('migrated', 'yes') },",
  );
  assert.notEqual(changed, source);
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

  /** What is said of the upgrade, and who sits where. */
  const moving = async (): Promise<{ upgrade: string | undefined; seats: NodeStatus['seats'] }> => {
    const fleet = await fleetStatus(client);
    return { upgrade: statusLines(fleet).find((line) => line.startsWith('upgrade')), seats: fleet.best!.seats };
  };

  // An operator who launches it anyway: as what it is, it is not what the turn is for.
  await earlyTurn(cluster, 1);
  const turn = await openTurn(cluster);
  const launch = {
    ...{ service: cluster.local.service, slot: turn.slot, turn: turn.turn },
    ...{ challenge: fromHex(turn.challenge!)!, release: fromHex(digest)!, variant: turn.variant! },
  };
  const bootstrap = client.chain.configuration.seats.map((seat) => seat.clientAddress);
  const program = join(release, 'replica.mjs');
  const intruder = await lyingDriver(cluster, program).launch({ launch, bootstrap, epochKeys: 0, protocol: 2 });
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
  const { upgrade, seats } = await moving();
  assert.match(upgrade!, /: [12] of 4 slots moved/);
  assert.equal(seats.find(({ slot }) => slot === 2)?.release, digest);

  // One file proves it, once every slot has moved.
  const service = toHex(cluster.local.service);
  const report = ['upgrade', 'report', '--folder', cluster.folder];
  assert.match(refused(...report), /of 4 slots have moved/);
  for (const slot of [0, 1, 3]) {
    if (client.chain.configuration.seats.some((seat) => seat.slot === slot && toHex(seat.release) === digest)) continue;
    await earlyTurn(cluster, slot);
    await seated(`slot ${slot} runs it`, (seat) => seat.slot === slot && toHex(seat.release) === digest);
  }
  await load.finish();
  const file = join(folder, 'certificate');
  const shown = await until('it is activated', () => {
    run(...report, '--out', file);
    const certificate = run('upgrade', 'verify', file, '--genesis', service);
    return certificate.activation !== null && certificate;
  });
  assert.deepEqual([shown.from, shown.to], [toHex(cluster.local.release), digest]);
  const { changes, service: versions, stateAfter, stateBefore, writes } = shown.activation;
  assert.deepEqual([versions, changes], [{ from: 1, to: 2 }, 1]);
  assert.deepEqual([writes[0].key, writes[0].value], ['migrated', '"yes"']);
  assert.notEqual(stateBefore, stateAfter);
  assert.equal((await moving()).upgrade, undefined);
  assert.deepEqual(
    shown.approval.votes.map(({ member }: { member: string }) => member),
    ['member-1', 'member-2'],
  );
  assert.ok(shown.slots.every(({ turn: number }: { turn: number }) => number > 0));
  run(...report, '--html', '--out', `${file}.html`);
  assert.equal(run('upgrade', 'verify', `${file}.html`, '--genesis', service).to, digest);
  const altered = new Uint8Array(readFileSync(file));
  altered[altered.length - 1]! ^= 1;
  writeFileSync(file, altered);
  assert.match(refused('upgrade', 'verify', file, '--genesis', service), /"check"/);
});
