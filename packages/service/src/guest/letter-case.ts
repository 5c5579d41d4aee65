/**
 * Upper and lower case, the same whatever version of Unicode an engine knows.
 *
 * New versions give letters counterparts that they did not have. The blocks below have been stable for long: for their
 * letters the engine is asked, one at a time; every other character stays as it is. So a final sigma is a sigma.
 */

// Captured before the realm's own are replaced.
type Mapping = (this: string) => string;
const toUpperCase: Mapping = Reflect.get(String.prototype, 'toUpperCase');
const toLowerCase: Mapping = Reflect.get(String.prototype, 'toLowerCase');

/** Basic Latin to Latin Extended-A, Greek, Cyrillic, Armenian, Latin Extended Additional, Greek Extended. */
const stable: readonly (readonly [number, number])[] = [
  [0x0000, 0x017f],
  [0x0370, 0x052f],
  [0x0531, 0x0587],
  [0x1e00, 0x1fff],
];

function isStable(code: number): boolean {
  return stable.some(([first, last]) => code >= first && code <= last);
}

const notAscii = /[^\0-\x7f]/;

function mapped(text: string, map: Mapping): string {
  if (!notAscii.test(text)) return Reflect.apply(map, text, []);
  let result = '';
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]!;
    result += isStable(text.charCodeAt(i)) ? Reflect.apply(map, unit, []) : unit;
  }
  return result;
}

export function upperCase(text: string): string {
  return mapped(text, toUpperCase);
}

export function lowerCase(text: string): string {
  return mapped(text, toLowerCase);
}

/**
 * What a character is compared as when case does not count: ECMA-262, Canonicalize, for the letters of the stable
 * blocks.
 */
export function canonical(code: number, unicode: boolean): number {
  if (!isStable(code)) return code;
  const upper = Reflect.apply(toUpperCase, String.fromCharCode(code), []);
  if (upper.length !== 1) return code;
  const mappedCode = upper.charCodeAt(0);
  return !unicode && code >= 0x80 && mappedCode < 0x80 ? code : mappedCode;
}

const groups = new Map<boolean, readonly (readonly number[])[]>();

/** Characters that are compared as one, where there are several. */
export function equivalents(unicode: boolean): readonly (readonly number[])[] {
  const known = groups.get(unicode) ?? grouped(unicode);
  groups.set(unicode, known);
  return known;
}

const groupOf = new Map<boolean, ReadonlyMap<number, readonly number[]>>();

/** Characters that `code` is compared as one with, itself included; none where there is no other. */
export function equivalentsOf(code: number, unicode: boolean): readonly number[] {
  let known = groupOf.get(unicode);
  if (known === undefined) {
    known = new Map(equivalents(unicode).flatMap((group) => group.map((member) => [member, group] as const)));
    groupOf.set(unicode, known);
  }
  return known.get(code) ?? [];
}

function grouped(unicode: boolean): readonly (readonly number[])[] {
  const members = new Map<number, number[]>();
  for (const [first, last] of stable) {
    for (let code = first; code <= last; code++) {
      const key = canonical(code, unicode);
      const group = members.get(key) ?? [];
      group.push(code);
      members.set(key, group);
    }
  }
  return [...members.values()].filter((group) => group.length > 1);
}
