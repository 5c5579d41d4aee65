import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Diversity, NewestIssue } from '@coppice/attestation';
import { toHex } from '@coppice/wire';
import { appraiseJoin, capObjection, type Constitution, constitutionDigest, variantChoices } from '../src/index.ts';
import { bytesOf, constitutionOf, cryptography, type Founding, joinOf, release, time } from './fixtures.ts';

const constitution = constitutionOf();
const service = constitutionDigest(cryptography, constitution);
const launch = { service, slot: 2, turn: 0, challenge: service, release, variant: 'jsc-a' };

const nothingSeen: NewestIssue = () => undefined;

function appraised(founding: Founding = {}, now = time, asked = launch, newestIssue = nothingSeen) {
  const join = joinOf(constitution, 2, founding);
  const { facts, claims } = appraiseJoin(cryptography, constitution, join, asked, now, newestIssue);
  const failed = claims.filter(({ verdict }) => verdict !== 'affirming').map(({ claim }) => claim);
  assert.equal(facts === undefined, failed.length > 0);
  return { facts, failed };
}

test('shows what caps count', () => {
  const { facts } = appraised();
  assert.deepEqual(
    { ...facts, chip: Buffer.from(facts!.chip) },
    { platform: 'simulated', provider: 'provider 2', chip: Buffer.from(bytesOf('chip 2')), engineFamily: 'jsc' },
  );
});

test('what evidence does not show is empty', () => {
  const { facts } = appraised({ device: { masked: true, provider: undefined } });
  assert.equal(facts?.provider, '');
  assert.equal(facts?.chip.length, 0);
});

test('refuses evidence that cannot be verified, or is of another launch', () => {
  assert.deepEqual(appraised({}, time + 5000).failed, ['evidence']);
  assert.deepEqual(appraised({ measurement: bytesOf('another') }).failed, ['measurement']);
  assert.deepEqual(appraised({}, time, { ...launch, challenge: bytesOf('later') }).failed, [
    'launch-data',
    'report-data',
  ]);
  assert.deepEqual(appraised({ device: { status: 'revoked' } }).failed, ['tcb-status']);
});

const seat = (slot: number, variant: string, over: Partial<Diversity> = {}): Diversity => ({
  slot,
  variant,
  platform: 'simulated',
  provider: `provider ${slot}`,
  chip: bytesOf(`chip ${slot}`),
  engineFamily: variant.startsWith('v8') ? 'v8' : 'jsc',
  ...over,
});
const seats = [seat(0, 'v8-a'), seat(1, 'v8-b'), seat(2, 'jsc-a'), seat(3, 'jsc-b')];

test('caps object to a seat that shares too much', () => {
  assert.equal(capObjection(constitution, seats, seat(3, 'jsc-b')), undefined);
  assert.match(capObjection(constitution, seats, seat(3, 'v8-c'))!, /^cap:engineFamily: /);
  assert.match(capObjection(constitution, seats, seat(3, 'jsc-a'))!, /^cap:variant: /);
  assert.match(capObjection(constitution, seats, seat(3, 'jsc-c', { chip: bytesOf('chip 0') }))!, /^cap:chip: /);
});

test('a turn chooses among variants that fit beside the others and did not sit there lately', () => {
  const choices = (others: readonly Diversity[], recent: readonly string[]) =>
    variantChoices(constitution, release, 3, others, recent, undefined);
  assert.deepEqual(choices(seats, []), { variants: ['jsc-b'], waived: [] });
  assert.deepEqual(choices(seats.slice(0, 2), []), { variants: ['jsc-a', 'jsc-b'], waived: [] });
  assert.deepEqual(choices(seats.slice(0, 2), ['jsc-b']), { variants: ['jsc-a'], waived: [] });
});

test('where no variant fits, rules are waived, and it shows which', () => {
  const others = [seat(0, 'v8-a'), seat(1, 'v8-b')];
  const choices = (recent: readonly string[], beside = others) =>
    variantChoices(constitution, release, 3, beside, recent, undefined);
  assert.deepEqual(choices(['jsc-a', 'jsc-b']), { variants: ['jsc-a', 'jsc-b'], waived: ['recent', 'distance'] });
  const full = [...others, seat(2, 'jsc-a'), seat(4, 'jsc-b')];
  const all = ['v8-a', 'v8-b', 'jsc-a', 'jsc-b'];
  assert.deepEqual(choices([], full), { variants: all, waived: ['caps', 'recent', 'distance'] });
  const unknown = variantChoices(constitution, bytesOf('not approved'), 3, seats, [], undefined);
  assert.deepEqual(unknown.variants, []);
});

/** A constitution whose release has these variants: runtime, program, settings. */
function diverse(variants: Readonly<Record<string, [string, string, string[]?]>>, policy: object = {}): Constitution {
  return constitutionOf((written) => {
    const [first] = written.releases[0].variants;
    written.releases[0].variants = Object.entries(variants).map(([id, [runtime, program, engineSettings = []]]) => ({
      ...first,
      ...{ id, runtime, engineSettings, program: toHex(bytesOf(program)) },
    }));
    const any = written.slots;
    written.policy.caps = { ...written.policy.caps, engineFamily: any, variant: any };
    Object.assign(written.policy, policy);
  });
}

test('a turn chooses what differs from the instance before it in two dimensions', () => {
  const of = diverse({
    a: ['node@26.10.0', 'one'],
    b: ['node@26.10.0', 'two'],
    c: ['bun@1.4.5', 'one'],
    d: ['bun@1.4.5', 'two'],
    e: ['node@26.10.0', 'two', ['jitless']],
  });
  const after = (variant: string, recent: readonly string[] = [variant], constitution = of) =>
    variantChoices(constitution, release, 3, [], recent, { release, variant });
  assert.deepEqual(after('a'), { variants: ['d', 'e'], waived: [] });
  assert.deepEqual(after('b'), { variants: ['c'], waived: [] });
  assert.deepEqual(after('d'), { variants: ['a', 'e'], waived: [] });
  // Nothing is left that differs enough: what did not sit here lately is taken, and that shows.
  assert.deepEqual(after('a', ['a', 'd', 'e']), { variants: ['b', 'c'], waived: ['distance'] });
  // Members can ask for less, and of what sat there in a release that was retired nothing is known.
  assert.deepEqual(after('a', ['a'], { ...of, policy: { ...of.policy, variantDistance: 1 } }).variants, [
    'b',
    'c',
    'd',
    'e',
  ]);
  const stranger = variantChoices(of, release, 3, [], [], { release: bytesOf('retired'), variant: 'a' });
  assert.deepEqual(stranger, { variants: ['a', 'b', 'c', 'd', 'e'], waived: [] });
});

test('what a constitution asks for by default is what its release allows', () => {
  const { policy } = diverse({ a: ['node@26.10.0', 'one'], b: ['bun@1.4.5', 'two'] });
  assert.deepEqual([policy.variantDistance, policy.waiversMax], [2, 4]);
  const poor = diverse({ a: ['node@26.10.0', 'one'], b: ['bun@1.4.5', 'one'] }).policy;
  assert.deepEqual([poor.variantDistance, poor.waiversMax], [1, 2 ** 32 - 1]);
  assert.equal(diverse({ a: ['node@26.10.0', 'one'] }).policy.variantDistance, 0);
  const strict = diverse({ a: ['node@26.10.0', 'one'] }, { variantDistance: 2, waiversMax: 0 }).policy;
  assert.deepEqual([strict.variantDistance, strict.waiversMax], [2, 0]);
});
