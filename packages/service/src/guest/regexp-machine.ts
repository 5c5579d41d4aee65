/**
 * Regular expressions: the machine that runs a program on a text, counting as it goes.
 *
 * Patterns can take time that grows exponentially with the text, so they are not left to the engine, which nothing
 * could stop. This is a backtracking matcher that keeps what it may have to come back to on a stack of its own:
 *
 *     RUN   an instruction and a place to go on at         (a choice not taken)
 *     RANGE an instruction, and places from here to there  (a run of characters that may be shorter)
 *     UNDO  a slot or register, and what it held
 */
import { canonical } from './letter-case.ts';
import { type CharacterTest, type Instruction, isMeant, type RegexpProgram } from './regexp-program.ts';
import { inSet, wordSet } from './regexp-syntax.ts';

/** Instructions, and characters looked at, for a step. */
const workPerStep = 16;
/** Entries to come back to. */
const entriesMax = 1 << 18;

export interface Meterlike {
  step(): void;
  exhaust(reason: 'size'): never;
}

const runAt = 0;
const rangeOf = 1;
const undo = 2;

/** Runs one program on one text. */
export class Machine {
  /** Of the last match: the place of each group and its end. -1: none. */
  readonly slots: Int32Array;
  readonly #registers: Int32Array;
  readonly #program: RegexpProgram;
  readonly #text: string;
  readonly #meter: Meterlike;
  /** Entries of four numbers: what, and its three operands. */
  readonly #stack: number[] = [];
  #work = 0;

  constructor(program: RegexpProgram, text: string, meter: Meterlike) {
    this.#program = program;
    this.#text = text;
    this.#meter = meter;
    this.slots = new Int32Array(2 * program.groups);
    this.#registers = new Int32Array(program.registers);
  }

  /** Whether there is a match that begins at `at`. */
  matches(at: number): boolean {
    const { first, flags } = this.#program;
    if (first !== undefined) {
      const code = flags.unicode ? this.#text.codePointAt(at) : this.#text.charCodeAt(at);
      if (at >= this.#text.length || !isMeant(first, code!)) return false;
    }
    this.slots.fill(-1);
    this.#stack.length = 0;
    return this.#run(0, at) !== undefined;
  }

  /** Where the match ends that begins with instruction `pc` at place `at`. Comes back to nothing before its call. */
  #run(pc: number, at: number): number | undefined {
    const { code } = this.#program;
    const bottom = this.#stack.length;
    let next: number | undefined = at;
    for (;;) {
      this.#count();
      const instruction: Instruction = code[pc]!;
      pc++;
      switch (instruction.op) {
        case 'match':
          return next;
        case 'set':
          next = this.#character(instruction.test, next, instruction.back);
          break;
        case 'run':
          next = this.#runOf(instruction, pc, next);
          break;
        case 'split':
          this.#push(runAt, instruction.second, next, 0);
          pc = instruction.first;
          break;
        case 'jump':
          pc = instruction.to;
          break;
        case 'save':
          this.#set(this.slots, instruction.slot, next);
          break;
        case 'forget':
          for (let slot = instruction.from; slot < instruction.to; slot++) this.#set(this.slots, slot, -1);
          break;
        case 'mark':
          this.#set(this.#registers, instruction.register, next);
          break;
        case 'progress':
          if (this.#registers[instruction.register] === next) next = undefined;
          break;
        case 'assert':
          if (!this.#holds(instruction.kind, next)) next = undefined;
          break;
        case 'reference':
          next = this.#reference(instruction.slot, next, instruction.back);
          break;
        case 'look':
          if (this.#look(pc, next) === instruction.negated) next = undefined;
          pc = instruction.end;
      }
      if (next !== undefined) continue;
      const resumed = this.#back(bottom);
      if (resumed === undefined) return undefined;
      [pc, next] = resumed;
    }
  }

  #count(): void {
    if (++this.#work % workPerStep === 0) this.#meter.step();
  }

  #push(what: number, a: number, b: number, c: number): void {
    if (this.#stack.length >= 4 * entriesMax) this.#meter.exhaust('size');
    this.#stack.push(what, a, b, c);
  }

  #set(slots: Int32Array, slot: number, value: number): void {
    this.#push(undo, slots === this.slots ? slot : -1 - slot, slots[slot]!, 0);
    slots[slot] = value;
  }

  #restore(slot: number, value: number): void {
    if (slot >= 0) this.slots[slot] = value;
    else this.#registers[-1 - slot] = value;
  }

  /** The newest choice above `bottom` that was not taken: where to go on. */
  #back(bottom: number): [number, number] | undefined {
    const stack = this.#stack;
    while (stack.length > bottom) {
      this.#count();
      const last = stack.pop()!;
      const b = stack.pop()!;
      const a = stack.pop()!;
      const what = stack.pop()!;
      if (what === undo) this.#restore(a, b);
      else if (what === runAt) return [a, b];
      else {
        // A run gives up one character more, until it is down to the least that it needs.
        if (b !== last) this.#push(rangeOf, a, this.#beside(b, last), last);
        return [a, b];
      }
    }
    return undefined;
  }

  /** The place one character from `at` in the direction of `towards`. */
  #beside(at: number, towards: number): number {
    const left = towards < at;
    if (!this.#program.flags.unicode) return left ? at - 1 : at + 1;
    return left ? at - this.#lengthBefore(at) : at + (this.#text.codePointAt(at)! > 0xffff ? 2 : 1);
  }

  #lengthBefore(at: number): 1 | 2 {
    return at >= 2 && this.#text.codePointAt(at - 2)! > 0xffff ? 2 : 1;
  }

  /** The place after a character of the set, or `undefined`. */
  #character(test: CharacterTest, at: number, back: boolean): number | undefined {
    const text = this.#text;
    if (back) {
      if (at === 0) return undefined;
      const length = this.#program.flags.unicode ? this.#lengthBefore(at) : 1;
      const code = length === 2 ? text.codePointAt(at - 2)! : text.charCodeAt(at - 1);
      return isMeant(test, code) ? at - length : undefined;
    }
    if (at >= text.length) return undefined;
    const code = this.#program.flags.unicode ? text.codePointAt(at)! : text.charCodeAt(at);
    return isMeant(test, code) ? at + (code > 0xffff ? 2 : 1) : undefined;
  }

  /** Takes as many characters as there are, and may come back to give some of them up. */
  #runOf(run: Extract<Instruction, { op: 'run' }>, pc: number, at: number): number | undefined {
    let least = run.min === 0 ? at : undefined;
    let place = at;
    for (let count = 0; count < run.max;) {
      this.#count();
      const next = this.#character(run.test, place, run.back);
      if (next === undefined) break;
      place = next;
      if (++count === run.min) least = place;
    }
    if (least === undefined) return undefined;
    if (place !== least) this.#push(rangeOf, pc, this.#beside(place, least), least);
    return place;
  }

  #holds(kind: Extract<Instruction, { op: 'assert' }>['kind'], at: number): boolean {
    const text = this.#text;
    const { multiline } = this.#program.flags;
    switch (kind) {
      case 'start':
        return at === 0 || (multiline && isLineEnd(text.charCodeAt(at - 1)));
      case 'end':
        return at === text.length || (multiline && isLineEnd(text.charCodeAt(at)));
      default: {
        const before = at > 0 && inSet(wordSet, text.charCodeAt(at - 1));
        const after = at < text.length && inSet(wordSet, text.charCodeAt(at));
        return (before !== after) === (kind === 'boundary');
      }
    }
  }

  #reference(slot: number, at: number, back: boolean): number | undefined {
    const [start, end] = [this.slots[slot]!, this.slots[slot + 1]!];
    // A group that has captured nothing is matched by nothing.
    if (start < 0 || end < 0) return at;
    const length = end - start;
    const from = back ? at - length : at;
    if (from < 0 || from + length > this.#text.length) return undefined;
    for (let i = 0; i < length; i++) {
      this.#count();
      if (!this.#same(this.#text.charCodeAt(start + i), this.#text.charCodeAt(from + i))) return undefined;
    }
    return back ? from : from + length;
  }

  #same(a: number, b: number): boolean {
    const { ignoreCase, unicode } = this.#program.flags;
    return a === b || (ignoreCase && canonical(a, unicode) === canonical(b, unicode));
  }

  /** Whether what is at `pc` matches at `at`. If so, what it captured stays, and its choices are final. */
  #look(pc: number, at: number): boolean {
    const bottom = this.#stack.length;
    if (this.#run(pc, at) === undefined) return false;
    let kept = bottom;
    for (let entry = bottom; entry < this.#stack.length; entry += 4) {
      if (this.#stack[entry] !== undo) continue;
      for (let i = 0; i < 4; i++) this.#stack[kept + i] = this.#stack[entry + i]!;
      kept += 4;
    }
    this.#stack.length = kept;
    return true;
  }
}

function isLineEnd(code: number): boolean {
  return code === 0x0a || code === 0x0d || code === 0x2028 || code === 0x2029;
}
