/**
 * The log of a run, for people: when, who, what. What the same one says again at the same moment is one line, with how often.
 */
import type { Item } from '@coppice/wire';
import type { CommittedBatch, Report } from '@coppice/protocol';
import type { ClientOperation } from './client.ts';
import type { Instance } from './instance.ts';
import type { Observer } from './observer.ts';

export class Narrator implements Observer {
  readonly name = 'narrator';
  readonly #now: () => number;
  readonly #onLine: (line: string) => void;
  #last: { readonly line: string; times: number } | undefined;
  #committed = 0;

  constructor(now: () => number, onLine: (line: string) => void) {
    this.#now = now;
    this.#onLine = onLine;
  }

  say(who: string, what: string): void {
    const line = `${(this.#now() / 1000).toFixed(3).padStart(8)} ${who.padEnd(8)} ${what}`.trimEnd();
    if (this.#last?.line === line) this.#last.times += 1;
    else {
      this.#tellLast();
      this.#last = { line, times: 1 };
    }
  }

  /** Once, by whoever is the first. */
  committed({ name }: Instance, { header, items }: CommittedBatch): void {
    if (header.sequence <= this.#committed) return;
    this.#committed = header.sequence;
    const what = contentOf(items);
    this.say('log', `${header.sequence} is committed, first at ${name}${what === '' ? '' : `: ${what}`}`);
  }

  answered({ client, command, key, value, answer }: ClientOperation): void {
    const { by, result, sequence } = answer!;
    const what = result.ok ? JSON.stringify(result.value) : result.error.code;
    this.say(client, `${command} ${key} ${value}`.trim() + `: ${what}, in ${sequence}, from ${by.name}`);
  }

  /** Nothing more is said. */
  end(): void {
    this.#tellLast();
  }

  #tellLast(): void {
    if (this.#last === undefined) return;
    const { line, times } = this.#last;
    this.#last = undefined;
    this.#onLine(times === 1 ? line : `${line} (${times} times)`);
  }
}

/** `3 requests, challenge, join`. */
function contentOf(items: readonly Item[]): string {
  const requests = items.reduce((sum, item) => sum + (item.kind === 'bundle' ? item.bundle.operations.length : 0), 0);
  const system = items.flatMap((item) => (item.kind === 'system' ? [item.request.kind] : []));
  const asked = requests === 0 ? [] : [requests === 1 ? '1 request' : `${requests} requests`];
  return [...asked, ...system].join(', ');
}

/** A report in words. */
export function told(report: Report): string {
  switch (report.kind) {
    case 'view':
      return `enters view ${report.view} of epoch ${report.epoch}: its primary is slot ${report.primary}`;
    case 'view-change-sent':
      return `asks for view ${report.view} of epoch ${report.epoch}: ${report.why}`;
    case 'stable':
      return `has a stable checkpoint at ${report.sequence}`;
    case 'transfer':
      return `fetches the state after ${report.sequence}: ${report.partsDone} of ${report.partsKnown} parts`;
    case 'installed':
      return `has the state after ${report.sequence}: ${report.parts} parts in ${report.ms} ms`;
    case 'fault': {
      const { slot, first, second } = report.proof;
      const [a, b] = [first.subject, second.subject];
      return `proves a fault of slot ${slot}: votes at ${a.sequence} and ${b.sequence} of view ${a.view}, epoch ${a.epoch}`;
    }
    case 'diverged':
      return `finds its state to be another than the others', after ${report.sequence}`;
    case 'corrupt-state':
      return `finds its own state damaged, after ${report.sequence}`;
    case 'contradiction':
      return `stops: two histories are certified, at ${report.sequence}`;
  }
}
