/**
 * Attestation results: every claim that was looked at, with its verdict, in the words of RFC 9334 and of the
 * attestation results for secure interactions (draft-ietf-rats-ar4si).
 */

/** What was compared: one of the words below, or one with what it is about behind a colon. */
export type ClaimName =
  /** Whether the evidence was verified at all. */
  | 'evidence'
  | 'platform'
  | 'development'
  | 'debug'
  | 'validity'
  | 'launch-data'
  | 'report-data'
  | `claims:${'service' | 'slot' | 'turn' | 'release' | 'variant'}`
  | 'measurement'
  | 'generation'
  | `tcb:${string}`
  | 'tcb-status'
  | 'advisories'
  /** By its source. */
  | `collateral:${string}`
  | 'collateral-age'
  | `cap:${'platform' | 'provider' | 'engineFamily' | 'variant' | 'chip'}`;

export interface AppraisedClaim {
  readonly claim: ClaimName;
  readonly expected: string;
  readonly actual: string;
  /** `missing`: there is nothing to compare, or nothing to compare it with. */
  readonly verdict: 'affirming' | 'contraindicated' | 'missing';
  /** Empty where affirming. */
  readonly reason: string;
}

export interface AttestationResult {
  /** Whether every claim is affirming. */
  readonly accepted: boolean;
  readonly claims: readonly AppraisedClaim[];
}

/** A claim that holds, or is contraindicated for this reason. */
export function judged(
  claim: ClaimName,
  holds: boolean,
  expected: string,
  actual: string,
  reason: string,
): AppraisedClaim {
  return { claim, expected, actual, verdict: holds ? 'affirming' : 'contraindicated', reason: holds ? '' : reason };
}

/** The first claim that does not hold, and why. */
export function firstFailure(claims: readonly AppraisedClaim[]): string | undefined {
  const failed = claims.find(({ verdict }) => verdict !== 'affirming');
  return failed && `${failed.claim}: ${failed.reason}`;
}

export function missing(claim: ClaimName, expected: string, actual: string, reason: string): AppraisedClaim {
  return { claim, expected, actual, verdict: 'missing', reason };
}
