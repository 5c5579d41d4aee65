/**
 * Looks for instances that contradict themselves, among all votes that the ledger holds.
 *
 * In one view of one epoch a correct instance votes under one new-view and for one header at a place. So votes are
 * kept by view and by (view, place), with what they name there; a slot that names two things is convicted by the two.
 */
import {
  type Cryptography,
  commitmentOf,
  type CommitCertificate,
  type PreparedCertificate,
  type Subject,
  toLatin1,
  type Vote,
} from '@coppice/wire';

/** Views and places of which votes are kept: more than are ever in flight. */
const keptMax = 4096;

/** By view or place: by what was named there: by slot. */
type Named = Map<string, Map<string, Map<number, Vote>>>;

export interface Contradiction {
  readonly slot: number;
  readonly first: Vote;
  readonly second: Vote;
}

export class VoteWatch {
  #byView: Named = new Map();
  #byPlace: Named = new Map();

  /** Begins an epoch: its keys sign nothing of the one before. */
  clear(): void {
    this.#byView = new Map();
    this.#byPlace = new Map();
  }

  /** Takes the votes of a valid certificate of this epoch. */
  note(subject: Subject, votes: readonly Vote[]): Contradiction[] {
    const { view, sequence, headerDigest, newView } = subject;
    return [
      ...clashes(this.#byView, `${view}`, toLatin1(newView), votes),
      ...clashes(this.#byPlace, `${view} ${sequence}`, toLatin1(headerDigest), votes),
    ];
  }
}

function clashes(named: Named, place: string, what: string, votes: readonly Vote[]): Contradiction[] {
  let here = named.get(place);
  if (here === undefined) {
    if (named.size >= keptMax) named.delete(named.keys().next().value!);
    here = new Map<string, Map<number, Vote>>();
    named.set(place, here);
  }
  let bySlot = here.get(what);
  if (bySlot === undefined) {
    bySlot = new Map<number, Vote>();
    here.set(what, bySlot);
  }
  const found: Contradiction[] = [];
  for (const vote of votes) {
    if (bySlot.has(vote.slot)) continue;
    bySlot.set(vote.slot, vote);
    for (const [other, rivals] of here) {
      const rival = rivals.get(vote.slot);
      if (other !== what && rival !== undefined) found.push({ slot: vote.slot, first: rival, second: vote });
    }
  }
  return found;
}

export function votesOf(cryptography: Cryptography, certificate: PreparedCertificate | CommitCertificate): Vote[] {
  const { subject } = certificate;
  if ('votes' in certificate) return certificate.votes.map((vote) => ({ subject, ...vote }));
  return certificate.reveals.map(({ slot, nonce, signature }) => ({
    subject,
    slot,
    commitment: commitmentOf(cryptography, nonce),
    signature,
  }));
}
