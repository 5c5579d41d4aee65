import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceClaims } from '@coppice/wire';
import {
  appraise,
  type AppraisalPolicy,
  type LaunchData,
  launchDigest,
  type NewestIssue,
  reportData,
  simulatedEvidence,
  verifyEvidence,
} from '../src/index.ts';
import { bytesOf, claims, cryptography, device, evidenceOf, launch, now, policy, signerOf } from './fixtures.ts';

interface Asked {
  policy?: AppraisalPolicy;
  launch?: LaunchData;
  claims?: InstanceClaims;
  now?: number;
  newestIssue?: NewestIssue;
}

const newestIssue: NewestIssue = () => undefined;

/** The claims that failed, with their verdicts. */
function failures(bundle: Uint8Array, asked: Asked = {}): string[] {
  const verification = verifyEvidence(bundle, { cryptography, now });
  assert.ok(verification.ok);
  const result = appraise(verification.evidence, {
    ...{ cryptography, policy, launch, claims, now, newestIssue },
    ...asked,
  });
  const failed = result.claims.filter((claim) => claim.verdict !== 'affirming');
  assert.equal(result.accepted, failed.length === 0);
  for (const claim of failed) assert.notEqual(claim.reason, '');
  return failed.map(({ claim, verdict }) => `${claim} ${verdict}`);
}

test('accepts the launch that was asked for, and shows every claim', () => {
  assert.deepEqual(failures(evidenceOf()), []);
  const verification = verifyEvidence(evidenceOf(), { cryptography, now });
  assert.ok(verification.ok);
  const { claims: shown } = appraise(verification.evidence, { cryptography, policy, launch, claims, now, newestIssue });
  assert.deepEqual(
    shown.map(({ claim }) => claim),
    [
      'platform',
      'development',
      'debug',
      'validity',
      'measurement',
      'generation',
      'tcb:firmware',
      'tcb-status',
      'advisories',
      'collateral:simulated/evaluation',
      'launch-data',
      'claims:service',
      'claims:slot',
      'claims:turn',
      'claims:release',
      'claims:variant',
      'report-data',
    ],
  );
});

test('refuses evidence of a launch for anything else, although it claims to be the right one', () => {
  const others: [string, LaunchData][] = [
    ['another service', { ...launch, service: bytesOf('another') }],
    ['another slot', { ...launch, slot: 1 }],
    ['an earlier turn', { ...launch, turn: 6 }],
    ['an earlier challenge', { ...launch, challenge: bytesOf('an earlier challenge') }],
    ['another release', { ...launch, release: bytesOf('another release') }],
    ['another variant', { ...launch, variant: 'v8-b' }],
  ];
  for (const [what, other] of others) {
    const failed = failures(evidenceOf({ launch: other }));
    assert.deepEqual(failed, ['launch-data contraindicated', 'report-data contraindicated'], what);
  }
});

test('refuses the right report data over another launch, as a subverted instance would ask for', () => {
  const report = {
    measurement: launch.release,
    launchDigest: launchDigest(cryptography, { ...launch, turn: 6, challenge: bytesOf('an earlier challenge') }),
    reportData: reportData(cryptography, claims, launchDigest(cryptography, launch)),
    debug: false,
  };
  const stale = simulatedEvidence(cryptography, signerOf, device, report);
  assert.deepEqual(failures(stale), ['launch-data contraindicated']);
});

test('refuses claims that the evidence does not cover', () => {
  const other = { ...claims, instance: bytesOf('stolen evidence, my key') };
  assert.deepEqual(failures(evidenceOf(), { claims: other }), ['report-data contraindicated']);
});

test('refuses an instance that claims to be another than was launched', () => {
  const others: Partial<InstanceClaims>[] = [
    { service: bytesOf('another') },
    { slot: 1 },
    { turn: 6 },
    { release: bytesOf('another release') },
    { variant: 'v8-b' },
  ];
  for (const over of others) {
    const other = { ...claims, ...over };
    const [field] = Object.keys(over);
    assert.deepEqual(failures(evidenceOf({ claims: other }), { claims: other }), [`claims:${field} contraindicated`]);
  }
});

test('a measurement must be one of the reference values of release, variant and platform', () => {
  const built = bytesOf('another build');
  assert.deepEqual(failures(evidenceOf({ measurement: built })), ['measurement contraindicated']);
  const asked = (over: Partial<LaunchData>) => {
    const [other, said] = [
      { ...launch, ...over },
      { ...claims, ...over },
    ];
    return failures(evidenceOf({ launch: other, claims: said, measurement: launch.release }), {
      launch: other,
      claims: said,
    });
  };
  assert.deepEqual(asked({ variant: 'v8-b' }), ['measurement contraindicated']);
  assert.deepEqual(asked({ variant: 'tdx-only' }), ['measurement missing']);
  assert.deepEqual(asked({ variant: 'unknown' }), ['measurement missing']);
  assert.deepEqual(asked({ release: bytesOf('not approved') }), ['measurement missing']);
});

test('a platform that proves nothing is for development only', () => {
  assert.deepEqual(failures(evidenceOf(), { policy: { ...policy, development: false } }), [
    'development contraindicated',
  ]);
});

test('a platform that is not listed is refused, and nothing is assumed of it', () => {
  assert.deepEqual(failures(evidenceOf(), { policy: { ...policy, platforms: [] } }), [
    'platform contraindicated',
    'generation missing',
    'tcb-status contraindicated',
  ]);
});

test('debug is never accepted', () => {
  assert.deepEqual(failures(evidenceOf({ debug: true })), ['debug contraindicated']);
});

test('a trusted computing base below the minimum is refused, and so is one that is not shown', () => {
  const [listed] = policy.platforms;
  const minimum = (component: string, version: number): AppraisalPolicy => ({
    ...policy,
    platforms: [{ ...listed!, generations: [{ name: 'simulated', minimumTcb: [{ component, version }] }] }],
  });
  assert.deepEqual(failures(evidenceOf({ device: { firmware: 5 } }), { policy: minimum('firmware', 5) }), []);
  assert.deepEqual(failures(evidenceOf({ device: { firmware: 4 } }), { policy: minimum('firmware', 5) }), [
    'tcb:firmware contraindicated',
  ]);
  assert.deepEqual(failures(evidenceOf(), { policy: minimum('microcode', 1) }), ['tcb:microcode missing']);
});

test('a generation, a status or an advisory that nobody listed is refused', () => {
  assert.deepEqual(failures(evidenceOf({ device: { generation: 'older' } })), ['generation missing']);
  assert.deepEqual(failures(evidenceOf({ device: { status: 'out-of-date' } })), ['tcb-status contraindicated']);
  assert.deepEqual(failures(evidenceOf({ device: { advisories: ['SA-1', 'SA-2'] } })), ['advisories contraindicated']);
  const [listed] = policy.platforms;
  const lenient = { ...policy, platforms: [{ ...listed!, statuses: ['out-of-date'], advisories: ['SA-1', 'SA-2'] }] };
  const weak = { status: 'out-of-date' as const, advisories: ['SA-1', 'SA-2'] };
  assert.deepEqual(failures(evidenceOf({ device: weak }), { policy: lenient }), []);
});

test('endorsements that are not valid at the agreed time are refused', () => {
  assert.deepEqual(failures(evidenceOf(), { now: device.validity.until + 1 }), ['validity contraindicated']);
});

const evaluation = (number: number): Uint8Array => evidenceOf({ device: { evaluation: number } });

test('refuses collateral that is older than what was accepted before, however valid', () => {
  const seen: Asked = { newestIssue: (source) => (source === 'simulated/evaluation' ? 7 : undefined) };
  assert.deepEqual(failures(evaluation(6), seen), ['collateral:simulated/evaluation contraindicated']);
  assert.deepEqual(failures(evaluation(7), seen), []);
  assert.deepEqual(failures(evaluation(8), seen), []);
});

test('what was seen once cannot be left out', () => {
  const verification = verifyEvidence(evidenceOf(), { cryptography, now });
  assert.ok(verification.ok);
  const without = { ...verification.evidence, collateral: [{ source: 'revocations/a', issue: undefined, issued: 0 }] };
  const context = { cryptography, policy, launch, claims, now };
  assert.ok(appraise(without, { ...context, newestIssue }).accepted);
  const { claims: shown } = appraise(without, { ...context, newestIssue: () => 1 });
  assert.deepEqual(
    shown.filter(({ verdict }) => verdict !== 'affirming').map(({ claim, verdict }) => `${claim} ${verdict}`),
    ['collateral:revocations/a missing'],
  );
  const aged = { ...policy, platforms: policy.platforms.map((one) => ({ ...one, collateralAgeMsMax: 1 })) };
  assert.ok(!appraise(without, { ...context, policy: aged, newestIssue }).accepted);
});

test('refuses collateral that is older than the policy allows, to the millisecond', () => {
  const allowing = (collateralAgeMsMax: number): Asked => ({
    policy: { ...policy, platforms: policy.platforms.map((one) => ({ ...one, collateralAgeMsMax })) },
  });
  assert.deepEqual(failures(evidenceOf(), allowing(1000)), []);
  assert.deepEqual(failures(evidenceOf(), allowing(999)), ['collateral-age contraindicated']);
});

test('refuses a generation that is denied, also where it is listed', () => {
  assert.deepEqual(failures(evidenceOf({ device: { generation: 'broken' } })), ['generation contraindicated']);
});
