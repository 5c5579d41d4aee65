/**
 * Writes a history while a real service is used, a line at a time, so that what was recorded survives whatever happens.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { type Operation, operationLine } from './operation.ts';

/** What is known when an operation begins. */
export type Asked = Pick<Operation, 'client' | 'op' | 'key' | 'value'>;
export type Answered = Pick<Operation, 'outcome' | 'result'>;

export class HistoryRecorder {
  readonly operations: Operation[] = [];
  readonly #file: number | undefined;
  readonly #began = performance.now();
  readonly #open = new Set<Asked & { readonly invoked: number }>();

  /** Keeps what it records, and writes it to `path`, if there is one. */
  constructor(path?: string) {
    this.#file = path === undefined ? undefined : openSync(path, 'w');
  }

  /** An operation begins; call what it gives with the answer. One that gets none is unknown. */
  begin(asked: Asked): (answered: Answered) => void {
    const begun = { ...asked, invoked: this.#now() };
    this.#open.add(begun);
    return ({ outcome, result }) => {
      if (!this.#open.delete(begun) || outcome === 'unknown') return this.#record({ ...begun, ...unanswered });
      this.#record({ ...begun, outcome, result, returned: this.#now() });
    };
  }

  /** Whatever has no answer yet gets none. */
  close(): void {
    for (const begun of this.#open) this.#record({ ...begun, ...unanswered });
    this.#open.clear();
    if (this.#file !== undefined) closeSync(this.#file);
  }

  #record(operation: Operation): void {
    this.operations.push(operation);
    if (this.#file !== undefined) writeSync(this.#file, `${operationLine(operation)}\n`);
  }

  #now(): number {
    return Math.round((performance.now() - this.#began) * 1e6);
  }
}

const unanswered = { outcome: 'unknown', result: null, returned: null } as const;
