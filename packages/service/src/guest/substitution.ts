/**
 * Texts made by replacing: what `$` means in a replacement (ECMA-262, GetSubstitution), and the bound of their size.
 */
import { type Meter, textUnitsMax } from '../meter.ts';

/** A text that grows piece by piece, and is counted and bounded as it does. */
export class Growing {
  readonly #meter: Meter;
  text = '';

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  add(piece: string): void {
    this.#meter.charge(1 + (piece.length >>> 6));
    if (this.text.length + piece.length > textUnitsMax) this.#meter.exhaust('size');
    this.text += piece;
  }
}

export interface Replaced {
  readonly text: string;
  readonly index: number;
  readonly matched: string;
  /** From the first group on. */
  readonly captures: readonly (string | undefined)[];
  readonly groups: Readonly<Record<string, string | undefined>> | undefined;
}

/** Adds a replacement, with what `$` stands for. */
export function substitute(to: Growing, template: string, match: Replaced): void {
  const { text, index, matched } = match;
  let from = 0;
  for (;;) {
    const dollar = template.indexOf('$', from);
    if (dollar < 0) break;
    to.add(template.slice(from, dollar));
    const sign = template[dollar + 1];
    from = dollar + 2;
    if (sign === '$') to.add('$');
    else if (sign === '&') to.add(matched);
    else if (sign === '`') to.add(text.slice(0, index));
    else if (sign === "'") to.add(text.slice(index + matched.length));
    else from = dollar + special(to, template, dollar, match);
  }
  to.add(template.slice(from));
}

/** A reference to a group at `dollar`, if it is one; how many units it took. */
function special(to: Growing, template: string, dollar: number, { captures, groups }: Replaced): number {
  for (const digits of [2, 1]) {
    const number = template.slice(dollar + 1, dollar + 1 + digits);
    if (number.length !== digits || !/^\d+$/.test(number) || Number(number) === 0 || Number(number) > captures.length)
      continue;
    to.add(captures[Number(number) - 1] ?? '');
    return 1 + digits;
  }
  const end = template[dollar + 1] === '<' && groups !== undefined ? template.indexOf('>', dollar) : -1;
  if (end < 0) {
    to.add('$');
    return 1;
  }
  to.add(groups![template.slice(dollar + 2, end)] ?? '');
  return end + 1 - dollar;
}
