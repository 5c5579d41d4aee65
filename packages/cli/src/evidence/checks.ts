/**
 * The checks that evidence goes through, each with its verdict, as `evidence verify` lists them.
 *
 * A verifier stops at the first that fails: what it did not finish is not established, and is not called good.
 */
import {
  type EvidenceBundle,
  type EvidenceFault,
  firmwareEndorsementType,
  type VerifiedEvidence,
} from '@coppice/attestation';

const names = [
  'form',
  'endorsements',
  'chain',
  'validity',
  'revocation',
  'match',
  'signature',
  'binding',
  'tcb',
  'debug',
] as const;
export type CheckName = (typeof names)[number];

export interface Check {
  readonly check: CheckName;
  /** `missing`: there was nothing to look at, or it was not looked at to the end. */
  readonly verdict: 'affirming' | 'contraindicated' | 'missing';
  readonly detail: string;
}

/** Why evidence is not what it should be; `debug` where its host can open it, `unreadable` where there is none. */
export type Refusal = EvidenceFault | 'debug' | 'unreadable';

const checkOf: Readonly<Record<Refusal, CheckName>> = {
  unreadable: 'form',
  malformed: 'form',
  'unknown-platform': 'form',
  'endorsement-missing': 'endorsements',
  'endorsement-surplus': 'endorsements',
  'root-not-pinned': 'chain',
  'endorsement-signature': 'chain',
  'bad-time': 'validity',
  'not-yet-valid': 'validity',
  expired: 'validity',
  revoked: 'revocation',
  'endorsement-mismatch': 'match',
  'evidence-signature': 'signature',
  'evidence-mismatch': 'binding',
  'tcb-unmatched': 'tcb',
  debug: 'debug',
};

const chained = ['endorsements', 'chain', 'validity'] as const;
const collateral = [...chained, 'revocation'] as const;

/**
 * What verifiers have done to the end when they find a fault. Only what a fault has behind it wherever it is found: a certificate may be
 * out of its time with others of the chain still to come.
 */
const before: Readonly<Record<string, Partial<Record<Refusal, readonly CheckName[]>>>> = {
  'sev-snp': {
    'evidence-signature': [...chained, 'match'],
    'evidence-mismatch': [...chained, 'match', 'signature'],
  },
  intel: {
    'evidence-signature': collateral,
    'tcb-unmatched': [...collateral, 'match', 'signature'],
    'evidence-mismatch': [...collateral, 'match', 'signature', 'tcb'],
  },
  nitro: {
    'evidence-signature': ['chain', 'validity'],
    'evidence-mismatch': [...chained, 'signature'],
  },
};

function establishedBefore(reason: Refusal, { endorsements, platform }: EvidenceBundle): readonly CheckName[] {
  // An endorsement of firmware, with a chain of its own, is looked at after the report's signature.
  if (platform === 'sev-snp' && endorsements.some(({ mediaType }) => mediaType === firmwareEndorsementType)) return [];
  return before[platform === 'sgx' || platform === 'tdx' ? 'intel' : platform]?.[reason] ?? [];
}

/** Of evidence that was refused, as far as it was a bundle. */
export function refusedChecks(reason: Refusal, detail: string, bundle?: EvidenceBundle): readonly Check[] {
  const failed = checkOf[reason];
  const established = bundle === undefined ? [] : establishedBefore(reason, bundle);
  return names.map((check) => {
    if (check === failed) return { check, verdict: 'contraindicated', detail: `${reason}: ${detail}` };
    // Nothing is looked at before evidence is recognised.
    if (check === 'form' && failed !== 'form')
      return { check, verdict: 'affirming', detail: 'evidence of a known form' };
    return established.includes(check)
      ? { check, verdict: 'affirming', detail: 'holds' }
      : { check, verdict: 'missing', detail: `not established: ${failed} failed` };
  });
}

/** With this one failed after all. */
export function failing(checks: readonly Check[], reason: Refusal, detail: string): readonly Check[] {
  return checks.map((one) =>
    one.check === checkOf[reason] ? { ...one, verdict: 'contraindicated', detail: `${reason}: ${detail}` } : one,
  );
}

/** Of evidence whose signatures hold. */
export function verifiedChecks(evidence: VerifiedEvidence): readonly Check[] {
  const { collateral, debug, generation, platform, tcb, validity } = evidence;
  const affirmed = (check: CheckName, detail: string): Check => ({ check, verdict: 'affirming', detail });
  const missing = (check: CheckName, detail: string): Check => ({ check, verdict: 'missing', detail });
  const lists = collateral.filter(({ source }) => source.startsWith('revocations/'));
  const seen = lists.flatMap(({ issue, issued }) => (issue === undefined ? [] : [instant(issued)]));
  const versions = tcb.components.map(({ component, version }) => `${component} ${version}`).join(', ');
  const status = [tcb.status, ...tcb.advisories, versions].filter((text) => text !== '').join('; ');
  const endorsed = generation !== 'unendorsed';
  return [
    affirmed('form', `evidence of ${platform}`),
    affirmed('endorsements', 'all that it needs, and no others'),
    endorsed
      ? affirmed('chain', 'every certificate is signed, from a pinned root down')
      : missing('chain', 'nobody vouches for the key'),
    endorsed
      ? affirmed('validity', `from ${instant(validity.from)} to ${instant(validity.until)}`)
      : missing('validity', 'a key has none'),
    seen.length === 0
      ? missing('revocation', 'no revocation list was given')
      : affirmed('revocation', `not revoked by the lists of ${seen.join(', ')}`),
    affirmed('match', 'what is endorsed is what made the evidence'),
    affirmed('signature', 'the evidence is signed by the key that is endorsed'),
    affirmed('binding', 'all parts of the evidence agree'),
    tcb.status === 'unrated'
      ? missing('tcb', `nobody judges its versions but a policy: ${versions === '' ? 'it shows none' : versions}`)
      : affirmed('tcb', status),
    debug
      ? { check: 'debug', verdict: 'contraindicated', detail: 'its host can open it' }
      : affirmed('debug', 'closed to its host'),
  ];
}

/** Of an endorsement of firmware whose signatures hold: it is evidence of no instance. */
export const firmwareChecks: readonly Check[] = names.map((check) =>
  ['form', 'endorsements', 'chain', 'validity', 'match', 'signature'].includes(check)
    ? { check, verdict: 'affirming', detail: 'holds' }
    : { check, verdict: 'missing', detail: 'an endorsement of firmware has none' },
);

function instant(ms: number): string {
  return ms > 8e15 ? 'whenever' : new Date(ms).toISOString();
}
