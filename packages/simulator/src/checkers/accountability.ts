/**
 * Accountability, when an attacker holds more than f slots: if correct instances or clients were shown two histories, then
 * what they hold names more than f of the attacker's slots, and nobody else. spec/ledger.md, lines 75-78.
 */
import { blame, misdeedReason, type Quarrel } from '@coppice/audit';
import { type LedgerRecord, MerkleTree } from '@coppice/ledger';
import type { CommittedBatch, Report } from '@coppice/protocol';
import {
  type CommitCertificate,
  type Configuration,
  type Cryptography,
  type Digest,
  faultsTolerated,
  type Header,
  headerDigest,
  newViewDigest,
  type NewView,
  toHex,
  toLatin1,
} from '@coppice/wire';
import type { ClientOperation } from '../client.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** That a header is committed, as somebody was shown it. */
interface Shown {
  readonly to: string;
  readonly header: Header;
  readonly certificate: CommitCertificate;
}

type Fork = NonNullable<ReturnType<NonNullable<Quarrel['fork']>>>;

export interface AccountabilityOptions {
  readonly violate: (message: string) => void;
  readonly cryptography: Cryptography;
  readonly service: Digest;
  /** By epoch, as long as there is one history. */
  readonly configurations: readonly Configuration[];
  readonly corrupt: (id: string) => boolean;
  readonly log: (line: () => string) => void;
}

export class Accountability implements Observer {
  readonly name = 'accountability';
  /** Somebody was shown another history than somebody else. */
  contradicted = false;
  readonly #options: AccountabilityOptions;
  /** By sequence number, then by digest of the header. */
  readonly #shown = new Map<number, Map<string, Shown>>();
  readonly #newViews = new Map<string, NewView>();
  /** What correct instances have, by place. */
  readonly #chains = new Map<Instance, Map<number, Header>>();

  constructor(options: AccountabilityOptions) {
    this.#options = options;
  }

  committed(instance: Instance, { header, certificate }: CommittedBatch): void {
    if (instance.corrupt) return;
    this.#chainOf(instance).set(header.sequence, header);
    this.#show({ to: instance.name, header, certificate });
  }

  filled(instance: Instance, { header }: CommittedBatch): void {
    if (!instance.corrupt) this.#chainOf(instance).set(header.sequence, header);
  }

  appended(instance: Instance, record: LedgerRecord): void {
    if (instance.corrupt || record.kind !== 'new-view') return;
    this.#newViews.set(toHex(newViewDigest(this.#options.cryptography, record.newView)), record.newView);
  }

  answered({ client, answer }: ClientOperation): void {
    const { header, certificate } = answer!.receipt;
    this.#show({ to: client, header, certificate });
  }

  reported(instance: Instance, report: Report): void {
    if (instance.corrupt || report.kind !== 'fault') return;
    if (!this.#options.corrupt(toLatin1(report.proof.instance)))
      this.#options.violate(`${instance.name} has a proof against a correct instance, in slot ${report.proof.slot}`);
  }

  ended(): void {
    let epoch: number | undefined;
    for (const sequence of [...this.#shown.keys()].sort((a, b) => a - b)) {
      const [first, ...others] = [...this.#shown.get(sequence)!.values()];
      if (first === undefined || others.length === 0) continue;
      this.contradicted = true;
      // What is above the first contradiction is of two configurations, once an epoch has ended.
      epoch ??= first.header.epoch;
      for (const other of others)
        if (first.header.epoch === epoch && other.header.epoch === epoch) this.#judge(first, other);
    }
  }

  #show(shown: Shown): void {
    const { sequence } = shown.header;
    const here = this.#shown.get(sequence) ?? new Map<string, Shown>();
    this.#shown.set(sequence, here);
    const digest = toHex(headerDigest(this.#options.cryptography, shown.header));
    if (!here.has(digest)) here.set(digest, shown);
  }

  #judge(first: Shown, second: Shown): void {
    const { violate, cryptography, service, configurations, corrupt, log } = this.#options;
    const { epoch, sequence } = first.header;
    const what = `${first.to} and ${second.to} were shown two headers at ${sequence} of epoch ${epoch}`;
    const configuration = configurations[epoch];
    if (configuration === undefined) return violate(`${what}: of which members?`);
    const newViews = [...this.#newViews.values()].filter((newView) => newView.epoch === epoch);
    const commits = [first.certificate, second.certificate];
    const fork = (later: Digest, place: number): Fork | undefined => this.#forkOf(later, place);
    const named = blame(cryptography, service, configuration, { commits, newViews, fork });
    log(() => `${what}; named: ${named.map(({ slot, misdeed }) => `${slot} (${misdeed.kind})`).join(', ')}`);
    if (named.length <= faultsTolerated(configuration.slots))
      violate(`${what}, and only slots ${named.map(({ slot }) => slot).join()} can be named`);
    for (const one of named) {
      if (!corrupt(toLatin1(one.instance))) violate(`${what}, and slot ${one.slot} is named, which is correct`);
      const reason = misdeedReason(cryptography, service, configuration, one);
      if (reason !== undefined) violate(`what is said of slot ${one.slot} does not hold: ${reason}`);
    }
  }

  /** That the header of this digest has a certain other one in its past, if some correct instance has all of it. */
  #forkOf(later: Digest, place: number): Fork | undefined {
    const { cryptography } = this.#options;
    const wanted = toHex(later);
    for (const chain of this.#chains.values()) {
      const header = [...chain.values()].find((one) => toHex(headerDigest(cryptography, one)) === wanted);
      if (header === undefined) continue;
      const tree = new MerkleTree(cryptography);
      for (let sequence = 1; sequence < header.sequence; sequence++) {
        const known = chain.get(sequence);
        if (known !== undefined) tree.appendHeader(known);
      }
      if (tree.size !== header.sequence - 1) continue;
      return { header, headerDigest: tree.leaf(place - 1)!, path: tree.inclusionPath(place - 1, tree.size) };
    }
    return undefined;
  }

  #chainOf(instance: Instance): Map<number, Header> {
    const chain = this.#chains.get(instance) ?? new Map<number, Header>();
    this.#chains.set(instance, chain);
    return chain;
  }
}
