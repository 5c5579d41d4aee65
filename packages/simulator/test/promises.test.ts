/**
 * The checkers of promises and of authenticity find what they are there for, and nothing else.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Message } from '@coppice/protocol';
import {
  type Bundle,
  bundleStatement,
  type Item,
  requestDigests,
  type Result,
  type Subject,
  toLatin1,
  type ViewChange,
  type Vote,
} from '@coppice/wire';
import { Authentic } from '../src/checkers/authentic.ts';
import { certificateFlaw, quorumOf } from '../src/checkers/certificates.ts';
import { Promises } from '../src/checkers/promises.ts';
import {
  batch,
  bundle,
  certificate,
  cryptography,
  digestOfText,
  genesis,
  instance,
  signerNamed,
  verdicts,
} from './made-up.ts';

const zero = new Uint8Array(32);
const ok: Result = { ok: true, value: null };

function finds(found: string[], expected: RegExp): void {
  assert.equal(found.length, 1, found.join('\n'));
  assert.match(found[0]!, expected);
  found.length = 0;
}

describe('a certificate, read a second time', () => {
  it('needs a quorum of slots, each with a vote that its nonce opens', () => {
    assert.deepEqual([4, 5, 6, 7].map(quorumOf), [3, 4, 4, 5]);
    const { header, certificate: good } = batch(1);
    const flaw = (other: typeof good): string | undefined =>
      certificateFlaw(cryptography, header.service, genesis, other);
    assert.equal(flaw(good), undefined);
    assert.match(flaw({ ...good, reveals: good.reveals.slice(1) })!, /has 2 voters of 4/);
    assert.match(flaw({ ...good, reveals: [good.reveals[0]!, good.reveals[0]!, good.reveals[1]!] })!, /has 2 voters/);
    assert.match(flaw({ ...good, subject: { ...good.subject, view: 1 } })!, /has no vote of slot 0/);
    const opened = good.reveals.map((reveal, i) => (i === 2 ? { ...reveal, nonce: digestOfText('other') } : reveal));
    assert.match(flaw({ ...good, reveals: opened })!, /has no vote of slot 2/);
    const vacant = { ...genesis, seats: genesis.seats.slice(1) };
    assert.match(certificateFlaw(cryptography, header.service, vacant, good)!, /slot 0, which is vacant/);
    assert.match(
      certificateFlaw(cryptography, header.service, { ...genesis, epoch: 1 }, good)!,
      /is of epoch 0, not 1/,
    );
  });
});

describe('promises', () => {
  /** A checker, an instance whose ledger is durable below `durableEnd`, and what it says. */
  const make = (more: object = {}) => {
    const { found, violate } = verdicts();
    const checker = new Promises(violate, cryptography);
    const ledger = { durableEnd: 0 };
    const a = instance('a', { disk: { ledger }, replica: { configuration: genesis }, ...more });
    const subject = (one: ReturnType<typeof batch>, view = 0): Subject => ({
      ...one.certificate.subject,
      view,
      newView: zero,
    });
    const vote = (one: ReturnType<typeof batch>, view = 0): void => {
      const of: Vote = { subject: subject(one, view), slot: 0, commitment: zero, signature: zero };
      checker.sent(a, { kind: 'prepare', vote: of });
    };
    const reveal = (sequence: number, view = 0): void => {
      checker.sent(a, { kind: 'commit', epoch: 0, view, reveals: [{ sequence, nonce: zero }] });
    };
    const ask = (view: number, prepared?: ViewChange['prepared']): void => {
      const viewChange = { service: zero, epoch: 0, view, slot: 0, prepared, signature: zero };
      checker.sent(a, { kind: 'view-change', viewChange });
    };
    let position = 0;
    const append = (one: ReturnType<typeof batch>): void => {
      checker.appended(a, { kind: 'batch', header: one.header, batch: zero, outcomes: [] }, position++);
      checker.appended(a, { kind: 'prepared', certificate: { subject: subject(one), votes: [] } }, position++);
    };
    const say = (message: Message): void => checker.sent(a, message);
    return { found, checker, ledger, a, vote, reveal, ask, append, subject, say };
  };

  it('are kept by one vote after the other, each revealed once it is durable', () => {
    const { found, ledger, vote, reveal, append } = make();
    for (const one of [batch(1), batch(2)]) {
      append(one);
      vote(one);
      vote(one);
    }
    ledger.durableEnd = 4;
    reveal(1);
    reveal(2);
    assert.deepEqual(found, []);
  });

  it('are broken by two votes at one place, and by one further down', () => {
    const { found, vote } = make();
    vote(batch(2));
    vote(batch(2, { time: 9 }));
    finds(found, /votes twice at 2/);
    vote(batch(1));
    finds(found, /votes for 1 after 2/);
  });

  it('are broken by a vote on another chain', () => {
    const { found, vote, append } = make();
    append(batch(1));
    vote(batch(1));
    append(batch(1, { time: 9 }));
    vote(batch(2));
    finds(found, /votes for 2 on another chain than for 1/);
  });

  it('are broken by a nonce before the disk has what prepared, and by one without a vote', () => {
    const { found, ledger, vote, reveal, append } = make();
    append(batch(1));
    vote(batch(1));
    ledger.durableEnd = 1;
    reveal(1);
    finds(found, /reveals 1 of view 0 before that it prepared is durable/);
    reveal(7);
    finds(found, /for which it did not vote/);
  });

  it('are broken by a vote or a nonce after asking for another view', () => {
    const { found, ledger, vote, reveal, ask, append } = make();
    append(batch(1));
    vote(batch(1));
    ask(1);
    vote(batch(2));
    finds(found, /votes in view 0 after asking for 1/);
    ledger.durableEnd = 2;
    reveal(1);
    finds(found, /reveals in view 0 after asking for 1/);
  });

  it('are broken by a view change that does not name what was revealed', () => {
    const { found, ledger, vote, reveal, ask, append, subject } = make();
    const one = batch(1);
    append(one);
    vote(one);
    ledger.durableEnd = 2;
    reveal(1);
    ask(1, { header: one.header, certificate: { subject: subject(one), votes: [] } });
    assert.deepEqual(found, []);
    ask(2);
    finds(found, /asks for view 2 and does not name 1, revealed in view 0/);
  });

  it('are broken by a vote in a view whose new-view is not kept', () => {
    const { found, vote } = make();
    vote(batch(1), 1);
    finds(found, /votes in view 1, whose new-view it lacks/);
  });

  it('are broken by a checkpoint of what is not committed, or of another state', () => {
    const { found, checker, a, say } = make();
    const roots = {
      kind: 'checkpoint',
      epoch: 0,
      slot: 0,
      ledgerRoot: zero,
      stateDigest: zero,
      signature: zero,
    } as const;
    say({ ...roots, sequence: 1 });
    finds(found, /has not committed/);
    checker.committed(a, batch(2));
    say({ ...roots, sequence: 2 });
    assert.deepEqual(found, []);
    say({ ...roots, sequence: 2, stateDigest: digestOfText('other') });
    finds(found, /another checkpoint of 2/);
  });

  it('are not expected of an attacker', () => {
    const { found, vote } = make({ corrupt: true });
    vote(batch(2));
    vote(batch(1));
    assert.deepEqual(found, []);
  });
});

describe('authenticity', () => {
  const make = () => {
    const { found, violate } = verdicts();
    const times = { clockBoundMs: 100, turnDeadlineMs: 50 };
    const checker = new Authentic({
      violate,
      cryptography,
      genesis,
      now: () => 1000,
      corrupt: (id) => id === 'e',
      ...times,
    });
    return { found, checker, a: instance('a') };
  };
  const system = (request: Extract<Item, { kind: 'system' }>['request']): Item => ({ kind: 'system', request });

  it('finds requests that their client did not sign', () => {
    const { found, checker, a } = make();
    const unsigned = bundle(1, [['put', 'k', 'v']]) as Extract<Item, { kind: 'bundle' }>;
    const { service } = batch(1).header;
    const digests = requestDigests(cryptography, unsigned.bundle);
    const signature = signerNamed('client').sign(bundleStatement(cryptography, service, unsigned.bundle, digests));
    const signed: Bundle = { ...unsigned.bundle, signature };
    checker.committed(a, batch(1, { items: [{ kind: 'bundle', bundle: signed }], results: [ok] }));
    assert.deepEqual(found, []);
    checker.committed(a, batch(2, { items: [unsigned], results: [ok] }));
    finds(found, /2 has requests that their client did not sign/);
  });

  it('finds a challenge that no quorum certified', () => {
    const { found, checker, a } = make();
    const good = certificate(batch(1).header);
    checker.committed(
      a,
      batch(2, { items: [system({ kind: 'challenge', turn: 1, certificate: good })], results: [ok] }),
    );
    assert.deepEqual(found, []);
    const reveals = good.reveals.map((reveal) => ({ ...reveal, nonce: digestOfText('chosen') }));
    const bad = system({ kind: 'challenge', turn: 2, certificate: { ...good, reveals } });
    checker.committed(a, batch(3, { items: [bad], results: [ok] }));
    finds(found, /3 has a challenge whose certificate has no vote of slot 0/);
  });

  it('finds a proof against a correct instance, and notices that nobody signed', () => {
    const { found, checker, a } = make();
    const { instance: key } = genesis.seats[1]!;
    const vote: Vote = { subject: certificate(batch(1).header).subject, slot: 1, commitment: zero, signature: zero };
    const proof = { slot: 1, instance: key, first: vote, second: vote, fork: undefined };
    checker.committed(a, batch(1, { items: [system({ kind: 'fault', proof })], results: [ok] }));
    finds(found, /holds a fault of a correct instance, in slot 1/);
    const signature = new Uint8Array(64);
    const suspicion = {
      service: zero,
      epoch: 0,
      slot: 2,
      suspect: 1,
      instance: key,
      reason: 'silent' as const,
      signature,
    };
    checker.committed(a, batch(2, { items: [system({ kind: 'suspicion', suspicion })], results: [ok] }));
    finds(found, /a suspicion that slot 2 did not sign/);
    const erasure = { service: zero, epoch: 0, slot: 1, instance: key, signature };
    checker.committed(a, batch(3, { items: [system({ kind: 'erasure', erasure })], results: [ok] }));
    finds(found, /a notice of erasure that slot 1 did not sign/);
    assert.equal(toLatin1(key), instance('b').id);
  });

  it('finds times that are still to come, or past', () => {
    const { found, checker, a } = make();
    checker.committed(a, batch(1, { time: 1100 }));
    assert.deepEqual(found, []);
    checker.committed(a, batch(2, { time: 1101 }));
    finds(found, /still to come, by 101 ms/);
    checker.committed(a, batch(3, { time: 5 }));
    finds(found, /before the batch below it/);
  });
});
