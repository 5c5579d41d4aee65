/**
 * A fair share of the one thread: the tasks of each source in their order, one of each source in turn, and in one round of the event
 * loop no more of them than fill a slice.
 *
 * So whoever asks for much waits for itself, and what this queue does not handle (other sockets, timers, the disk) gets its round. A task that
 * is longer than a slice is handled in steps; one is begun at a time.
 */
export interface FairQueueOptions<S, T> {
  /** Handles the task, or gives the steps to. */
  readonly handle: (source: S, task: T) => Iterator<undefined, void> | void;
  /** Milliseconds of tasks in one round. */
  readonly sliceMs: number;
  /** A source that is not ready keeps its tasks until {@link FairQueue.wake}. Default: all are, always. */
  readonly ready?: (source: S) => boolean;
}

export class FairQueue<S, T> {
  readonly #options: FairQueueOptions<S, T>;
  /** By source, in the order of their turns. */
  readonly #waiting = new Map<S, T[]>();
  readonly #asleep = new Map<S, T[]>();
  /** When this round's slice is over; `undefined` before it has begun. */
  #sliceEnd: number | undefined;
  #begun: Iterator<undefined, void> | undefined;
  #running = false;

  constructor(options: FairQueueOptions<S, T>) {
    this.#options = options;
  }

  /** Handles the task: at once where nothing waits and the slice lasts. */
  add(source: S, task: T): void {
    const tasks = this.#waiting.get(source) ?? this.#asleep.get(source);
    if (tasks === undefined) this.#waiting.set(source, [task]);
    else tasks.push(task);
    this.#run();
  }

  /** Tasks of this source that are not handled yet. */
  waiting(source: S): number {
    return (this.#waiting.get(source) ?? this.#asleep.get(source))?.length ?? 0;
  }

  wake(source: S): void {
    const tasks = this.#asleep.get(source);
    if (tasks === undefined) return;
    this.#asleep.delete(source);
    this.#waiting.set(source, tasks);
    this.#run();
  }

  /** Forgets the tasks of this source. */
  drop(source: S): void {
    this.#waiting.delete(source);
    this.#asleep.delete(source);
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    this.#sliceEnd ??= this.#beginSlice();
    while ((this.#begun !== undefined || this.#waiting.size > 0) && performance.now() < this.#sliceEnd) {
      if (this.#begun !== undefined) {
        if (this.#begun.next().done === true) this.#begun = undefined;
        continue;
      }
      const [source, tasks] = this.#waiting.entries().next().value!;
      this.#waiting.delete(source);
      if (this.#options.ready?.(source) === false) {
        this.#asleep.set(source, tasks);
        continue;
      }
      const task = tasks.shift()!;
      if (tasks.length > 0) this.#waiting.set(source, tasks);
      this.#begun = this.#options.handle(source, task) ?? undefined;
    }
    this.#running = false;
  }

  #beginSlice(): number {
    setImmediate(() => {
      this.#sliceEnd = undefined;
      if (this.#begun !== undefined || this.#waiting.size > 0) this.#run();
    });
    return performance.now() + this.#options.sliceMs;
  }
}
