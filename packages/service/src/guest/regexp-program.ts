/**
 * Regular expressions: a pattern as a program for the machine of `regexp-machine.ts`.
 */
import { equivalents, equivalentsOf } from './letter-case.ts';
import { type CharacterSet, inSet, parsePattern, patternError, type PatternNode } from './regexp-syntax.ts';

export type Instruction =
  /** One character of the set, to the right or, looking behind, to the left. */
  | { readonly op: 'set'; readonly test: CharacterTest; readonly back: boolean }
  /** At least `min` and at most `max` characters of the set, as many as will do. */
  | {
      readonly op: 'run';
      readonly test: CharacterTest;
      readonly back: boolean;
      readonly min: number;
      readonly max: number;
    }
  /** Goes on at `first`, and at `second` if that fails. */
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  /** Forgets what the groups from slot `from` to before `to` captured. */
  | { readonly op: 'forget'; readonly from: number; readonly to: number }
  /** Remembers the place in a register; `progress` fails where the place is still that. */
  | { readonly op: 'mark'; readonly register: number }
  | { readonly op: 'progress'; readonly register: number }
  | { readonly op: 'assert'; readonly kind: 'start' | 'end' | 'boundary' | 'no-boundary' }
  | { readonly op: 'reference'; readonly slot: number; readonly back: boolean }
  /** Tries what follows, up to its `match`, and goes on at `end` from where it stood. */
  | { readonly op: 'look'; readonly negated: boolean; end: number }
  | { readonly op: 'match' };

/** A set of characters, quick to ask. */
export interface CharacterTest {
  readonly set: CharacterSet;
  /** For the first 128 characters: 1 if it is meant. */
  readonly ascii: Uint8Array;
}

export function isMeant({ set, ascii }: CharacterTest, code: number): boolean {
  return code < 128 ? ascii[code] === 1 : inSet(set, code);
}

export interface Flags {
  readonly global: boolean;
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly unicode: boolean;
  readonly sticky: boolean;
}

export interface RegexpProgram {
  readonly code: readonly Instruction[];
  readonly flags: Flags;
  /** Groups that capture, the whole match included. */
  readonly groups: number;
  readonly registers: number;
  /** What every match begins with, if that is a character of a set. */
  readonly first: CharacterTest | undefined;
  readonly names: ReadonlyMap<string, number>;
  /** What compiling takes, in steps. */
  readonly work: number;
}

/** A pattern whose program would be too large. To find that out takes as much as making the largest. */
export interface TooLarge {
  readonly code: undefined;
  readonly work: number;
}

const instructionsMax = 20_000;
/** Characters of a set whose counterparts are looked up one by one. */
const lookedUpMax = 128;
/** To ask for all counterparts that there are whether they are in a set, in steps. */
const counterpartsWork = 100;
const lineEnds: CharacterSet['ranges'] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const anyBut: CharacterSet = { ranges: lineEnds, negated: true };
const anything: CharacterSet = { ranges: [], negated: true };

export function flagsOf(text: string): Flags {
  const wrong = Array.from(text).find((flag, i) => !'gimsuy'.includes(flag) || text.indexOf(flag) !== i);
  if (wrong !== undefined) throw patternError(`the flag ${wrong} is not supported`);
  return {
    global: text.includes('g'),
    ignoreCase: text.includes('i'),
    multiline: text.includes('m'),
    dotAll: text.includes('s'),
    unicode: text.includes('u'),
    sticky: text.includes('y'),
  };
}

/** Throws a `SyntaxError` for what is no pattern, or none that is supported. */
export function compile(source: string, flags: Flags): RegexpProgram | TooLarge {
  const { body, groups, names } = parsePattern(source, flags.unicode);
  const compiler = new Compiler(flags);
  try {
    compiler.emit({ op: 'save', slot: 0 });
    compiler.node(body, false);
    compiler.emit({ op: 'save', slot: 1 });
    compiler.emit({ op: 'match' });
  } catch (error) {
    if (error !== tooLarge) throw error;
    return { code: undefined, work: compiler.work };
  }
  const { code, registers, work } = compiler;
  const first = code[1]?.op === 'set' || (code[1]?.op === 'run' && code[1].min > 0) ? code[1].test : undefined;
  return { code, flags, groups, registers, first, names, work };
}

/** Thrown by the compiler, and caught above. */
const tooLarge = new Error('too large');

class Compiler {
  readonly code: Instruction[] = [];
  registers = 0;
  readonly #flags: Flags;
  /** By what is meant: one set may stand in many places, and a repeated one in thousands. */
  readonly #tests = new Map<string, CharacterTest>();
  #counterparts = 0;

  constructor(flags: Flags) {
    this.#flags = flags;
  }

  get work(): number {
    return this.code.length + counterpartsWork * this.#counterparts;
  }

  emit<I extends Instruction>(instruction: I): I {
    if (this.code.push(instruction) > instructionsMax) throw tooLarge;
    return instruction;
  }

  node(node: PatternNode, back: boolean): void {
    switch (node.type) {
      case 'set':
      case 'any':
        this.emit({ op: 'set', test: this.#testOf(node), back });
        return;
      case 'sequence':
        for (const part of back ? node.parts.toReversed() : node.parts) this.node(part, back);
        return;
      case 'choice':
        this.#choice(node.options, back);
        return;
      case 'group':
        this.emit({ op: 'save', slot: 2 * node.index + (back ? 1 : 0) });
        this.node(node.body, back);
        this.emit({ op: 'save', slot: 2 * node.index + (back ? 0 : 1) });
        return;
      case 'reference':
        this.emit({ op: 'reference', slot: 2 * node.index, back });
        return;
      case 'assertion':
        this.emit({ op: 'assert', kind: node.kind });
        return;
      case 'look': {
        const look = this.emit({ op: 'look', negated: node.negated, end: 0 });
        this.node(node.body, node.behind);
        this.emit({ op: 'match' });
        look.end = this.code.length;
        return;
      }
      case 'repeat':
        this.#repeat({ ...node, body: ungrouped(node.body) }, back);
    }
  }

  #choice(options: readonly PatternNode[], back: boolean): void {
    const ends = options.map((option, i) => {
      const split =
        i < options.length - 1 ? this.emit({ op: 'split', first: this.code.length + 1, second: 0 }) : undefined;
      this.node(option, back);
      const end = this.emit({ op: 'jump', to: 0 });
      if (split !== undefined) split.second = this.code.length;
      return end;
    });
    for (const end of ends) end.to = this.code.length;
  }

  /** Written out as often as it must match, then as often as it may, or as a loop where there is no bound. */
  #repeat(node: Extract<PatternNode, { type: 'repeat' }>, back: boolean): void {
    const { min, max, greedy, body, groups } = node;
    if (greedy && (body.type === 'set' || body.type === 'any')) {
      this.emit({ op: 'run', test: this.#testOf(body), back, min, max });
      return;
    }
    const [from, to] = [2 * groups[0], 2 * groups[1]];
    const once = (): void => {
      if (to > from) this.emit({ op: 'forget', from, to });
      this.node(body, back);
    };
    const maybe = (): Extract<Instruction, { op: 'split' }> => this.emit({ op: 'split', first: 0, second: 0 });
    const decide = (split: Extract<Instruction, { op: 'split' }>, go: number, leave: number): void => {
      [split.first, split.second] = greedy ? [go, leave] : [leave, go];
    };
    for (let i = 0; i < min; i++) once();
    // What matches nothing more often than it must matches nothing: ECMA-262, RepeatMatcher.
    const register = isConsuming(body) ? undefined : this.registers++;
    const optional = (): void => {
      if (register !== undefined) this.emit({ op: 'mark', register });
      once();
      if (register !== undefined) this.emit({ op: 'progress', register });
    };
    if (max === Infinity) {
      const start = this.code.length;
      const split = maybe();
      optional();
      this.emit({ op: 'jump', to: start });
      decide(split, start + 1, this.code.length);
      return;
    }
    const splits: [Extract<Instruction, { op: 'split' }>, number][] = [];
    for (let i = min; i < max; i++) {
      splits.push([maybe(), this.code.length]);
      optional();
    }
    for (const [split, go] of splits) decide(split, go, this.code.length);
  }

  #testOf(node: { readonly type: 'set'; readonly set: CharacterSet } | { readonly type: 'any' }): CharacterTest {
    const meant = node.type === 'set' ? node.set : this.#flags.dotAll ? anything : anyBut;
    const key = `${meant.negated} ${meant.ranges.join()}`;
    let test = this.#tests.get(key);
    if (test === undefined) {
      const set = node.type === 'set' && this.#flags.ignoreCase ? this.#withCounterparts(meant) : meant;
      test = { set, ascii: Uint8Array.from({ length: 128 }, (_, code) => (inSet(set, code) ? 1 : 0)) };
      this.#tests.set(key, test);
    }
    return test;
  }

  /** Every character that is compared as a member is one. */
  #withCounterparts({ ranges, negated }: CharacterSet): CharacterSet {
    const { unicode } = this.#flags;
    const all = [...ranges];
    const add = (group: readonly number[]): void => {
      for (const code of group) all.push([code, code]);
    };
    if (ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0) <= lookedUpMax) {
      for (const [first, last] of ranges) {
        for (let code = first; code <= last; code++) add(equivalentsOf(code, unicode));
      }
      return { ranges: all, negated };
    }
    this.#counterparts += 1;
    const plain = { ranges, negated: false };
    for (const group of equivalents(unicode)) if (group.some((code) => inSet(plain, code))) add(group);
    return { ranges: all, negated };
  }
}

/** The one part of a group that does not capture. */
function ungrouped(node: PatternNode): PatternNode {
  return node.type === 'sequence' && node.parts.length === 1 ? ungrouped(node.parts[0]!) : node;
}

/** Whether it matches at least one character whenever it matches. */
function isConsuming(node: PatternNode): boolean {
  switch (node.type) {
    case 'set':
    case 'any':
      return true;
    case 'sequence':
      return node.parts.some(isConsuming);
    case 'choice':
      return node.options.every(isConsuming);
    case 'group':
      return isConsuming(node.body);
    case 'repeat':
      return node.min > 0 && isConsuming(node.body);
    default:
      return false;
  }
}
