import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newSigner, nodeCryptography } from '@coppice/cryptography';
import { type Constitution, parseConstitution } from '@coppice/governance';
import { type Driver, found, type LaunchRequest, type RunningInstance } from '@coppice/host';
import { toHex } from '@coppice/wire';

const member = newSigner();

function constitution(): Constitution {
  const digest = '11'.repeat(32);
  const parsed = parseConstitution({
    format: 1,
    name: 'founding',
    slots: 4,
    development: true,
    members: [{ name: 'member-1', key: toHex(member.publicKey) }],
    clients: 'open',
    service: { name: 'founding', version: 1 },
    releases: [
      {
        digest,
        variants: [
          { id: 'one', engineFamily: 'v8', referenceValues: [{ platform: 'simulated', measurements: [digest] }] },
        ],
      },
    ],
    policy: {
      recoveryPeriodMs: 24 * 3600 * 1000,
      platforms: [{ name: 'simulated', generations: [{ name: 'simulated' }] }],
      caps: { platform: 4, engineFamily: 4, variant: 4 },
    },
  });
  if (!parsed.ok) assert.fail(JSON.stringify(parsed.problems));
  return parsed.value;
}

/** Launches what answers at no address, beside an instance that runs already; notes what it is asked to end. */
class FakeDriver implements Driver {
  readonly living: RunningInstance = { ...this.#instance(0), folder: 'living' };
  readonly destroyed: string[] = [];
  readonly #launched: RunningInstance[] = [];
  readonly #failing: number | undefined;

  constructor(failing?: number) {
    this.#failing = failing;
  }

  async launch({ launch: { slot } }: LaunchRequest): Promise<RunningInstance> {
    if (slot === this.#failing) throw new Error('no room for slot 1');
    // Others are under way still when one has failed.
    await new Promise((resolve) => setImmediate(resolve));
    const instance = this.#instance(slot);
    this.#launched.push(instance);
    return instance;
  }

  destroy({ folder }: RunningInstance): void {
    this.destroyed.push(folder);
  }

  running(): RunningInstance[] {
    return [this.living, ...this.#launched];
  }

  handOver(): Promise<void> {
    return Promise.reject(new Error('not asked'));
  }

  forget(): void {}

  endStarting(): void {}

  #instance(slot: number): RunningInstance {
    const nowhere = '127.0.0.1:1';
    return {
      ...{ slot, turn: 0, pid: 0, folder: `slot-${slot}`, clientAddress: nowhere, address: nowhere },
      instance: '22'.repeat(32),
    };
  }
}

test('where a launch fails, what was launched with it is ended, and nothing else', async () => {
  const driver = new FakeDriver(1);
  await assert.rejects(found(nodeCryptography, driver, constitution(), [member]), /no room for slot 1/);
  assert.deepEqual(driver.destroyed, ['slot-0', 'slot-2', 'slot-3']);
});

test('where a founder does not answer, all founders are ended, and nothing else', async () => {
  const driver = new FakeDriver();
  await assert.rejects(found(nodeCryptography, driver, constitution(), [member]), /no replica answers at/);
  assert.deepEqual(driver.destroyed, ['slot-0', 'slot-1', 'slot-2', 'slot-3']);
});
