/**
 * Nothing acknowledged is lost: if every replica is killed at once, the disks of its epoch's instances still have it.
 * spec/invariants.md, 9.
 *
 * A commit rests on q reveals, each after its sender's sync. So at the very moment of the first commit, all but the
 * attacker's of q disks hold the batch, everything before it, and a prepared certificate of what certifies it; any q
 * disks then include one that does. That is checked at each commit, and once more when everything has been killed, on
 * what the disks hold then.
 */
import { decodeRecord, type LedgerRecord } from '@coppice/ledger';
import type { CommittedBatch, Message } from '@coppice/protocol';
import {
  type Configuration,
  type Cryptography,
  faultsTolerated,
  type Header,
  headerDigest,
  quorumOf,
  toHex,
  toLatin1,
} from '@coppice/wire';
import type { ClientOperation } from '../client.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** What a disk shows. */
class Contents {
  /** Headers of batches, by digest: a later record does not undo an earlier one here. */
  readonly #batches = new Set<string>();
  readonly #sequences = new Set<number>();
  /** Batches are here from 1 up to this sequence number. */
  complete = 0;
  /** The highest prepared sequence number of each epoch. */
  readonly #prepared = new Map<number, number>();
  /** Appended, and not durable when last looked at. */
  readonly #pending: { readonly position: number; readonly record: LedgerRecord }[] = [];
  readonly #cryptography: Cryptography;

  constructor(cryptography: Cryptography) {
    this.#cryptography = cryptography;
  }

  append(record: LedgerRecord, position: number): void {
    if (record.kind === 'batch' || record.kind === 'prepared') this.#pending.push({ position, record });
  }

  /** The records below this position are durable. */
  advance(durableEnd: number): void {
    while (this.#pending.length > 0 && this.#pending[0]!.position < durableEnd)
      this.take(this.#pending.shift()!.record);
  }

  take(record: LedgerRecord): void {
    if (record.kind === 'batch') this.takeBatch(record.header);
    if (record.kind !== 'prepared') return;
    const { epoch, sequence } = record.certificate.subject;
    this.#prepared.set(epoch, Math.max(sequence, this.#prepared.get(epoch) ?? 0));
  }

  takeBatch(header: Header): void {
    this.#batches.add(toHex(headerDigest(this.#cryptography, header)));
    this.#sequences.add(header.sequence);
    while (this.#sequences.delete(this.complete + 1)) this.complete += 1;
  }

  /** The batch, everything before it, and that it was prepared, or what certifies it was. */
  holds(digest: string, { sequence, epoch }: Header, certified: Header): boolean {
    const prepared = (this.#prepared.get(epoch) ?? 0) >= certified.sequence;
    return prepared && this.#batches.has(digest) && this.complete >= sequence;
  }
}

export class Durability implements Observer {
  readonly name = 'durability';
  readonly #violate: (message: string) => void;
  readonly #cryptography: Cryptography;
  readonly #configurations: readonly Configuration[];
  readonly #instances = new Map<string, Instance[]>();
  readonly #contents = new Map<Instance, Contents>();
  /** Of which batch the last state is that an instance received. */
  readonly #installed = new Map<Instance, number>();
  readonly #acknowledged = new Map<number, Header>();
  #committed = 0;

  constructor(
    violate: (message: string) => void,
    cryptography: Cryptography,
    configurations: readonly Configuration[],
  ) {
    this.#violate = violate;
    this.#cryptography = cryptography;
    this.#configurations = configurations;
  }

  launched(instance: Instance): void {
    this.#instances.set(instance.id, [...(this.#instances.get(instance.id) ?? []), instance]);
    this.#contents.set(instance, new Contents(this.#cryptography));
  }

  appended(instance: Instance, record: LedgerRecord, position: number): void {
    this.#contents.get(instance)!.append(record, position);
  }

  filled(instance: Instance, { header }: CommittedBatch): void {
    this.#contents.get(instance)!.takeBatch(header);
  }

  installed(instance: Instance, sequence: number): void {
    this.#installed.set(instance, sequence);
  }

  /** Whoever says that it may be seated can reveal from then on. spec/checkpoints.md, line 19 */
  sent(instance: Instance, message: Message): void {
    if (message.kind !== 'forward' || message.item.kind !== 'system' || message.item.request.kind !== 'ready') return;
    // Others pass on what the candidate says: who retired, too.
    if (message.item.request.ready.turn !== instance.launch.turn) return;
    if (instance.corrupt || instance.disk.altered || instance.replica!.slot !== undefined) return;
    const contents = this.#contents.get(instance)!;
    contents.advance(instance.disk.ledger.durableEnd);
    const installed = this.#installed.get(instance) ?? 0;
    if (contents.complete < installed)
      this.#violate(
        `${instance.name} is ready with the state of ${installed}, and with the log up to ${contents.complete}`,
      );
  }

  committed(instance: Instance, { header, certified }: CommittedBatch): void {
    if (instance.corrupt || header.sequence <= this.#committed) return;
    this.#committed = header.sequence;
    const { slots } = this.#configurations[header.epoch]!;
    const seated = this.#seated(header.epoch);
    // What an attacker has on its disk, or the provider has changed since it was durable, does not count, and need not.
    const beyond = (one: Instance): boolean => one.corrupt || one.disk.altered;
    const attackers = new Set(seated.filter(beyond).map(({ id }) => id)).size;
    const correct = seated.filter((one) => !beyond(one));
    for (const one of correct) this.#contents.get(one)!.advance(one.disk.ledger.durableEnd);
    const digest = this.#digest(header);
    const holders = correct.filter((one) => this.#contents.get(one)!.holds(digest, header, certified));
    if (holders.length < quorumOf(slots) - attackers) this.#lost(`${header.sequence} is committed`, holders);
  }

  answered({ answer }: ClientOperation): void {
    const { header } = answer!.receipt;
    this.#acknowledged.set(header.sequence, header);
  }

  ended(): void {
    const contents = new Map<Instance, Contents>();
    for (const instance of this.#contents.keys()) contents.set(instance, this.#read(instance));
    for (const [sequence, header] of this.#acknowledged) {
      const { slots } = this.#configurations[header.epoch]!;
      // Of the instances of one epoch, over time, more than f disks may have been altered.
      const altered = this.#seated(header.epoch).filter(({ disk }) => disk.altered).length;
      if (altered > faultsTolerated(slots)) continue;
      const digest = this.#digest(header);
      const holders = this.#seated(header.epoch).filter((one) => contents.get(one)!.holds(digest, header, header));
      if (holders.length < quorumOf(slots) - faultsTolerated(slots)) {
        this.#lost(`${sequence} was acknowledged`, holders);
      }
    }
  }

  #seated(epoch: number): Instance[] {
    return this.#configurations[epoch]!.seats.flatMap((seat) => this.#instances.get(toLatin1(seat.instance)) ?? []);
  }

  #digest(header: Header): string {
    return toHex(headerDigest(this.#cryptography, header));
  }

  #lost(what: string, holders: readonly Instance[]): void {
    this.#violate(
      `${what}, and durable on the disks of ${holders.map(({ name }) => name).join(', ') || 'nobody'} only`,
    );
  }

  #read(instance: Instance): Contents {
    const contents = new Contents(this.#cryptography);
    for (const { type, payload } of instance.disk.ledger.readFrom(0)) {
      const record = decodeRecord(type, payload);
      if (record.ok) contents.take(record.value);
      else if (!instance.disk.altered) throw new Error(`${instance.name}: ${record.reason}`);
    }
    for (const { header } of instance.disk.history.values()) contents.takeBatch(header);
    return contents;
  }
}
