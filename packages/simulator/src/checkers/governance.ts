/**
 * Governance: nothing that members decide on happens without enough of them, each with a signature of its own, in time, and once.
 * spec/governance.md. Read off the committed write sets as an audit reads them. And nobody is seated by a turn whose variant they do not accept
 * any more.
 */
import { GovernanceWatch } from '@coppice/audit';
import { decodeConstitution } from '@coppice/governance';
import type { CommittedBatch } from '@coppice/protocol';
import { type Configuration, type Cryptography, type Digest, sameBytes, toLatin1 } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** What was active does not matter here: `upgrades` judges that. */
const anything = { protocol: 1, code: { version: 1, script: new Uint8Array(32) } };

export class Governance implements Observer {
  readonly name = 'governance';
  readonly #violate: (message: string) => void;
  readonly #watch: GovernanceWatch;
  readonly #launched = new Map<string, Instance>();
  #epoch = 0;
  /** The newest that seated somebody. */
  #turn = 0;
  #sequence = 0;

  constructor(
    violate: (message: string) => void,
    cryptography: Cryptography,
    service: Digest,
    constitution: Uint8Array,
  ) {
    this.#violate = violate;
    this.#watch = new GovernanceWatch(cryptography, service, constitution, undefined);
  }

  /** As the batches that were committed so far leave it. */
  get constitution(): Uint8Array {
    return this.#watch.constitution;
  }

  /** Actions that took effect, by kind. */
  get decided(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { action } of this.#watch.decisions) counts[action] = (counts[action] ?? 0) + 1;
    return counts;
  }

  launched(instance: Instance): void {
    this.#launched.set(instance.id, instance);
  }

  epoch(instance: Instance, _: unknown, { epoch, seats }: Configuration): void {
    if (instance.corrupt || epoch <= this.#epoch) return;
    this.#epoch = epoch;
    const newest = seats.reduce((a, b) => (b.turn > a.turn ? b : a));
    const seated = this.#launched.get(toLatin1(newest.instance));
    if (newest.turn <= this.#turn) return;
    this.#turn = newest.turn;
    if (seated === undefined || this.#accepted(seated)) return;
    this.#violate(`${seated.name} is seated, though members do not accept ${seated.launch.variant} of its release`);
  }

  #accepted({ launch }: Instance): boolean {
    const decoded = decodeConstitution(this.#watch.constitution);
    const release = decoded.ok && decoded.value.releases.find(({ digest }) => sameBytes(digest, launch.release));
    const variant = release && release.variants.find(({ id }) => id === launch.variant);
    // What a simulated launcher measures is the release.
    const accepted = (variant && variant.referenceValues.flatMap(({ measurements }) => measurements)) || [];
    return accepted.some((measurement) => sameBytes(measurement, launch.release));
  }

  /** Each batch once, as the first correct instance committed it: that all commit the same is agreement's to check. */
  committed(instance: Instance, { header, outcomes }: CommittedBatch): void {
    if (instance.corrupt || header.sequence !== this.#sequence + 1) return;
    this.#sequence = header.sequence;
    for (const { writeSet } of outcomes)
      for (const problem of this.#watch.add(writeSet, header, anything))
        this.#violate(`batch ${header.sequence}: ${problem}`);
  }
}
