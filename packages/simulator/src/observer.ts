/**
 * What can be seen of a simulation, by those who judge it.
 *
 * Checkers see what a bystander would: what was launched, signed, committed, answered. They never ask the code they
 * judge. One that fails itself leaves what it checks *unknown*, which is not a pass.
 */
import type { LedgerRecord } from '@coppice/ledger';
import type {
  CommittedBatch,
  Effect,
  Input,
  InstanceId,
  Message,
  RejectionReason,
  Report,
  Unsigned,
} from '@coppice/protocol';
import type { Configuration, EpochCertificate, Vote } from '@coppice/wire';
import type { ClientOperation } from './client.ts';
import type { Instance } from './instance.ts';
import type { Endpoint } from './network.ts';

export interface Events {
  launched(instance: Instance): void;
  /** A record has been handed to the disk, and is at this position of the ledger; it need not be durable. */
  appended(instance: Instance, record: LedgerRecord, position: number): void;
  /** The batch is on the disk beside the ledger, from before a received state. */
  filled(instance: Instance, batch: CommittedBatch): void;
  committed(instance: Instance, batch: CommittedBatch): void;
  /** The instance says this, to one, to all other seats, or to everyone who listens. */
  sent(instance: Instance, message: Message): void;
  /** A message has arrived, at this time. */
  delivered(from: Endpoint, to: Endpoint, frame: Uint8Array, sentAt: number, at: number): void;
  /** One step of its replica gave these effects, and they are about to be performed. */
  stepped(instance: Instance, input: Input['kind'], effects: readonly Effect[]): void;
  /** The instance took over the state after this batch instead of executing what led there. */
  installed(instance: Instance, sequence: number): void;
  epoch(instance: Instance, certificate: EpochCertificate, configuration: Configuration): void;
  /** Something was to be signed with the key of this epoch; `had`: the key was still there. */
  signed(instance: Instance, epoch: number, what: 'vote' | Unsigned['kind'], had: boolean): void;
  /** It signed this vote, with this nonce, and will send it. */
  voted(instance: Instance, vote: Vote, nonce: Uint8Array): void;
  /** Its nonces left. */
  revealed(instance: Instance, nonces: readonly Uint8Array[]): void;
  /** An attacker took it over, with all that is in its memory. */
  seized(instance: Instance): void;
  erased(instance: Instance, epoch: number): void;
  rejected(instance: Instance, from: InstanceId | 'client' | 'pool', what: string, reason: RejectionReason): void;
  reported(instance: Instance, report: Report): void;
  exited(instance: Instance, reason: string): void;
  /** Its code threw. */
  failed(instance: Instance, error: unknown): void;
  answered(operation: ClientOperation): void;
  /** An answer that proves nothing. */
  unproven(by: Instance, reason: string): void;
  /** Nobody disturbs anything any more. */
  healed(): void;
  /** That was a while ago. */
  recovered(): void;
  /** Every process has been killed at once. */
  ended(): void;
}

export interface Observer extends Partial<Events> {
  readonly name: string;
}

export interface Violation {
  readonly checker: string;
  readonly atMs: number;
  readonly message: string;
}

/** Of one checker, more than these say nothing new. */
const violationsMax = 20;

export class Observers {
  readonly violations: Violation[] = [];
  /** How many events each observer was shown. */
  readonly judged: Record<string, number> = {};
  #observers: readonly Observer[] = [];
  /** Whom an event concerns: most concern few. */
  readonly #listeners = new Map<keyof Events, readonly Observer[]>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  watch(...observers: readonly Observer[]): void {
    this.#observers = observers;
    this.#listeners.clear();
    for (const { name } of observers) this.judged[name] ??= 0;
  }

  violate(checker: string, message: string): void {
    const known = this.violations.filter((violation) => violation.checker === checker).length;
    if (known < violationsMax) this.violations.push({ checker, atMs: this.#now(), message });
  }

  tell<K extends keyof Events>(event: K, ...details: Parameters<Events[K]>): void {
    for (const observer of this.#listening(event)) {
      this.judged[observer.name]! += 1;
      try {
        (observer[event] as (...of: Parameters<Events[K]>) => void).apply(observer, details);
      } catch (error) {
        const why = error instanceof Error ? error.stack : String(error);
        this.violate(observer.name, `unknown, because the checker failed: ${why}`);
      }
    }
  }

  #listening(event: keyof Events): readonly Observer[] {
    const known = this.#listeners.get(event);
    if (known !== undefined) return known;
    const listening = this.#observers.filter((observer) => observer[event] !== undefined);
    this.#listeners.set(event, listening);
    return listening;
  }
}
