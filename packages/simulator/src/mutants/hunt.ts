/**
 * Looks for a seed in which a mutant does harm. A seed in which the code as it is fails, too, shows nothing about the mutant, and does
 * not count; nor does one that merely comes to a halt, unless that is what the mutant is to bring about.
 */
import { Thread } from '../threads.ts';
import type { Mutant } from './mutant.ts';

export interface Verdict {
  readonly mutant: string;
  readonly rule: string;
  /** Who found it; `undefined`: nobody did. */
  readonly checker: string | undefined;
  readonly message: string | undefined;
  /** The seed, or how many were tried in vain. */
  readonly seeds: number;
}

export async function hunt(
  { name, rule, patches, choices, stalls = false }: Mutant,
  seedsMax: number,
): Promise<Verdict> {
  const [mutated, sound] = [new Thread(patches), new Thread()];
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const options = { choices, untilViolation: true };
      const { violations } = await mutated.run({ seed, options });
      const [violation] = violations;
      if (violation === undefined || (violation.checker === 'progress' && !stalls)) continue;
      const control = await sound.run({ seed, options });
      if (control.violations.length > 0) continue;
      const { checker, message } = violation;
      return { mutant: name, rule, checker, message, seeds: seed };
    }
    return { mutant: name, rule, checker: undefined, message: undefined, seeds: seedsMax };
  } finally {
    await Promise.all([mutated.close(), sound.close()]);
  }
}
