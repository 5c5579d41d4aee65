/**
 * Regular expressions: reading a pattern. ECMA-262, "Patterns", with the leniency of its annex B for patterns without
 * the flag u, less what engines do not agree on: properties of Unicode (`\p`), and octal escapes.
 */

import { told } from './errors.ts';

/** Ranges of characters, inclusive, and whether they are what is not meant. */
export interface CharacterSet {
  readonly ranges: readonly (readonly [number, number])[];
  readonly negated: boolean;
}

export type PatternNode =
  | { readonly type: 'set'; readonly set: CharacterSet }
  | { readonly type: 'any' }
  | { readonly type: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly type: 'choice'; readonly options: readonly PatternNode[] }
  | { readonly type: 'group'; readonly index: number; readonly body: PatternNode }
  | { readonly type: 'reference'; readonly index: number }
  | { readonly type: 'assertion'; readonly kind: 'start' | 'end' | 'boundary' | 'no-boundary' }
  | { readonly type: 'look'; readonly behind: boolean; readonly negated: boolean; readonly body: PatternNode }
  | {
      readonly type: 'repeat';
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
      readonly body: PatternNode;
      /** The groups within: [first, last). */
      readonly groups: readonly [number, number];
    };

export interface Pattern {
  readonly body: PatternNode;
  /** Groups that capture, the whole match included. */
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

/** Reading a pattern ends in this where it is none, or none that is supported. */
export function patternError(reason: string): SyntaxError {
  return told(new SyntaxError(reason));
}

const digit: CharacterSet['ranges'] = [[0x30, 0x39]];
const word: CharacterSet['ranges'] = [...digit, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const space: CharacterSet['ranges'] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const classes: Readonly<Record<string, CharacterSet>> = {
  d: { ranges: digit, negated: false },
  D: { ranges: digit, negated: true },
  w: { ranges: word, negated: false },
  W: { ranges: word, negated: true },
  s: { ranges: space, negated: false },
  S: { ranges: space, negated: true },
};
const controls: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, '0': 0 };

export const wordSet: CharacterSet = classes['w']!;

export function inSet({ ranges, negated }: CharacterSet, code: number): boolean {
  for (let i = 0; i < ranges.length; i++) {
    const range = ranges[i]!;
    if (code >= range[0] && code <= range[1]) return !negated;
  }
  return negated;
}

const nestingMax = 100;

/** Throws a `SyntaxError` for what is no pattern, or none that is supported. */
export function parsePattern(source: string, unicode: boolean): Pattern {
  return new Parser(source, unicode).pattern();
}

class Parser {
  readonly #source: string;
  readonly #unicode: boolean;
  readonly #names = new Map<string, number>();
  readonly #references: { readonly name?: string; index: number }[] = [];
  /** Whether `\k` refers to a name: annex B reads it as a letter where no group has one. */
  readonly #named: boolean;
  #at = 0;
  #groups = 1;
  #nesting = 0;

  constructor(source: string, unicode: boolean) {
    this.#source = source;
    this.#unicode = unicode;
    this.#named = unicode || /\(\?<[^=!]/.test(source);
  }

  pattern(): Pattern {
    const body = this.#choice();
    if (this.#at < this.#source.length) this.#fail('unmatched )');
    for (const reference of this.#references) {
      if (reference.name !== undefined)
        reference.index = this.#names.get(reference.name) ?? this.#fail('unknown group');
      if (reference.index >= this.#groups) this.#fail('a reference to no group (octal escapes are not supported)');
    }
    return { body, groups: this.#groups, names: this.#names };
  }

  #fail(reason: string): never {
    throw patternError(`/${this.#source}/: ${reason}`);
  }

  #eat(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** The next character, a whole one with the flag u. */
  #next(): number {
    if (this.#at >= this.#source.length) this.#fail('ends too early');
    const code = this.#unicode ? this.#source.codePointAt(this.#at)! : this.#source.charCodeAt(this.#at);
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }

  #choice(): PatternNode {
    if (++this.#nesting > nestingMax) this.#fail('nested too deep');
    const options = [this.#sequence()];
    while (this.#eat('|')) options.push(this.#sequence());
    this.#nesting--;
    return options.length === 1 ? options[0]! : { type: 'choice', options };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source[this.#at]!)) parts.push(this.#term());
    return parts.length === 1 ? parts[0]! : { type: 'sequence', parts };
  }

  #term(): PatternNode {
    const first = this.#groups;
    const body = this.#atom();
    const quantifier = this.#quantifier();
    if (quantifier === undefined) return body;
    const fixed = body.type === 'assertion' || (body.type === 'look' && (this.#unicode || body.behind));
    if (fixed) this.#fail('nothing to repeat');
    const greedy = !this.#eat('?');
    return { type: 'repeat', ...quantifier, greedy, body, groups: [first, this.#groups] };
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#eat('*')) return { min: 0, max: Infinity };
    if (this.#eat('+')) return { min: 1, max: Infinity };
    if (this.#eat('?')) return { min: 0, max: 1 };
    const counted = /^\{(\d+)(,(\d*))?\}/.exec(this.#source.slice(this.#at, this.#at + 40));
    if (counted === null) return undefined;
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : counted[3] === '' ? Infinity : Number(counted[3]);
    if (max < min) this.#fail('numbers out of order');
    return { min, max };
  }

  #atom(): PatternNode {
    if (this.#eat('(')) return this.#group();
    if (this.#eat('[')) return { type: 'set', set: this.#class() };
    if (this.#eat('.')) return { type: 'any' };
    if (this.#eat('^')) return { type: 'assertion', kind: 'start' };
    if (this.#eat('$')) return { type: 'assertion', kind: 'end' };
    if (this.#eat('\\')) return this.#escape();
    const character = this.#source[this.#at]!;
    if ('*+?'.includes(character) || (this.#unicode && '{}]'.includes(character)))
      this.#fail(`nothing before ${character}`);
    if (character === '{' && this.#quantifier() !== undefined) this.#fail('nothing to repeat');
    return one(this.#next());
  }

  #group(): PatternNode {
    let node: (body: PatternNode) => PatternNode;
    // In a group, what could not be repeated by itself can.
    if (this.#eat('?:')) node = (body) => ({ type: 'sequence', parts: [body] });
    else if (this.#eat('?=')) node = (body) => ({ type: 'look', behind: false, negated: false, body });
    else if (this.#eat('?!')) node = (body) => ({ type: 'look', behind: false, negated: true, body });
    else if (this.#eat('?<=')) node = (body) => ({ type: 'look', behind: true, negated: false, body });
    else if (this.#eat('?<!')) node = (body) => ({ type: 'look', behind: true, negated: true, body });
    else {
      const index = this.#groups++;
      if (this.#eat('?<')) this.#name(index);
      else if (this.#eat('?')) this.#fail('this kind of group is not supported');
      node = (body) => ({ type: 'group', index, body });
    }
    const body = this.#choice();
    if (!this.#eat(')')) this.#fail('unmatched (');
    return node(body);
  }

  #name(index: number): void {
    const name = this.#untilClosed();
    if (this.#names.has(name)) this.#fail(`two groups named ${name}`);
    this.#names.set(name, index);
  }

  #untilClosed(): string {
    const name = /^([A-Za-z_$][\w$]*)>/.exec(this.#source.slice(this.#at))?.[1];
    if (name === undefined) return this.#fail('a group is named by letters, digits, _ and $');
    this.#at += name.length + 1;
    return name;
  }

  #escape(): PatternNode {
    if (this.#eat('b')) return { type: 'assertion', kind: 'boundary' };
    if (this.#eat('B')) return { type: 'assertion', kind: 'no-boundary' };
    if (this.#named && this.#eat('k')) {
      if (!this.#eat('<')) this.#fail('\\k without a name');
      return this.#reference({ name: this.#untilClosed(), index: 0 });
    }
    const number = /^[1-9]\d*/.exec(this.#source.slice(this.#at, this.#at + 8))?.[0];
    if (number !== undefined) {
      this.#at += number.length;
      return this.#reference({ index: Number(number) });
    }
    const set = this.#classEscape();
    return set === undefined ? one(this.#characterEscape()) : { type: 'set', set };
  }

  #reference(reference: { name?: string; index: number }): PatternNode {
    this.#references.push(reference);
    return {
      type: 'reference',
      get index() {
        return reference.index;
      },
    };
  }

  #classEscape(): CharacterSet | undefined {
    const set = classes[this.#source[this.#at] ?? ''];
    if (set !== undefined) this.#at++;
    return set;
  }

  /** After a backslash, what is one character. */
  #characterEscape(): number {
    const letter = this.#source[this.#at];
    if (letter === undefined) return this.#fail('ends in a backslash');
    if (letter === 'p' || letter === 'P') {
      if (this.#unicode)
        this.#fail('\\p is not available to a service: what it means depends on the version of Unicode');
    } else if (letter in controls) {
      this.#at++;
      if (letter === '0' && /^\d/.test(this.#source.slice(this.#at, this.#at + 1))) this.#fail('an octal escape');
      return controls[letter]!;
    }
    const coded = /^(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|c([a-zA-Z]))/.exec(this.#source.slice(this.#at, this.#at + 5));
    if (coded !== null) {
      this.#at += coded[0].length;
      if (coded[3] !== undefined) return coded[3].charCodeAt(0) % 32;
      const code = Number.parseInt((coded[1] ?? coded[2])!, 16);
      return this.#unicode && coded[2] !== undefined ? this.#pair(code) : code;
    }
    if (this.#unicode) {
      const braced = /^u\{0*([\da-fA-F]{1,6})\}/.exec(this.#source.slice(this.#at));
      if (braced !== null && Number.parseInt(braced[1]!, 16) <= 0x10ffff) {
        this.#at += braced[0].length;
        return Number.parseInt(braced[1]!, 16);
      }
      if (!'^$\\.*+?()[]{}|/'.includes(letter)) this.#fail(`an unknown escape: \\${letter}`);
    } else if (/[\dc]/.test(letter)) this.#fail(`an unknown escape: \\${letter}`);
    return this.#next();
  }

  /** With the flag u, two escapes of surrogates are one character. */
  #pair(high: number): number {
    if (high < 0xd800 || high > 0xdbff) return high;
    const low = /^\\u(d[c-f][\da-f]{2})/i.exec(this.#source.slice(this.#at, this.#at + 6));
    if (low === null) return high;
    this.#at += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (Number.parseInt(low[1]!, 16) - 0xdc00);
  }

  #class(): CharacterSet {
    const negated = this.#eat('^');
    const ranges: (readonly [number, number])[] = [];
    while (!this.#eat(']')) {
      const first = this.#member();
      if (this.#source[this.#at] !== '-' || this.#source[this.#at + 1] === ']') {
        ranges.push(...rangesOf(first));
        continue;
      }
      this.#at++;
      const last = this.#member();
      if (typeof first === 'number' && typeof last === 'number') {
        if (last < first) this.#fail('a range out of order');
        ranges.push([first, last]);
      } else {
        if (this.#unicode) this.#fail('a range of classes');
        ranges.push(...rangesOf(first), [0x2d, 0x2d], ...rangesOf(last));
      }
    }
    return { ranges, negated };
  }

  #member(): number | CharacterSet {
    if (!this.#eat('\\')) return this.#next();
    if (this.#eat('b')) return 0x08;
    if (this.#unicode && this.#eat('-')) return 0x2d;
    return this.#classEscape() ?? this.#characterEscape();
  }
}

function one(code: number): PatternNode {
  return { type: 'set', set: { ranges: [[code, code]], negated: false } };
}

function rangesOf(member: number | CharacterSet): CharacterSet['ranges'] {
  if (typeof member === 'number') return [[member, member]];
  return member.negated ? complement(member.ranges) : member.ranges;
}

/** Of ranges in ascending order. */
function complement(ranges: CharacterSet['ranges']): CharacterSet['ranges'] {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  gaps.push([next, 0x10ffff]);
  return gaps;
}
