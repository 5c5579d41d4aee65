/**
 * A replica under an attacker's control: an honest one, and somebody who decides what becomes of its effects.
 */
import type { Effect, Input } from '@coppice/protocol';

export interface Faulty {
  readonly name: string;
  /** What is done instead of an effect; the effect itself, where it serves the attacker. */
  perform(effect: Effect): readonly Effect[];
  /** Whether its honest part gets to know of this; of everything, if absent. */
  hears?(input: Input): boolean;
}
