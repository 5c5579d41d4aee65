/**
 * Who is to blame for two histories. spec/ledger.md, "Accountability".
 *
 * Two certificates that contradict each other share more than f slots. Each of these either signed two votes that
 * contradict each other, or revealed the nonce of a vote, and said in a later view change that it had prepared less. The
 * new-views between the two certificates, which every correct replica keeps, hold those view changes.
 */
import { contradictionReason } from '@coppice/ledger';
import {
  commitmentOf,
  type CommitCertificate,
  type Configuration,
  type Cryptography,
  type Digest,
  type FaultProof,
  type Header,
  type NewView,
  type PreparedCertificate,
  sameBytes,
  seatOf,
  type Subject,
  type ViewChange,
  viewChangeStatement,
  validVote,
  type Vote,
} from '@coppice/wire';
import { votesOf } from './votes.ts';

export type Misdeed =
  /** Two votes that no correct instance casts. */
  | { readonly kind: 'votes'; readonly proof: FaultProof }
  /** A vote whose nonce was revealed, and a later view change that knows nothing of it. */
  | { readonly kind: 'forgot'; readonly vote: Vote; readonly nonce: Uint8Array; readonly viewChange: ViewChange };

export interface Blamed {
  readonly slot: number;
  readonly instance: Uint8Array;
  readonly misdeed: Misdeed;
}

/** What two parties were shown, and what is known besides. */
export interface Quarrel {
  /** Commit certificates of the epoch; contradicting ones among them are what this is about. */
  readonly commits: readonly CommitCertificate[];
  /** New-views of the epoch that replicas accepted. */
  readonly newViews: readonly NewView[];
  /**
   * The header of this digest, and the digest at an earlier place with its path under that header's previous root, where
   * known: shows that votes for different places are not of one chain.
   */
  readonly fork?: (
    later: Digest,
    place: number,
  ) => { header: Header; headerDigest: Digest; path: Digest[] } | undefined;
}

/** Instances of this configuration that provably did what no correct one does: each once, by slot. */
export function blame(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  { commits, newViews, fork }: Quarrel,
): Blamed[] {
  const blamed = new Map<number, Blamed>();
  const accuse = (slot: number, misdeed: Misdeed): void => {
    const seat = seatOf(configuration, slot);
    if (seat === undefined || blamed.has(slot)) return;
    const one = { slot, instance: seat.instance, misdeed };
    if (misdeedReason(cryptography, service, configuration, one) === undefined) blamed.set(slot, one);
  };
  const viewChanges = newViews.flatMap((newView) => newView.viewChanges);
  const prepared = viewChanges.flatMap((viewChange) => viewChange.prepared?.certificate ?? []);
  const certificates: (CommitCertificate | PreparedCertificate)[] = [...commits, ...prepared];
  for (const [i, first] of certificates.entries()) {
    for (const second of certificates.slice(i + 1)) {
      for (const proof of contradictions(cryptography, first, second, fork)) {
        const seat = seatOf(configuration, proof.slot);
        if (seat !== undefined) accuse(proof.slot, { kind: 'votes', proof: { ...proof, instance: seat.instance } });
      }
    }
  }
  for (const { subject, reveals } of commits) {
    for (const { slot, nonce, signature } of reveals) {
      const viewChange = viewChanges.find((one) => one.slot === slot && forgets(one, subject));
      if (viewChange === undefined) continue;
      const vote = { subject, slot, commitment: commitmentOf(cryptography, nonce), signature };
      accuse(slot, { kind: 'forgot', vote, nonce, viewChange });
    }
  }
  return [...blamed.values()].sort((a, b) => a.slot - b.slot);
}

/** Why this does not convict the instance; `undefined` where it does. For whoever is shown the result. */
export function misdeedReason(
  cryptography: Cryptography,
  service: Digest,
  configuration: Configuration,
  { slot, instance, misdeed }: Blamed,
): string | undefined {
  const seat = seatOf(configuration, slot);
  if (seat === undefined || !sameBytes(seat.instance, instance)) return 'the instance did not sit there';
  if (misdeed.kind === 'votes') {
    const { proof } = misdeed;
    if (proof.slot !== slot || proof.first.subject.epoch !== configuration.epoch) return 'votes of another place';
    return contradictionReason(cryptography, service, seat.signingKey, proof);
  }
  const { vote, nonce, viewChange } = misdeed;
  if (vote.slot !== slot || viewChange.slot !== slot) return 'statements of another slot';
  if (!sameBytes(commitmentOf(cryptography, nonce), vote.commitment)) return 'the nonce is not that of the vote';
  if (!validVote(cryptography, service, configuration, vote.subject, vote)) return 'a vote that the key did not sign';
  const statement = viewChangeStatement(viewChange);
  if (!sameBytes(viewChange.service, service) || !cryptography.verify(seat.signingKey, statement, viewChange.signature))
    return 'a view change that the key did not sign';
  return forgets(viewChange, vote.subject) ? undefined : 'the view change names as much as was prepared';
}

/** Whoever reveals has prepared, and names that, or something of a later place or view, whenever the view changes. */
function forgets({ epoch, view, prepared }: ViewChange, revealed: Subject): boolean {
  if (epoch !== revealed.epoch || view <= revealed.view) return false;
  const named = prepared?.certificate.subject;
  if (named === undefined) return true;
  return named.view < revealed.view || (named.view === revealed.view && named.sequence < revealed.sequence);
}

/** Pairs of votes of one slot that contradict each other, if these certificates are of one view and do. */
function contradictions(
  cryptography: Cryptography,
  a: CommitCertificate | PreparedCertificate,
  b: CommitCertificate | PreparedCertificate,
  fork: Quarrel['fork'],
): Omit<FaultProof, 'instance'>[] {
  if (a.subject.view !== b.subject.view || a.subject.epoch !== b.subject.epoch) return [];
  const [first, second] = a.subject.sequence <= b.subject.sequence ? [a, b] : [b, a];
  const [one, other] = [first.subject, second.subject];
  const shown =
    one.sequence < other.sequence && sameBytes(one.newView, other.newView)
      ? fork?.(other.headerDigest, one.sequence)
      : undefined;
  const differ =
    !sameBytes(one.newView, other.newView) ||
    (one.sequence === other.sequence && !sameBytes(one.headerDigest, other.headerDigest)) ||
    (shown !== undefined && !sameBytes(shown.headerDigest, one.headerDigest));
  if (!differ) return [];
  const votes = votesOf(cryptography, second);
  return votesOf(cryptography, first).flatMap((vote) => {
    const rival = votes.find(({ slot }) => slot === vote.slot);
    return rival === undefined ? [] : [{ slot: vote.slot, first: vote, second: rival, fork: shown }];
  });
}
