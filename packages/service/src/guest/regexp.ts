/**
 * The `RegExp` of services: as the language has it, on the matcher of `regexp-machine.ts`.
 *
 * The methods of text (`match`, `replace`, `split`, …) hand over to the symbols below, so they need no change. The
 * engine's own regular expressions are not to be had: literals were rewritten when the service was bundled.
 */
import { standInOf } from './builtins.ts';
import { toText } from './arguments.ts';
import { active, type Meter, uncounted } from '../meter.ts';
import { Machine } from './regexp-machine.ts';
import { compile, flagsOf, type RegexpProgram, type TooLarge } from './regexp-program.ts';
import { patternError } from './regexp-syntax.ts';
import { Growing, type Replaced, substitute } from './substitution.ts';

const patternUnitsMax = 4096;
const programsMax = 1000;
/** By flags and source. What is in it has no influence on what is counted. */
const programs = new Map<string, RegexpProgram | TooLarge>();

function programOf(source: string, flags: string): RegexpProgram {
  if (source.length > patternUnitsMax) throw patternError(`a pattern of more than ${patternUnitsMax} units`);
  // As much as reading it would be, whether it is known or not.
  const reading = 16 + source.length;
  active?.charge(reading);
  const program = uncounted(() => {
    const key = `${flags}/${source}`;
    const known = programs.get(key);
    if (known !== undefined) return known;
    const compiled = compile(source, flagsOf(flags));
    if (programs.size >= programsMax) programs.clear();
    programs.set(key, compiled);
    return compiled;
  });
  // A short pattern can be a long program: what it repeats is written out.
  active?.charge(Math.max(0, program.work - reading));
  if (program.code === undefined) throw patternError(`/${source}/: too large`);
  return program;
}

/** The meter that counts; outside of a service there is none of these expressions. */
function meterOf(): Meter {
  if (active === undefined) throw new TypeError('no service executes');
  return active;
}

export interface Match extends Array<string | undefined> {
  index: number;
  input: string;
  groups: Record<string, string | undefined> | undefined;
}

export class RegularExpression {
  readonly #source: string;
  readonly #program: RegexpProgram;
  /** The transaction that made it. */
  readonly #era: number;
  #lastIndex: unknown = 0;

  constructor(pattern: unknown = '', flags?: unknown) {
    const from = RegularExpression.#is(pattern) ? pattern : undefined;
    this.#source = from?.source ?? toText(pattern);
    this.#program = programOf(this.#source, flags === undefined ? (from?.flags ?? '') : toText(flags));
    this.#era = meterOf().era;
  }

  static #is(value: unknown): value is RegularExpression {
    return typeof value === 'object' && value !== null && #source in value;
  }

  get lastIndex(): unknown {
    return this.#lastIndex;
  }

  set lastIndex(value: unknown) {
    const meter = meterOf();
    // One that was made when the service was loaded is the same again after the transaction.
    if (this.#era !== meter.era) {
      const before = this.#lastIndex;
      meter.undo(() => {
        this.#lastIndex = before;
      });
    }
    this.#lastIndex = value;
  }

  get source(): string {
    return this.#source === '' ? '(?:)' : this.#source;
  }
  get flags(): string {
    const { global, ignoreCase, multiline, dotAll, unicode, sticky } = this.#program.flags;
    const all = [global && 'g', ignoreCase && 'i', multiline && 'm', dotAll && 's', unicode && 'u', sticky && 'y'];
    return all.filter((flag) => flag !== false).join('');
  }
  get global(): boolean {
    return this.#program.flags.global;
  }
  get ignoreCase(): boolean {
    return this.#program.flags.ignoreCase;
  }
  get multiline(): boolean {
    return this.#program.flags.multiline;
  }
  get dotAll(): boolean {
    return this.#program.flags.dotAll;
  }
  get unicode(): boolean {
    return this.#program.flags.unicode;
  }
  get sticky(): boolean {
    return this.#program.flags.sticky;
  }

  toString(): string {
    return `/${this.source}/${this.flags}`;
  }

  test(text: unknown): boolean {
    return this.exec(text) !== null;
  }

  exec(value: unknown): Match | null {
    const text = toText(value);
    const { global, sticky } = this;
    const from = global || sticky ? toIndex(this.#lastIndex) : 0;
    const slots = from > text.length ? undefined : this.#find(text, from);
    if (slots === undefined) {
      if (global || sticky) this.lastIndex = 0;
      return null;
    }
    if (global || sticky) this.lastIndex = slots[1];
    return this.#matchOf(text, slots);
  }

  /** The first match at `from` or, unless the expression is sticky, after it. */
  #find(text: string, from: number, sticky: boolean = this.sticky): Int32Array | undefined {
    const meter = meterOf();
    const program = this.#program;
    const first = program.code[1];
    const anchored = first?.op === 'assert' && first.kind === 'start' && !program.flags.multiline;
    const machine = new Machine(program, text, meter);
    for (let at = from; at <= text.length; at = this.#after(text, at)) {
      if (machine.matches(at)) return machine.slots;
      if (sticky || anchored) break;
      meter.step();
    }
    return undefined;
  }

  #after(text: string, at: number): number {
    return at + (this.unicode && (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
  }

  #matchOf(text: string, slots: Int32Array): Match {
    const { names } = this.#program;
    meterOf().charge(slots.length);
    const match: (string | undefined)[] = [];
    for (let slot = 0; slot < slots.length; slot += 2) {
      const captured = slots[slot]! >= 0 && slots[slot + 1]! >= 0;
      match.push(captured ? text.slice(slots[slot], slots[slot + 1]) : undefined);
    }
    const named = [...names].map(([name, index]): [string, string | undefined] => [name, match[index]]);
    const bare = Object.create(null) as Record<string, string | undefined>;
    const groups = names.size === 0 ? undefined : Object.assign(bare, Object.fromEntries(named));
    return Object.assign(match, { index: slots[0]!, input: text, groups });
  }

  /** The matches from `lastIndex` on: all of them if the expression is global, else the next. */
  *#matches(text: string): Generator<Match, undefined> {
    for (let match = this.exec(text); match !== null; match = this.exec(text)) {
      // An empty match does not move on by itself.
      if (match[0] === '') this.lastIndex = this.#after(text, toIndex(this.#lastIndex));
      yield match;
      if (!this.global) return;
    }
  }

  [Symbol.match](value: unknown): (string | undefined)[] | null {
    const text = toText(value);
    if (!this.global) return this.exec(text);
    this.lastIndex = 0;
    const found = [...this.#matches(text)].map((match) => match[0]);
    return found.length === 0 ? null : found;
  }

  [Symbol.matchAll](value: unknown): IterableIterator<Match> {
    const copy = new RegularExpression(this);
    copy.lastIndex = toIndex(this.#lastIndex);
    return [...copy.#matches(toText(value))].values();
  }

  [Symbol.search](value: unknown): number {
    return this.#find(toText(value), 0)?.[0] ?? -1;
  }

  [Symbol.replace](value: unknown, replacement: unknown): string {
    const text = toText(value);
    const template = typeof replacement === 'function' ? undefined : toText(replacement);
    const result = new Growing(meterOf());
    if (this.global) this.lastIndex = 0;
    const matches = this.global ? [...this.#matches(text)] : [this.exec(text)];
    let end = 0;
    for (const match of matches) {
      if (match === null) break;
      const { index, groups } = match;
      const [matched, ...captures] = match as unknown as [string, ...(string | undefined)[]];
      const replaced: Replaced = { text, index, matched, captures, groups };
      result.add(text.slice(end, index));
      if (template !== undefined) substitute(result, template, replaced);
      else result.add(toText(callReplacement(replacement as (...args: unknown[]) => unknown, replaced)));
      end = index + matched.length;
    }
    result.add(text.slice(end));
    return result.text;
  }

  [Symbol.split](value: unknown, limit?: unknown): (string | undefined)[] {
    const text = toText(value);
    const most = limit === undefined ? 0xffff_ffff : Number(limit) >>> 0;
    const parts: (string | undefined)[] = [];
    if (most === 0) return parts;
    if (text === '') return this.#find(text, 0, true) === undefined ? [text] : parts;
    let start = 0;
    for (let at = 0; at < text.length;) {
      const slots = this.#find(text, at, true);
      meterOf().step();
      if (slots === undefined || slots[1] === start) {
        at = this.#after(text, at);
        continue;
      }
      const [, ...captures] = this.#matchOf(text, slots);
      for (const part of [text.slice(start, at), ...captures]) {
        parts.push(part);
        if (parts.length === most) return parts;
      }
      start = slots[1]!;
      at = start;
    }
    parts.push(text.slice(start));
    return parts;
  }
}

function callReplacement(replacement: (...args: unknown[]) => unknown, match: Replaced): unknown {
  const { text, index, matched, captures, groups } = match;
  const rest = groups === undefined ? [index, text] : [index, text, groups];
  return standInOf(replacement)(matched, ...captures, ...rest);
}

function toIndex(value: unknown): number {
  const index = Math.trunc(Number(value));
  return index > 0 ? Math.min(index, Number.MAX_SAFE_INTEGER) : 0;
}
