/**
 * Exactly-once and linearizability: the log, executed again by a model of the service, gives what clients were answered,
 * each request takes effect once at most, and whatever was answered before something else was asked comes first.
 */
import { decodeOperation } from '@coppice/service';
import { type Bundle, decodeResult, type Outcome, type Result, toHex } from '@coppice/wire';
import type { Client, ClientOperation } from '../client.ts';
import type { Observer } from '../observer.ts';
import type { Agreed } from './agreement.ts';

/** Results without effect that leave the request open. */
const passing = new Set(['duplicate', 'outside-window', 'busy', 'too-many-clients', 'unknown-client', 'clock-ahead']);
/** Results without effect that use the request up. */
const final = new Set(['overdue', 'divergent']);

/** The service, in the plainest words. */
class RegisterModel {
  readonly #registers = new Map<string, string>();
  readonly #counters = new Map<string, number>();

  /** What the command gives; `undefined`: a refusal. */
  execute(command: string, key: string, value: string): unknown {
    const before = this.#registers.get(key) ?? null;
    switch (command) {
      case 'put':
        this.#registers.set(key, value);
        return before;
      case 'get':
        return before;
      case 'count': {
        const count = (this.#counters.get(key) ?? 0) + 1;
        this.#counters.set(key, count);
        return count;
      }
      case 'list':
        return [...this.#registers].sort(([a], [b]) => (a < b ? -1 : 1));
      default:
        return undefined;
    }
  }
}

export class History implements Observer {
  readonly name = 'history';
  readonly #violate: (message: string) => void;
  readonly #log: ReadonlyMap<number, Agreed>;
  readonly #clients: readonly Client[];

  constructor(violate: (message: string) => void, log: ReadonlyMap<number, Agreed>, clients: readonly Client[]) {
    this.#violate = violate;
    this.#log = log;
    this.#clients = clients;
  }

  ended(): void {
    const answered = new Map<string, ClientOperation>();
    for (const { operations } of this.#clients) {
      for (const operation of operations) {
        const { answer } = operation;
        if (answer !== undefined) answered.set(`${answer.sequence} ${answer.index}`, operation);
      }
    }
    const ordered = this.#replay(answered);
    // What an attacker's instance alone has committed, when everything is killed, it has proved.
    for (const [place, { answer }] of answered)
      if (answer!.by.corrupt && answer!.sequence > this.#log.size) answered.delete(place);
    if (answered.size > 0) this.#violate(`answered, and not in the log: ${[...answered.keys()].join(', ')}`);
    this.#inRealTime(ordered);
  }

  /** The answered operations, in the order of the log; removes them from `answered`. */
  #replay(answered: Map<string, ClientOperation>): ClientOperation[] {
    const model = new RegisterModel();
    const executed = new Set<string>();
    const ordered: ClientOperation[] = [];
    for (let sequence = 1; sequence <= this.#log.size; sequence++) {
      const agreed = this.#log.get(sequence);
      if (agreed === undefined) return this.#gap(sequence, ordered);
      const { items, outcomes } = agreed.batch;
      let index = 0;
      for (const item of items) {
        const count = item.kind === 'bundle' ? item.bundle.operations.length : 1;
        for (let i = 0; item.kind === 'bundle' && i < count; i++) {
          const place = `${sequence} ${index + i}`;
          const result = this.#check(model, executed, item.bundle, i, outcomes[index + i], place);
          const operation = answered.get(place);
          if (operation === undefined) continue;
          answered.delete(place);
          ordered.push(operation);
          if (JSON.stringify(operation.answer!.result) !== JSON.stringify(result))
            this.#violate(`another answer than in the log: ${place}`);
        }
        index += count;
      }
    }
    return ordered;
  }

  #gap(sequence: number, ordered: ClientOperation[]): ClientOperation[] {
    this.#violate(`no correct instance committed ${sequence}, but later ones were`);
    return ordered;
  }

  #check(
    model: RegisterModel,
    executed: Set<string>,
    bundle: Bundle,
    i: number,
    outcome: Outcome | undefined,
    place: string,
  ): Result | undefined {
    const request = `${toHex(bundle.client)} ${bundle.first + i}`;
    const result = outcome && decodeResult(outcome.result);
    const { payload, target } = bundle.operations[i]!;
    const operation = target === 'service' ? decodeOperation(payload) : undefined;
    if (result?.ok !== true || operation?.ok === false) {
      this.#violate(`no result: ${place}`);
      return undefined;
    }
    const { value } = result;
    const code = value.ok ? undefined : value.error.code;
    if (code === 'duplicate' && !executed.has(request)) this.#violate(`called a duplicate, and is none: ${place}`);
    if (code !== undefined && passing.has(code)) return value;
    if (executed.has(request)) this.#violate(`executed twice: ${place}`);
    executed.add(request);
    if (code !== undefined && final.has(code)) return value;
    // What members ask is not the register's: the governance checker looks at what it wrote.
    if (operation === undefined) return value;
    const { command, input } = operation.value;
    const [key, to] = input as [string, string];
    const expected = model.execute(command, key, to);
    const right = value.ok ? JSON.stringify(value.value) === JSON.stringify(expected) : expected === undefined;
    if (!right)
      this.#violate(`${command} ${key} ${to} gave ${JSON.stringify(value)}, not ${JSON.stringify(expected)}: ${place}`);
    return value;
  }

  /** Nothing may come before something that was answered before it was asked. */
  #inRealTime(ordered: readonly ClientOperation[]): void {
    let earliestLater = Infinity;
    for (const operation of [...ordered].reverse()) {
      if (earliestLater < operation.invokedAt) {
        this.#violate(`${operation.client}'s ${operation.number} is before what was answered when it was asked`);
      }
      earliestLater = Math.min(earliestLater, operation.answer!.at);
    }
  }
}
