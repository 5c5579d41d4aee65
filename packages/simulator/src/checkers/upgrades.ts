/**
 * Upgrades: no code that was not approved ever votes, what is active changes once, when it is due, and the state after is the
 * migration of the state before. spec/upgrades.md. Read off the committed write sets as an audit reads them; what the migration of the
 * simulated service does is written down a second time here.
 */
import { ActivationWatch, Findings, GovernanceWatch } from '@coppice/audit';
import type { CommittedBatch } from '@coppice/protocol';
import { decodeWriteSet } from '@coppice/state';
import {
  type Configuration,
  type Cryptography,
  decodeResult,
  type Digest,
  type Header,
  type Item,
  keysOf,
  type Scheme,
  schemeOf,
  toHex,
  toLatin1,
} from '@coppice/wire';
import { releaseOf } from '../founding.ts';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';
import { registersOf } from '../register.ts';

interface UpgradesOptions {
  readonly violate: (message: string) => void;
  readonly cryptography: Cryptography;
  readonly service: Digest;
  readonly constitution: Uint8Array;
  /** By epoch. */
  readonly configurations: readonly Configuration[];
}

export class Upgrades implements Observer {
  readonly name = 'upgrades';
  readonly #options: UpgradesOptions;
  readonly #findings = new Findings();
  readonly #governance: GovernanceWatch;
  readonly #activations: ActivationWatch;
  /** What the service wrote, by address. */
  readonly #entries = new Map<string, Uint8Array>();
  /** By which scheme who joined has to sign, by identity key. */
  readonly #schemes = new Map<string, Scheme>();
  /** Epochs in which every seat signs by scheme 2. */
  readonly #outlived = new Set<number>();
  /** Batches of the hash of version 4. */
  #rehashed = 0;
  /** The same, and the version, as they were before the activation that is under way. */
  #before: { readonly version: number; readonly entries: ReadonlyMap<string, Uint8Array> } | undefined;
  #sequence = 0;
  #told = 0;

  constructor(options: UpgradesOptions) {
    const { constitution, cryptography, service } = options;
    this.#options = options;
    this.#governance = new GovernanceWatch(cryptography, service, constitution, undefined);
    this.#activations = new ActivationWatch(cryptography, this.#findings, constitution);
  }

  /** Attempts, by how they ended: `activated`, or the code of the failure. And epochs in which every seat signs by scheme 2, and batches of the new hash. */
  get attempts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { failed } of this.#activations.reports) {
      const how = failed?.code ?? 'activated';
      counts[how] = (counts[how] ?? 0) + 1;
    }
    if (this.#outlived.size > 0) counts['outlived'] = this.#outlived.size;
    if (this.#rehashed > 0) counts['rehashed'] = this.#rehashed;
    return counts;
  }

  /** Each batch once, as the first correct instance committed it: that all commit the same is agreement's to check. */
  committed(instance: Instance, { header, items, outcomes }: CommittedBatch): void {
    if (instance.corrupt || header.sequence !== this.#sequence + 1) return;
    this.#sequence = header.sequence;
    if (header.rehashed !== undefined) this.#rehashed += 1;
    const system = items.flatMap((item) => (item.kind === 'system' ? [item.request] : []));
    const requests = items.map((item) => (item.kind === 'bundle' ? item.bundle.operations.length : 0));
    const clientRequests = requests.reduce((sum, each) => sum + each, 0);
    const configuration = this.#options.configurations[header.epoch]!;
    this.#activations.begin({ header, system, clientRequests }, configuration, this.#governance.constitution);
    this.#judgeSeats(configuration);
    this.#noteJoins(header, items, outcomes);
    if (system.some(({ kind }) => kind === 'activate'))
      this.#before ??= { version: this.#activations.active.version, entries: new Map(this.#entries) };
    for (const [index, { writeSet }] of outcomes.entries()) {
      const { protocol, script, version } = this.#activations.active;
      const known = this.#governance.decisions.length;
      this.#governance.add(writeSet, header, { protocol, code: { version, script } });
      this.#activations.wrote(index, writeSet, this.#governance.decisions[known]?.action);
      this.#follow(writeSet);
    }
    if (!this.#activations.migrating) this.#judgeMigration();
    for (; this.#told < this.#findings.problems.length; this.#told++)
      this.#options.violate(this.#findings.problems[this.#told]!.message);
  }

  /** Whoever votes runs a release that members approved, and that can execute what is active; and votes with keys that were asked for. */
  #judgeSeats({ epoch, seats }: Configuration): void {
    const { protocol, version } = this.#activations.active;
    if (keysOf(2, seats)) this.#outlived.add(epoch);
    for (const seat of seats) {
      const { instance, release, slot } = seat;
      const scheme = this.#schemes.get(toLatin1(instance));
      if (scheme !== undefined && !keysOf(scheme, [seat]))
        this.#options.violate(`in epoch ${epoch}, the key of slot ${slot} is not of scheme ${scheme}`);
      const approved = releaseOf(release);
      if (approved === undefined || !approved.protocols.includes(protocol) || !approved.versions.includes(version))
        this.#options.violate(`in epoch ${epoch}, slot ${slot} has release ${toHex(release.subarray(0, 4))}`);
    }
  }

  /** By the version that is active when it is admitted. spec/algorithms.md, line 10. */
  #noteJoins({ protocolVersion }: Header, items: readonly Item[], outcomes: CommittedBatch['outcomes']): void {
    let transaction = 0;
    for (const item of items) {
      if (item.kind === 'system' && item.request.kind === 'join') {
        const result = decodeResult(outcomes[transaction]!.result);
        if (result.ok && result.value.ok)
          this.#schemes.set(toLatin1(item.request.join.instance), schemeOf(protocolVersion));
      }
      transaction += item.kind === 'bundle' ? item.bundle.operations.length : 1;
    }
  }

  /** Keeps the state of the service. */
  #follow(writeSet: Uint8Array): void {
    const decoded = decodeWriteSet(writeSet);
    if (!decoded.ok) return;
    for (const { address, value } of decoded.value) {
      if (!address.startsWith('service/')) continue;
      if (value === undefined) this.#entries.delete(address);
      else this.#entries.set(address, value);
    }
  }

  /** After an activation, in however many batches, the state is the migration of the one before; after one that failed, that one. */
  #judgeMigration(): void {
    if (this.#before === undefined) return;
    const { entries, version: before } = this.#before;
    const { version } = this.#activations.active;
    this.#before = undefined;
    const [from, to] = [before, version].map((each) => `service/${registersOf(each)}\0`) as [string, string];
    const shown = (all: Iterable<readonly [string, Uint8Array]>): string =>
      Array.from(all, ([address, value]) => `${address}=${toHex(value)}`)
        .sort()
        .join(' ');
    const expected = [...entries].map(([address, value]): [string, Uint8Array] => [
      address.startsWith(from) ? to + address.slice(from.length) : address,
      value,
    ]);
    if (shown(expected) === shown(this.#entries)) return;
    this.#options.violate(
      version === before
        ? 'an activation that failed left something'
        : `the migration to version ${version} is not that of the state before`,
    );
  }
}
