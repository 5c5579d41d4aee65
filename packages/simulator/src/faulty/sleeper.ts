/**
 * A replica that votes in secret. Its votes reach nobody, so where another replica is out of reach, it alone knows that batches
 * prepared. It asks for the next view without naming them, takes part in that as it should, and names them when the view changes
 * again: certified rightly, higher than anything else, and long since abandoned.
 */
import type { Effect } from '@coppice/protocol';
import { type ViewChange, viewChangeStatement } from '@coppice/wire';
import type { Instance } from '../instance.ts';
import type { Faulty } from './faulty.ts';
import { proposes } from './mute-primary.ts';

export class Sleeper implements Faulty {
  readonly name = 'sleeper';
  readonly #instance: Instance;
  #kept: ViewChange['prepared'];

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  perform(effect: Effect): readonly Effect[] {
    const { committed, epoch, view } = this.#instance.replica!;
    const kept = this.#kept?.header;
    // Of no use any more: it waits for the next occasion.
    if (kept !== undefined && (kept.epoch !== epoch || kept.sequence <= committed)) this.#kept = undefined;
    if (effect.kind === 'sign' && effect.unsigned.kind === 'view-change') {
      const viewChange = { ...effect.unsigned.viewChange, prepared: this.#named(effect.unsigned.viewChange) };
      return [{ ...effect, statement: viewChangeStatement(viewChange), unsigned: { kind: 'view-change', viewChange } }];
    }
    // As a primary it is mute, so that the view ends before it gets far.
    if (proposes(effect)) return [];
    if (effect.kind !== 'broadcast' && effect.kind !== 'send') return [effect];
    const { kind } = effect.message;
    const secret = this.#kept === undefined || view === this.#kept.certificate.subject.view;
    return secret && (kind === 'prepare' || kind === 'commit') ? [] : [effect];
  }

  /** At first nothing, and what it alone knows is kept for the next time. */
  #named({ view, prepared }: Pick<ViewChange, 'view' | 'prepared'>): ViewChange['prepared'] {
    const kept = this.#kept;
    if (kept !== undefined && kept.certificate.subject.view + 1 < view) return kept;
    if ((prepared?.header.sequence ?? 0) > this.#instance.replica!.committed) this.#kept = prepared;
    return undefined;
  }
}
