/**
 * What a node says of itself: lines of JSON for people and machines, and counters.
 *
 * A refusal is counted by reason every time and logged at most once a second for each reason: whoever sends garbage
 * fills no disk.
 */
import type { Report } from '@coppice/protocol';
import { fromLatin1, toHex } from '@coppice/wire';

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface JournalOptions {
  readonly write: (line: string) => void;
  readonly clock: () => number;
  /** Fields of every line. */
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Between two lines on how far something has come. */
const progressMs = 2000;

export class Journal {
  readonly counters = new Map<string, number>();
  readonly #options: JournalOptions;
  readonly #loggedAt = new Map<string, number>();

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  log(level: Level, event: string, fields: object = {}): void {
    const time = new Date(this.#options.clock()).toISOString();
    this.#options.write(JSON.stringify({ time, level, event, ...this.#options.fields, ...fields }));
  }

  info(event: string, fields: object = {}): void {
    this.log('info', event, fields);
  }

  warn(event: string, fields: object = {}): void {
    this.count(event);
    this.log('warn', event, fields);
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by);
  }

  /** Something from outside that was refused. */
  rejected(from: string, what: string, reason: string, detail?: string): void {
    const name = `rejected ${what} ${reason}`;
    this.count(name);
    const now = this.#options.clock();
    // Late and repeated messages are the normal noise of a view or epoch change: counted only.
    if (quiet.has(reason) || now - (this.#loggedAt.get(name) ?? 0) < 1000) return;
    this.#loggedAt.set(name, now);
    const sender = from.length === 32 ? toHex(fromLatin1(from).subarray(0, 4)) : from;
    this.log('warn', 'rejected', {
      what,
      reason,
      from: sender,
      count: this.counters.get(name),
      ...(detail === undefined ? {} : { detail }),
    });
  }

  /** How far something that takes long has come, now and then. */
  #progress({ kind, ...fields }: Extract<Report, { kind: 'transfer' }>): void {
    const now = this.#options.clock();
    if (now - (this.#loggedAt.get(kind) ?? 0) < progressMs) return;
    this.#loggedAt.set(kind, now);
    this.log('info', kind, fields);
  }

  report(report: Report): void {
    this.count(`report ${report.kind}`);
    switch (report.kind) {
      case 'stable':
        return;
      case 'transfer':
        return this.#progress(report);
      case 'fault':
        return this.log('error', 'fault-proof', { slot: report.proof.slot });
      case 'contradiction':
        return this.log('error', 'contradiction', { sequence: report.sequence });
      case 'view-change-sent':
      case 'diverged':
      case 'corrupt-state':
        return this.log('warn', report.kind, { ...report, kind: undefined });
      default:
        return this.log('info', report.kind, { ...report, kind: undefined });
    }
  }
}

const quiet = new Set(['stale', 'wrong-view', 'wrong-epoch', 'no-such-vote', 'not-asked', 'outside-window']);
