/** What people are told of a service that is not as it should be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeStatus } from '@coppice/node';
import { concerns, type FleetStatus } from '../src/commands/status.ts';

test('a disk that is nearly full is told before it ends an instance', () => {
  const common = { weakenedCaps: [], seats: [], finishedTurns: [], unsealedEpochs: [], suspicions: [] };
  const numbers = { slots: 4, quorum: 3, faultsTolerated: 1, waivedTurns: 0, time: 0 };
  const withFree = (diskBytesFree: number | null | undefined) =>
    ({ ...common, ...numbers, development: false, diskBytesFree }) as unknown as NodeStatus;
  const fleet = (...free: (number | null | undefined)[]): FleetStatus => {
    const replicas = free.map(withFree);
    return { replicas, best: replicas[0], candidate: undefined };
  };
  assert.deepEqual(concerns(fleet(2 ** 40, 2 ** 30, null, undefined)), []);
  const [line, ...others] = concerns(fleet(2 ** 40, 5 * 2 ** 20, 100 * 2 ** 20, 0));
  assert.deepEqual(others, []);
  const refuses = 'it refuses clients’ requests';
  assert.ok(line!.includes(`slot 1 (5 MiB: ${refuses}), slot 2 (100 MiB), slot 3 (0 MiB: ${refuses})`), line!);
});
