/**
 * What a handler may use, counted in steps.
 *
 * A step is a call of a function, or a turn of a loop, in the code of the service; calls into the runtime and into
 * built-ins whose work grows with their arguments count in proportion. The count is a function of what the handler
 * does, not of how fast or on what engine, so every replica ends a runaway handler at the same place. There is no way
 * to go on after the budget is used up: every step from then on throws again.
 *
 * `active` is the meter of the service that executes at this moment. Built-ins that the runtime replaced in the realm
 * (see `realm/`) look at it: while no service executes, they are what the engine made them.
 */

/** Calls within calls. A stack that overflows does so at a depth that differs between engines, and between runs. */
export const depthMax = 400;
/** UTF-16 units of a text that a service makes. Engines differ in what they can hold. */
export const textUnitsMax = 1 << 20;
/** Arguments of a call that come from an array: they are on the stack, too. */
export const argumentsMax = 1 << 15;

export type Exhaustion = 'steps' | 'depth' | 'size';

/** What is thrown when a budget is used up. It leads nowhere, should a service ever get hold of it. */
const exhausted: Error = Object.freeze(
  Object.assign(Object.create(null) as Error, { message: 'the budget is used up' }),
);

export class Meter {
  /** Used so far by the present transaction. */
  steps = 0;
  stepsMax = 0;
  /** Calls that have not returned. */
  depth = 0;
  exhaustion: Exhaustion | undefined;
  /** 0 while the service is loaded, then the number of the transaction. */
  era = 0;
  /** The agreed time of the transaction. */
  time: number | undefined;
  readonly #undos: (() => void)[] = [];
  /** While the service is loaded: what leads to the objects that its closures and collections hold on to. */
  roots: (() => unknown)[] = [];

  /** A transaction begins. */
  begin(stepsMax: number, time: number): void {
    this.steps = 0;
    this.stepsMax = stepsMax;
    this.depth = 0;
    this.exhaustion = undefined;
    this.era++;
    this.time = time;
  }

  /** What the service that is being loaded holds on to in ways that nothing shows. */
  hold(...values: unknown[]): void {
    this.roots.push(() => values);
  }

  /** Something that outlives the transaction is about to change: `restore` makes it what it is now. */
  undo(restore: () => void): void {
    this.charge(4);
    this.#undos.push(restore);
  }

  /** Restores what has changed since the transaction began. */
  restore(): void {
    for (let restore = this.#undos.pop(); restore !== undefined; restore = this.#undos.pop()) restore();
  }

  step(): void {
    if (++this.steps > this.stepsMax) this.exhaust('steps');
  }

  /** Counts `work` steps: an integer, 0 or more. */
  charge(work: number): void {
    this.steps += work;
    if (this.steps > this.stepsMax) this.exhaust('steps');
  }

  /** A function begins. Its end takes 1 from `depth`. */
  enter(): void {
    if (++this.steps > this.stepsMax) this.exhaust('steps');
    if (++this.depth > depthMax) this.exhaust('depth');
  }

  exhaust(reason: Exhaustion): never {
    this.exhaustion ??= reason;
    // From here on every step throws.
    this.stepsMax = -1;
    throw exhausted;
  }
}

export let active: Meter | undefined;

/** Makes `meter` the active one, and returns which one was. */
export function activate(meter: Meter | undefined): Meter | undefined {
  const before = active;
  active = meter;
  return before;
}

/** Runs work of ours that must not be counted: what it costs is not the same on every replica. */
export function uncounted<T>(work: () => T): T {
  const above = activate(undefined);
  try {
    return work();
  } finally {
    activate(above);
  }
}
