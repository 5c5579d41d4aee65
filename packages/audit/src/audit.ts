/**
 * Re-verifies a ledger from genesis, record by record, in bounded memory.
 *
 * A separate reading of the format: it shares `wire` and `ledger` with the replica, and none of its code. Batches wait,
 * linked to each other, until a certificate commits them; only then do they count. What it keeps of the past are the
 * last headers' digests, the configurations of the last epochs, two hashes of each entry of the state, and its report.
 */
import type { Cryptography, Digest, GenesisDocument } from '@coppice/wire';
import { decodeRecord } from '@coppice/ledger';
import { Auditor } from './auditor.ts';
import type { Amend } from './governance.ts';
import { type AuditReport, Findings } from './report.ts';
import type { Appraise } from './turns.ts';

/** A record as storage gives it. */
export interface AuditRecord {
  readonly type: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly position: number;
}

/** What a reader of ledger files gives: records, in the order in which a replica wrote them, and how they end. */
export type AuditInput =
  | { readonly kind: 'record'; readonly record: AuditRecord }
  | { readonly kind: 'clean' }
  | { readonly kind: 'torn' }
  | {
      readonly kind: 'corrupt';
      readonly damage: { readonly reason: string; readonly segment: string; readonly offset: number };
    };

export interface AuditOptions {
  readonly cryptography: Cryptography;
  /** The service that the ledger must be of; without it, that of its genesis. */
  readonly service?: Digest;
  /** What governance has against a genesis document: members, thresholds, evidence. */
  readonly checkGenesis?: (document: GenesisDocument) => string | undefined;
  /** Judges evidence. Without it, joins are checked for all but what their evidence shows. */
  readonly appraise?: Appraise;
  /** The write set that makes the state before the first batch. Without it, state digests are not recomputed. */
  readonly genesisWriteSet?: (document: GenesisDocument) => Uint8Array;
  /** What an action makes of a constitution. Without it, amendments are checked for having been decided, and not for what they say. */
  readonly amend?: Amend;
  /** Told of what each committed batch wrote, before its joins are judged, and a successor's genesis before its first batch. */
  readonly onWriteSets?: (
    writeSets: readonly Uint8Array[],
    at: { readonly sequence: number; readonly time: number },
  ) => void;
  /** How long an instance may sit beyond its term before that is a problem; 60,000 ms if not said. */
  readonly overdueMsMax?: number;
  /** Called now and then. */
  readonly onProgress?: (progress: { readonly batches: number; readonly transactions: number }) => void;
}

/** Records between two calls of `onProgress`. */
const progressRecords = 512;

/** Audits a ledger. Never throws for what it reads; what reading throws goes through. */
export async function audit(
  source: Iterable<AuditInput> | AsyncIterable<AuditInput>,
  options: AuditOptions,
): Promise<AuditReport> {
  const findings = new Findings();
  let auditor: Auditor | undefined;
  let end: AuditReport['end'];
  let records = 0;
  for await (const input of source) {
    if (input.kind !== 'record') {
      end = input.kind;
      if (input.kind === 'corrupt') {
        const { reason, segment, offset } = input.damage;
        findings.fatal('damaged', `${segment} at ${offset}: ${reason}`);
      }
      break;
    }
    const { type, sequence, payload, position } = input.record;
    findings.position = position;
    findings.sequence = sequence;
    // A reader may use its buffer again.
    const decoded = decodeRecord(type, payload.slice());
    if (!decoded.ok) findings.add('malformed', decoded.reason);
    else if (auditor !== undefined) auditor.add(decoded.value);
    else if (decoded.value.kind === 'genesis') auditor = new Auditor(findings, options, decoded.value.document);
    else findings.fatal('genesis', 'the ledger does not begin with genesis');
    if (findings.stopped !== undefined) break;
    if (++records % progressRecords === 0 && auditor !== undefined) options.onProgress?.(auditor.counts);
  }
  if (auditor === undefined && findings.stopped === undefined) findings.fatal('genesis', 'there is no genesis');
  const found = auditor?.finish();
  const { problems, stopped } = findings;
  return {
    ok: problems.length === 0,
    problems,
    firstProblem: problems[0],
    stopped,
    end,
    service: found?.service,
    successions: found?.successions ?? [],
    batches: found?.batches ?? 0,
    transactions: found?.transactions ?? 0,
    epochs: found?.epochs ?? [],
    turns: found?.turns ?? [],
    ages: found?.ages ?? [],
    decisions: found?.decisions ?? [],
    activations: found?.activations ?? [],
    faults: found?.faults ?? [],
    suspicions: found?.suspicions ?? [],
    checkpoints: found?.checkpoints ?? { certified: 0, stateRecomputed: 0 },
    head: found?.head,
    uncertifiedTail: found?.uncertifiedTail ?? 0,
  };
}
