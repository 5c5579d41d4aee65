/**
 * Simulations on several threads. A simulation is one thread's work from its first event to its last, so they share
 * nothing, and what comes of a seed does not depend on who runs it.
 */
import { Worker } from 'node:worker_threads';
import type { Patch } from './mutants/patch.ts';
import type { Outcome, SimulationOptions } from './simulation.ts';

export interface Task {
  readonly seed: number;
  readonly options: Pick<SimulationOptions, 'choices' | 'reduction' | 'untilViolation'>;
  readonly log?: boolean;
}

/** A seed that takes longer does not end. */
const minutesMax = 5;

/** One thread; one task at a time. */
export class Thread {
  readonly #patches: readonly Patch[];
  #worker: Worker | undefined;

  constructor(patches: readonly Patch[] = []) {
    this.#patches = patches;
  }

  #started(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { patches: this.#patches } });
    // Whoever waits for a task hears of it; nobody else needs to.
    worker.on('error', () => {});
    return worker;
  }

  /** Rejects if the thread fails or does not come to an end; the next task gets another one. */
  run(task: Task, onLine?: (line: string) => void): Promise<Outcome> {
    const worker = (this.#worker ??= this.#started());
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      };
      const fail = (error: Error): void => {
        settle();
        this.#worker = undefined;
        void worker.terminate();
        reject(error);
      };
      const onMessage = (outcome: Outcome | string): void => {
        if (typeof outcome === 'string') return onLine?.(outcome);
        settle();
        resolve(outcome);
      };
      const onError = (error: unknown): void => fail(error instanceof Error ? error : new Error(String(error)));
      const onExit = (): void => fail(new Error(`seed ${task.seed}: the thread has ended`));
      const timer = setTimeout(() => {
        fail(new Error(`seed ${task.seed} does not end within ${minutesMax} minutes`));
      }, minutesMax * 60_000);
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage({ ...task, log: onLine !== undefined });
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}

/**
 * Runs the tasks in order on so many threads. `onOutcome` gives whether that is enough: then no other task begins. Of a
 * seed that throws, or does not end, it gets the error; the others go on.
 */
export async function simulateAll(
  tasks: Iterable<Task>,
  { threads, patches = [] }: { readonly threads: number; readonly patches?: readonly Patch[] },
  onOutcome: (task: Task, outcome: Outcome | Error) => boolean,
): Promise<void> {
  const left = tasks[Symbol.iterator]();
  let enough = false;
  const work = async (): Promise<void> => {
    const thread = new Thread(patches);
    try {
      for (let next = left.next(); !enough && next.done !== true; next = left.next()) {
        const outcome = await thread.run(next.value).catch((error: unknown) => error as Error);
        if (onOutcome(next.value, outcome)) enough = true;
      }
    } finally {
      enough = true;
      await thread.close();
    }
  };
  // The other threads end their seeds before an error is told.
  const ends = await Promise.allSettled(Array.from({ length: threads }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
