/**
 * Who sits where: each configuration follows from the one before it and from what the ledger ordered in between.
 *
 * - One seat changes an epoch: a candidate that a turn backs sits down, or one whose term has run out is vacated.
 * - An instance that stays uses the next of the keys that it joined with.
 * - Epoch e does not close before a quorum of e − 1 has given notice that it erased its keys.
 */
import {
  type Configuration,
  type Cryptography,
  type Digest,
  type Erasure,
  erasureStatement,
  faultsTolerated,
  type GenesisDocument,
  type Header,
  type Join,
  keysOf,
  quorumOf,
  sameBytes,
  type Seat,
  seatOf,
  type Suspicion,
  suspicionStatement,
  type SystemRequest,
} from '@coppice/wire';
import { verifyFaultProof } from '@coppice/ledger';
import { haveDistinctKeys, isSeatOf } from './genesis.ts';
import type { AgeReport, EpochReport, FaultReport, Findings, SuspicionReport, TurnReport } from './report.ts';
import { type Appraise, type TurnContext, TurnWatch } from './turns.ts';

/** Configurations that are kept for what still arrives about past epochs. */
const configurationsKept = 16;

type Claims = Omit<Join, 'evidence' | 'signature'>;

export class MembershipWatch {
  readonly epochs: EpochReport[];
  readonly turns: TurnReport[];
  readonly ages: AgeReport[];
  readonly faults: FaultReport[];
  readonly suspicions: SuspicionReport[];
  readonly #cryptography: Cryptography;
  readonly #findings: Findings;
  readonly #service: Digest;
  readonly #overdueMsMax: number;
  readonly #turnWatch: TurnWatch;
  readonly #firstEpoch: number;
  /** The newest epochs, the present one last. */
  #configurations: Configuration[];
  /** What each seated instance joined with, by slot. */
  readonly #joins = new Map<number, Claims>();
  /** Slots of the previous epoch whose incumbents gave notice of erasure. */
  #notices = new Set<number>();
  /** Of instances that sit now, by slot. */
  readonly #sitting = new Map<number, AgeReport>();

  constructor(
    cryptography: Cryptography,
    findings: Findings,
    service: Digest,
    document: GenesisDocument,
    options: { readonly appraise: Appraise | undefined; readonly overdueMsMax: number },
    /** Of the service that this one goes on from: what was found there is told with the rest. */
    before?: MembershipWatch,
  ) {
    this.#cryptography = cryptography;
    this.#findings = findings;
    this.#service = service;
    this.#overdueMsMax = options.overdueMsMax;
    this.#turnWatch = new TurnWatch(cryptography, service, options.appraise);
    const { configuration, predecessor } = document.genesis;
    this.#configurations = [configuration];
    this.turns = before?.turns ?? [];
    this.ages = before?.ages ?? [];
    this.faults = before?.faults ?? [];
    this.suspicions = before?.suspicions ?? [];
    this.epochs = before?.epochs ?? [];
    const last = predecessor?.header.sequence ?? 0;
    const ended = this.epochs.at(-1);
    if (ended !== undefined) ended.to = last;
    this.#firstEpoch = configuration.epoch;
    this.epochs.push(beginning(configuration, last + 1));
    for (const { evidence: _, signature: __, ...claims } of document.joins) this.#joins.set(claims.slot, claims);
    for (const seat of configuration.seats) this.#seat(seat);
  }

  get configuration(): Configuration {
    return this.#configurations.at(-1)!;
  }

  /** The configuration of an epoch, if it is not long past. */
  configurationOf(epoch: number): Configuration | undefined {
    return this.#configurations.find((configuration) => configuration.epoch === epoch);
  }

  /** Takes note of a committed system request. What execution refused has no effect here, either. */
  order(request: SystemRequest, header: Header, headerAt: (sequence: number) => Digest | undefined): void {
    const context: TurnContext = { configuration: this.configuration, header, headerAt };
    if (request.kind === 'challenge') this.#turnWatch.challenge(request.turn, request.certificate, context);
    else if (request.kind === 'join') this.#turnWatch.join(request.join, context);
    else if (request.kind === 'ready') this.#turnWatch.ready(request.ready, context);
    else if (request.kind === 'erasure') this.#countErasure(request.erasure, header);
    else if (request.kind === 'suspicion') this.#noteSuspicion(request.suspicion, header);
    else if (request.kind === 'fault') {
      const { proof } = request;
      const { epoch } = proof.first.subject;
      const configuration = this.configurationOf(epoch);
      if (configuration === undefined) return;
      if (verifyFaultProof(this.#cryptography, this.#service, configuration, proof) !== undefined) return;
      this.faults.push({ slot: proof.slot, epoch, found: 'ordered', sequence: header.sequence, proof });
    }
  }

  /** The present epoch has ended with this header, which names `next`. */
  close(header: Header, next: Configuration): void {
    const before = this.configuration;
    const seats = (message: string): void => this.#findings.add('seats', message);
    if (before.epoch > this.#firstEpoch && this.#notices.size < quorumOf(before.slots)) {
      this.#findings.add('unsealed', `epoch ${before.epoch} ends, and epoch ${before.epoch - 1} is not sealed`);
    }
    const vacant = next.slots - next.seats.length;
    if (vacant > faultsTolerated(next.slots)) seats(`${vacant} slots are vacant`);

    let changes = 0;
    for (let slot = 0; slot < next.slots; slot++) {
      const [was, is] = [seatOf(before, slot), seatOf(next, slot)];
      if (was !== undefined && is !== undefined && sameBytes(was.instance, is.instance)) {
        if (!this.#goesOn(was, is, next.epoch)) seats(`slot ${slot} goes on with another seat`);
        continue;
      }
      if (was === undefined && is === undefined) continue;
      changes++;
      if (was !== undefined) this.#unseat(slot, header.time);
      if (is !== undefined) this.#checkCleanStart(is, header, next.epoch);
      else if (header.time < was!.termEnd) seats(`slot ${slot} is vacated before its term has run out`);
    }
    if (changes !== 1) seats(`${changes} seats change`);
    if (!haveDistinctKeys(next.seats)) seats('one signing key in two seats');
    for (const seat of next.seats) {
      if (!this.#cryptography.validPublicKey(seat.signingKey)) seats(`the key of slot ${seat.slot} is not a key`);
    }

    this.epochs.at(-1)!.to = header.sequence;
    this.epochs.push(beginning(next, header.sequence + 1));
    this.#notices = new Set();
    this.#configurations = [...this.#configurations.slice(1 - configurationsKept), next];
  }

  /** All instances are gone: the service ended with what is committed. */
  lose(time: number): void {
    for (const slot of [...this.#sitting.keys()]) this.#unseat(slot, time);
  }

  /** Ages at the end of what is committed. */
  end(time: number): void {
    for (const age of this.#sitting.values()) this.#countOverdue(age, time);
  }

  /** spec/turns.md, lines 70-72. */
  #noteSuspicion({ signature, ...unsigned }: Suspicion, { sequence }: Header): void {
    const { epoch, instance, reason, service, slot: by, suspect: slot } = unsigned;
    const [accuser, seat] = [by, slot].map((one) => seatOf(this.configuration, one));
    if (epoch !== this.configuration.epoch || !sameBytes(service, this.#service) || accuser === undefined) return;
    if (seat === undefined || !sameBytes(seat.instance, instance)) return;
    if (!this.#cryptography.verify(accuser.signingKey, suspicionStatement(unsigned), signature)) return;
    if (this.suspicions.some((one) => one.epoch === epoch && one.slot === slot && one.by === by)) return;
    this.suspicions.push({ slot, instance, variant: seat.variant, epoch, by, reason, sequence });
  }

  /** spec/turns.md, lines 60-62. */
  #countErasure({ service, epoch, slot, instance, signature }: Erasure, header: Header): void {
    const { epoch: present, seats, slots } = this.configuration;
    const previous = this.configurationOf(present - 1);
    if (previous === undefined || epoch !== previous.epoch || !sameBytes(service, this.#service)) return;
    const incumbent = seatOf(previous, slot);
    if (incumbent === undefined || !sameBytes(incumbent.instance, instance)) return;
    const key = seats.find((seat) => sameBytes(seat.instance, instance))?.signingKey ?? instance;
    if (!this.#cryptography.verify(key, erasureStatement({ service, epoch, slot, instance }), signature)) return;
    this.#notices.add(slot);
    if (this.#notices.size >= quorumOf(slots)) this.epochs.at(-2)!.sealedAt ??= header.sequence;
  }

  /** Whether a seat is the one before it with the next of its keys. */
  #goesOn(was: Seat, is: Seat, epoch: number): boolean {
    const join = this.#joins.get(is.slot);
    const unchanged =
      was.since === is.since &&
      was.termEnd === is.termEnd &&
      was.platform === is.platform &&
      was.provider === is.provider;
    return unchanged && join !== undefined && isSeatOf(is, join, epoch);
  }

  #checkCleanStart(seat: Seat, header: Header, epoch: number): void {
    const wrong = (message: string): void => this.#findings.add('clean-start', `slot ${seat.slot}: ${message}`);
    this.#seat(seat);
    const backing = this.#turnWatch.take(seat.turn, seat.instance);
    if (backing === undefined)
      return wrong(`turn ${seat.turn} has no challenge with a join after it for this instance`);
    const { join, facts, challengedAt, joinedAt, readyAt } = backing;
    this.#joins.set(seat.slot, join);
    if (!isSeatOf(seat, join, epoch)) return wrong('the seat is not that of the join');
    if (readyAt === undefined) return wrong('the instance never said that it was ready');
    if (facts !== undefined && (facts.platform !== seat.platform || facts.provider !== seat.provider)) {
      return wrong('the evidence is of another platform or provider');
    }
    if (seat.since !== header.time) return wrong('seated at another time than its closing batch');
    const { turn, slot, instance, release, variant } = seat;
    const seatedAt = header.sequence;
    this.turns.push({ turn, slot, challengedAt, joinedAt, readyAt, seatedAt, epoch, instance, release, variant });
  }

  #seat({ slot, instance, turn, since, termEnd }: Seat): void {
    const age: AgeReport = { slot, instance, turn, since, termEnd, until: undefined, overdueMs: 0 };
    this.ages.push(age);
    this.#sitting.set(slot, age);
  }

  #unseat(slot: number, time: number): void {
    const age = this.#sitting.get(slot)!;
    age.until = time;
    this.#countOverdue(age, time);
    this.#sitting.delete(slot);
    this.#joins.delete(slot);
  }

  #countOverdue(age: AgeReport, time: number): void {
    age.overdueMs = Math.max(0, time - age.termEnd);
    if (age.overdueMs > this.#overdueMsMax) {
      this.#findings.add('overdue', `slot ${age.slot} kept its instance ${age.overdueMs} ms beyond its term`);
    }
  }
}

function beginning({ epoch, seats }: Configuration, from: number): EpochReport {
  return { epoch, from, to: undefined, sealedAt: undefined, scheme: keysOf(2, seats) ? 2 : 1 };
}
