/** What is counted, and against which bounds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultSettings } from '@coppice/protocol';
import { Linearizability } from '../src/checkers/linearizability.ts';
import { Memory } from '../src/checkers/memory.ts';
import { Progress } from '../src/checkers/progress.ts';
import type { Client } from '../src/client.ts';
import type { Provider } from '../src/provider.ts';
import { batch, configuration, founders, instance, operation, verdicts } from './made-up.ts';

describe('memory', () => {
  const settings = { ...defaultSettings, window: 8, checkpointInterval: 8 };
  const keyed = (size: number): Map<number, object> => new Map(Array.from({ length: size }, (_, i) => [i, {}]));
  const judge = (more: object): string[] => {
    const { found, violate } = verdicts();
    const peers = new Map([['a', { deferred: [] }]]);
    const maps = {
      log: keyed(20),
      votes: keyed(10),
      proposals: keyed(0),
      viewChanges: keyed(4),
      checkpoints: keyed(2),
    };
    const replica = { ...maps, peers, pool: { bytes: 0 }, configuration: configuration(0, founders), ...more };
    new Memory(violate, settings).stepped(instance('a', { replica }));
    return found;
  };

  it('of a replica is bounded in every part', () => {
    assert.deepEqual(judge({}), []);
    const peersOf = (count: number) => new Map(Array.from({ length: count }, (_, i) => [i, { deferred: [] }]));
    const deferring = new Map([['a', { deferred: Array.from({ length: 600 }, () => ({})) }]]);
    for (const [more, what] of [
      [{ log: keyed(500) }, /500 entries/],
      [{ votes: keyed(99) }, /99 places with votes/],
      [{ proposals: keyed(99) }, /99 proposals/],
      [{ viewChanges: keyed(5) }, /5 view changes/],
      [{ checkpoints: keyed(99) }, /99 checkpoints/],
      [{ peers: peersOf(13) }, undefined],
      [{ peers: peersOf(14) }, /14 peers/],
      [{ peers: deferring }, /600 deferred messages/],
      [{ pool: { bytes: 2 ** 40 } }, /bytes of requests/],
    ] as const) {
      const found = judge(more);
      if (what === undefined) assert.deepEqual(found, []);
      else assert.match(found.join(), what);
    }
  });
});

describe('progress without end', () => {
  it('is that something commits again and again', () => {
    const judge = (times: readonly number[]): string[] => {
      const { found, violate } = verdicts();
      let now = 100;
      const a = instance('a', {
        state: 'running',
        replica: { committed: 3, configuration: configuration(0, founders), timeOfExecuted: 0, slot: 0 },
      });
      const provider = { head: a, seated: () => [a] } as unknown as Provider;
      const clients: Client[] = [];
      const options = {
        violate,
        now: () => now,
        provider,
        clients,
        turnMs: 100_000,
        turnDeadlineMs: 1000,
        blackout: () => false,
      };
      const checker = new Progress({ ...options, stillMsMax: 50 });
      checker.healed();
      for (const [i, time] of times.entries()) {
        now = time;
        checker.committed(a, batch(i + 1));
      }
      now = times.at(-1)! + 10;
      checker.recovered();
      return found;
    };
    // Until the first commit, timers may still be what they became under disturbance.
    assert.deepEqual(judge([400, 440, 480]), []);
    assert.match(judge([110, 120, 190]).join(), /nothing was committed for 70 ms/);
  });
});

describe('linearizability', () => {
  const judge = (second: string | null): string[] => {
    const { found, violate } = verdicts();
    const put = operation(1, [0, 1], [1, 0], { ok: true, value: null });
    const get = { ...operation(2, [2, 3], [2, 0], { ok: true, value: second }), command: 'get' as const };
    new Linearizability(violate, [{ operations: [put, get] } as unknown as Client]).ended();
    return found;
  };

  it('is seen from the clients’ side alone', () => {
    assert.deepEqual(judge('v'), []);
    assert.match(judge(null).join(), /not-linearizable: k \(register\), at client's get/);
  });
});
