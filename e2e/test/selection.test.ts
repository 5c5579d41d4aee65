/**
 * What a turn launches is drawn by the ledger: a host that cannot supply it fails visibly, and the turn is opened again; where no variant
 * keeps the rules, some are waived, as often as members allow, and each time is on the ledger.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fleetStatus, statusLines } from '@coppice/cli';
import type { HostEvent } from '@coppice/host';
import type { NodeStatus } from '@coppice/node';
import { decided, earlyTurn, found, foundersRelease, operation, until } from '../cluster.ts';

const coppice = fileURLToPath(new URL('main.ts', import.meta.resolve('@coppice/cli')));

it('a host that lacks a variant fails visibly; rules are waived as often as members allow, and the ledger has each', async (t) => {
  // Two programs: whoever leaves slot 0 is followed by the other one, and then by none that was not there lately.
  const cluster = await found(t, { seeds: ['e1'], policy: { waiversMax: 1 } });
  const client = await cluster.client();
  const run = (...args: readonly string[]): any => {
    const named = [...args, '--folder', cluster.folder, '--json'];
    const { status, stderr, stdout } = spawnSync(process.execPath, [coppice, ...named], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout.trim().split('\n').at(-1)!);
  };
  const set = (values: Readonly<Record<string, number>>): Promise<void> => {
    const changes = Object.entries(values).map(([path, value]) => ({ path, value }));
    return decided(cluster, { kind: 'set-parameters', changes });
  };
  const shortly = 3000;
  const atLeisure = 60_000;

  type Finished = NodeStatus['finishedTurns'][number];
  const finished = async (what: string, is: (turn: Finished) => boolean): Promise<Finished> =>
    until(
      what,
      async () => {
        // Any answer from the new epoch makes the client follow.
        await client.submit(operation({ command: 'increment', input: { key: 'turns' } }));
        const { best } = await fleetStatus(client);
        return best!.finishedTurns.find(is);
      },
      { everyMs: 250 },
    );
  const shown = async (): Promise<string> => statusLines(await fleetStatus(client)).join('\n');
  const sitsInSlot0 = async (): Promise<string> => (await fleetStatus(client)).best!.seats[0]!.variant;
  const events: HostEvent[] = [];
  const said = (what: string, pattern: RegExp): Promise<HostEvent> =>
    until(what, () => events.find((event) => event.kind === 'failed' && pattern.test(event.reason)));

  // The host lost the program that the challenge draws.
  const kept = mkdtempSync(join(tmpdir(), 'coppice-release-'));
  t.after(() => rmSync(kept, { recursive: true, force: true }));
  cpSync(foundersRelease(cluster), kept, { recursive: true });
  rmSync(join(foundersRelease(cluster), 'replica-e1.mjs'));
  const first = await sitsInSlot0();
  await set({ turnDeadlineMs: shortly });
  cluster.local.startHost((event) => events.push(event));
  await earlyTurn(cluster, 0);
  await said('the host says what it lacks', /replica-e1\.mjs is gone: .*coppice release add/);
  const { candidate, outcome, waived } = await finished('the turn fails', ({ slot }) => slot === 0);
  assert.deepEqual({ candidate, outcome, waived }, { candidate: null, outcome: 'expired', waived: [] });
  assert.match(await shown(), /! slot 0: its last .*seated nobody; of turn \d+, no instance joined within its time/);
  await set({ turnDeadlineMs: atLeisure });
  run('release', 'add', kept);
  const seated = await finished('it is opened again, and seats one', (turn) => turn.outcome === 'seated');
  assert.deepEqual([seated.slot, seated.waived], [0, []]);
  assert.notEqual(await sitsInSlot0(), first);

  // Both sat there lately: two rules are waived, once.
  await earlyTurn(cluster, 0);
  const waivedOnce = await finished('an instance is seated', ({ turn }) => turn > seated.turn);
  assert.deepEqual([waivedOnce.outcome, waivedOnce.waived], ['seated', ['recent', 'distance']]);
  assert.match(await shown(), /! turns of the last recovery period that found no variant that keeps all rules: 1/);

  // Not twice: nothing is drawn, and nobody seated.
  await set({ turnDeadlineMs: shortly });
  await earlyTurn(cluster, 0);
  await said('the host says that it has nothing to launch', /no variant of the release fits this slot/);
  const none = await finished('the turn fails', ({ turn }) => turn > waivedOnce.turn);
  assert.deepEqual([none.outcome, none.candidate, none.waived], ['expired', null, []]);

  // Members allow it again; one that is open has little time.
  await set({ turnDeadlineMs: atLeisure, waiversMax: 4 });
  const again = await finished('an instance is seated', (one) => one.turn > none.turn && one.outcome === 'seated');
  assert.deepEqual([again.slot, again.waived], [0, ['recent', 'distance']]);

  // All of it is on the ledger, for whoever audits it.
  const { instance } = (await fleetStatus(client)).best!.seats[1]!;
  const disk = cluster.running().find((one) => one.instance === instance)!.folder;
  const { ok, turns } = run('ledger', 'turns', disk) as { ok: boolean; turns: (Finished & { variant: string })[] };
  assert.ok(ok);
  const { finishedTurns } = (await fleetStatus(client)).best!;
  const inShort = ({ outcome, slot, turn, waived }: Finished): unknown => [turn, slot, outcome, waived.join()];
  assert.deepEqual(turns.map(inShort), finishedTurns.map(inShort));
  const undrawn = turns.filter(({ variant }) => variant === '').map(({ turn }) => turn);
  assert.ok(undrawn.includes(none.turn) && !undrawn.includes(again.turn));
  const withWaivers = run('ledger', 'turns', disk, '--waived').turns as Finished[];
  assert.deepEqual(withWaivers.map(inShort), finishedTurns.filter((turn) => turn.waived.length > 0).map(inShort));
  assert.ok([waivedOnce, again].every(({ turn }) => withWaivers.some((one) => one.turn === turn)));
});
