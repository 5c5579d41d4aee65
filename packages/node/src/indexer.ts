/**
 * Time for a service's indexes: some between other work, whenever something was committed, or asked for.
 */
import type { Service, Services } from '@coppice/execution';
import type { CommittedBatch } from '@coppice/protocol';

type View = Parameters<NonNullable<Service['indexes']>['work']>[0];

/** Entries that are looked at in one go, some milliseconds, and the pause after it: about a third of a thread at most. */
const entriesPerSlice = 64;
const pauseMs = 5;

export class Indexer {
  readonly #services: Services;
  readonly #view: () => View;
  #awake = false;

  /** `view` gives the committed state. */
  constructor(services: Services, view: () => View) {
    this.#services = services;
    this.#view = view;
  }

  committed({ header, outcomes }: CommittedBatch): void {
    for (const { indexes } of this.#services.values()) {
      if (indexes?.used !== true) continue;
      indexes.committed(
        header.sequence,
        outcomes.map(({ writeSet }) => writeSet),
      );
      this.wake();
    }
  }

  /** There may be something to do. */
  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    setTimeout(() => {
      this.#awake = false;
      const view = this.#view();
      let more = false;
      for (const { indexes } of this.#services.values())
        if (indexes?.used === true) more = indexes.work(view, entriesPerSlice) || more;
      if (more) this.wake();
    }, pauseMs).unref();
  }
}
