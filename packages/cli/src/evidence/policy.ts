/**
 * Verified evidence under the policy of a constitution: all that does not depend on a launch, claim by claim, as replicas
 * would judge it.
 */
import { readFileSync } from 'node:fs';
import {
  appraiseAgain,
  type AppraisedClaim,
  type AttestationResult,
  type VerifiedEvidence,
} from '@coppice/attestation';
import { type Constitution, decodeConstitution, parseConstitution } from '@coppice/governance';
import { UserError } from '../service-folder.ts';

/** A constitution, as members write it or in its canonical bytes. */
export function readPolicy(file: string): Constitution {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch {
    throw new UserError(`cannot read ${file}`);
  }
  const parsed = decodeConstitution(bytes);
  const read = parsed.ok ? parsed : parseConstitution(documentOf(bytes));
  if (read.ok) return read.value;
  throw new UserError(
    `${file} is no constitution: ${read.problems.map(({ path, reason }) => `${path} ${reason}`).join('; ')}`,
  );
}

function documentOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The result for the variant of a release that the evidence suits best. */
export function appraiseUnder(constitution: Constitution, evidence: VerifiedEvidence, now: number): AttestationResult {
  const { development, policy, releases } = constitution;
  const results = releases.flatMap((release) =>
    release.variants.map((variant) =>
      appraiseAgain(evidence, {
        policy: { development, platforms: policy.platforms, releases },
        release: release.digest,
        variant: variant.id,
        newestIssue: () => undefined,
        now,
      }),
    ),
  );
  const failures = ({ claims }: AttestationResult): number => failedClaims(claims).length;
  return results.reduce((best, one) => (failures(one) < failures(best) ? one : best));
}

export function failedClaims(claims: readonly AppraisedClaim[]): readonly AppraisedClaim[] {
  return claims.filter(({ verdict }) => verdict !== 'affirming');
}
