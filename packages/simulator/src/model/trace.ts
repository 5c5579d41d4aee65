/**
 * What a simulated cluster did, as events of the model in spec/model: docs/explanation/model.md, "Traces".
 *
 * The one idea: only what correct instances say and write down becomes an event. What an attacker's instance does is
 * nothing that the model could refuse; its proposals and new-views are named where correct ones heed them.
 */
import type { LedgerRecord } from '@coppice/ledger';
import type { Message } from '@coppice/protocol';
import { headerDigest, type NewView, newViewDigest, type Subject, toHex, type ViewChange } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';
import { type BatchRecord, type MembershipState, orderedBy, stateAfter, stateOf } from './ordered.ts';

/** One event, as spec/model/replay.qnt reads it: a call. */
export interface TraceEvent {
  readonly kind: string;
  /** Text of Quint. */
  readonly arguments: readonly string[];
  /** Virtual milliseconds. */
  readonly atMs: number;
}

export interface Trace {
  readonly slots: number;
  /** A seat's term, and a turn's deadline, in milliseconds. */
  readonly termMs: number;
  readonly deadlineMs: number;
  readonly events: readonly TraceEvent[];
}

export function textOf({ kind, arguments: args }: TraceEvent): string {
  return call(kind, ...args);
}

/** A header that the model knows. */
interface Known extends MembershipState {
  readonly id: number;
}

const genesisKey = 'genesis';
/** As in spec/model/turns.qnt. */
const none = -1;
const keepOpen = -2;
const swap = -1;

export class TraceRecorder implements Observer {
  readonly name = 'trace';
  readonly #eventsMax: number;
  readonly #events: TraceEvent[] = [];
  #parameters = { slots: 0, termMs: 0, deadlineMs: 0 };
  #genesisTime = 0;
  /** Numbers of instances in the model, by identity key. */
  readonly #ids = new Map<string, number>();
  readonly #instances = new Map<string, Instance>();
  readonly #captured = new Set<number>();
  /** By digest. */
  readonly #headers = new Map<string, Known>();
  /** Batches of correct primaries whose votes have not left, and the digest of what stands below each. */
  readonly #unproposed = new Map<string, { readonly record: BatchRecord; readonly parent: string }>();
  /** What each instance has in its log: digests by sequence number. */
  readonly #logs = new Map<Instance, Map<number, string>>();
  readonly #committed = new Map<number, string>();
  readonly #newViews = new Map<string, number>();
  readonly #said = new Set<string>();
  /** Where in its ledger an instance recorded that it prepared a header. */
  readonly #preparedAt = new Map<string, number>();
  #atMs = 0;

  /** Records the first so many events. */
  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
  }

  get trace(): Trace {
    return { ...this.#parameters, events: this.#events };
  }

  launched(instance: Instance): void {
    this.#instances.set(identityOf(instance), instance);
  }

  seized(instance: Instance): void {
    this.#idOf(instance);
  }

  appended(instance: Instance, record: LedgerRecord, position: number): void {
    const id = this.#idOf(instance);
    if (record.kind === 'batch') this.#onBatch(instance, record);
    else if (record.kind === 'commit') this.#onCommit(instance, id, record.certificate.subject);
    else if (id === undefined || instance.corrupt) return;
    else if (record.kind === 'prepared') {
      const { subject } = record.certificate;
      this.#preparedAt.set(preparedKey(id, subject.view, toHex(subject.headerDigest)), position);
      this.#event('prepare', id, this.#subject(subject));
    } else if (record.kind === 'new-view') {
      this.#event('enter', id, this.#newView(instance, record.newView));
    }
  }

  installed(instance: Instance, sequence: number): void {
    const id = this.#speaker(instance);
    const digest = this.#committed.get(sequence);
    if (id === undefined || digest === undefined) return;
    this.#logs.set(instance, new Map([[sequence, digest]]));
    this.#event('install', id, this.#headers.get(digest)!.id);
  }

  erased(instance: Instance, epoch: number): void {
    const id = this.#speaker(instance);
    if (id !== undefined) this.#event('erased', id, epoch);
  }

  sent(instance: Instance, message: Message): void {
    const id = this.#speaker(instance);
    if (id === undefined) return;
    if (message.kind === 'pre-prepare' || message.kind === 'prepare') this.#onVote(instance, id, message.vote.subject);
    else if (message.kind === 'view-change') this.#onViewChange(id, message.viewChange);
    else if (message.kind === 'new-view') this.#newView(instance, message.newView);
    else if (message.kind === 'commit') {
      for (const { sequence } of message.reveals) this.#onReveal(instance, id, message, sequence);
    }
  }

  #onBatch(instance: Instance, record: BatchRecord): void {
    const { header } = record;
    const replica = instance.replica!;
    const log = this.#log(instance);
    const parent = log.get(header.sequence - 1);
    const digest = toHex(headerDigest(replica.environment.cryptography, header));
    for (const sequence of log.keys()) if (sequence > header.sequence) log.delete(sequence);
    log.set(header.sequence, digest);
    if (this.#headers.has(digest) || parent === undefined || instance.corrupt) return;
    this.#unproposed.set(digest, { record, parent });
    // A correct primary proposes as its vote leaves; what another one proposed is known once a correct backup took it.
    if (header.proposer !== instance.slot) this.#propose(digest, replica.view);
  }

  #propose(digest: string, view: number): void {
    const { record, parent: parentDigest } = this.#unproposed.get(digest)!;
    this.#unproposed.delete(digest);
    const parent = this.#headers.get(parentDigest);
    if (parent === undefined) throw new Error(`${digest} was proposed above an unknown header`);
    const state = stateAfter(parent, record);
    const { open, challenge, join, ready, notices, close } = orderedBy(record, parent.membership, state.membership);
    const closing = close === undefined ? keepOpen : close === 'swap' ? swap : close.vacated;
    const joined = join === undefined ? 0 : (this.#numberOf(join) ?? 0);
    const items = call('items', open ?? none, challenge ?? none, joined, String(ready), set(notices), closing);
    const seats = state.membership.occupants.map((one) =>
      one === undefined ? 0 : (this.#numberOf(toHex(one.instance)) ?? 0),
    );
    this.#headers.set(digest, { ...state, id: this.#headers.size });
    this.#event('propose', view, parent.id, record.header.time - this.#genesisTime, items, `[${seats.join(', ')}]`);
  }

  #onVote(instance: Instance, id: number, subject: Subject): void {
    const digest = toHex(subject.headerDigest);
    const { epoch, view, newView } = subject;
    if (!this.#first(`vote ${id} ${epoch} ${view} ${toHex(newView)} ${digest}`)) return;
    if (this.#unproposed.get(digest)?.record.header.proposer === instance.slot) this.#propose(digest, view);
    else this.#event('vote', id, this.#subject(subject));
  }

  #onReveal(instance: Instance, id: number, { epoch, view }: { epoch: number; view: number }, sequence: number): void {
    const replica = instance.replica!;
    const digest = this.#log(instance).get(sequence);
    const known = digest === undefined ? undefined : this.#headers.get(digest);
    // Of an epoch or view that it has left by now, the log no longer says which header it was.
    if (digest === undefined || known === undefined || epoch !== replica.epoch || view !== replica.view) return;
    const newView = this.#newViews.get(toHex(replica.newViewDigest)) ?? 0;
    if (!this.#first(`reveal ${id} ${epoch} ${view} ${newView} ${digest}`)) return;
    const position = this.#preparedAt.get(preparedKey(id, view, digest));
    if (position !== undefined && position < instance.disk.ledger.durableEnd) this.#event('sync', id, known.id);
    this.#event('reveal', id, call('subject', epoch, view, newView, known.id));
  }

  #onCommit(instance: Instance, id: number | undefined, subject: Subject): void {
    const digest = toHex(subject.headerDigest);
    if (id === undefined || !this.#headers.has(digest)) return;
    if (!instance.corrupt) {
      for (const [sequence, one] of this.#log(instance))
        if (sequence <= subject.sequence) this.#committed.set(sequence, one);
    }
    // What only an attacker's instance has seen certified may be a challenge, too.
    const first = this.#first(`certified ${digest}`);
    if (first || !instance.corrupt) this.#event('commit', id, this.#subject(subject));
  }

  #onViewChange(id: number, { epoch, view, prepared }: ViewChange): void {
    if (!this.#first(`ask ${id} ${epoch} ${view}`)) return;
    this.#event('ask', id, view, prepared?.certificate.subject.view ?? none, Math.max(0, this.#headerOf(prepared)));
  }

  /** The number of a new-view. It is made when the first correct instance sends or heeds it. */
  #newView(instance: Instance, newView: NewView): number {
    const { environment, configuration } = instance.replica!;
    const digest = toHex(newViewDigest(environment.cryptography, newView));
    const known = this.#newViews.get(digest);
    if (known !== undefined) return known;
    const id = this.#newViews.size + 1;
    this.#newViews.set(digest, id);
    const { epoch, view, viewChanges } = newView;
    // What captured slots say is a claim; what correct ones said, the model knows.
    const claims = viewChanges.filter(({ slot }) => {
      const seat = configuration.seats.find((one) => one.slot === slot);
      const number = seat === undefined ? undefined : this.#numberOf(toHex(seat.instance));
      return number !== undefined && this.#captured.has(number);
    });
    const claimed = highestOf(claims);
    const claim = call('prepared', claimed?.certificate.subject.view ?? none, Math.max(0, this.#headerOf(claimed)));
    const from = set(viewChanges.map(({ slot }) => slot));
    this.#event('newView', epoch, view, from, claim, this.#headerOf(highestOf(viewChanges)));
    return id;
  }

  #headerOf(prepared: ViewChange['prepared']): number {
    return prepared === undefined ? none : this.#headers.get(toHex(prepared.certificate.subject.headerDigest))!.id;
  }

  #subject({ epoch, view, newView, headerDigest: digest }: Subject): string {
    const header = this.#headers.get(toHex(digest))!.id;
    return call('subject', epoch, view, this.#newViews.get(toHex(newView)) ?? 0, header);
  }

  /** Its number, if it is correct, and so does only what the model allows. */
  #speaker(instance: Instance): number | undefined {
    const id = this.#idOf(instance);
    return instance.corrupt ? undefined : id;
  }

  /** Its number; an attacker's has been captured from then on. `undefined`: launched for no turn that the log knows. */
  #idOf(instance: Instance): number | undefined {
    this.#atMs = instance.world.scheduler.now;
    if (this.#headers.size === 0) this.#begin(instance);
    const id = this.#numberOf(identityOf(instance));
    if (id !== undefined && instance.corrupt && !this.#captured.has(id)) {
      this.#captured.add(id);
      this.#event('capture', id);
    }
    return id;
  }

  #begin({ serving }: Instance): void {
    const { execution, founded } = serving!;
    const { policy, slots } = founded.genesis.constitution;
    const { membership } = execution.committed();
    this.#parameters = { slots, termMs: policy.recoveryPeriodMs, deadlineMs: policy.turnDeadlineMs };
    this.#genesisTime = membership.start.time;
    // The founders, in the order of their slots.
    for (const founder of membership.occupants) this.#ids.set(toHex(founder!.instance), this.#ids.size + 1);
    this.#headers.set(genesisKey, { ...stateOf(membership), id: 0 });
  }

  #numberOf(identity: string): number | undefined {
    const known = this.#ids.get(identity);
    const instance = this.#instances.get(identity);
    if (known !== undefined || instance === undefined) return known;
    // A newcomer, once it has its keys: launched for the turn that this header has open.
    const { launch, keyring } = instance;
    const at = [...this.#committed.values()]
      .map((digest) => this.#headers.get(digest)!)
      .find(({ membership: { open } }) => open?.turn === launch.turn && open.drawn !== undefined);
    if (at?.membership.open?.slot !== launch.slot || keyring.publicKeys.length === 0) return undefined;
    const id = this.#ids.size + 1;
    this.#ids.set(identity, id);
    this.#event('launch', at.id, launch.slot, keyring.firstEpoch);
    return id;
  }

  #log(instance: Instance): Map<number, string> {
    let log = this.#logs.get(instance);
    if (log === undefined) this.#logs.set(instance, (log = new Map([[0, genesisKey]])));
    return log;
  }

  #first(key: string): boolean {
    if (this.#said.has(key)) return false;
    this.#said.add(key);
    return true;
  }

  #event(kind: string, ...args: readonly (string | number)[]): void {
    if (this.#events.length >= this.#eventsMax) return;
    this.#events.push({ kind, arguments: args.map(String), atMs: this.#atMs });
  }
}

/** By view, then sequence: spec/view-change.md, line 13. */
function highestOf(viewChanges: readonly ViewChange[]): ViewChange['prepared'] {
  return viewChanges
    .map(({ prepared }) => prepared)
    .filter((prepared) => prepared !== undefined)
    .sort(
      ({ certificate: { subject: a } }, { certificate: { subject: b } }) => b.view - a.view || b.sequence - a.sequence,
    )[0];
}

function preparedKey(id: number, view: number, digest: string): string {
  return `${id} ${view} ${digest}`;
}

function identityOf({ keyring }: Instance): string {
  return toHex(keyring.identity.publicKey);
}

function call(name: string, ...args: readonly (string | number)[]): string {
  return `${name}(${args.join(', ')})`;
}

function set(values: readonly number[]): string {
  return call('Set', ...values);
}
