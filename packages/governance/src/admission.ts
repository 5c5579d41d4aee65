/**
 * Admission: whether an instance is one that the members would have in a slot. spec/attestation.md.
 *
 * The same judgement founds a service, seats every later instance, and lets an auditor follow: evidence for the launch
 * that was asked for, reference values of an approved release, caps among whoever sits in the other slots.
 */
import {
  type AppraisedClaim,
  type Collateral,
  appraise,
  appraiseAgain,
  checkCaps,
  decodeBundle,
  type Diversity,
  type EvidenceCryptography,
  firstFailure,
  type LaunchData,
  type NewestEndorsement,
  type NewestIssue,
  refreshBundle,
  verifyBundle,
  verifyEvidence,
} from '@coppice/attestation';
import { type Digest, type Join, sameBytes, type Waiver, waivers } from '@coppice/wire';
import { anchorsOf, type Constitution, type Variant, variantDistance, variantOf } from './constitution.ts';

/** What admission shows of an instance, besides what it claims: what caps count. Empty where evidence shows nothing. */
export type Facts = Pick<Diversity, 'platform' | 'provider' | 'chip' | 'engineFamily'>;

export interface JoinAppraisal {
  /** `undefined`: not acceptable. */
  readonly facts: Facts | undefined;
  /** What the state has to remember, if the instance is admitted. */
  readonly collateral: readonly Collateral[];
  /** Every claim with its verdict. */
  readonly claims: readonly AppraisedClaim[];
}

/**
 * Verifies and appraises the evidence of a join, for the launch that was asked for, at an agreed time. The join's
 * signature and keys, and the caps, are checked elsewhere.
 */
export function appraiseJoin(
  cryptography: EvidenceCryptography,
  constitution: Constitution,
  join: Join,
  launch: LaunchData,
  now: number,
  newestIssue: NewestIssue,
): JoinAppraisal {
  const anchors = anchorsOf(constitution);
  const verification = verifyEvidence(join.evidence, { cryptography, x509: cryptography.x509, now, anchors });
  if (!verification.ok) {
    const { error, detail } = verification;
    const claim = { claim: 'evidence', expected: 'verified', actual: error, verdict: 'contraindicated' } as const;
    return { facts: undefined, collateral: [], claims: [{ ...claim, reason: detail }] };
  }
  const { evidence } = verification;
  const { development, policy, releases } = constitution;
  const context = { development, platforms: policy.platforms, releases };
  const { accepted, claims } = appraise(evidence, {
    ...{ cryptography, policy: context, launch, claims: join },
    ...{ newestIssue, now },
  });
  const variant = variantOf(constitution, launch.release, launch.variant);
  if (!accepted || variant === undefined) return { facts: undefined, collateral: [], claims };
  const { platform, provider = '', chip = new Uint8Array(0), collateral } = evidence;
  return { facts: { platform, provider, chip, engineFamily: variant.engineFamily }, collateral, claims };
}

/** An instance that was admitted. */
export interface Admitted extends Pick<Join, 'evidence' | 'release' | 'variant'> {
  /** The agreed time at which its evidence was verified. */
  readonly admittedTime: number;
}

/**
 * Why an instance that was admitted would not be admitted any more, by the constitution of now, and by its evidence with what is newer among
 * the endorsements that members imported; if so. Evidence that nothing newer is known of is what it was when it was verified, and not verified
 * at a later time: certificates of some platforms live for hours. What the instance was launched for does not change.
 */
export function standingObjection(
  cryptography: EvidenceCryptography,
  constitution: Constitution,
  { admittedTime, evidence, release, variant }: Admitted,
  time: number,
  newestEndorsement: NewestEndorsement,
): string | undefined {
  const bundle = decodeBundle(evidence);
  if (!bundle.ok) return `evidence: ${bundle.reason}`;
  const refreshed = refreshBundle(bundle.value, newestEndorsement, cryptography);
  const now = refreshed === bundle.value ? admittedTime : time;
  const anchors = anchorsOf(constitution);
  const verification = verifyBundle(refreshed, { cryptography, x509: cryptography.x509, now, anchors });
  if (!verification.ok) return `evidence: ${verification.error}: ${verification.detail}`;
  const { development, policy, releases } = constitution;
  const { claims } = appraiseAgain(verification.evidence, {
    ...{ policy: { development, platforms: policy.platforms, releases }, release, variant, now },
    // What is newer has taken its place already, where it is here.
    newestIssue: () => undefined,
  });
  return firstFailure(claims);
}

/** Why the candidate may not sit beside the others, if so. Whoever is in its own slot does not count. */
export function capObjection(
  { slots, policy }: Constitution,
  others: readonly Diversity[],
  candidate: Diversity,
): string | undefined {
  const failed = checkCaps(slots, policy.caps, others, candidate).find(({ verdict }) => verdict !== 'affirming');
  return failed && `${failed.claim}: ${failed.reason} (${failed.expected})`;
}

/** The variants among which a turn's challenge chooses, in the release's order, and the rules that none of all keeps. */
export interface VariantChoices {
  readonly variants: readonly string[];
  readonly waived: readonly Waiver[];
}

/**
 * What may be launched into `slot` (spec/turns.md, line 34): what fits the caps beside the others, did not sit there lately, and differs
 * enough from what sits there. Where nothing does, rules are waived, the last first.
 */
export function variantChoices(
  constitution: Constitution,
  release: Digest,
  slot: number,
  others: readonly Diversity[],
  recent: readonly string[],
  present: { readonly release: Digest; readonly variant: string } | undefined,
): VariantChoices {
  const { slots, policy, releases } = constitution;
  const all = releases.find((one) => sameBytes(one.digest, release))?.variants ?? [];
  const before = present && variantOf(constitution, present.release, present.variant);
  // Platform, provider and chip follow from where it is launched: left empty, and asked for nothing.
  const caps = { ...policy.caps, platform: slots, provider: slots, chip: slots };
  const rules: Record<Waiver, (variant: Variant) => boolean> = {
    caps({ id, engineFamily }) {
      const candidate = { slot, platform: '', provider: '', chip: new Uint8Array(0), engineFamily, variant: id };
      return checkCaps(slots, caps, others, candidate).every((one) => one.verdict === 'affirming');
    },
    recent: ({ id }) => !recent.includes(id),
    distance: (variant) => before === undefined || variantDistance(before, variant) >= policy.variantDistance,
  };
  for (let kept: number = waivers.length; ; kept--) {
    const variants = all.filter((variant) => waivers.slice(0, kept).every((rule) => rules[rule](variant)));
    if (variants.length > 0 || kept === 0)
      return { variants: variants.map(({ id }) => id), waived: waivers.slice(kept) };
  }
}
