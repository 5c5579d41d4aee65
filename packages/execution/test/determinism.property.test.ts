import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Executed } from '@coppice/protocol';
import { decodeWriteSet, State } from '@coppice/state';
import { type Item, outcomesCodec, encode, toHex } from '@coppice/wire';
import { ReplicaExecution } from '../src/execution.ts';
import { cryptography, found, genesisTime, Log, services, system } from './fixture.ts';

const genesis = found();

const command = fc.oneof(
  fc
    .tuple(fc.constantFrom('set', 'add', 'fail'), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 9 }))
    .map((parts) => parts.join(' ')),
  fc.constant('seed'),
);
const bundle = fc.record({
  client: fc.constantFrom('a', 'b', 'c'),
  first: fc.integer({ min: 1, max: 12 }),
  acknowledged: fc.integer({ min: 0, max: 4 }),
  commands: fc.array(command, { minLength: 1, maxLength: 5 }),
});
const batch = fc.record({ bundles: fc.array(bundle, { maxLength: 3 }), pause: fc.constantFrom(1, 40, 300) });
type BatchPlan = typeof batch extends fc.Arbitrary<infer T> ? T : never;

/** Runs a batch: bundles as planned, and whatever system requests are due. */
function run(log: Log, { bundles, pause }: BatchPlan): Executed {
  const items: Item[] = bundles.map(({ client, first, commands, acknowledged }) =>
    log.bundle(client, first, commands, { acknowledged, time: genesisTime }),
  );
  const { execution } = log;
  const { open, candidate, previous } = execution.committed().membership;
  if (execution.challengeOwed() !== undefined && execution.challengeOwed()!.openedAt <= log.sequence)
    items.unshift(log.challenge());
  else if (open?.drawn !== undefined && candidate === undefined)
    items.push(system({ kind: 'join', join: log.join(`t${open.turn}`) }));
  else if (candidate !== undefined && open !== undefined)
    items.push(system({ kind: 'ready', ready: log.ready(`t${open.turn}`) }));
  if (previous.some(({ erased }) => !erased))
    items.push(...log.erasures().map((erasure) => system({ kind: 'erasure', erasure })));
  return log.run(items, log.time + pause);
}

const bytesOf = ({ transactionsRoot, outcomes, configuration, checkpoint }: Executed): unknown => [
  toHex(transactionsRoot),
  toHex(encode(outcomesCodec, outcomes)),
  configuration,
  checkpoint,
];

it('gives the same whoever executes, adopts, rolls back, rebuilds or receives it', () => {
  let closings = 0;
  let turns = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(batch, fc.boolean(), fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 14 }),
      (plan) => {
        const log = new Log(genesis);
        const other = new ReplicaExecution({ cryptography, genesis, services });
        const adopting = new ReplicaExecution({ cryptography, genesis, services });
        for (const [planned, commits, back] of plan) {
          const executed = run(log, planned);
          const { input } = log.inputs.at(-1)!;
          // Another replica, which executes some of it again after a rollback.
          const again = other.execute(input);
          assert.ok(!('unacceptable' in again));
          assert.deepEqual(bytesOf(again), bytesOf(executed));
          const from = Math.max(input.sequence - back, log.execution.committed().sequence);
          other.rollback(from);
          for (const { input: earlier, executed: then } of log.inputs.slice(from)) {
            const repeated = other.execute(earlier);
            assert.ok(!('unacceptable' in repeated));
            assert.deepEqual(bytesOf(repeated), bytesOf(then));
          }
          // One that takes over what the others certified.
          const adopted = adopting.adopt(input, executed.outcomes);
          assert.ok(adopted !== undefined);
          assert.deepEqual(bytesOf(adopted), bytesOf(executed));
          assert.deepEqual(adopting.challengeOwed(), log.execution.challengeOwed());
          if (!commits) continue;
          for (const replica of [log.execution, other, adopting]) replica.commit(input.sequence);
        }
        const { sequence } = log;
        const digest = log.digest();
        for (const replica of [other, adopting]) {
          replica.commit(sequence);
          assert.deepEqual(replica.checkpoint(sequence), digest);
          assert.deepEqual(replica.committed().membership, log.execution.committed().membership);
        }

        // The write sets alone.
        const initial = new ReplicaExecution({ cryptography, genesis, services });
        initial.checkpoint(0);
        const rebuilt = new State(cryptography, initial.snapshot(0));
        for (const { executed } of log.inputs) {
          const overlay = rebuilt.begin();
          for (const { writeSet } of executed.outcomes) {
            const decoded = decodeWriteSet(writeSet);
            assert.ok(decoded.ok);
            overlay.apply(decoded.value);
          }
          rebuilt.fold();
        }
        assert.deepEqual(rebuilt.digest(), digest);

        // One that receives the state in parts, and goes on from there.
        const received = new ReplicaExecution({ cryptography, genesis, services });
        received.execute(log.inputs[0]!.input);
        const transfer = received.transfer(digest, 1);
        while (!transfer.complete) {
          for (const part of log.execution.parts(sequence, transfer.wanted(4), 100_000))
            assert.equal(transfer.accept(part), undefined);
        }
        received.install(sequence, transfer);
        assert.deepEqual(received.checkpoint(sequence), digest);
        assert.deepEqual(received.configuration(), log.execution.configuration());
        const next = run(log, plan[0]![0]);
        const there = received.execute(log.inputs.at(-1)!.input);
        assert.ok(!('unacceptable' in there));
        assert.deepEqual(bytesOf(there), bytesOf(next));

        closings += log.execution.configuration().epoch;
        turns += log.execution.committed().membership.turnsOpened;
      },
    ),
    // Given, so that the runs are known to reach another epoch: see the last line.
    { numRuns: 25, seed: 12 },
  );
  assert.ok(turns > 0 && closings > 0, 'some runs got as far as another epoch');
});
