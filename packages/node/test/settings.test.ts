/** Settings come from the untrusted host: read strictly, refused with the path of what is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSettings } from '../src/settings.ts';

const hex = (byte: string): string => byte.repeat(32);
const good = {
  launch: { service: hex('01'), slot: 2, turn: 7, challenge: hex('02'), release: hex('03'), variant: 'v' },
  platform: { name: 'simulated', chip: '0a0b', provider: 'p' },
  folder: '/somewhere',
  host: '127.0.0.1',
  replicaPort: 0,
  clientPort: 0,
  epochKeys: 20,
  bootstrap: ['127.0.0.1:1'],
};

test('reads what the driver writes', () => {
  const parsed = parseSettings(JSON.stringify(good));
  assert.ok(parsed.ok);
  assert.equal(parsed.settings.launch.slot, 2);
  assert.equal(parsed.settings.fsync, true);
  assert.equal(parsed.settings.breach, undefined);
});

for (const [what, changed, path] of [
  ['a missing object', { ...good, launch: undefined }, 'launch'],
  ['a short digest', { ...good, launch: { ...good.launch, challenge: '02' } }, 'launch.challenge'],
  ['upper-case hexadecimal', { ...good, platform: { ...good.platform, chip: 'AB' } }, 'platform.chip'],
  ['a negative slot', { ...good, launch: { ...good.launch, slot: -1 } }, 'launch.slot'],
  ['a text where a number is due', { ...good, replicaPort: '0' }, 'replicaPort'],
  ['another platform', { ...good, platform: { ...good.platform, name: 'abacus' } }, 'platform.name'],
  ['an executable of the host', { ...good, platform: { name: 'nitro', helper: '/bin/sh' } }, 'platform.helper'],
  ['a helper elsewhere', { ...good, platform: { name: 'nitro', helper: '../sh' } }, 'platform.helper'],
  ['texts that are none', { ...good, bootstrap: [1] }, 'bootstrap'],
] as const) {
  test(`refuses ${what}`, () => {
    const parsed = parseSettings(JSON.stringify(changed));
    assert.ok(!parsed.ok);
    assert.ok(parsed.reason.startsWith(path), parsed.reason);
  });
}

test('refuses what is not JSON', () => {
  assert.deepEqual(parseSettings('{'), { ok: false, reason: 'not JSON' });
});
