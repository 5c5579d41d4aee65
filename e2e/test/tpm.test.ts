/**
 * A fleet on two platforms: TPMs in software, and simulated devices. Caps hold among real processes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { LocalService } from '@coppice/cli';
import { softwareTpmMissing } from '@coppice/host';
import { seatOf } from '@coppice/wire';
import { earlyTurn, found, statusOf, turned, until } from '../cluster.ts';

const missing = softwareTpmMissing();
if (missing !== undefined && process.env['COPPICE_REQUIRE_SWTPM'] === '1') throw new Error(missing);

it('half of a fleet runs on TPMs, and no third slot may', { skip: missing ?? false }, async (t) => {
  const caps = { platform: 2, provider: 4, engineFamily: 4, variant: 4, chip: 4 };
  const cluster = await found(t, {
    platforms: ['tpm2', 'simulated'],
    policy: { caps, recoveryPeriodMs: 600_000, turnIntervalMs: 60_000, turnDeadlineMs: 15_000 },
  });
  const { local } = cluster;
  const client = await cluster.client();
  const platforms = (): string[] => client.chain.configuration.seats.map(({ platform }) => platform);
  assert.deepEqual(platforms(), ['tpm2', 'simulated', 'tpm2', 'simulated']);

  local.startHost();
  await turned(cluster, client, 0);
  await turned(cluster, client, 1);
  assert.deepEqual(platforms(), ['tpm2', 'simulated', 'tpm2', 'simulated']);
  await local.stopHost();

  // A host that launches everything on TPMs from now on.
  local.folder.writeService({ ...local.folder.readService(), platforms: ['tpm2'] });
  const host = LocalService.open(cluster.folder);
  host.startHost();
  const before = seatOf(client.chain.configuration, 3)!.instance;
  try {
    await earlyTurn(cluster, 3);
    const candidate = await until('an instance is launched for slot 3', () =>
      host.driver.running().find(({ slot, turn }) => slot === 3 && turn > 0),
    );
    const log = await until('its join is refused', () => {
      const text = readFileSync(join(candidate.folder, 'node.log'), 'utf8');
      return text.includes('no replica takes the join') && text;
    });
    assert.match(log, /not-admitted: cap:platform/);
  } finally {
    // Before the instances are ended: it would launch another.
    await host.stopHost();
  }
  const { seats } = await statusOf(cluster.at(0));
  assert.equal(seats.find(({ slot }) => slot === 3)!.instance, Buffer.from(before).toString('hex'));
});
