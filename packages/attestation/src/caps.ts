/**
 * Caps: how many slots may share what can break at once.
 *
 * A flaw in a platform, an engine or a variant, or a provider's malice, reaches every instance that shares it. At most
 * f slots of each, and it reaches no more than the protocol tolerates. A cap as large as the number of slots asks for
 * nothing, so evidence need not show the value then; otherwise a value that is not shown is a failed claim.
 */
import { sameBytes, toHex } from '@coppice/wire';
import { type AppraisedClaim, judged, missing } from './result.ts';

export interface Caps {
  readonly platform: number;
  readonly provider: number;
  readonly engineFamily: number;
  readonly variant: number;
  readonly chip: number;
}

/** An instance in a slot, as far as caps go: seated, or a candidate. */
export interface Diversity {
  readonly slot: number;
  readonly platform: string;
  /** Empty: the evidence does not show it. */
  readonly provider: string;
  readonly engineFamily: string;
  readonly variant: string;
  /** Empty: the evidence does not show it. */
  readonly chip: Uint8Array;
}

/**
 * The caps' verdicts on a candidate, among `others`: seats and admitted candidates. Whoever is in the candidate's own
 * slot is what it replaces, and does not count.
 */
export function checkCaps(
  slots: number,
  caps: Caps,
  others: readonly Diversity[],
  candidate: Diversity,
): readonly AppraisedClaim[] {
  const neighbours = others.filter((other) => other.slot !== candidate.slot);
  return (['platform', 'provider', 'engineFamily', 'variant', 'chip'] as const).map((dimension) => {
    const cap = caps[dimension];
    const value = candidate[dimension];
    const expected = `at most ${cap} of ${slots} slots`;
    if (cap >= slots) return judged(`cap:${dimension}`, true, expected, '', '');
    if (value.length === 0) return missing(`cap:${dimension}`, expected, '', 'the evidence does not show it');
    const sharing = 1 + neighbours.filter((other) => same(other[dimension], value)).length;
    const shown = typeof value === 'string' ? value : toHex(value);
    return judged(`cap:${dimension}`, sharing <= cap, expected, `${shown}: ${sharing}`, 'too many slots share it');
  });
}

function same(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? sameBytes(a, b) : a === b;
}
