/**
 * From an open turn to a candidate that may be seated: challenge, join, ready. spec/turns.md, lines 30-52.
 *
 * An instance is admitted if its evidence shows a launch that was bound to this turn's challenge, which nobody could
 * know before the turn was opened. Each replica appraises the evidence itself, within the batch; the batch's votes
 * together are the clean-start certificate.
 */
import {
  type PlainValue,
  type CommitCertificate,
  challengeOf,
  type Cryptography,
  type Digest,
  type Join,
  joinStatement,
  keysOf,
  type Ready,
  readyStatement,
  sameBytes,
  type Scheme,
  toLatin1,
  validCommitCertificate,
  type Waiver,
} from '@coppice/wire';
import {
  type AdmittedInstance,
  configurationOf,
  detachedCandidate,
  type InstanceFacts,
  type Membership,
  type OpenTurn,
} from './membership.ts';
import { done, invalid, refused, type SystemVerdict } from './turn-verdict.ts';

/** What system requests are judged with, besides the membership. */
export interface TurnContext {
  readonly cryptography: Cryptography;
  readonly service: Digest;
  /** Of the batch that holds the request. */
  readonly sequence: number;
  readonly time: number;
  /** Digests of the last headers before the batch; `undefined` for others. */
  readonly headerAt: (sequence: number) => Digest | undefined;
}

/** What an instance's launch must be bound to. */
export interface Launch {
  readonly service: Digest;
  readonly slot: number;
  readonly turn: number;
  readonly challenge: Digest;
  readonly release: Digest;
  readonly variant: string;
}

/** Every claim of an instance with its verdict, and what counts for caps where it is accepted. */
export interface Appraisal {
  readonly facts: InstanceFacts | undefined;
  readonly claims: PlainValue;
  /** Why it is not accepted, in words: the first claim that failed. */
  readonly reason?: string;
}

/** What evidence, caps, differences and approvals say. Deterministic. */
export interface Appraiser {
  appraise(join: Join, launch: Launch, time: number): Appraisal;
  /** Why the instance may not sit in this slot beside the others, if so. */
  objection(instance: AdmittedInstance, slot: number, m: Membership, time: number): string | undefined;
}

/** What a turn has drawn for which no variant fits: nothing that is launched is this. It stays open until its deadline. [34] */
export const noVariant = '';

/** Lines 30-34. `draw` gives the variants that may be drawn, or `undefined` where something would have to be waived once too often. */
export function acceptChallenge(
  m: Membership,
  context: TurnContext,
  turn: number,
  certificate: CommitCertificate,
  draw: (open: OpenTurn) => { readonly variants: readonly string[]; readonly waived: readonly Waiver[] } | undefined,
): SystemVerdict {
  const { open } = m;
  if (open === undefined || open.turn !== turn) return refused('no-such-turn', `turn ${turn} is not open`);
  if (open.drawn !== undefined) return refused('already-done', 'the turn has its challenge');
  const { cryptography, service, headerAt } = context;
  const { subject } = certificate;
  // A header above the opening one commits it as well. [31]
  const header = subject.sequence >= open.openedAt ? headerAt(subject.sequence) : undefined;
  if (header === undefined || !sameBytes(header, subject.headerDigest)) return invalid('challenge of another header');
  if (!validCommitCertificate(cryptography, service, configurationOf(m), certificate)) {
    return invalid('challenge without a valid certificate');
  }
  const challenge = challengeOf(cryptography, turn, certificate);
  const { variants, waived } = draw(open) ?? { variants: [noVariant], waived: [] };
  const variant = variants[firstBits(challenge) % variants.length];
  if (variant === undefined) return refused('wrong-release', 'the release has no variants');
  return done({ ...m, open: { ...open, drawn: { challenge, variant, waived } } }, { turn, challenge, variant, waived });
}

/** The first 48 bits, as an integer. */
function firstBits(challenge: Digest): number {
  return challenge.subarray(0, 6).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** Lines 40-46. `policyKeys` is how many keys a join brings at least, `scheme` what they sign by. */
export function admit(
  m: Membership,
  context: TurnContext,
  join: Join,
  { policyKeys, scheme }: { readonly policyKeys: number; readonly scheme: Scheme },
  appraiser: Appraiser,
): SystemVerdict {
  const { cryptography, service, sequence, time } = context;
  const { open } = m;
  if (!sameBytes(join.service, service)) return refused('wrong-service', 'the join is for another service');
  if (open === undefined || open.turn !== join.turn || open.slot !== join.slot) {
    return refused('no-such-turn', `turn ${join.turn} is not open for slot ${join.slot}`);
  }
  const { drawn } = open;
  if (drawn === undefined) return refused('too-early', 'the turn has no challenge yet');
  if (m.candidate !== undefined) return refused('already-done', 'the turn has its candidate');
  if (!sameBytes(join.release, open.release) || join.variant !== drawn.variant) {
    return refused('wrong-release', 'the turn asks for another release or variant');
  }
  if (join.firstEpoch !== m.epoch + 1) return refused('wrong-keys', `the first key must serve in epoch ${m.epoch + 1}`);
  if (join.keys.length < policyKeys) return refused('wrong-keys', `at least ${policyKeys} keys are asked for`);
  if (!keysOf(scheme, join.keys)) return refused('wrong-keys', `keys of scheme ${scheme} are asked for`);
  if (!distinctKeys(m, join)) return refused('wrong-keys', 'a key is there twice, or an occupant has it');
  if (!cryptography.verify(join.instance, joinStatement(join), join.signature))
    return invalid('join with a bad signature');

  const { challenge, variant: asked } = drawn;
  const launch = { service, slot: open.slot, turn: open.turn, challenge, variant: asked, release: open.release };
  const { facts, claims, reason = 'the evidence is not accepted' } = appraiser.appraise(join, launch, time);
  if (facts === undefined) return refused('not-admitted', reason, { claims });
  const { turn, instance, firstEpoch, keys, release, variant, address, clientAddress } = join;
  const admitted = { turn, instance, firstEpoch, keys, release, variant, address, clientAddress, ...facts };
  const objection = appraiser.objection(admitted, open.slot, m, time);
  if (objection !== undefined) return refused('not-admitted', objection, { claims });
  // Last, because it is slow: by now the keys come from a launch of an approved release.
  if (!join.keys.every(({ signingKey }) => cryptography.validPublicKey(signingKey))) {
    return refused('wrong-keys', 'a signing key is not a public key', { claims });
  }
  const candidate = detachedCandidate({ ...admitted, admittedAt: sequence });
  return done({ ...m, candidate }, { turn, slot: open.slot, instance, claims });
}

/** Line 42. */
function distinctKeys(m: Membership, join: Join): boolean {
  const all = [join, ...m.occupants.filter((occupant) => occupant !== undefined)].flatMap(({ instance, keys }) => [
    instance,
    ...keys.flatMap(({ signingKey, sealingKey }) => [signingKey, sealingKey]),
  ]);
  return new Set(all.map(toLatin1)).size === all.length;
}

/** Lines 50-52. */
export function acceptReady(m: Membership, context: TurnContext, ready: Ready): SystemVerdict {
  const { open, candidate } = m;
  if (!sameBytes(ready.service, context.service)) return refused('wrong-service', 'the notice is for another service');
  if (open === undefined || open.turn !== ready.turn || candidate === undefined) {
    return refused('no-such-turn', `turn ${ready.turn} has no candidate`);
  }
  if (open.ready) return refused('already-done', 'the candidate is ready');
  if (!context.cryptography.verify(candidate.instance, readyStatement(ready), ready.signature)) {
    return invalid('ready with a bad signature');
  }
  const header = ready.sequence >= candidate.admittedAt ? context.headerAt(ready.sequence) : undefined;
  if (header === undefined || !sameBytes(header, ready.headerDigest)) {
    return refused('unknown-header', 'not one of the last headers of this log');
  }
  return done(
    { ...m, open: { ...open, ready: true } },
    { turn: open.turn, slot: open.slot, instance: candidate.instance },
  );
}
