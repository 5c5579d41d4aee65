/**
 * An attacker who does several things at once: what the first makes of an effect, the next one gets.
 */
import type { Effect, Input } from '@coppice/protocol';
import type { Faulty } from './faulty.ts';

export class Versatile implements Faulty {
  readonly name: string;
  readonly #parts: readonly Faulty[];

  constructor(parts: readonly Faulty[]) {
    this.name = parts.map(({ name }) => name).join(' and ');
    this.#parts = parts;
  }

  perform(effect: Effect): readonly Effect[] {
    let effects: readonly Effect[] = [effect];
    for (const part of this.#parts) effects = effects.flatMap((one) => part.perform(one));
    return effects;
  }

  hears(input: Input): boolean {
    return this.#parts.every((part) => part.hears?.(input) !== false);
  }
}
