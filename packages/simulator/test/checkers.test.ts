/**
 * Every checker finds what it is there for, and nothing else.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeRecord } from '@coppice/ledger';
import { MemoryLedger } from '@coppice/storage';
import type { EpochCertificate, Item, Result } from '@coppice/wire';
import { Agreement } from '../src/checkers/agreement.ts';
import { Conduct } from '../src/checkers/conduct.ts';
import { Durability } from '../src/checkers/durability.ts';
import { History } from '../src/checkers/history.ts';
import { Keys } from '../src/checkers/keys.ts';
import { Progress } from '../src/checkers/progress.ts';
import { Receipts } from '../src/checkers/receipts.ts';
import { Recovery, type RecoveryPolicy } from '../src/checkers/recovery.ts';
import type { Client, ClientOperation } from '../src/client.ts';
import type { Instance } from '../src/instance.ts';
import { Observers } from '../src/observer.ts';
import type { Provider } from '../src/provider.ts';
import {
  batch,
  bundle,
  certificate,
  configuration,
  cryptography,
  digestOfText,
  founders,
  genesis,
  instance,
  operation,
  signerNamed,
  verdicts,
} from './made-up.ts';

const [a, b] = [instance('a'), instance('b')];
const evil = instance('e', { corrupt: true });
const ok = (value: string | number | null): Result => ({ ok: true, value });

/** Exactly one finding, and it says this. */
function finds(found: string[], expected: RegExp): void {
  assert.equal(found.length, 1, found.join('\n'));
  assert.match(found[0]!, expected);
  found.length = 0;
}

describe('agreement', () => {
  const make = () => {
    const { found, violate } = verdicts();
    return { found, checker: new Agreement(violate, cryptography, genesis) };
  };

  it('is content with one history', () => {
    const { found, checker } = make();
    for (const one of [a, b]) for (const sequence of [1, 2]) checker.committed(one, batch(sequence));
    checker.installed(b, 9);
    checker.committed(b, batch(10));
    assert.deepEqual(found, []);
  });

  it('finds two batches at one place, unless an attacker says so', () => {
    const { found, checker } = make();
    checker.committed(a, batch(1));
    checker.committed(evil, batch(1, { time: 7 }));
    assert.deepEqual(found, []);
    checker.committed(b, batch(1, { time: 7 }));
    finds(found, /two batches at 1/);
  });

  it('finds a gap, and a certificate that is none', () => {
    const { found, checker } = make();
    checker.committed(a, batch(2));
    finds(found, /a committed 2 after 0/);
    checker.committed(b, batch(1, { signers: ['a', 'b', 'e'] }));
    finds(found, /1 was committed without a quorum/);
  });

  it('finds two configurations of one epoch', () => {
    const { found, checker } = make();
    const { header } = batch(5);
    const closing = (names: string[]) => {
      const next = configuration(1, names);
      return [{ header, certificate: certificate(header), next }, next] as const;
    };
    checker.epoch(a, ...closing(['a2', 'b', 'c', 'd']));
    checker.epoch(b, ...closing(['a2', 'b', 'c', 'd']));
    assert.deepEqual(found, []);
    checker.epoch(b, ...closing(['a3', 'b', 'c', 'd']));
    finds(found, /epoch 1 began otherwise at b/);
  });
});

describe('history', () => {
  const judge = (
    batches: readonly ReturnType<typeof batch>[],
    operations: readonly ClientOperation[] = [],
  ): string[] => {
    const { found, violate } = verdicts();
    const log = new Map(batches.map((one) => [one.header.sequence, { digest: '', batch: one, by: a }]));
    new History(violate, log, [{ operations } as unknown as Client]).ended();
    return found;
  };
  const put = (first: number, value: string): Item => bundle(first, [['put', 'k', value]]);

  it('is content with what a register gives', () => {
    const first = batch(1, { items: [put(1, 'x')], results: [ok(null)] });
    const second = batch(2, {
      items: [
        bundle(2, [
          ['get', 'k', ''],
          ['count', 'k', ''],
          ['fail', 'k', 'y'],
        ]),
        put(1, 'x'),
      ],
      results: [
        ok('x'),
        ok(1),
        { ok: false, error: { code: 'refused', message: '' } },
        { ok: false, error: { code: 'duplicate', message: '' } },
      ],
    });
    assert.deepEqual(
      judge([first, second], [operation(1, [0, 5], [1, 0], ok(null)), operation(2, [6, 9], [2, 0], ok('x'))]),
      [],
    );
  });

  it('finds a result that does not follow from the order', () => {
    const log = [
      batch(1, { items: [put(1, 'x')], results: [ok(null)] }),
      batch(2, { items: [put(2, 'y')], results: [ok('z')] }),
    ];
    finds(judge(log), /put k y gave .*"z".*not "x"/);
  });

  it('finds an answer that is not in the log, unless only an attacker had committed that much', () => {
    const log = [batch(1, { items: [put(1, 'x')], results: [ok(null)] })];
    const beyond = operation(2, [1, 2], [2, 0], ok('x'));
    finds(judge(log, [beyond]), /answered, and not in the log: 2 0/);
    const by = evil;
    assert.deepEqual(judge(log, [{ ...beyond, answer: { ...beyond.answer!, by } }]), []);
    const within = operation(2, [1, 2], [1, 1], ok('x'));
    finds(judge(log, [{ ...within, answer: { ...within.answer!, by } }]), /answered, and not in the log: 1 1/);
  });

  it('finds what was executed twice', () => {
    const again = { items: [put(1, 'x')], results: [ok('x')] };
    finds(judge([batch(1, { items: [put(1, 'x')], results: [ok(null)] }), batch(2, again)]), /executed twice: 2 0/);
  });

  it('finds a duplicate that is none, a missing result, and a gap', () => {
    const duplicate: Result = { ok: false, error: { code: 'duplicate', message: '' } };
    finds(judge([batch(1, { items: [put(1, 'x')], results: [duplicate] })]), /called a duplicate/);
    finds(judge([batch(1, { items: [put(1, 'x')] })]), /no result: 1 0/);
    finds(judge([batch(2)]), /no correct instance committed 1/);
  });

  it('finds answers that are not those of the log', () => {
    const log = [batch(1, { items: [put(1, 'x')], results: [ok(null)] })];
    finds(judge(log, [operation(1, [0, 5], [1, 0], ok('other'))]), /another answer/);
    finds(judge(log, [operation(1, [0, 5], [1, 3], ok(null))]), /answered, and not in the log: 1 3/);
  });

  it('finds an order that contradicts real time', () => {
    const log = [
      batch(1, { items: [put(1, 'x')], results: [ok(null)] }),
      batch(2, { items: [put(2, 'y')], results: [ok('x')] }),
    ];
    const late = operation(1, [50, 60], [1, 0], ok(null));
    const early = operation(2, [0, 40], [2, 0], ok('x'));
    finds(judge(log, [late, early]), /client's 1 is before what was answered when it was asked/);
  });
});

describe('receipts', () => {
  it('must verify, and not contradict each other', () => {
    const { found, violate } = verdicts();
    const checker = new Receipts(violate, cryptography, new Uint8Array(32));
    checker.unproven(evil, 'certificate');
    checker.answered(operation(1, [0, 1], [1, 0], ok(null)));
    checker.answered(operation(2, [0, 1], [1, 1], ok(null)));
    assert.deepEqual(found, []);
    checker.unproven(a, 'certificate');
    finds(found, /the receipt of a does not verify: certificate/);
    checker.answered(operation(3, [0, 1], [1, 2], ok(null), batch(1, { time: 9 }).header));
    finds(found, /two receipts prove two headers at 1/);
  });
});

describe('recovery', () => {
  const challenge = digestOfText('challenge');
  const challenged: Item = {
    kind: 'system',
    request: { kind: 'challenge', turn: 1, certificate: certificate(batch(1).header) },
  };
  const launched = (name: string, at: number, more: object = {}) =>
    instance(name, { launchedAt: at, launch: { slot: 0, turn: 1, challenge, ...more } });
  const make = (now = 100, lenient: Partial<RecoveryPolicy> = {}) => {
    const { found, violate } = verdicts();
    const policy = {
      sealDeadlineMs: 1000,
      turnDeadlineMs: 500,
      unsealed: 'wait',
      overdue: 'halt',
      ...lenient,
    } as const;
    const checker = new Recovery(violate, () => now, genesis, policy);
    return { found, checker };
  };
  const seated = (names: readonly string[]) => {
    const next = configuration(1, names);
    return { ...next, seats: next.seats.map((one) => (one.slot === 0 ? { ...one, turn: 1 } : one)) };
  };
  const closing = (time = 9): EpochCertificate => {
    const { header, certificate } = batch(9, { time });
    return { header, certificate, next: genesis };
  };
  const drawn = batch(2, { items: [challenged], results: [{ ok: true, value: { challenge } }] });

  it('is content with a turn', () => {
    const { found, checker } = make();
    checker.committed(a, drawn);
    checker.launched(launched('a2', 120));
    checker.epoch(a, closing(), seated(['a2', 'b', 'c', 'd']));
    assert.deepEqual(found, []);
  });

  it('finds a seat taken after the deadline of its turn', () => {
    const { found, checker } = make();
    checker.committed(a, batch(1, { time: 1000 }));
    checker.committed(a, drawn);
    checker.launched(launched('a2', 120));
    const next = seated(['a2', 'b', 'c', 'd']);
    checker.epoch(a, closing(), { ...next, seats: next.seats.map((one) => ({ ...one, since: 1500 })) });
    finds(found, /turn 1 seated its candidate 500 ms after it was open/);
  });

  it('finds a launch before the challenge, for another challenge, and one that nobody made', () => {
    const { found, checker } = make();
    checker.committed(a, drawn);
    checker.launched(launched('a2', 99));
    checker.epoch(a, closing(), seated(['a2', 'b', 'c', 'd']));
    finds(found, /a2 was launched before its turn's challenge was known/);
    const other = make();
    other.checker.committed(a, drawn);
    other.checker.launched(launched('a2', 120, { challenge: digestOfText('other') }));
    other.checker.epoch(a, closing(), seated(['a2', 'b', 'c', 'd']));
    finds(other.found, /a2 sits in slot 0 by turn 1, for which it was not launched/);
    const none = make();
    none.checker.epoch(a, closing(), seated(['a2', 'b', 'c', 'd']));
    finds(none.found, /nobody launched the instance in slot 0/);
  });

  it('finds two seats that change at once, and one instance in two slots', () => {
    const { found, checker } = make();
    checker.epoch(a, closing(), configuration(1, ['a2', 'b2', 'c', 'd']));
    finds(found, /epoch 1 changes slots 0,1/);
    const moved = make();
    moved.checker.epoch(a, closing(), configuration(1, ['x', 'b', 'c', 'd']));
    moved.checker.committed(
      a,
      batch(1, { items: founders.map((_, slot) => erasure(slot)), results: founders.map(() => ok(1)) }),
    );
    moved.checker.epoch(a, closing(), configuration(2, ['x', 'x', 'c', 'd']));
    finds(moved.found, /one instance sat in two slots/);
  });

  const erasure = (slot: number): Item => ({
    kind: 'system',
    request: {
      kind: 'erasure',
      erasure: {
        ...{ service: digestOfText('service'), epoch: 0, slot },
        instance: signerNamed(founders[slot]!).publicKey,
        signature: new Uint8Array(64),
      },
    },
  });

  it('finds an epoch that closes before the one before is sealed', () => {
    const two = [0, 1].map(erasure);
    const { found, checker } = make();
    checker.epoch(a, closing(), configuration(1, ['x', 'b', 'c', 'd']));
    checker.committed(a, batch(1, { items: two, results: two.map(() => ok(1)) }));
    checker.epoch(a, closing(), configuration(2, ['x', 'y', 'c', 'd']));
    finds(found, /epoch 1 closed before 0 was sealed/);
  });

  it('finds one that closes too early even where members would rather go on', () => {
    for (const [time, problem] of [
      [999, /epoch 1 closed before 0 was sealed/],
      [1000, undefined],
    ] as const) {
      const { found, checker } = make(100, { unsealed: 'continue' });
      checker.epoch(a, closing(0), configuration(1, ['x', 'b', 'c', 'd']));
      checker.epoch(a, closing(time), configuration(2, ['x', 'y', 'c', 'd']));
      if (problem === undefined) assert.deepEqual(found, []);
      else finds(found, problem);
    }
  });

  it('finds a service that halts although its members would rather go on', () => {
    const { found, checker } = make(100, { overdue: 'continue' });
    const answers = (result: Result) => ({ items: [bundle(1, [['get', 'k', '']])], results: [result], time: 99_000 });
    checker.committed(a, batch(1, answers(ok(null))));
    assert.deepEqual(found, []);
    checker.committed(a, batch(2, answers({ ok: false, error: { code: 'overdue', message: '' } })));
    finds(found, /2 answers overdue/);
  });

  it('finds requests that are served beside a seat past its term', () => {
    const { found, checker } = make();
    const served = { items: [bundle(1, [['get', 'k', '']])], results: [ok(null)] };
    checker.committed(a, batch(1, { ...served, time: 10_999 }));
    checker.committed(a, batch(2, { time: 12_000 }));
    assert.deepEqual(found, []);
    checker.committed(a, batch(3, { ...served, time: 11_000 }));
    finds(found, /3 serves requests with slot 0 past its term by 1000 ms/);
  });

  it('finds more vacancies than faults are tolerated', () => {
    const { found, checker } = make();
    checker.epoch(a, closing(), { ...genesis, epoch: 1, seats: genesis.seats.slice(2) });
    assert.match(found[0]!, /epoch 1 has 2 of 4 seats/);
  });
});

describe('keys', () => {
  it('sign in their epoch, in order, and are gone when erased', () => {
    const { found, violate } = verdicts();
    const checker = new Keys(violate);
    checker.signed(a, 0, 'vote', true);
    checker.erased(a, 0);
    checker.signed(a, 1, 'vote', true);
    checker.signed(evil, 0, 'vote', false);
    assert.deepEqual(found, []);
    checker.signed(a, 2, 'vote', false);
    finds(found, /whose key it does not have/);
    checker.signed(a, 1, 'vote', true);
    finds(found, /a vote of epoch 1 after one of epoch 2/);
    checker.erased(a, 2);
    checker.signed(a, 2, 'checkpoint', true);
    finds(found, /a signed a checkpoint of epoch 2, whose key was erased/);
  });

  it('of a notice must be gone', () => {
    const { found, violate } = verdicts();
    const checker = new Keys(violate);
    const keeper = instance('a', { keyring: { signer: (epoch: number) => (epoch === 0 ? {} : undefined) } });
    checker.launched(keeper);
    const notice = (epoch: number): Item => ({
      kind: 'system',
      request: {
        kind: 'erasure',
        erasure: {
          ...{ service: digestOfText('service'), epoch, slot: 0 },
          ...{ instance: signerNamed('a').publicKey, signature: new Uint8Array(64) },
        },
      },
    });
    checker.committed(a, batch(1, { items: [notice(1)] }));
    assert.deepEqual(found, []);
    checker.committed(a, batch(2, { items: [notice(0)] }));
    finds(found, /a said that it erased epoch 0, and did not/);
  });
});

describe('conduct', () => {
  it('of correct instances convinces each other', () => {
    const { found, violate } = verdicts();
    const checker = new Conduct(violate, (id) => id === evil.id, false);
    checker.rejected(a, b.id, 'pre-prepare', 'stale');
    checker.rejected(a, evil.id, 'pre-prepare', 'different-result');
    checker.rejected(evil, b.id, 'pre-prepare', 'different-result');
    checker.reported(a, { kind: 'stable', sequence: 8 });
    assert.deepEqual(found, []);
    checker.rejected(a, b.id, 'pre-prepare', 'different-result');
    finds(found, /a rejects a pre-prepare of a correct instance: different-result/);
    checker.reported(a, { kind: 'diverged', sequence: 8 });
    finds(found, /a: diverged at 8/);
    checker.failed(a, new Error('an assertion'));
    finds(found, /a failed: Error: an assertion/);
  });
});

describe('durability', () => {
  const prepared = (one: ReturnType<typeof batch>) => ({
    kind: 'prepared' as const,
    certificate: { subject: one.certificate.subject, votes: [] },
  });

  /** Disks of the founders, of which so many have synced the batch. */
  const make = (synced: number) => {
    const { found, violate } = verdicts();
    const checker = new Durability(violate, cryptography, [genesis]);
    const one = batch(1);
    for (const [i, name] of founders.entries()) {
      const ledger = new MemoryLedger();
      const holder = instance(name, { disk: { ledger, history: new Map() } });
      checker.launched(holder);
      const record = { kind: 'batch' as const, header: one.header, batch: new Uint8Array(0), outcomes: [] };
      for (const each of [record, prepared(one)]) {
        checker.appended(holder, each, ledger.append({ ...encodeRecord(each), sequence: 1 }));
      }
      if (i >= synced) continue;
      ledger.sync(() => {});
      ledger.complete();
    }
    return { found, checker, one };
  };

  it('of a commit needs a quorum of disks', () => {
    const three = make(3);
    three.checker.committed(a, three.one);
    assert.deepEqual(three.found, []);
    const two = make(2);
    two.checker.committed(a, two.one);
    finds(two.found, /1 is committed, and durable on the disks of a, b only/);
  });

  it('of an answer is judged by what the disks hold in the end', () => {
    for (const [synced, lost] of [
      [2, false],
      [1, true],
    ] as const) {
      const { found, checker, one } = make(synced);
      checker.answered(operation(1, [0, 1], [1, 0], ok(null), one.header));
      checker.ended();
      if (lost) finds(found, /1 was acknowledged, and durable on the disks of a only/);
      else assert.deepEqual(found, []);
    }
  });
});

describe('progress', () => {
  const incumbent = (name: string, committed: number, turn = 0, open?: { turn: number }) =>
    instance(name, {
      state: 'running',
      serving: { execution: { committed: () => ({ membership: { open } }) } },
      replica: {
        committed,
        slot: 0,
        epoch: 0,
        timeOfExecuted: 5000,
        configuration: configuration(0, founders, { turn }),
      },
    });
  const judge = (
    instances: ReturnType<typeof incumbent>[],
    operations: readonly ClientOperation[],
    elapsed = 10,
    died = false,
  ): string[] => {
    const { found, violate } = verdicts();
    let now = 100;
    const head = instances[0];
    const provider = { head, seated: () => instances } as unknown as Provider;
    const client = { name: 'client', operations } as unknown as Client;
    const checker = new Progress({
      ...{ violate, now: () => now, provider, clients: [client], turnMs: 1000, turnDeadlineMs: 1000 },
      blackout: () => died,
      stillMsMax: 500,
    });
    checker.healed();
    now += elapsed;
    checker.recovered();
    return found;
  };
  const answered = operation(1, [105, 108], [1, 0], ok(null));

  it('is that clients are answered, and all follow', () => {
    assert.deepEqual(judge([incumbent('a', 20), incumbent('b', 15)], [answered]), []);
    finds(judge([incumbent('a', 20)], [operation(1, [95, 108], [1, 0], ok(null))]), /client was not answered/);
    finds(judge([incumbent('a', 90), incumbent('b', 15)], [answered]), /b is at 15, in epoch 0; the head is at 90/);
    finds(judge([], [answered]), /no incumbent runs/);
    assert.deepEqual(judge([], [answered], 10, true), []);
    finds(judge([incumbent('a', 20)], [answered], 2000), /no turn seated anybody/);
  });

  it('has been shown once a turn that began afterwards has seated somebody, and nobody waits', () => {
    const shows = (before: Instance, after: Instance, operations: readonly ClientOperation[]): boolean => {
      let head = before;
      const { violate } = verdicts();
      const provider = {
        get head() {
          return head;
        },
        seated: () => [head],
      } as unknown as Provider;
      const clients = [{ name: 'client', operations } as unknown as Client];
      const now = (): number => 100;
      const options = { turnMs: 1000, turnDeadlineMs: 1000, blackout: () => false, stillMsMax: 500 };
      const checker = new Progress({ violate, now, provider, clients, ...options });
      checker.healed();
      head = after;
      return checker.shown;
    };
    assert.ok(shows(incumbent('a', 20, 3), incumbent('a', 30, 4), [answered]));
    assert.ok(!shows(incumbent('a', 20, 3), incumbent('a', 30, 3), [answered]));
    assert.ok(!shows(incumbent('a', 20, 3, { turn: 4 }), incumbent('a', 30, 4), [answered]));
    assert.ok(!shows(incumbent('a', 20, 3), incumbent('a', 30, 4), []));
  });
});

describe('a checker that fails', () => {
  it('leaves what it checks unknown', () => {
    const observers = new Observers(() => 7);
    const fails = (): never => {
      throw new Error('oops');
    };
    observers.watch({ name: 'clumsy', ended: fails }, { name: 'calm', ended: () => {} });
    observers.tell('ended');
    const [violation, ...more] = observers.violations;
    assert.deepEqual(more, []);
    assert.equal(violation?.checker, 'clumsy');
    assert.match(violation.message, /^unknown, because the checker failed: Error: oops/);
  });
});
