/**
 * Activations: when every slot has moved, once, and nothing of one that fails. spec/upgrades.md; line numbers in brackets.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Activation, type GovernanceAction, readActivation } from '@coppice/governance';
import { TransactionsTree } from '@coppice/ledger';
import { decodeWriteSet, State } from '@coppice/state';
import {
  decodeResult,
  encodeResult,
  type Item,
  type PlainValue,
  type Refusal,
  refusalStatement,
  requestDigests,
  type Result,
  type SystemRequest,
  systemRequestDigest,
  toHex,
} from '@coppice/wire';
import { genesisWriteSet, ReplicaExecution } from '../src/execution.ts';
import { StateCopy } from '../src/plan.ts';
import { answerQuery } from '../src/queries.ts';
import type { Service, Services } from '../src/service.ts';
import {
  bytes,
  bytesOf,
  cryptography,
  found,
  genesisTime,
  Log,
  register,
  release,
  services,
  signWith,
  system,
  text,
  variantsOf,
} from './fixture.ts';

const successor = bytesOf('the next release');
const genesis = found();

/** Version 2 of the register doubles what is counted, and says so. */
const doubled: Service = {
  ...register,
  execute(access, call) {
    const [command] = text(call.operation).split(' ');
    return command === 'version' ? ok(2) : register.execute(access, call);
  },
  migrate(access, fromVersion, { seed, time }) {
    for (const [key, value] of [...access.entries('service/map')])
      access.set('service/map', key, bytes(String(2 * Number(text(value)))));
    access.set('service/migrated', toHex(seed), bytes(`${fromVersion} ${time}`));
    return ok(null);
  },
};

type Access = Parameters<Service['execute']>[0];

function ok(value: PlainValue) {
  return { ok: true, result: encodeResult({ ok: true, value }) };
}

const both: Services = new Map([
  [1, register],
  [2, doubled],
]);

const approve = (digest = successor, changes: object = {}): GovernanceAction => ({
  kind: 'approve-release',
  release: {
    digest,
    variants: variantsOf(digest),
    protocols: [1, 2],
    services: [{ version: 1 }, { version: 2, script: bytesOf('script 2') }],
    ...changes,
  },
});

/** A service with three counters, whose members approved the successor, and of whose slots this many have moved to it. */
function moved(slots: number, runs: Services = both): Log {
  const log = new Log(genesis, { services: runs });
  log.run([log.bundle('alice', 1, ['add x', 'add x', 'add y'])]);
  log.decide(approve(), 'ada', 'bo');
  for (let slot = 0; slot < slots; slot++) log.turn(`n${slot}`, genesisTime + 1000 * (slot + 1));
  return log;
}

const active = (log: Log): Activation => {
  log.execution.commit(log.sequence);
  return readActivation(log.execution.committed().view);
};
const due = (log: Log): Item[] => {
  const request = log.execution.activationDue();
  return request === undefined ? [] : [system(request)];
};
const written = (writeSet: Uint8Array): Record<string, string | undefined> => {
  const decoded = decodeWriteSet(writeSet);
  assert.ok(decoded.ok);
  return Object.fromEntries(decoded.value.map(({ address, value }) => [address, value && text(value)]));
};
const resultOf = (bytesOfResult: Uint8Array): Result => {
  const decoded = decodeResult(bytesOfResult);
  assert.ok(decoded.ok);
  return decoded.value;
};
const ask = (log: Log, command: string): Result => {
  const number = log.sequence + 1000;
  return resultOf(log.run([log.bundle('bob', number - 900, [command])]).outcomes[0]!.result);
};

describe('an activation', () => {
  it('is due when every slot runs the newest release, and not before [10, 11]', () => {
    const log = moved(3);
    assert.deepEqual(due(log), []);
    const early: SystemRequest = { kind: 'activate', release: successor, protocol: 2, service: 2, attempt: 1 };
    assert.equal(log.refused([system(early)]), 'activation-not-due');
    assert.equal(resultOf(log.run([log.bundle('alice', 4, ['version'])]).outcomes[0]!.result).ok, true);
    log.turn('n3', genesisTime + 4000);
    assert.deepEqual(due(log), [system(early)]);
  });

  it('is then the next batch, and alone in it [10]', () => {
    const log = moved(4);
    const [item] = due(log) as [Item & { kind: 'system' }];
    const request = item.request as Extract<SystemRequest, { kind: 'activate' }>;
    assert.equal(log.refused([]), 'activation-missing');
    assert.equal(log.refused([log.bundle('alice', 4, ['add x'])]), 'activation-missing');
    assert.equal(log.refused([log.bundle('alice', 4, ['add x']), item]), 'activation-not-alone');
    assert.equal(log.refused([item, log.bundle('alice', 4, ['add x'])]), 'activation-missing');
    for (const changes of [{ attempt: 2 }, { service: 3 }, { protocol: 1 }, { release }])
      assert.equal(log.refused([system({ ...request, ...changes })]), 'activation-missing');
    assert.equal(log.refused([item]), 'accepted');
  });

  it('migrates and changes the versions as one transaction, and once [12-17, 20, 21]', () => {
    const log = moved(4);
    const before = log.inputs.at(-1)!.executed;
    assert.equal(before.checkpoint, true, 'the state before is certified [18]');
    const executed = log.run(due(log));
    assert.equal(executed.checkpoint, true, 'and the state after [18]');
    assert.equal(executed.active.protocol, 1);
    const [outcome] = executed.outcomes;
    assert.equal(resultOf(outcome!.result).ok, true);
    const { $active: _, ...others } = Object.fromEntries(
      Object.entries(written(outcome!.writeSet)).map(([address, value]) => [address.split('\0')[0]!, value]),
    );
    assert.deepEqual(others, { 'service/map': '2', 'service/migrated': `1 ${log.time}` });
    assert.equal(written(outcome!.writeSet)['service/map\0x'], '4');
    const { code, failed, protocol, attempts } = active(log);
    assert.deepEqual([protocol, code.version, attempts, failed], [2, 2, 1, undefined]);
    assert.deepEqual(code.script, bytesOf('script 2'));

    assert.deepEqual(due(log), []);
    const after = log.run([log.bundle('alice', 4, ['version'])]);
    assert.deepEqual([after.active.protocol, after.active.code.version], [2, 2]);
    assert.deepEqual(resultOf(after.outcomes[0]!.result), { ok: true, value: 2 });
    assert.equal(
      log.refused([system({ kind: 'activate', release: successor, protocol: 2, service: 2, attempt: 2 })]),
      'activation-not-due',
    );
  });

  it('gives the same of replicas of both releases until then, and of those that follow the certified outcomes [19]', () => {
    const [next, old] = [moved(4), moved(4, services)];
    const roots = (log: Log): string[] => log.inputs.map(({ executed }) => toHex(executed.transactionsRoot));
    assert.deepEqual(roots(next), roots(old));
    const item = due(next);
    const input = next.input(item);
    const executed = next.run(item);
    const differs = old.execution.execute(input);
    assert.ok('outcomes' in differs && toHex(differs.transactionsRoot) !== toHex(executed.transactionsRoot));
    old.execution.rollback(old.sequence);
    const adopted = old.execution.adopt(input, executed.outcomes);
    assert.deepEqual(adopted?.transactionsRoot, executed.transactionsRoot);
    old.accept(input, adopted);
    assert.deepEqual(old.digest(), next.digest());
    const query = { target: 'service', payload: bytes('x'), caller: undefined };
    const refused = resultOf(answerQuery(old.execution.committed(), services, query));
    assert.equal(!refused.ok && refused.error.code, 'unspoken');
  });
});

const failing = (migrate: NonNullable<Service['migrate']>): Services =>
  new Map([
    [1, register],
    [2, { ...doubled, migrate }],
  ]);
const rejects: NonNullable<Service['migrate']> = (access) => {
  access.set('service/map', 'x', bytes('never'));
  return { ok: false, result: encodeResult({ ok: false, error: { code: 'no-room', message: 'no' } }) };
};

function overflow(access: Access): ReturnType<typeof ok> {
  for (let i = 0; i < 5; i++) access.set('service/map', `big ${i}`, new Uint8Array(1 << 20).fill(i));
  return ok(null);
}

/** The first step writes what the second cannot replace in one. */
function replacesMuch(steps: number, access: Access): ReturnType<typeof ok> | undefined {
  for (let i = 0; i < 3; i++) {
    if (steps === 0) access.set('service/large', `${i}`, new Uint8Array(1 << 20).fill(i));
    else access.set('service/large', `${i}`, new Uint8Array(1 << 20).fill(i + 10));
  }
  return undefined;
}

/** What shows that replicas do not agree on what the item gives. */
function refused(log: Log, item: Item & { kind: 'system' }): { readonly request: Uint8Array; refusals: Refusal[] } {
  const request = systemRequestDigest(cryptography, item.request);
  const { epoch, seats } = log.execution.configuration();
  const refusals = [0, 1].flatMap((view) =>
    [2, 3].map((slot): Refusal => {
      const headerDigest = bytesOf(`proposal ${view}`);
      const unsigned = { service: log.service, epoch, view, sequence: log.sequence + 1, headerDigest, request, slot };
      const { signingKey } = seats.find((seat) => seat.slot === slot)!;
      return { ...unsigned, signature: signWith(signingKey, refusalStatement(unsigned)) };
    }),
  );
  return { request, refusals };
}

const named = (about: Uint8Array, of: readonly Refusal[]): Item =>
  system({ kind: 'divergent', request: about, refusals: of });

describe('an activation that fails', () => {
  const overflows = failing(overflow);

  for (const [name, runs, code] of [
    ['that it rejects', failing(rejects), 'no-room'],
    ['that it writes too much', overflows, 'too-large'],
  ] as const)
    it(`leaves nothing but ${name} [15, 17]`, () => {
      const log = moved(4, runs);
      const { outcomes } = log.run(due(log));
      assert.deepEqual(Object.keys(written(outcomes[0]!.writeSet)), ['$active\0']);
      const { code: now, failed, protocol } = active(log);
      assert.deepEqual([protocol, now.version, failed?.code, failed?.service], [1, 1, code, 2]);
      assert.deepEqual(due(log), []);
      assert.deepEqual(ask(log, 'add x'), { ok: true, value: 3 });
    });

  it('is tried again when members say so, under another digest [5]', () => {
    let fails = true;
    const log = moved(
      4,
      failing((...of) => (fails ? rejects : doubled.migrate!)(...of)),
    );
    const retry: GovernanceAction = { kind: 'retry-activation', release: successor };
    const [first] = due(log) as [Item & { kind: 'system' }];
    log.run([first]);
    assert.throws(() => log.decide({ ...retry, release }, 'cy'), /not-applicable/);
    assert.deepEqual(due(log), []);
    log.decide(retry, 'ada', 'cy');
    const [second] = due(log) as [Item & { kind: 'system' }];
    assert.notDeepEqual(
      systemRequestDigest(cryptography, first.request),
      systemRequestDigest(cryptography, second.request),
    );
    fails = false;
    log.run([second]);
    assert.deepEqual([active(log).code.version, active(log).attempts], [2, 2]);
    assert.throws(() => log.decide(retry, 'bo'), /not-applicable/);
  });

  it('where replicas could not agree is named, and does nothing [13]', () => {
    const log = moved(4);
    const [item] = due(log) as [Item & { kind: 'system' }];
    const { refusals, request } = refused(log, item);
    assert.equal(log.refused([named(request, refusals.slice(1)), item]), 'divergence-not-shown');
    assert.equal(log.refused([named(request, refusals)]), 'activation-missing');
    assert.equal(
      log.refused([named(request, refusals), log.bundle('alice', 4, ['add x']), item]),
      'activation-not-alone',
    );
    const { outcomes } = log.run([named(request, refusals), item]);
    assert.deepEqual(Object.keys(written(outcomes[1]!.writeSet)), ['$active\0']);
    assert.deepEqual([active(log).failed?.code, active(log).code.version], ['divergent', 1]);
    assert.deepEqual(due(log), []);
  });
});

describe('a release that cannot speak what is active', () => {
  it('is not approved [3]', () => {
    const log = moved(0);
    for (const changes of [{ protocols: [2] }, { services: [{ version: 2 }] }])
      assert.throws(() => log.decide(approve(bytesOf('third'), changes), 'cy'), /cannot-speak/);
  });

  it('is not approved where its version is another script [3]', () => {
    const log = moved(4);
    log.run(due(log));
    const services2 = [{ version: 2, script: bytesOf('another script 2') }, { version: 3 }];
    assert.throws(() => log.decide(approve(bytesOf('third'), { services: services2 }), 'cy'), /cannot-speak/);
    const same = [{ version: 2, script: bytesOf('script 2') }, { version: 3 }];
    log.decide(approve(bytesOf('third'), { services: same, protocols: [2] }), 'cy', 'bo');
  });

  it('does not come back once its successor is active [3, 4]', () => {
    const log = moved(4);
    const back = approve(release, { protocols: [1], services: [{ version: 1 }] });
    log.run(due(log));
    assert.throws(() => log.decide(back, 'cy'), /cannot-speak/);
  });

  it('loses the turn that is open for it [4]', () => {
    let fails = true;
    const log = moved(
      4,
      failing((...of) => (fails ? rejects : doubled.migrate!)(...of)),
    );
    log.run(due(log));
    fails = false;
    // Members go back to the old release, and change their minds when a turn is open for it.
    log.decide(approve(release, { protocols: [1], services: [{ version: 1 }] }), 'cy', 'bo');
    log.run(
      log.erasures().map((erasure) => system({ kind: 'erasure', erasure })),
      genesisTime + 5000,
    );
    const open = () => log.execution.committed().membership.open;
    log.execution.commit(log.sequence);
    assert.deepEqual(open()?.release, release);
    log.decide(approve(), 'cy', 'bo');
    log.run(due(log));
    assert.deepEqual(active(log).code.version, 2);
    log.run([]);
    log.execution.commit(log.sequence);
    assert.notDeepEqual(open()?.release, release);
    assert.deepEqual(log.execution.committed().membership.finished.at(-1)?.outcome, 'discarded');
  });
});

/** Version 2, whose migration doubles one counter a step, beginning with `from`; then something happens. */
const stepwise = (
  then: (steps: number, access: Access) => ReturnType<typeof ok> | undefined = () => undefined,
): Services =>
  new Map([
    [1, register],
    [
      2,
      {
        ...doubled,
        migrate(access, _, __, cursor = null) {
          const after = cursor === null ? [] : (cursor as string[]);
          const next = [...access.entries('service/map')].find(([key]) => !after.includes(key));
          if (next !== undefined) {
            const [key, value] = next;
            access.set('service/map', key, bytes(String(2 * Number(text(value)))));
            access.set('history/map', key, value);
          }
          const given = then(after.length, access);
          if (given !== undefined) return given;
          return next === undefined
            ? ok(null)
            : { ok: true, result: encodeResult({ ok: true, value: [...after, next[0]] }) };
        },
      },
    ],
  ]);

/** Runs batches until no activation is due. */
function migrate(log: Log, onStep?: () => void): ReturnType<Log['run']>[] {
  const taken = [];
  for (let item = due(log); item.length > 0; item = due(log)) {
    taken.push(log.run(item));
    onStep?.();
  }
  return taken;
}

describe('a migration in steps', () => {
  /** What the service has in the state, and everything else but what is active. */
  const content = (log: Log): [string, string][] => {
    log.execution.commit(log.sequence);
    const { view } = log.execution.committed();
    return ['service/map', 'history/map', '$migration'].flatMap((map) =>
      [...view.entries(map)].map(([key, value]): [string, string] => [map + key, text(value)]),
    );
  };

  it('is one activation, of which nothing but steps is executed until it is done [23, 24]', () => {
    const log = moved(4, stepwise());
    const before = content(log);
    const taken = migrate(log, () => {
      if (due(log).length === 0) return;
      assert.equal(active(log).code.version, 1);
      assert.equal(log.refused([]), 'activation-missing');
      assert.equal(log.refused([log.bundle('alice', 4, ['add x'])]), 'activation-missing');
    });
    assert.equal(taken.length, 3);
    assert.deepEqual(before, [
      ['service/mapx', '2'],
      ['service/mapy', '1'],
    ]);
    assert.deepEqual(content(log), [
      ['service/mapx', '4'],
      ['service/mapy', '2'],
      ['history/mapx', '2'],
      ['history/mapy', '1'],
    ]);
    const { attempts, code, failed, migration } = active(log);
    assert.deepEqual([attempts, code.version, failed, migration], [3, 2, undefined, undefined]);
    assert.deepEqual(ask(log, 'version'), { ok: true, value: 2 });
  });

  const secondly = (what: (access: Access) => ReturnType<typeof ok>): Services =>
    stepwise((steps, access) => (steps === 1 ? what(access) : undefined));
  for (const [how, runs, code] of [
    ['rejects', secondly((access) => rejects(access, 1, {} as never)), 'no-room'],
    ['leads to where no step can begin', secondly(() => ok('x'.repeat(5000))), 'too-large'],
    ['writes too much', secondly(overflow), 'too-large'],
    ['replaces too much', stepwise(replacesMuch), 'too-large'],
    ['diverges', stepwise(), 'divergent'],
  ] as const)
    it(`leaves everything as it was if a step ${how} [25, 26]`, () => {
      const log = moved(4, runs);
      const before = content(log);
      log.run(due(log));
      assert.notDeepEqual(content(log), before);
      const [item] = due(log) as [Item & { kind: 'system' }];
      const { refusals, request } = refused(log, item);
      log.run(code === 'divergent' ? [named(request, refusals), item] : [item]);
      migrate(log);
      const { attempts, code: now, failed, migration } = active(log);
      assert.deepEqual([attempts, now.version, failed?.code, migration], [3, 1, code, undefined]);
      assert.deepEqual(content(log), before);
      assert.deepEqual(ask(log, 'add x'), { ok: true, value: 3 });
    });

  it('is not stopped by a turn that waits for its challenge [31]', () => {
    let fails = true;
    const unready = { ok: false, result: encodeResult({ ok: false, error: { code: 'unready', message: 'no' } }) };
    const log = moved(
      4,
      stepwise(() => (fails ? unready : undefined)),
    );
    log.run(due(log));
    fails = false;
    for (let i = 0; i < 5; i++) {
      const commands = Array.from({ length: 10 }, (_, j) => `add z${10 * i + j}`);
      log.run([log.bundle('alice', 4 + 10 * i, commands)]);
    }
    const retry: GovernanceAction = { kind: 'retry-activation', release: successor };
    log.execution.commit(log.sequence);
    log.run([], log.time + log.execution.committed().constitution.policy.turnIntervalMs);
    log.decide(retry, 'ada', 'cy');
    assert.notEqual(log.execution.challengeOwed(), undefined);
    assert.ok(migrate(log).length > 50);
    assert.equal(active(log).code.version, 2);
    const { finished, open } = log.execution.committed().membership;
    assert.deepEqual([finished.at(-1)?.outcome, open], ['discarded', undefined]);
    log.run([]);
    assert.notEqual(log.execution.challengeOwed(), undefined, 'it opens again');
  });

  it('goes on in a state that was transferred in the middle of it [23]', () => {
    const log = moved(4, stepwise());
    log.run(due(log));
    const digest = log.digest();
    const late = new Log(genesis, { services: stepwise() }).execution;
    const transfer = late.transfer(digest, 1);
    for (let paths = transfer.wanted(100); paths.length > 0; paths = transfer.wanted(100))
      for (const part of log.execution.parts(log.sequence, paths, 1 << 20)) transfer.accept(part);
    late.install(log.sequence, transfer);
    const taken = migrate(log);
    assert.equal(taken.length, 2);
    for (const { executed, input } of log.inputs.slice(-taken.length)) {
      const result = late.execute(input);
      assert.ok('outcomes' in result);
      assert.deepEqual(result.outcomes, executed.outcomes);
      late.commit(input.sequence);
    }
    assert.equal(readActivation(late.committed().view).code.version, 2);
  });
});

describe('a plan', () => {
  /** The state of a log, from its write sets alone. */
  const copyOf = (log: Log): StateCopy => {
    const copy = new StateCopy(cryptography);
    copy.apply([genesisWriteSet(cryptography, genesis)]);
    for (const { executed } of log.inputs) copy.apply(executed.outcomes.map(({ writeSet }) => writeSet));
    return copy;
  };
  const entry = (approve() as Extract<GovernanceAction, { kind: 'approve-release' }>).release;

  it('gives the digest that the activation gives', () => {
    const log = moved(4);
    const writeSets: Uint8Array[] = [];
    const plan = copyOf(log).plan(entry, both, { sequence: 1, time: log.time + 1 }, (_, encoded) =>
      writeSets.push(encoded),
    );
    assert.ok('after' in plan);
    assert.deepEqual(plan.stateBefore, log.digest());
    const { outcomes } = log.run(due(log));
    assert.equal(outcomes.length, 1, 'nothing else was written');
    assert.deepEqual(writeSets, [outcomes[0]!.writeSet]);
    assert.deepEqual(plan.stateAfter, log.digest());
    assert.deepEqual(plan.after, active(log));
  });

  it('gives the digests of every step that the activation takes', () => {
    const log = moved(4, stepwise());
    const writeSets: Uint8Array[] = [];
    const plan = copyOf(log).plan(entry, stepwise(), { sequence: 1, time: log.time + 1 }, (_, encoded) =>
      writeSets.push(encoded),
    );
    assert.ok('after' in plan);
    const taken = migrate(log);
    assert.deepEqual(
      writeSets,
      taken.map(({ outcomes }) => outcomes[0]!.writeSet),
    );
    assert.equal(writeSets.length, 3);
    assert.deepEqual(plan.stateAfter, log.digest());
    assert.deepEqual(plan.after, active(log));
  });

  it('can be made before anybody approved the release, and says how the migration would fail', () => {
    const log = new Log(genesis, { services: both });
    log.run([log.bundle('alice', 1, ['add x'])]);
    const plan = copyOf(log).plan(entry, failing(rejects), { sequence: 1, time: log.time });
    assert.equal('after' in plan && plan.after.failed?.code, 'no-room');
  });

  it('is refused for what would never be activated', () => {
    const log = moved(0);
    const refused = (changes: object): string => {
      const plan = copyOf(log).plan({ ...entry, ...changes }, both, { sequence: 1, time: log.time });
      return 'objection' in plan ? plan.objection : 'none';
    };
    assert.equal(refused({ services: [{ version: 2 }] }), 'cannot-speak');
    assert.equal(refused({ services: [{ version: 1 }], protocols: [1] }), 'nothing-new');
    assert.equal(refused({ variants: [] }), 'malformed-entry');
  });
});

describe('an activation of version 4', () => {
  /** The digest of what all batches wrote, by a hash. */
  const digestOf = (log: Log, protocol: number): string => {
    const state = new State(cryptography.of(protocol));
    const outcomes = log.inputs.flatMap(({ executed }) => executed.outcomes.map(({ writeSet }) => writeSet));
    for (const encoded of [genesisWriteSet(cryptography, genesis), ...outcomes]) {
      const changes = decodeWriteSet(encoded);
      assert.ok(changes.ok);
      state.begin().apply(changes.value);
      state.fold();
    }
    return toHex(state.digest());
  };

  it('hashes everything after it anew, and nothing before [algorithms 20, 23, 24]', () => {
    const log = new Log(genesis, { services: both });
    log.run([log.bundle('alice', 1, ['add x', 'add x', 'add y'])]);
    log.decide(approve(successor, { protocols: [1, 4], services: [{ version: 1 }] }), 'ada', 'bo');
    for (let slot = 0; slot < 4; slot++) log.turn(`n${slot}`, genesisTime + 1000 * (slot + 1));
    const activated = log.run(due(log));
    assert.deepEqual(activated.transactionsRoot, new TransactionsTree(cryptography, activated.outcomes).root);
    const digest = log.digest();
    assert.equal(toHex(digest), digestOf(log, 1), 'the batch of the activation is of version 1');

    const item = log.bundle('alice', 4, ['add x', 'add y']);
    const { active: speaks, outcomes, transactionsRoot } = log.run([item]);
    assert.equal(speaks.protocol, 4);
    const later = cryptography.of(4);
    assert.deepEqual(transactionsRoot, new TransactionsTree(later, outcomes).root);
    const { bundle } = item as Extract<Item, { kind: 'bundle' }>;
    assert.deepEqual(
      outcomes.slice(0, 2).map(({ request }) => request),
      requestDigests(later, bundle),
    );
    assert.equal(toHex(log.digest()), digestOf(log, 4));

    // Who receives the one has nothing of the other, though both have the same entries.
    const receives = (protocol: number, at: number): number => {
      const replica = new ReplicaExecution({ cryptography, genesis, services: both });
      const wanted = log.execution.checkpoint(log.sequence);
      const transfer = replica.transfer(protocol === 4 ? wanted : digest, protocol);
      for (let paths = transfer.wanted(100); paths.length > 0; paths = transfer.wanted(100))
        for (const part of log.execution.parts(at, paths, 10_000_000)) assert.equal(transfer.accept(part), undefined);
      assert.ok(transfer.complete);
      replica.install(at, transfer);
      return replica.active().protocol;
    };
    assert.equal(receives(1, log.sequence - 1), 4, 'the state is of after the activation');
    assert.equal(receives(4, log.sequence), 4);
  });
});
