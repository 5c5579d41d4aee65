/**
 * `coppice evidence show` and `verify`: what evidence says, and whether its maker's signatures hold for it. Offline.
 * docs/reference/evidence.md.
 */
import {
  type AppraisedClaim,
  decodeFirmwareEndorsement,
  type EvidenceBundle,
  firmwareAnchor,
  firmwareEndorsementFault,
  pinnedAnchors,
  showFirmwareEndorsement,
  showBundle,
  type ShownClaims,
  type Verification,
  verifyBundle,
} from '@coppice/attestation';
import { nodeCryptography, nodeX509Cryptography } from '@coppice/cryptography';
import type { Constitution } from '@coppice/governance';
import type { Output } from '../output.ts';
import { UserError } from '../service-folder.ts';
import {
  type Check,
  failing,
  firmwareChecks,
  refusedChecks,
  type Refusal,
  verifiedChecks,
} from '../evidence/checks.ts';
import { readEvidenceFile } from '../evidence/files.ts';
import { appraiseUnder, failedClaims, readPolicy } from '../evidence/policy.ts';
import type { EvidenceFile } from '../evidence/pool.ts';
import { poolOf, recognise } from '../evidence/recognise.ts';
import { showPool } from '../evidence/show-pool.ts';

export interface ShowOptions {
  readonly endorsements?: readonly string[];
}

export interface VerifyOptions extends ShowOptions {
  readonly at?: string;
  readonly policy?: string;
  readonly allowDebug: boolean;
}

/** The answer of `coppice evidence verify --json`. */
interface EvidenceVerdict {
  readonly platform: string | null;
  readonly verdict: 'verified' | 'rejected';
  /** `null` where verified; else `debug`, or the fault. */
  readonly reason: string | null;
  readonly detail: string | null;
  readonly claims: ShownClaims;
  /** All that evidence is checked for, in one order whatever the platform. */
  readonly checks: readonly Check[];
  /** With a policy: every claim that was looked at, with its verdict. */
  readonly appraisal?: readonly AppraisedClaim[];
}

export function showEvidence(path: string, options: ShowOptions, output: Output): void {
  const [file, ...endorsements] = [path, ...(options.endorsements ?? [])].map((one) => {
    const read = readEvidenceFile(one);
    if ('unreadable' in read) throw new UserError(read.unreadable);
    return read;
  });
  const found = recognise(file!, endorsements);
  if (!found.ok) {
    const pool = found.platform === null && endorsements.length === 0 ? poolOf(file!) : undefined;
    if (pool === undefined) throw new UserError(found.detail);
    const shown = showPool(pool);
    output.answer(
      { platform: null, endorsements: shown },
      shown.flatMap(({ kind, ...claims }) => [`${kind as string}: not verified`, ...linesOf(claims)]),
    );
    return;
  }
  const bundle = found.bundles[0]!;
  const claims = showBundle(bundle);
  if (claims === undefined) throw new UserError(`${path}: evidence of ${bundle.platform} that cannot be shown`);
  output.answer({ platform: bundle.platform, claims }, [`${bundle.platform}: not verified`, ...linesOf(claims)]);
}

export function verifyEvidenceFile(path: string, options: VerifyOptions, output: Output): void {
  const now = timeOf(options.at);
  const policy = options.policy === undefined ? {} : { policy: readPolicy(options.policy) };
  const files: EvidenceFile[] = [];
  let unreadable: string | undefined;
  for (const one of [path, ...(options.endorsements ?? [])]) {
    const read = readEvidenceFile(one);
    if ('unreadable' in read) unreadable ??= read.unreadable;
    else files.push(read);
  }
  const verdict =
    unreadable === undefined
      ? judgeEvidence(files[0]!, files.slice(1), { now, allowDebug: options.allowDebug, ...policy })
      : refused(null, 'unreadable', unreadable);
  output.answer(verdict, [
    verdict.verdict === 'verified'
      ? `verified: ${verdict.platform}`
      : `REJECTED: ${verdict.reason}${verdict.detail === null ? '' : `: ${verdict.detail}`}`,
    ...verdict.checks.map(({ check, verdict: word, detail }) => `  ${word.padEnd(15)} ${check}: ${detail}`),
    ...appraisalLines(verdict.appraisal ?? []),
    ...linesOf(verdict.claims),
  ]);
  if (verdict.verdict !== 'verified') process.exitCode = 1;
}

function refused(platform: string | null, reason: Refusal, detail: string, claims: ShownClaims = {}): EvidenceVerdict {
  return { platform, verdict: 'rejected', reason, detail, claims, checks: refusedChecks(reason, detail) };
}

export interface JudgeOptions {
  /** In milliseconds. */
  readonly now: number;
  readonly allowDebug: boolean;
  /** What members accept, if that is asked too. */
  readonly policy?: Constitution;
}

export function judgeEvidence(
  evidence: EvidenceFile,
  endorsements: readonly EvidenceFile[],
  options: JudgeOptions,
): EvidenceVerdict {
  const { now } = options;
  const firmware = judgeFirmware(evidence, endorsements, now);
  if (firmware !== undefined) return firmware;
  const found = recognise(evidence, endorsements);
  if (!found.ok) return refused(found.platform, found.reason, found.detail);
  const context = { cryptography: nodeCryptography, x509: nodeX509Cryptography, now };
  let first: { readonly bundle: EvidenceBundle; readonly verification: Verification } | undefined;
  for (const bundle of found.bundles) {
    const verification = verifyBundle(bundle, context);
    if (verification.ok) {
      const mismatch = found.check(verification.evidence.reportData);
      if (mismatch === undefined) return accepted(bundle, verification, options);
      const { detail, reason } = mismatch;
      const checks = failing(verifiedChecks(verification.evidence), reason, detail);
      return { ...refused(bundle.platform, reason, detail, showBundle(bundle)), checks };
    }
    first ??= { bundle, verification };
  }
  const { bundle, verification } = first!;
  const { error, detail } = verification as Extract<Verification, { ok: false }>;
  return {
    ...refused(bundle.platform, error, detail, showBundle(bundle)),
    checks: refusedChecks(error, detail, bundle),
  };
}

/** An endorsement of firmware, which brings all that it needs: evidence of no instance. */
function judgeFirmware(
  { bytes }: EvidenceFile,
  endorsements: readonly EvidenceFile[],
  now: number,
): EvidenceVerdict | undefined {
  const decoded = decodeFirmwareEndorsement(bytes, nodeCryptography);
  if (!decoded.ok || endorsements.length > 0) return undefined;
  const fault = firmwareEndorsementFault(decoded.value, {
    cryptography: nodeCryptography,
    x509: nodeX509Cryptography,
    now,
    anchors: pinnedAnchors,
  });
  const claims = showFirmwareEndorsement(decoded.value);
  if (fault !== undefined) return refused(firmwareAnchor, fault.error, fault.detail, claims);
  return { platform: firmwareAnchor, verdict: 'verified', reason: null, detail: null, claims, checks: firmwareChecks };
}

function accepted(
  bundle: EvidenceBundle,
  { evidence }: Extract<Verification, { ok: true }>,
  { allowDebug, policy, now }: JudgeOptions,
): EvidenceVerdict {
  const claims: ShownClaims = {
    ...Object.fromEntries(evidence.details.map(({ name, value }) => [name, value])),
    ...(showBundle(bundle) ?? {
      debug: evidence.debug,
      measurement: Buffer.from(evidence.measurement).toString('hex'),
    }),
    generation: evidence.generation,
    provider: evidence.provider ?? null,
    tcbStatus: evidence.tcb.status,
    advisories: evidence.tcb.advisories,
    validFrom: new Date(evidence.validity.from).toISOString(),
    // A key for which nobody vouches has no certificate that expires.
    validUntil: evidence.validity.until > 8e15 ? null : new Date(evidence.validity.until).toISOString(),
  };
  const { platform } = bundle;
  const checks = verifiedChecks(evidence);
  const verified = { platform, verdict: 'verified', reason: null, detail: null, claims, checks } as const;
  const rejected = { platform, verdict: 'rejected', claims, checks } as const;
  if (evidence.debug && !allowDebug) return { ...rejected, reason: 'debug', detail: 'its host can open it' };
  if (policy === undefined) return verified;
  const { accepted: acceptable, claims: appraisal } = appraiseUnder(policy, evidence, now);
  const detail = failedClaims(appraisal)
    .map(({ claim, reason }) => `${claim} ${reason}`)
    .join('; ');
  return acceptable ? { ...verified, appraisal } : { ...rejected, reason: 'policy', detail, appraisal };
}

function appraisalLines(appraisal: readonly AppraisedClaim[]): string[] {
  return appraisal.map(
    ({ claim, verdict, expected, actual }) =>
      `  ${verdict.padEnd(15)} ${claim}: ${actual === '' ? '-' : actual}${verdict === 'affirming' ? '' : `, not ${expected === '' ? '-' : expected}`}`,
  );
}

/** RFC 3339 in UTC, or milliseconds since 1970. */
function timeOf(text: string | undefined): number {
  if (text === undefined) return Date.now();
  const ms = /^\d{1,15}$/.test(text)
    ? Number(text)
    : /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (Number.isNaN(ms)) throw new UserError(`${text} is no time such as 2026-02-06T01:04:33Z, or milliseconds`);
  return ms;
}

function linesOf(claims: ShownClaims): string[] {
  return Object.entries(claims).map(([name, value]) => {
    const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '-');
    return `  ${name.padEnd(18)} ${text}`;
  });
}
