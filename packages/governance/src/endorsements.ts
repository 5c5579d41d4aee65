/**
 * Endorsements that the ledger knows: the newest issue of each that was ever accepted, and those that members imported.
 *
 * - `$issues`: what the evidence of an admitted instance showed, or members imported, by source. It only grows, which makes bringing an
 *   old one a refusal: collateral stays valid for weeks after a newer one is out, and who brings evidence chooses.
 * - `$endorsements`: what members imported, whole, by source: with it incumbents are appraised again.
 */
import {
  type Collateral,
  type Endorsement,
  type EvidenceCryptography,
  type NewestEndorsement,
  type NewestIssue,
  type Anchor,
  verifyEndorsementFiles,
} from '@coppice/attestation';
import { assert, bytes, decode, encode, limits, optional, struct, text, u64 } from '@coppice/wire';
import type { StateAccess } from './state.ts';

const issuesMap = '$issues';
const endorsementsMap = '$endorsements';
/** Sources that are remembered: makers have a few for each kind of processor. */
const sourcesMax = 1024;

const endorsementCodec = struct({
  issue: u64,
  issued: u64,
  mediaType: text(limits.nameBytes),
  bytes: bytes(limits.evidenceBytes),
  signer: optional(bytes(limits.evidenceBytes)),
});

/** What the state remembers. */
export function newestIssueIn(access: Pick<StateAccess, 'get'>): NewestIssue {
  return (source) => {
    const value = access.get(issuesMap, source);
    if (value === undefined) return undefined;
    const decoded = decode(u64, value);
    assert(decoded.ok, 'what governance wrote can be read');
    return decoded.value;
  };
}

/** Remembers what is newer than what the state has. */
export function rememberIssues(access: StateAccess, collateral: readonly Collateral[]): void {
  const newest = newestIssueIn(access);
  for (const { source, issue } of collateral) {
    if (issue !== undefined && issue > (newest(source) ?? -1)) access.set(issuesMap, source, encode(u64, issue));
  }
}

/** What members imported. */
export function newestEndorsementIn(access: Pick<StateAccess, 'get'>): NewestEndorsement {
  return (source) => {
    const value = access.get(endorsementsMap, source);
    if (value === undefined) return undefined;
    const decoded = decode(endorsementCodec, value);
    assert(decoded.ok, 'what governance wrote can be read');
    return { source, ...decoded.value };
  };
}

export type ImportOutcome =
  | { readonly ok: true; readonly imported: readonly Endorsement[] }
  | { readonly ok: false; readonly code: 'endorsements-refused' | 'older-endorsement'; readonly message: string };

/**
 * Verifies files of endorsements, at an agreed time, and keeps what is new. All or nothing: one that does not hold, or is older than
 * what was accepted before, refuses all.
 */
export function importEndorsements(
  access: StateAccess,
  cryptography: EvidenceCryptography,
  files: readonly Uint8Array[],
  anchors: readonly Anchor[],
  now: number,
  signatures: { left: number },
): ImportOutcome {
  const context = { cryptography, x509: cryptography.x509, now, anchors, signatures };
  const verified = verifyEndorsementFiles(files, context);
  if (!verified.ok)
    return { ok: false, code: 'endorsements-refused', message: `${verified.error}: ${verified.detail}` };
  const [newestIssue, newest] = [newestIssueIn(access), newestEndorsementIn(access)];
  const older = verified.endorsements.find(({ issue, source }) => issue < (newestIssue(source) ?? 0));
  if (older !== undefined) {
    const message = `${older.source}: ${older.issue}, and ${newestIssue(older.source)} was accepted before`;
    return { ok: false, code: 'older-endorsement', message };
  }
  const imported = verified.endorsements.filter(({ issue, source }) => issue > (newest(source)?.issue ?? -1));
  if ([...access.entries(issuesMap)].length + imported.length > sourcesMax)
    return { ok: false, code: 'endorsements-refused', message: `more than ${sourcesMax} sources` };
  for (const { source, ...kept } of imported) access.set(endorsementsMap, source, encode(endorsementCodec, kept));
  rememberIssues(access, imported);
  return { ok: true, imported };
}
