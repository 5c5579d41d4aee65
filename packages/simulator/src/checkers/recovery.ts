/**
 * Proactive recovery: bounded age, clean start, turns within their deadline, one seat changed at a time, no epoch closed
 * before the one before it is sealed, no request refused for want of any of it without need. spec/invariants.md, 3 to 6.
 */
import {
  type Configuration,
  decodeResult,
  type EpochCertificate,
  faultsTolerated,
  quorumOf,
  type Seat,
  toHex,
  toLatin1,
} from '@coppice/wire';
import type { CommittedBatch } from '@coppice/protocol';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

interface Challenge {
  readonly challenge: string;
  /** When the first correct instance committed it. */
  readonly atMs: number;
  /** Agreed time by which the turn was open: that of the header whose nonces make the challenge. */
  readonly openBy: number;
}

/** As the constitution has it. */
export interface RecoveryPolicy {
  readonly sealDeadlineMs: number;
  readonly turnDeadlineMs: number;
  readonly unsealed: 'wait' | 'continue';
  readonly overdue: 'halt' | 'continue';
}

export class Recovery implements Observer {
  readonly name = 'recovery';
  readonly #violate: (message: string) => void;
  readonly #now: () => number;
  readonly #policy: RecoveryPolicy;
  /** Agreed times at which epochs began. */
  readonly #began: number[] = [];
  readonly #configurations: Configuration[];
  readonly #challenges = new Map<number, Challenge>();
  readonly #launched = new Map<string, Instance[]>();
  readonly #slotOf = new Map<string, number>();
  /** Slots whose notices of erasure are ordered, by epoch. */
  readonly #erased = new Map<number, Set<number>>();
  #committed = 0;
  /** Agreed times, by sequence number. */
  readonly #times = new Map<number, number>();

  constructor(violate: (message: string) => void, now: () => number, genesis: Configuration, policy: RecoveryPolicy) {
    this.#violate = violate;
    this.#now = now;
    this.#policy = policy;
    this.#configurations = [genesis];
  }

  launched(instance: Instance): void {
    this.#launched.set(instance.id, [...(this.#launched.get(instance.id) ?? []), instance]);
  }

  committed(instance: Instance, batch: CommittedBatch): void {
    const { header, items, outcomes } = batch;
    if (instance.corrupt || header.sequence <= this.#committed) return;
    this.#committed = header.sequence;
    this.#times.set(header.sequence, header.time);
    const configuration = this.#configurations[header.epoch];
    let index = 0;
    for (const item of items) {
      if (item.kind === 'bundle') {
        // Members govern also where the service halts.
        const answers = item.bundle.operations.flatMap(({ target }, i) =>
          target === 'service' ? [decodeResult(outcomes[index + i]!.result)] : [],
        );
        const served = answers.some((answer) => answer.ok && answer.value.ok);
        const refused = answers.some(
          (answer) => answer.ok && !answer.value.ok && answer.value.error.code === 'overdue',
        );
        index += item.bundle.operations.length;
        if (refused && !this.#mayHalt(configuration, header.time))
          this.#violate(
            `${header.sequence} answers overdue, though no more than f slots are vacant or past their term`,
          );
        const late = configuration?.seats.find(({ termEnd }) => termEnd + this.#policy.sealDeadlineMs <= header.time);
        if (served && late !== undefined && this.#policy.overdue === 'halt') {
          this.#violate(
            `${header.sequence} serves requests with slot ${late.slot} past its term by ${header.time - late.termEnd} ms`,
          );
        }
        continue;
      }
      const { request } = item;
      const value = this.#succeeded(outcomes[index++]!.result) as { challenge?: Uint8Array } | undefined;
      if (request.kind === 'erasure' && value !== undefined) {
        const { epoch, slot } = request.erasure;
        this.#erased.set(epoch, (this.#erased.get(epoch) ?? new Set()).add(slot));
      }
      if (request.kind !== 'challenge' || value?.challenge === undefined) continue;
      const openBy = this.#times.get(request.certificate.subject.sequence) ?? header.time;
      this.#challenges.set(request.turn, { challenge: toHex(value.challenge), atMs: this.#now(), openBy });
    }
  }

  /** More than f slots are vacant or past their term, or one is so for longer than sealing may take. */
  #mayHalt(configuration: Configuration | undefined, time: number): boolean {
    if (this.#policy.overdue === 'continue') return false;
    if (configuration === undefined) return true;
    const { slots, seats } = configuration;
    const inTerm = seats.filter(({ termEnd }) => termEnd > time).length;
    return (
      slots - inTerm > faultsTolerated(slots) ||
      seats.some((seat) => seat.termEnd + this.#policy.sealDeadlineMs <= time)
    );
  }

  #succeeded(result: Uint8Array): unknown {
    const decoded = decodeResult(result);
    return decoded.ok && decoded.value.ok ? decoded.value.value : undefined;
  }

  epoch(instance: Instance, { header }: EpochCertificate, configuration: Configuration): void {
    const { epoch, slots, seats } = configuration;
    if (instance.corrupt || this.#configurations[epoch] !== undefined) return;
    this.#configurations[epoch] = configuration;
    if (slots - seats.length > faultsTolerated(slots))
      this.#violate(`epoch ${epoch} has ${seats.length} of ${slots} seats`);
    const sealed = epoch === 1 || (this.#erased.get(epoch - 2)?.size ?? 0) >= quorumOf(slots);
    const began = this.#began[epoch - 1];
    const patient =
      this.#policy.unsealed === 'wait' || began === undefined || header.time < began + this.#policy.sealDeadlineMs;
    this.#began[epoch] = header.time;
    if (!sealed && patient) this.#violate(`epoch ${epoch - 1} closed before ${epoch - 2} was sealed`);
    const before = this.#configurations[epoch - 1];
    const changed = Array.from({ length: slots }, (_, slot) => slot).filter(
      (slot) => this.#sitting(before, slot) !== this.#sitting(configuration, slot),
    );
    if (before !== undefined && changed.length !== 1) this.#violate(`epoch ${epoch} changes slots ${changed.join()}`);
    for (const seat of seats) {
      const id = toLatin1(seat.instance);
      if ((this.#slotOf.get(id) ?? seat.slot) !== seat.slot)
        this.#violate(`one instance sat in two slots, ${seat.slot} in epoch ${epoch}`);
      this.#slotOf.set(id, seat.slot);
      if (seat.turn > 0) this.#checkStart(id, seat);
    }
  }

  #sitting(configuration: Configuration | undefined, slot: number): string | undefined {
    const seat = configuration?.seats.find((one) => one.slot === slot);
    return seat && toHex(seat.instance);
  }

  /** It was launched for this turn, with its challenge, and not before that was known. */
  #checkStart(id: string, { slot, turn, since }: Seat): void {
    const known = this.#challenges.get(turn);
    if (known !== undefined && since - known.openBy >= this.#policy.turnDeadlineMs)
      this.#violate(`turn ${turn} seated its candidate ${since - known.openBy} ms after it was open`);
    for (const { name, launch, launchedAt, amiss } of this.#launched.get(id) ?? []) {
      if (amiss !== undefined)
        this.#violate(`${name} sits in slot ${slot}, though its ${amiss} is not what turn ${turn} asked for`);
      const right = launch.slot === slot && launch.turn === turn && toHex(launch.challenge) === known?.challenge;
      if (!right) this.#violate(`${name} sits in slot ${slot} by turn ${turn}, for which it was not launched`);
      else if (launchedAt < known.atMs) this.#violate(`${name} was launched before its turn's challenge was known`);
    }
    if (!this.#launched.has(id)) this.#violate(`nobody launched the instance in slot ${slot} of turn ${turn}`);
  }
}
