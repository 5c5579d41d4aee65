/**
 * Members who upgrade the service: they approve a release, wait until it is active, and approve the next. What fails is tried
 * again, or replaced by a release in which it is mended. Now and then some of them would have an old release back.
 */
import type { GovernanceAction } from '@coppice/governance';
import { sameBytes } from '@coppice/wire';
import { type Choice, releaseEntry, releases, type SimulatedRelease } from './founding.ts';
import type { Instance } from './instance.ts';
import type { Members } from './members.ts';
import type { Random } from './random.ts';
import { type MigrationManner, manners } from './register.ts';
import type { Scheduler } from './scheduler.ts';

interface UpgraderOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly members: Members;
  readonly slots: number;
  readonly choice: Choice;
  /** Of the first migration; `undefined`: as it is drawn. */
  readonly manner: MigrationManner | undefined;
  /** Whose state members look at. */
  readonly head: () => Instance | undefined;
}

const lookMs = 700;

export class Upgrader {
  readonly #options: UpgraderOptions;
  /** What they approve first. */
  readonly #first: SimulatedRelease;

  constructor(options: UpgraderOptions) {
    this.#options = options;
    const [, ...next] = releases;
    const drawn = options.random.pick(['sound', ...manners]);
    this.#first = next.find(({ migration }) => migration === (options.manner ?? drawn))!;
  }

  start(): void {
    const { random, scheduler } = this.#options;
    scheduler.after(random.between(1, lookMs), () => {
      this.#look();
      this.start();
    });
  }

  #look(): void {
    const { head, members, random } = this.#options;
    const execution = head()?.serving?.execution;
    if (execution === undefined) return;
    const { activation, constitution } = execution.committed();
    const newest = constitution.releases.at(-1)!.digest;
    const { failed } = activation;
    if (random.percent(8)) return members.demand(this.#approval(random.pick(releases)));
    if (failed !== undefined) {
      if (random.percent(50)) return members.demand({ kind: 'retry-activation', release: failed.release });
      return members.demand(this.#approval(releases[1]!));
    }
    const [founded, mended, , , last] = releases;
    const wanted = activation.code.version === 1 ? this.#first : last!;
    const waits = !sameBytes(newest, founded!.digest) && activation.code.version === 1;
    if (waits && !random.percent(2)) return;
    if (sameBytes(newest, wanted.digest) || sameBytes(newest, last!.digest)) return;
    members.demand(this.#approval(waits ? mended! : wanted));
  }

  #approval(release: SimulatedRelease): GovernanceAction {
    const { choice, slots } = this.#options;
    return { kind: 'approve-release', release: releaseEntry(release, slots, choice) };
  }
}
