/**
 * Who suspected whom, of late: for people. The ledger has all of it, and `coppice audit` tells it.
 */
import type { CommittedBatch } from '@coppice/protocol';
import { type Configuration, decodeResult, sameBytes, seatOf, type Suspicion, toHex } from '@coppice/wire';

export interface OrderedSuspicion {
  readonly slot: number;
  readonly instance: string;
  readonly variant: string;
  readonly by: number;
  readonly reason: Suspicion['reason'];
  readonly epoch: number;
  readonly sequence: number;
  readonly time: number;
}

const remembered = 32;

export class Suspicions {
  recent: readonly OrderedSuspicion[] = [];

  /** `configuration`: that of the batch's epoch, or the next one. */
  committed({ header, items, outcomes }: CommittedBatch, configuration: Configuration): void {
    let index = 0;
    for (const item of items) {
      const at = index;
      index += item.kind === 'bundle' ? item.bundle.operations.length : 1;
      if (item.kind !== 'system' || item.request.kind !== 'suspicion') continue;
      const outcome = outcomes[at];
      const result = outcome && decodeResult(outcome.result);
      if (result?.ok !== true || !result.value.ok) continue;
      const { epoch, instance, reason, slot: by, suspect: slot } = item.request.suspicion;
      const seat = seatOf(configuration, slot);
      const variant = seat !== undefined && sameBytes(seat.instance, instance) ? seat.variant : '?';
      const { sequence, time } = header;
      const suspicion = { slot, instance: toHex(instance), variant, by, reason, epoch, sequence, time };
      this.recent = [...this.recent, suspicion].slice(-remembered);
    }
  }
}
