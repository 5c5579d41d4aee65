/**
 * What is ordered is what somebody really said: requests of clients, challenges, notices, suspicions, proofs; at a time that was not
 * still to come. Who made something up is the attacker's primary; that nobody voted for it is what is judged here.
 */
import type { CommittedBatch } from '@coppice/protocol';
import {
  type Bundle,
  bundleStatement,
  type Configuration,
  type Cryptography,
  decodeResult,
  type EpochCertificate,
  erasureStatement,
  type Header,
  requestDigests,
  sameBytes,
  seatOf,
  suspicionStatement,
  type SystemRequest,
  toLatin1,
} from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';
import { certificateFlaw } from './certificates.ts';

/** Without effect: nobody vouched for it. */
const passing = new Set(['duplicate', 'outside-window', 'busy', 'too-many-clients', 'unknown-client', 'clock-ahead']);

export interface AuthenticOptions {
  readonly violate: (message: string) => void;
  readonly cryptography: Cryptography;
  readonly genesis: Configuration;
  /** Agreed time, as correct clocks have it. */
  readonly now: () => number;
  readonly clockBoundMs: number;
  readonly turnDeadlineMs: number;
  readonly corrupt: (instance: string) => boolean;
}

export class Authentic implements Observer {
  readonly name = 'authentic';
  readonly #options: AuthenticOptions;
  readonly #configurations: Configuration[];
  /** When the challenge of a turn was ordered. */
  readonly #challengedAt = new Map<number, number>();
  /** Turns whose candidates said that they follow the log. */
  readonly #ready = new Set<number>();
  #committed = 0;
  #time = 0;

  constructor(options: AuthenticOptions) {
    this.#options = options;
    this.#configurations = [options.genesis];
  }

  committed(instance: Instance, { header, items, outcomes }: CommittedBatch): void {
    if (instance.corrupt || header.sequence <= this.#committed) return;
    this.#committed = header.sequence;
    this.#checkTime(header);
    let index = 0;
    for (const item of items) {
      const decoded = decodeResult(outcomes[index]?.result ?? new Uint8Array(0));
      const code = decoded.ok && !decoded.value.ok ? decoded.value.error.code : undefined;
      index += item.kind === 'bundle' ? item.bundle.operations.length : 1;
      if (item.kind === 'bundle') {
        if (code === undefined || !passing.has(code)) this.#checkBundle(header, item.bundle);
      } else if (code === undefined) this.#checkRequest(header, item.request);
    }
  }

  #checkTime({ sequence, time }: Header): void {
    const { violate, now, clockBoundMs } = this.#options;
    if (time < this.#time) violate(`${sequence} is of a time before the batch below it`);
    if (time > now() + clockBoundMs) violate(`${sequence} is of a time still to come, by ${time - now()} ms`);
    this.#time = time;
  }

  #checkBundle({ service, sequence }: Header, bundle: Bundle): void {
    const { violate, cryptography } = this.#options;
    const statement = bundleStatement(cryptography, service, bundle, requestDigests(cryptography, bundle));
    if (!cryptography.verify(bundle.client, statement, bundle.signature))
      violate(`${sequence} has requests that their client did not sign`);
  }

  #checkRequest({ service, sequence, epoch, time }: Header, request: SystemRequest): void {
    const { violate, cryptography, corrupt } = this.#options;
    const configuration = this.#configurations[epoch];
    if (configuration === undefined) return;
    if (request.kind === 'challenge') {
      const flaw = certificateFlaw(cryptography, service, configuration, request.certificate);
      if (flaw !== undefined) violate(`${sequence} has a challenge whose certificate ${flaw}`);
      this.#challengedAt.set(request.turn, time);
    } else if (request.kind === 'ready') {
      this.#ready.add(request.ready.turn);
    } else if (request.kind === 'fault') {
      if (!corrupt(toLatin1(request.proof.instance)))
        violate(`${sequence} holds a fault of a correct instance, in slot ${request.proof.slot}, for proven`);
    } else if (request.kind === 'suspicion') {
      const { suspicion } = request;
      const seat = seatOf(configuration, suspicion.slot);
      const signed = seat && cryptography.verify(seat.signingKey, suspicionStatement(suspicion), suspicion.signature);
      if (signed !== true) violate(`${sequence} counts a suspicion that slot ${suspicion.slot} did not sign`);
    } else if (request.kind === 'erasure') {
      const { erasure } = request;
      const seat = seatOf(configuration, erasure.slot);
      const seated = seat !== undefined && sameBytes(seat.instance, erasure.instance);
      const key = seated ? seat.signingKey : erasure.instance;
      if (!cryptography.verify(key, erasureStatement(erasure), erasure.signature))
        violate(`${sequence} counts a notice of erasure that slot ${erasure.slot} did not sign`);
    }
  }

  /** The deadline of a turn dates the launch from above. */
  epoch(instance: Instance, { header }: EpochCertificate, configuration: Configuration): void {
    const { epoch, seats } = configuration;
    if (instance.corrupt || this.#configurations[epoch] !== undefined) return;
    this.#configurations[epoch] = configuration;
    const { violate, turnDeadlineMs } = this.#options;
    for (const { slot, turn, since } of seats) {
      if (since !== header.time) continue;
      if (!this.#ready.has(turn)) violate(`slot ${slot} is seated by turn ${turn}, whose candidate never was ready`);
      const challengedAt = this.#challengedAt.get(turn);
      if (challengedAt !== undefined && since >= challengedAt + turnDeadlineMs)
        violate(`slot ${slot} is seated ${since - challengedAt} ms after the challenge of turn ${turn}`);
    }
  }
}
