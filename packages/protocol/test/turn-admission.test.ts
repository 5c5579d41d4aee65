import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sameBytes, type Scheme, schemes } from '@coppice/wire';
import type { Membership } from '../src/membership.ts';
import { challengeMissing, waivedTurns } from '../src/turn.ts';
import { acceptChallenge, acceptReady, admit, type Appraiser, noVariant } from '../src/turn-admission.ts';
import { batch, challenge, codeOf, completeTurn, join, readyAt, taken } from './turn-driver.ts';
import * as fixture from './turn-fixture.ts';

const { certificate, contextAt, digestOfText, founded, joinFor, policy } = fixture;

const opened = (): Membership => batch(founded(), 200);
const drawn = (): Membership => challenge(opened(), 202);

describe('challenge', () => {
  const accept = (m: Membership, of = certificate(m, 200), sequence = 202, turn = 1, variants = ['a', 'b', 'c']) =>
    acceptChallenge(m, contextAt(sequence), turn, of, () => ({ variants, waived: [] }));

  it('takes the nonces of a certificate of the opening header, and draws the variant with them', () => {
    const m = taken(accept(opened()));
    const again = taken(accept(opened()));
    assert.deepEqual(m.open, again.open);
    assert.equal(m.open!.drawn!.challenge.length, 32);
    assert.ok(['a', 'b', 'c'].includes(m.open!.drawn!.variant));
  });

  it('takes a certificate of a later header, which commits the opening one, too', () => {
    const m = taken(accept(opened(), certificate(opened(), 204), 205));
    assert.ok(!sameBytes(m.open!.drawn!.challenge, taken(accept(opened())).open!.drawn!.challenge));
  });

  it('remembers what was waived, in the turn while it is open and afterwards', () => {
    const m = opened();
    const waived = ['recent', 'distance'] as const;
    const verdict = acceptChallenge(m, contextAt(202), 1, certificate(m, 200), () => ({ variants: ['a'], waived }));
    const drawn = taken(verdict);
    assert.deepEqual(drawn.open!.drawn!.waived, waived);
    const { deadline } = drawn.open!;
    assert.equal(waivedTurns(drawn, policy, deadline), 0);
    const over = batch(drawn, deadline);
    assert.deepEqual(over.finished.at(-1)!.waived, waived);
    assert.equal(waivedTurns(over, policy, deadline), 1);
    assert.equal(waivedTurns(over, policy, deadline + policy.recoveryPeriodMs), 0);
  });

  it('draws nothing where something would be waived once too often, and the turn fails at its deadline', () => {
    const m = taken(acceptChallenge(opened(), contextAt(202), 1, certificate(opened(), 200), () => undefined));
    assert.deepEqual([m.open?.drawn?.variant, m.open?.drawn?.waived], [noVariant, []]);
    assert.equal(challengeMissing(m, 1000), false, 'the service goes on');
    const over = batch(m, m.open!.deadline);
    assert.equal(over.finished.at(-1)?.outcome, 'expired');
    assert.equal(waivedTurns(over, policy, m.open!.deadline), 0);
  });

  it('draws every variant, and the same one for the same challenge', () => {
    const seen = new Set<string>();
    for (let sequence = 200; sequence < 230; sequence++) {
      seen.add(taken(accept(opened(), certificate(opened(), sequence), 231)).open!.drawn!.variant);
    }
    assert.deepEqual([...seen].sort(), ['a', 'b', 'c']);
  });

  it('is invalid for a header before the opening, another header, or without a quorum', () => {
    const m = opened();
    assert.equal(codeOf(accept(m, certificate(m, 199))), 'invalid');
    assert.equal(codeOf(accept(m, certificate(m, 202))), 'invalid', 'the batch itself has no header yet');
    const good = certificate(m, 200);
    assert.equal(
      codeOf(accept(m, { ...good, subject: { ...good.subject, headerDigest: digestOfText('x') } })),
      'invalid',
    );
    assert.equal(codeOf(accept(m, { ...good, reveals: good.reveals.slice(1) })), 'invalid');
    assert.equal(codeOf(accept(m, { ...good, subject: { ...good.subject, epoch: 1 } })), 'invalid');
    const [first, ...rest] = good.reveals;
    assert.equal(
      codeOf(accept(m, { ...good, reveals: [{ ...first!, nonce: digestOfText('x') }, ...rest] })),
      'invalid',
    );
  });

  it('is refused for another turn, or twice', () => {
    const m = opened();
    assert.equal(codeOf(accept(founded())), 'no-such-turn');
    assert.equal(codeOf(accept(m, certificate(m, 200), 202, 2)), 'no-such-turn');
    assert.equal(codeOf(accept(drawn())), 'already-done');
    assert.equal(codeOf(accept(m, certificate(m, 200), 202, 1, [])), 'wrong-release');
  });
});

describe('join', () => {
  const attempt = (m: Membership, of = joinFor(m, 'new'), appraiser: Appraiser = fixture.appraiser) =>
    admit(m, contextAt(204), of, { policyKeys: policy.epochKeys, scheme: 1 }, appraiser);

  it('admits one candidate a turn, and records its claims', () => {
    const m = drawn();
    const verdict = attempt(m);
    const after = taken(verdict);
    assert.deepEqual(after.candidate!.instance, digestOfText('new'));
    assert.equal(after.candidate!.admittedAt, 204);
    assert.deepEqual((verdict as Extract<typeof verdict, { kind: 'done' }>).value, {
      turn: 1,
      slot: 0,
      instance: digestOfText('new'),
      claims: [{ claim: 'evidence', verdict: 'affirming' }],
    });
    assert.equal(codeOf(attempt(after, joinFor(m, 'other'))), 'already-done');
  });

  it('gives the appraiser the launch that the turn asked for', () => {
    const m = drawn();
    const seen: unknown[] = [];
    const appraiser: Appraiser = {
      ...fixture.appraiser,
      appraise(join, launch, time) {
        seen.push(launch, time);
        return fixture.appraiser.appraise(join, launch, time);
      },
    };
    taken(attempt(m, joinFor(m, 'new'), appraiser));
    const { challenge: random, variant } = m.open!.drawn!;
    const { service, release } = fixture;
    assert.deepEqual(seen, [{ service, slot: 0, turn: 1, challenge: random, variant, release }, 204]);
  });

  it('refuses what is not for this service, turn, release and epoch', () => {
    const m = drawn();
    const refusal = (change: Parameters<typeof joinFor>[2]): string => codeOf(attempt(m, joinFor(m, 'new', change)));
    assert.equal(refusal({ service: digestOfText('x') }), 'wrong-service');
    assert.equal(refusal({ turn: 2 }), 'no-such-turn');
    assert.equal(refusal({ slot: 1 }), 'no-such-turn');
    assert.equal(refusal({ release: digestOfText('x') }), 'wrong-release');
    assert.equal(refusal({ variant: 'x' }), 'wrong-release');
    assert.equal(refusal({ firstEpoch: 2 }), 'wrong-keys');
    assert.equal(refusal({ firstEpoch: 0 }), 'wrong-keys');
    const early = opened();
    const [turn, slot] = [early.open!.turn, early.open!.slot];
    assert.equal(codeOf(attempt(early, { ...joinFor(m, 'new'), turn, slot })), 'too-early');
    assert.equal(codeOf(attempt(founded(), joinFor(m, 'new'))), 'no-such-turn');
  });

  it('refuses keys that are too few, repeated, those of an occupant, or no points', () => {
    const m = drawn();
    const keys = fixture.keysOf('new', policy.epochKeys);
    const refusal = (changed: typeof keys, instance = digestOfText('new')): string =>
      codeOf(attempt(m, joinFor(m, 'new', { keys: changed, instance })));
    assert.equal(refusal(keys), 'done');
    assert.equal(refusal(keys.slice(1)), 'wrong-keys');
    const [first, ...rest] = keys;
    const withFirst = (change: Partial<(typeof keys)[0]>) => [{ ...first!, ...change }, ...rest];
    assert.equal(refusal(withFirst({ signingKey: rest[0]!.signingKey })), 'wrong-keys');
    assert.equal(refusal(withFirst({ sealingKey: first!.signingKey })), 'wrong-keys');
    assert.equal(refusal(withFirst({ signingKey: fixture.keysOf('g3', 12)[11]!.signingKey })), 'wrong-keys');
    assert.equal(refusal(withFirst({ sealingKey: fixture.keysOf('g0', 1)[0]!.sealingKey })), 'wrong-keys');
    assert.equal(refusal(keys, digestOfText('g2')), 'wrong-keys');
    assert.equal(refusal(withFirst({ signingKey: new Uint8Array(32).fill(255, 0, 31) })), 'wrong-keys');
  });

  it('refuses keys of another scheme than is asked for, one among the others, too', () => {
    const m = drawn();
    const keys = fixture.keysOf('new', policy.epochKeys);
    const long = ({ signingKey, sealingKey }: (typeof keys)[0]) => {
      const longer = new Uint8Array(schemes[2].publicKeyBytes);
      longer.set(signingKey);
      return { signingKey: longer, sealingKey };
    };
    const verdict = (brought: typeof keys, scheme: Scheme): string =>
      codeOf(
        admit(
          m,
          contextAt(204),
          joinFor(m, 'new', { keys: brought }),
          { policyKeys: policy.epochKeys, scheme },
          fixture.appraiser,
        ),
      );
    assert.equal(verdict(keys, 2), 'wrong-keys');
    assert.equal(verdict(keys.map(long), 1), 'wrong-keys');
    assert.equal(verdict([...keys.slice(1).map(long), keys[0]!], 2), 'wrong-keys');
    assert.equal(verdict(keys.map(long), 2), 'done');
  });

  it('refuses what evidence, caps or differences do not allow, with every claim', () => {
    const m = drawn();
    const verdict = attempt(m, joinFor(m, 'new', { evidence: new Uint8Array(0) }));
    assert.equal(codeOf(verdict), 'not-admitted');
    assert.deepEqual((verdict as { data: unknown }).data, { claims: [{ claim: 'evidence', verdict: 'missing' }] });
    const capped = { ...fixture.appraiser, objection: () => 'too many of one platform' };
    assert.equal(codeOf(attempt(m, joinFor(m, 'new'), capped)), 'not-admitted');
  });

  it('is invalid with a bad signature', () => {
    const m = drawn();
    assert.equal(codeOf(attempt(m, joinFor(m, 'new', { signature: new Uint8Array(64) }))), 'invalid');
    assert.equal(codeOf(attempt(m, { ...joinFor(m, 'new'), address: 'elsewhere' })), 'invalid');
  });

  it('keeps no view of the batch that it came in', () => {
    const m = drawn();
    const large = new Uint8Array(1_000_000);
    const of = joinFor(m, 'new');
    large.set(of.instance);
    const { candidate } = taken(attempt(m, { ...of, instance: large.subarray(0, 32) }));
    assert.ok(candidate!.instance.buffer.byteLength < 100_000);
  });
});

describe('ready', () => {
  const admitted = (): Membership => join(drawn(), 204, 'new');

  it('takes a header of the log since the admission, within 64 of the head', () => {
    const m = admitted();
    assert.equal(codeOf(acceptReady(m, contextAt(210), readyAt(m, 209))), 'done');
    assert.equal(codeOf(acceptReady(m, contextAt(210), readyAt(m, 204))), 'done');
    assert.equal(codeOf(acceptReady(m, contextAt(210), readyAt(m, 203))), 'unknown-header');
    assert.equal(codeOf(acceptReady(m, contextAt(210), readyAt(m, 210))), 'unknown-header');
    assert.equal(codeOf(acceptReady(m, contextAt(300), readyAt(m, 235))), 'unknown-header');
  });

  it('refuses other turns, services and headers, and is invalid with a bad signature', () => {
    const m = admitted();
    const good = readyAt(m, 209);
    const attempt = (change: Partial<typeof good>, to = m): string =>
      codeOf(acceptReady(to, contextAt(210), { ...good, ...change }));
    assert.equal(attempt({ turn: 2 }), 'no-such-turn');
    assert.equal(attempt({}, drawn()), 'no-such-turn');
    assert.equal(attempt({ service: digestOfText('x') }), 'wrong-service');
    assert.equal(attempt({ headerDigest: digestOfText('x') }), 'invalid');
    assert.equal(attempt({ signature: new Uint8Array(64) }), 'invalid');
    assert.equal(attempt({}, taken(acceptReady(m, contextAt(210), good))), 'already-done');
  });
});

it('a whole turn takes four steps', () => {
  const m = completeTurn(opened(), 210, 'new');
  assert.deepEqual([m.epoch, m.finished[0]?.outcome, m.finished[0]?.candidate], [1, 'seated', digestOfText('new')]);
});
