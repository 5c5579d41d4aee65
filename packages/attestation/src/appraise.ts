/**
 * Appraisal: verified evidence against reference values, claim by claim.
 *
 * Every claim gets a verdict in the words of RFC 9334's attestation results, and one that is not affirming refuses the
 * instance. A reference value that is absent is a failed claim, never a skipped one: what nobody vouched for is not
 * accepted by default.
 */
import { type Cryptography, type Digest, type InstanceClaims, sameBytes, toHex } from '@coppice/wire';
import type { VerifiedEvidence } from './evidence.ts';
import { launchDigest, type LaunchData, reportData } from './launch.ts';
import { developmentPlatforms } from './platforms.ts';
import { type AppraisedClaim, type AttestationResult, type ClaimName, judged, missing } from './result.ts';

/** What members accept of one platform. */
export interface PlatformPolicy {
  readonly name: string;
  readonly generations: readonly {
    readonly name: string;
    readonly minimumTcb: readonly { readonly component: string; readonly version: number }[];
  }[];
  readonly statuses: readonly string[];
  readonly advisories: readonly string[];
  /** Refused, whatever else is said of them: what members add to in a hurry. */
  readonly deniedGenerations: readonly string[];
  /** How old collateral may be, in milliseconds; 0: as old as it is valid. */
  readonly collateralAgeMsMax: number;
}

/** The newest issue of a source that was ever accepted; `undefined`: there was none yet. */
export type NewestIssue = (source: string) => number | undefined;

/** What does not change with an instance's launch: judged at its admission, and again when something else is known. */
export interface StandingContext {
  readonly policy: AppraisalPolicy;
  readonly release: Digest;
  readonly variant: string;
  readonly newestIssue: NewestIssue;
  /** Agreed time in milliseconds. */
  readonly now: number;
}

/** What evidence must show, by release, variant and platform. */
export interface ReferenceRelease {
  readonly digest: Uint8Array;
  readonly variants: readonly {
    readonly id: string;
    readonly referenceValues: readonly { readonly platform: string; readonly measurements: readonly Uint8Array[] }[];
  }[];
}

export interface AppraisalPolicy {
  readonly development: boolean;
  readonly platforms: readonly PlatformPolicy[];
  readonly releases: readonly ReferenceRelease[];
}

export interface AppraisalContext {
  readonly cryptography: Cryptography;
  readonly policy: AppraisalPolicy;
  /** The launch that was asked for. */
  readonly launch: LaunchData;
  /** What the instance says of itself. */
  readonly claims: InstanceClaims;
  readonly newestIssue: NewestIssue;
  /** Agreed time in milliseconds. */
  readonly now: number;
}

/** Appraises verified evidence of a launch. Pure and total. */
export function appraise(evidence: VerifiedEvidence, context: AppraisalContext): AttestationResult {
  const { launch, newestIssue, now, policy } = context;
  const { release, variant } = launch;
  const standing = standingClaims(evidence, { policy, release, variant, newestIssue, now });
  return resultOf([...standing, ...launchClaims(evidence, context)]);
}

/** Appraises the evidence of an instance that was admitted, of what may have changed since. Pure and total. */
export function appraiseAgain(evidence: VerifiedEvidence, context: StandingContext): AttestationResult {
  return resultOf(standingClaims(evidence, context));
}

function resultOf(claims: readonly AppraisedClaim[]): AttestationResult {
  return { accepted: claims.every((claim) => claim.verdict === 'affirming'), claims };
}

function standingClaims(evidence: VerifiedEvidence, context: StandingContext): AppraisedClaim[] {
  return [
    ...platformClaims(evidence, context),
    measurementClaim(evidence, context),
    ...tcbClaims(evidence, context.policy),
    ...collateralClaims(evidence, context),
  ];
}

function platformClaims(evidence: VerifiedEvidence, { policy, now }: StandingContext): AppraisedClaim[] {
  const { platform, debug, validity } = evidence;
  const names = policy.platforms.map((one) => one.name);
  const provesNothing = developmentPlatforms.includes(platform);
  return [
    judged('platform', names.includes(platform), names.join(', '), platform, 'the constitution does not list it'),
    judged(
      'development',
      policy.development || !provesNothing,
      policy.development ? 'any platform' : 'a platform that proves something',
      platform,
      'the constitution is not for development',
    ),
    judged('debug', !debug, 'off', debug ? 'on' : 'off', "the host can read the instance's memory"),
    judged(
      'validity',
      validity.from <= now && now <= validity.until,
      String(now),
      `${validity.from} to ${validity.until}`,
      'the endorsements are not valid now',
    ),
  ];
}

function launchClaims(evidence: VerifiedEvidence, context: AppraisalContext): AppraisedClaim[] {
  const { cryptography, launch, claims } = context;
  const launched = launchDigest(cryptography, launch);
  const reported = reportData(cryptography, claims, launched);
  const claimed = (field: 'service' | 'slot' | 'turn' | 'release' | 'variant'): AppraisedClaim => {
    const [expected, actual] = [textOf(launch[field]), textOf(claims[field])];
    return judged(`claims:${field}`, expected === actual, expected, actual, 'claims to be another than was asked for');
  };
  return [
    judged(
      'launch-data',
      sameBytes(evidence.launchDigest, launched),
      toHex(launched),
      toHex(evidence.launchDigest),
      'was not launched for this turn',
    ),
    claimed('service'),
    claimed('slot'),
    claimed('turn'),
    claimed('release'),
    claimed('variant'),
    judged(
      'report-data',
      sameBytes(evidence.reportData, reported),
      toHex(reported),
      toHex(evidence.reportData),
      'the evidence does not cover these claims',
    ),
  ];
}

function textOf(value: Uint8Array | string | number): string {
  return value instanceof Uint8Array ? toHex(value) : String(value);
}

function measurementClaim(evidence: VerifiedEvidence, context: StandingContext): AppraisedClaim {
  const accepted = context.policy.releases
    .find((release) => sameBytes(release.digest, context.release))
    ?.variants.find((variant) => variant.id === context.variant)
    ?.referenceValues.find((values) => values.platform === evidence.platform)?.measurements;
  const actual = toHex(evidence.measurement);
  if (accepted === undefined) {
    return missing('measurement', '', actual, 'no reference value for this release, variant and platform');
  }
  return judged(
    'measurement',
    accepted.some((measurement) => sameBytes(measurement, evidence.measurement)),
    accepted.map(toHex).join(', '),
    actual,
    'is none of the reference values',
  );
}

function tcbClaims({ platform, generation, tcb }: VerifiedEvidence, policy: AppraisalPolicy): AppraisedClaim[] {
  const accepted = policy.platforms.find((one) => one.name === platform);
  const known = accepted?.generations.find((one) => one.name === generation);
  const generations = accepted?.generations.map((one) => one.name).join(', ') ?? '';
  const claims: AppraisedClaim[] = [
    known === undefined
      ? missing('generation', generations, generation, 'no reference values for this generation')
      : judged(
          'generation',
          !accepted!.deniedGenerations.includes(generation),
          generations,
          generation,
          'the constitution denies it',
        ),
  ];
  for (const { component, version } of known?.minimumTcb ?? []) {
    const actual = tcb.components.find((one) => one.component === component)?.version;
    const claim: ClaimName = `tcb:${component}`;
    claims.push(
      actual === undefined
        ? missing(claim, String(version), '', 'the evidence does not show it')
        : judged(claim, actual >= version, `${version} or later`, String(actual), 'is older'),
    );
  }
  const statuses = accepted?.statuses ?? [];
  const open = tcb.advisories.filter((advisory) => !accepted?.advisories.includes(advisory));
  claims.push(
    judged('tcb-status', statuses.includes(tcb.status), statuses.join(', '), tcb.status, 'is not accepted'),
    judged(
      'advisories',
      open.length === 0,
      accepted?.advisories.join(', ') ?? '',
      tcb.advisories.join(', '),
      `not accepted: ${open.join(', ')}`,
    ),
  );
  return claims;
}

/**
 * Valid collateral is not the newest: what the ledger has seen of a source is the least that counts from then on, and a
 * source that it has seen cannot be left out.
 */
function collateralClaims(
  { platform, collateral }: VerifiedEvidence,
  { policy, newestIssue, now }: StandingContext,
): AppraisedClaim[] {
  const claims = collateral.map(({ source, issue }): AppraisedClaim => {
    const newest = newestIssue(source);
    const expected = newest === undefined ? 'any' : `${newest} or later`;
    if (issue === undefined && newest !== undefined)
      return missing(`collateral:${source}`, expected, '', 'the evidence does not show it');
    const holds = newest === undefined || issue! >= newest;
    return judged(`collateral:${source}`, holds, expected, String(issue ?? ''), 'a newer one was accepted before');
  });
  const ageMax = policy.platforms.find((one) => one.name === platform)?.collateralAgeMsMax ?? 0;
  if (ageMax === 0) return claims;
  const expected = `at most ${ageMax} ms`;
  const shown = collateral.filter(({ issue }) => issue !== undefined);
  if (shown.length === 0 || shown.length < collateral.length)
    return [...claims, missing('collateral-age', expected, '', 'the evidence comes without collateral')];
  const age = now - Math.min(...shown.map(({ issued }) => issued));
  return [...claims, judged('collateral-age', age <= ageMax, expected, `${age} ms`, 'is older')];
}
