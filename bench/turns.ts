/**
 * What a turn costs: a window before it, a window that lasts as long as it does, and a window after it, in rounds.
 *
 * A member asks for the turns; the host in this process launches the instances. All that a turn takes, the start of the new
 * replica's process and the compiling of its code included, happens on the same cores.
 */
import type { Client } from '@coppice/client';
import { decide, LocalService } from '@coppice/cli';
import type { Signer } from '@coppice/wire';
import { type Load, sleep, type Window } from './load.ts';
import type { Options } from './options.ts';
import { aligned, type Result, resultOf, round } from './report.ts';
import { type Spread, spreadOf } from './statistics.ts';
import type { SubjectProcess } from './subject-process.ts';

/** Asking costs what is measured. */
const pollMs = 250;
const turnMsMax = 180_000;

export interface TurnsDocument {
  readonly results: readonly Result[];
  readonly turns: {
    /** Throughput while a turn lasts, over that of the window before it. */
    readonly ratio: number;
    readonly ratioMin: number;
    readonly ratioMax: number;
    /** The same of the window after the swap, in which the new instance's code is still being compiled. */
    readonly ratioAfter: number;
    readonly steady: number;
    readonly turning: number;
    readonly after: number;
    /** Turns that were finished. */
    readonly finished: number;
    /** From being asked for to the swap. */
    readonly turnMs: number;
  };
}

export async function measureTurns(
  subject: { readonly folder: string; readonly process: SubjectProcess },
  { clients, fsync, heatMs, loads, rounds, windowMs }: Options,
  say: (line: string) => void,
): Promise<TurnsDocument> {
  const load: Load = loads.at(-1)!;
  const local = LocalService.open(subject.folder, { fsync });
  local.startHost();
  const signer = local.folder.key('members', 'member-1');
  const member = await local.connect(signer);
  const windows = { steady: [] as Window[], turning: [] as Window[], after: [] as Window[] };
  await subject.process.start(load, heatMs);
  for (let i = 0; i < rounds; i++) {
    windows.steady.push(await subject.process.window(windowMs));
    windows.turning.push(await subject.process.window(turnOldest(member, signer, turnMsMax)));
    windows.after.push(await subject.process.window(windowMs));
    say(`round ${i + 1} of ${rounds}`);
  }
  await subject.process.stop();
  member.close();
  await local.stopHost();

  const speed = (window: Window): number => window.operations / window.seconds;
  const ratios = (to: readonly Window[]): Spread =>
    spreadOf(to.map((window, i) => speed(window) / speed(windows.steady[i]!)));
  const ratio = ratios(windows.turning);
  const what = { ...load, fsync, clients };
  const results = (['steady', 'turning', 'after'] as const).map((subject) =>
    resultOf({ subject, ...what }, windows[subject]),
  );
  const [steady, turning, after] = results.map(({ throughput }) => throughput) as [number, number, number];
  const turns = {
    ratio: round(ratio.median, 3),
    ratioMin: round(ratio.min, 3),
    ratioMax: round(ratio.max, 3),
    ratioAfter: round(ratios(windows.after).median, 3),
    steady,
    turning,
    after,
    finished: rounds,
    turnMs: round(1000 * spreadOf(windows.turning.map(({ seconds }) => seconds)).median, 0),
  };
  say(
    `\n${aligned([
      ['', 'operations/s', 'p50 ms', 'p99 ms', 'failed'],
      ...results.map((one) => [
        one.subject,
        String(one.throughput),
        String(one.p50Ms),
        String(one.p99Ms),
        String(one.failures),
      ]),
    ])}`,
  );
  say(
    `a turn lasts ${turns.turnMs} ms; throughput meanwhile × ${turns.ratio} (${turns.ratioMin} … ${turns.ratioMax}), ` +
      `in the ${windowMs / 1000} s after it × ${turns.ratioAfter}`,
  );
  return { results, turns };
}

/** Asks for the turn of the slot whose instance is the oldest. Resolves when it has ended. */
export async function turnOldest(member: Client, signer: Signer, msMax: number): Promise<void> {
  const before = await epochOf(member);
  const { seats } = member.chain.configuration;
  const oldest = [...seats].sort((a, b) => a.turn - b.turn || a.slot - b.slot)[0]!;
  const { state } = await decide(member, [signer], { kind: 'early-turn', slot: oldest.slot });
  if (state !== 'accepted') throw new Error(`a turn is ${state}`);
  const until = performance.now() + msMax;
  while ((await epochOf(member)) === before) {
    if (performance.now() > until) throw new Error(`a turn has not ended within ${msMax} ms`);
    await sleep(pollMs);
  }
}

/** Of any replica that answers: one is asked after the other, since asking costs what is measured. */
async function epochOf(member: Client): Promise<number> {
  for (const { slot } of member.chain.configuration.seats) {
    const status = await member.status(slot).catch(() => undefined);
    if (status !== undefined) return (status as { epoch: number }).epoch;
  }
  return 0;
}
