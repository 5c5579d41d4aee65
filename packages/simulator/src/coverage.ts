/**
 * What a simulation reached: of every list in coverage-expected.ts, how often each of its members was seen at a correct
 * instance.
 */
import type {
  CommittedBatch,
  Effect,
  Input,
  InstanceId,
  Message,
  RejectionReason,
  Replica,
  Report,
} from '@coppice/protocol';
import {
  type Configuration,
  decodeResult,
  type EpochCertificate,
  faultsTolerated,
  keysOf,
  sameBytes,
  seatOf,
} from '@coppice/wire';
import { preparedOf } from './adopted.ts';
import { type Branch, type CoverageGroup, expected } from './coverage-expected.ts';
import type { Instance } from './instance.ts';
import type { Observer } from './observer.ts';

/** By group and member. */
export type Reached = Readonly<Record<CoverageGroup, Readonly<Record<string, number>>>>;

/** What branches are told apart by: the replica's state at the end of its last step. */
interface Before {
  readonly mute: boolean;
  readonly transferring: boolean;
  readonly deferred: number;
  readonly executed: number;
}

export class Coverage implements Observer {
  readonly name = 'coverage';
  readonly reached = Object.fromEntries(
    Object.entries(expected).map(([group, members]) => [
      group,
      Object.fromEntries(Object.keys(members).map((member) => [member, 0])),
    ]),
  ) as Record<CoverageGroup, Record<string, number>>;
  readonly #before = new WeakMap<Instance, Before>();
  readonly #configurations: Configuration[];
  #committed = 0;
  #turns = 0;
  #unsealed = 0;

  constructor(genesis: Configuration) {
    this.#configurations = [genesis];
  }

  sent(_: Instance, message: Message): void {
    this.#reach('message', message.kind);
  }

  stepped(instance: Instance, input: Input['kind'], effects: readonly Effect[]): void {
    if (instance.corrupt) return;
    this.#reach('input', input);
    for (const effect of effects) {
      this.#reach('effect', effect.kind);
      // What a correct primary would run into is refused at the door already, under the same code.
      const code = effect.kind === 'rejected' ? effect.detail?.split(':')[0] : undefined;
      if (code !== undefined && code in expected.refusal) this.#reach('refusal', code);
    }
    const replica = instance.replica!;
    const before = this.#before.get(instance);
    let deferred = 0;
    for (const peer of replica.peers.values()) deferred += peer.deferred.length;
    const { mute, transfer, executed } = replica;
    const now = { mute, transferring: transfer !== undefined, deferred, executed };
    this.#before.set(instance, now);
    if (now.deferred > (before?.deferred ?? 0)) this.#branch('a message of a later epoch or view is kept');
    if (now.mute && before?.mute !== true)
      this.#branch('a replica that committed another header than it voted for stops voting in the view');
    const installed = effects.some((effect) => effect.kind === 'report' && effect.report.kind === 'installed');
    if (before?.transferring === true && !now.transferring && !installed)
      this.#branch('a transfer is overtaken by commits');
    const entered = effects.some((effect) => effect.kind === 'epoch');
    if (installed && entered) this.#branch('a transfer leads into a later epoch');
    const signs = effects.some((effect) => effect.kind === 'sign' && effect.unsigned.kind === 'checkpoint');
    if (entered && signs) this.#branch('a checkpoint is signed again in the next epoch');
    const viewed = effects.some((effect) => effect.kind === 'report' && effect.report.kind === 'view');
    if (viewed && !entered) this.#onView(replica, before?.executed ?? 0);
  }

  #onView({ newView, log, adopting }: Replica, executed: number): void {
    if (newView === undefined) return;
    const prepared = preparedOf(newView);
    const adopted = prepared.at(-1);
    if (adopted === undefined) return this.#branch('a new-view adopts the start of the epoch');
    const { sequence } = adopted.header;
    if (prepared.some(({ header }) => header.sequence > sequence))
      this.#branch('a new-view prefers a later view to a higher sequence number');
    if (executed > sequence) this.#branch('a new-view adopts a header below the newest executed');
    if (adopting !== undefined) this.#branch('a new-view adopts a header that has to be fetched');
    const entry = log.get(sequence);
    if (entry?.closes === true && sameBytes(entry.headerDigest, adopted.certificate.subject.headerDigest))
      this.#branch('a new-view adopts a closing batch');
  }

  rejected(instance: Instance, _: InstanceId | 'client' | 'pool', __: string, reason: RejectionReason): void {
    if (!instance.corrupt) this.#reach('rejection', reason);
  }

  reported(instance: Instance, { kind }: Report): void {
    if (!instance.corrupt) this.#reach('report', kind);
  }

  committed(instance: Instance, batch: CommittedBatch): void {
    if (instance.corrupt) return;
    const { header, certificate, path } = batch;
    if (path.length > 0) this.#branch('a certificate commits batches below its own');
    const { firstPrimary, configuration, epoch } = instance.replica!;
    const primary = (firstPrimary + certificate.subject.view) % configuration.slots;
    if (epoch === header.epoch && primary !== header.proposer)
      this.#branch('an adopted batch commits in a later view than it was proposed in');
    if (header.sequence <= this.#committed) return;
    this.#committed = header.sequence;
    this.#onOutcomes(batch, overdueIn(configuration, header.time));
    this.#onTurns(instance);
  }

  #onOutcomes({ items, outcomes }: CommittedBatch, overdue: boolean): void {
    let index = 0;
    for (const item of items) {
      const count = item.kind === 'bundle' ? item.bundle.operations.length : 1;
      const decoded = decodeResult(outcomes[index]!.result);
      const code = decoded.ok && !decoded.value.ok ? decoded.value.error.code : undefined;
      const value = decoded.ok && decoded.value.ok ? (decoded.value.value as object) : {};
      index += count;
      if (item.kind === 'bundle') {
        if (code === 'overdue') this.#branch('requests are answered overdue');
        if (code === undefined && overdue && item.bundle.operations.every(({ target }) => target === 'service'))
          this.#branch('requests are served overdue');
      } else if (item.request.kind === 'activate') this.#onActivation(value, code, index > 1);
      else if (code !== undefined) this.#reach('refusal', code);
      else {
        this.#reach('system request', item.request.kind);
        if (item.request.kind === 'challenge') this.#onDraw(value);
      }
    }
  }

  #onDraw(value: object): void {
    const { variant, waived } = value as { readonly variant: string; readonly waived: readonly string[] };
    if (variant === '') this.#branch('a turn draws no variant');
    if (waived.length > 0) this.#branch('a turn waives a rule for its variant');
  }

  #onActivation(value: object, code: string | undefined, divergent: boolean): void {
    if (code === undefined) this.#reach('system request', 'activate');
    if ('step' in value) return this.#branch('a migration goes on in another step');
    if ('left' in value) return this.#branch('a step of a migration is taken back');
    this.#branch(
      code === undefined
        ? 'a release is activated'
        : divergent
          ? 'replicas do not agree on an activation'
          : 'an activation fails',
    );
  }

  /** Turns that ended since. */
  #onTurns(instance: Instance): void {
    const { finished, unsealed } = instance.serving!.execution.committed().membership;
    if (unsealed.length > this.#unsealed) this.#branch('an epoch ends before the last one is sealed');
    this.#unsealed = unsealed.length;
    for (const { turn, reason, outcome } of finished) {
      if (turn <= this.#turns) continue;
      this.#turns = turn;
      this.#reach('turn reason', reason);
      this.#reach('turn outcome', outcome);
    }
  }

  epoch(instance: Instance, { header }: EpochCertificate, configuration: Configuration): void {
    const { epoch, seats } = configuration;
    const before = this.#configurations[epoch - 1];
    if (instance.corrupt || before === undefined || this.#configurations[epoch] !== undefined) return;
    this.#configurations[epoch] = configuration;
    if (keysOf(2, seats)) this.#branch('an epoch in which every seat signs by scheme 2');
    this.#branch(seats.length < before.seats.length ? 'an epoch ends with a vacation' : 'an epoch ends with a swap');
    const [was, is] = [seatOf(before, header.proposer), seatOf(configuration, header.proposer)];
    if (was !== undefined && (is === undefined || !sameBytes(was.instance, is.instance)))
      this.#branch('an epoch ends with the turn of its primary');
  }

  #branch(branch: Branch): void {
    this.#reach('branch', branch);
  }

  #reach(group: CoverageGroup, member: string): void {
    this.reached[group][member] = (this.reached[group][member] ?? 0) + 1;
  }
}

/** Whether more slots are vacant, or past their term, than may be faulty. */
function overdueIn({ slots, seats }: Configuration, time: number): boolean {
  return slots - seats.filter(({ termEnd }) => termEnd > time).length > faultsTolerated(slots);
}

/** What was to be reached, and never was. */
export function missing(reached: Reached): string[] {
  return Object.entries(expected).flatMap(([group, members]) =>
    Object.entries(members as Readonly<Record<string, string | undefined>>)
      .filter(([member, why]) => why === undefined && reached[group as CoverageGroup][member] === 0)
      .map(([member]) => `${group}: ${member}`),
  );
}

/** The sum of both. */
export function add(total: Reached, more: Reached): Reached {
  const sum = Object.entries(more).map(([group, members]) => [
    group,
    Object.fromEntries(
      Object.entries(members).map(([member, count]) => [member, count + (total[group as CoverageGroup][member] ?? 0)]),
    ),
  ]);
  return Object.fromEntries(sum) as Reached;
}
