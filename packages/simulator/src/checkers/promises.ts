/**
 * What correct instances promise each other, as far as it can be heard: votes on one chain, one a place, none after asking for
 * another view; nonces only of what is prepared and durable; view changes that name what was revealed; first of all the vote for
 * what the view adopted. spec/normal-case.md and view-change.md, with line numbers in brackets.
 *
 * Agreement follows from these. They are judged by themselves because of a promise that is broken, little may come in one run,
 * and everything in another.
 */
import type { LedgerRecord } from '@coppice/ledger';
import type { CommittedBatch, Message, MessageOf } from '@coppice/protocol';
import {
  type Cryptography,
  headerDigest,
  type NewView,
  newViewDigest,
  type Subject,
  toHex,
  type ViewChange,
  type Vote,
} from '@coppice/wire';
import { preparedOf } from '../adopted.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';
import { quorumOf } from './certificates.ts';

/** What one instance said in one view. */
interface InView {
  readonly newView: string;
  /** Digests of the headers that it voted for, by sequence number. */
  readonly votes: Map<number, string>;
  highest: number;
  /** Places for which it voted, and at which its ledger holds another header now. */
  readonly strayed: Set<number>;
}

class Said {
  epoch = 0;
  /** The highest view that it asked for. */
  asked = 0;
  readonly views = new Map<number, InView>();
  /** The highest place of which it revealed its nonce, by (view, sequence). */
  revealed: { readonly view: number; readonly sequence: number } | undefined;
  /** The newest header at each place of its ledger. */
  readonly headers = new Map<number, { readonly digest: string; readonly position: number }>();
  /** Positions of prepared certificates, by view, place and digest. */
  readonly prepared = new Map<string, number>();
  readonly newViews = new Map<string, NewView>();
  committed = 0;

  enter(epoch: number): void {
    this.epoch = epoch;
    this.asked = 0;
    this.views.clear();
    this.revealed = undefined;
  }

  /** The header at a place of its ledger, or its vote for one, is another now. */
  compare({ votes, strayed }: InView, sequence: number): void {
    const [held, voted] = [this.headers.get(sequence)?.digest, votes.get(sequence)];
    if (held === undefined || voted === undefined || held === voted) strayed.delete(sequence);
    else strayed.add(sequence);
  }
}

export class Promises implements Observer {
  readonly name = 'promises';
  readonly #violate: (message: string) => void;
  readonly #cryptography: Cryptography;
  readonly #said = new Map<Instance, Said>();
  /** What correct instances said the ledger and the state are after a batch. */
  readonly #checkpoints = new Map<number, string>();

  constructor(violate: (message: string) => void, cryptography: Cryptography) {
    this.#violate = violate;
    this.#cryptography = cryptography;
  }

  appended(instance: Instance, record: LedgerRecord, position: number): void {
    const said = this.#of(instance);
    if (record.kind === 'batch') {
      const digest = toHex(headerDigest(this.#cryptography, record.header));
      said.headers.set(record.header.sequence, { digest, position });
      for (const view of said.views.values()) said.compare(view, record.header.sequence);
    } else if (record.kind === 'prepared') said.prepared.set(keyOf(record.certificate.subject), position);
    else if (record.kind === 'new-view')
      said.newViews.set(toHex(newViewDigest(this.#cryptography, record.newView)), record.newView);
  }

  committed(instance: Instance, { header }: CommittedBatch): void {
    this.#of(instance).committed = header.sequence;
  }

  installed(instance: Instance, sequence: number): void {
    this.#of(instance).committed = sequence;
  }

  sent(instance: Instance, message: Message): void {
    if (instance.corrupt) return;
    switch (message.kind) {
      case 'pre-prepare':
      case 'prepare':
        return this.#onVote(instance, message.vote);
      case 'commit':
        return this.#onCommit(instance, message);
      case 'view-change':
        return this.#onViewChange(instance, message.viewChange);
      case 'fetch-held':
        return this.#onFetchHeld(instance, message);
      case 'checkpoint':
        return this.#onCheckpoint(instance, message);
      default:
    }
  }

  #of(instance: Instance): Said {
    const said = this.#said.get(instance) ?? new Said();
    this.#said.set(instance, said);
    return said;
  }

  /** What it said in this epoch; `undefined` where that is over. */
  #in(instance: Instance, epoch: number, what: string): Said | undefined {
    const said = this.#of(instance);
    if (epoch > said.epoch) said.enter(epoch);
    if (epoch === said.epoch) return said;
    this.#violate(`${instance.name} sends a ${what} of epoch ${epoch} after one of epoch ${said.epoch}`);
    return undefined;
  }

  #onVote(instance: Instance, { subject }: Vote): void {
    const { epoch, view, sequence } = subject;
    const said = this.#in(instance, epoch, 'vote');
    if (said === undefined) return;
    const [digest, newView] = [toHex(subject.headerDigest), toHex(subject.newView)];
    if (view < said.asked) this.#violate(`${instance.name} votes in view ${view} after asking for ${said.asked} [6]`);
    const first = !said.views.has(view);
    const known = said.views.get(view) ?? {
      newView,
      votes: new Map<number, string>(),
      highest: 0,
      strayed: new Set<number>(),
    };
    said.views.set(view, known);
    if (known.newView !== newView) this.#violate(`${instance.name} votes under two new-views of view ${view} [12]`);
    const before = known.votes.get(sequence);
    if (before === digest) return;
    if (before !== undefined) return this.#violate(`${instance.name} votes twice at ${sequence} of view ${view} [19]`);
    if (first && view > 0) this.#checkAdopted(instance, said, subject);
    if (known.highest > sequence)
      this.#violate(`${instance.name} votes for ${sequence} after ${known.highest} in view ${view} [13]`);
    // What its ledger holds now at that place is what the header extends.
    for (const at of known.strayed)
      if (at < sequence)
        this.#violate(
          `${instance.name} votes for ${sequence} on another chain than for ${at} in view ${view} [13, 31]`,
        );
    known.votes.set(sequence, digest);
    known.highest = Math.max(known.highest, sequence);
    said.compare(known, sequence);
  }

  /** The first vote in a view is for what it adopted, unless that is committed. [view-change 13, 16] */
  #checkAdopted(instance: Instance, said: Said, { view, sequence, headerDigest: digest, newView }: Subject): void {
    const began = said.newViews.get(toHex(newView));
    if (began === undefined)
      return this.#violate(`${instance.name} votes in view ${view}, whose new-view it lacks [14]`);
    const { viewChanges } = began;
    const slots = instance.replica!.configuration.slots;
    if (new Set(viewChanges.map(({ slot }) => slot)).size < quorumOf(slots))
      this.#violate(`${instance.name} votes in view ${view}, for which ${viewChanges.length} slots asked [9]`);
    const adopted = preparedOf(began).at(-1)?.header;
    if (adopted === undefined || said.committed >= adopted.sequence) return;
    const right = adopted.sequence === sequence && toHex(headerDigest(this.#cryptography, adopted)) === toHex(digest);
    if (!right)
      this.#violate(
        `${instance.name} votes first for ${sequence} in view ${view}, which adopts ${adopted.sequence} [13, 16]`,
      );
  }

  /** What it asks for is what the view adopts. [view-change 13] */
  #onFetchHeld(instance: Instance, { sequence, headerDigest: digest }: MessageOf<'fetch-held'>): void {
    const { newView } = instance.replica!;
    const adopted = newView && preparedOf(newView).at(-1);
    if (adopted !== undefined && toHex(adopted.certificate.subject.headerDigest) !== toHex(digest))
      this.#violate(
        `${instance.name} asks for ${sequence} in view ${newView!.view}, which adopts ${adopted.header.sequence} [13]`,
      );
  }

  #onCommit(instance: Instance, { epoch, view, reveals }: MessageOf<'commit'>): void {
    const said = this.#in(instance, epoch, 'nonce');
    if (said === undefined) return;
    if (view < said.asked)
      this.#violate(`${instance.name} reveals in view ${view} after asking for ${said.asked} [24]`);
    const known = said.views.get(view);
    for (const { sequence } of reveals) {
      const digest = known?.votes.get(sequence);
      const place = `${sequence} of view ${view}`;
      if (digest === undefined) {
        this.#violate(`${instance.name} reveals a nonce for ${place}, for which it did not vote [24]`);
        continue;
      }
      const { durableEnd } = instance.disk.ledger;
      const prepared = said.prepared.get(keyFrom(view, sequence, digest)) ?? Infinity;
      const batch = said.headers.get(sequence);
      if (prepared >= durableEnd || batch?.digest !== digest || batch.position >= durableEnd)
        this.#violate(`${instance.name} reveals ${place} before that it prepared is durable [22-25]`);
      const { revealed } = said;
      if (revealed === undefined || view > revealed.view || (view === revealed.view && sequence > revealed.sequence))
        said.revealed = { view, sequence };
    }
  }

  #onViewChange(instance: Instance, { epoch, view, prepared }: ViewChange): void {
    const said = this.#in(instance, epoch, 'view change');
    if (said === undefined) return;
    if (view < said.asked) this.#violate(`${instance.name} asks for view ${view} after ${said.asked} [6]`);
    said.asked = Math.max(said.asked, view);
    const { revealed } = said;
    const named = prepared?.certificate.subject;
    if (revealed === undefined) return;
    const names = named !== undefined && (named.view - revealed.view || named.sequence - revealed.sequence) >= 0;
    if (!names)
      this.#violate(
        `${instance.name} asks for view ${view} and does not name ${revealed.sequence}, revealed in view ${revealed.view} [5]`,
      );
  }

  /** [checkpoints 3] */
  #onCheckpoint(instance: Instance, { sequence, ledgerRoot, stateDigest }: MessageOf<'checkpoint'>): void {
    if (sequence > this.#of(instance).committed)
      this.#violate(`${instance.name} signs a checkpoint of ${sequence}, which it has not committed`);
    const roots = `${toHex(ledgerRoot)} ${toHex(stateDigest)}`;
    const known = this.#checkpoints.get(sequence) ?? roots;
    if (known !== roots) this.#violate(`${instance.name} signs another checkpoint of ${sequence} than others`);
    this.#checkpoints.set(sequence, known);
  }
}

function keyFrom(view: number, sequence: number, digest: string): string {
  return `${view} ${sequence} ${digest}`;
}

function keyOf({ view, sequence, headerDigest: digest }: Subject): string {
  return keyFrom(view, sequence, toHex(digest));
}
