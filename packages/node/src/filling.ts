/**
 * The gaps of an instance's log, filled one after the other: what fills one is checked against everything before it.
 *
 * One replica at a time is asked: a quorum goes on without the one that serves a newcomer, and several would cost the service what one costs it,
 * each. Whoever gave what does not hold is asked last from then on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaExecution } from '@coppice/execution';
import { configurationOfEpoch } from '@coppice/protocol';
import { sameBytes, type Seat, type Signer, toHex, toLatin1 } from '@coppice/wire';
import { type FilledGap, type Gap, GapFiller, type GapFillerOptions, RecordError } from './history.ts';
import type { Journal } from './journal.ts';
import type { ReplicaNode } from './replica-node.ts';

const retryMsMin = 100;
const retryMsMax = 5_000;

export interface FillingOptions extends Pick<GapFillerOptions, 'dataFolder' | 'vault'> {
  readonly node: ReplicaNode;
  readonly execution: Pick<ReplicaExecution, 'committed'>;
  readonly identity: Signer;
  readonly journal: Journal;
  readonly exiting: () => boolean;
  /** What was filled before; what is filled now comes to it. */
  readonly filled: FilledGap[];
}

/** For people. */
export interface FillStatus extends Pick<Gap, 'from' | 'to'> {
  /** The last batch that has come. */
  readonly at: number;
  /** Of the records that came, and the time that they took. */
  readonly bytes: number;
  readonly ms: number;
  /** Who is asked. */
  readonly instance: string;
  /** They gave what does not hold. */
  readonly avoided: readonly string[];
}

export class Filling {
  readonly #options: FillingOptions;
  #last: Promise<void> = Promise.resolve();
  #status: (() => FillStatus) | undefined;

  constructor(options: FillingOptions) {
    this.#options = options;
  }

  /** Of the gap that is being filled. */
  get status(): FillStatus | undefined {
    return this.#status?.();
  }

  /** Fetches the records that a received state made superfluous for voting, and that the log should not lose. */
  begin(gap: Gap): void {
    const { node } = this.#options;
    node.lacks();
    this.#last = this.#last.then(() => this.#fill(gap)).then(() => node.filled());
  }

  async #fill(gap: Gap): Promise<void> {
    const { dataFolder, execution, exiting, filled, identity, journal, node, vault } = this.#options;
    const { replica } = node;
    const { cryptography, service } = replica.environment;
    const { from, to } = gap;
    const { turnDeadlineMs } = execution.committed().constitution.policy;
    const filler = new GapFiller(
      {
        ...{ cryptography, service, vault, dataFolder, filled: filled.length, turnDeadlineMs },
        configurationOf: (epoch) => configurationOfEpoch(replica, epoch),
      },
      gap,
    );
    const sources = new LogSources();
    for (let attempt = 0; !exiting(); attempt++) {
      const others = replica.configuration.seats.filter(({ instance }) => !sameBytes(instance, identity.publicKey));
      const seat = sources.best(others, replica.stableHeader?.proposer);
      if (seat === undefined) break;
      const asked = { instance: toHex(seat.instance), avoided: sources.liars };
      this.#status = () => ({ from, to, ...filler.progress, ...asked });
      try {
        filled.push(await filler.fill(seat, identity));
        journal.info('history-complete', { from, to, ...filler.progress });
        break;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const lied = error instanceof RecordError;
        sources.failed(seat, lied);
        if (lied) journal.rejected(toLatin1(seat.instance), 'ledger', 'wrong-record', why);
        const { clientAddress: address, slot } = seat;
        journal.warn('history-failed', { from, to, at: filler.progress.at, slot, address, why });
      }
      await sleep(Math.min(retryMsMin * 2 ** attempt, retryMsMax));
    }
    this.#status = undefined;
  }
}

/** Whom to ask next. */
export class LogSources {
  readonly #failures = new Map<string, number>();
  readonly #liars = new Set<string>();

  get liars(): readonly string[] {
    return [...this.#liars];
  }

  /** Who did not lie, and failed least; of these, another than the primary, for which everybody waits. */
  best(seats: readonly Seat[], primary: number | undefined): Seat | undefined {
    const rank = ({ instance, slot }: Seat): number[] => {
      const id = toHex(instance);
      return [Number(this.#liars.has(id)), this.#failures.get(id) ?? 0, Number(slot === primary)];
    };
    const ranked = seats.map((seat) => ({ seat, rank: rank(seat) }));
    ranked.sort((a, b) => a.rank.reduce((order, value, i) => order || value - b.rank[i]!, 0));
    return ranked[0]?.seat;
  }

  failed({ instance }: Pick<Seat, 'instance'>, lied: boolean): void {
    const id = toHex(instance);
    this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
    if (lied) this.#liars.add(id);
  }
}
