/** What an instance is told at its launch by a host that nobody trusts. */
import { parseSettings } from '@coppice/node';
import { bytesOfText, type Target, textOfBytes } from '../target.ts';

const settings = {
  launch: {
    service: '00'.repeat(32),
    slot: 1,
    turn: 2,
    challenge: '11'.repeat(32),
    release: '22'.repeat(32),
    variant: 'v8-a',
  },
  platform: { name: 'simulated', chip: 'abcd', provider: 'north' },
  folder: '/data',
  host: '127.0.0.1',
  replicaPort: 0,
  clientPort: 7000,
  epochKeys: 16,
  bootstrap: ['127.0.0.1:7001'],
  fsync: true,
};

export const targets: readonly Target[] = [
  {
    name: 'settings',
    dialect: 'json',
    seeds: () => [bytesOfText(JSON.stringify(settings)), bytesOfText(JSON.stringify({ ...settings, breach: '/x' }))],
    run(input) {
      const parsed = parseSettings(textOfBytes(input));
      return parsed.ok ? undefined : parsed.reason;
    },
  },
];
