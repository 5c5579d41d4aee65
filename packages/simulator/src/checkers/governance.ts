/**
 * Governance: nothing that members decide on happens without enough of them, each with a signature of its own, in time, and once.
 * spec/governance.md. Read off the committed write sets as an audit reads them.
 */
import { GovernanceWatch } from '@coppice/audit';
import type { CommittedBatch } from '@coppice/protocol';
import type { Cryptography, Digest } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Observer } from '../observer.ts';

/** What was active does not matter here: `upgrades` judges that. */
const anything = { protocol: 1, code: { version: 1, script: new Uint8Array(32) } };

export class Governance implements Observer {
  readonly name = 'governance';
  readonly #violate: (message: string) => void;
  readonly #watch: GovernanceWatch;
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

  /** Actions that took effect, by kind. */
  get decided(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { action } of this.#watch.decisions) counts[action] = (counts[action] ?? 0) + 1;
    return counts;
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
