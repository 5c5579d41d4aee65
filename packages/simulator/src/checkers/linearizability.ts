/**
 * Linearizability as clients see it: whether their history alone, without the log, has an explanation.
 * docs/reference/linearizability.md.
 */
import { checkHistory } from '@coppice/history';
import type { Client } from '../client.ts';
import { historyOf } from '../history.ts';
import type { Observer } from '../observer.ts';

export class Linearizability implements Observer {
  readonly name = 'linearizability';
  readonly #violate: (message: string) => void;
  readonly #clients: readonly Client[];

  constructor(violate: (message: string) => void, clients: readonly Client[]) {
    this.#violate = violate;
    this.#clients = clients;
  }

  ended(): void {
    const verdict = checkHistory(historyOf(this.#clients));
    if (verdict.verdict === 'linearizable') return;
    const { key, at } = verdict;
    this.#violate(`${verdict.verdict}: ${key}, at ${at.client}'s ${at.op} ${JSON.stringify(at.value)}`);
  }
}
