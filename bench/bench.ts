/**
 * How fast Coppice is: four replica processes and their clients on this machine. docs/reference/bench.md.
 *
 * Windows of all kinds are measured in rounds, one of each in every round, so that what else the machine does falls on
 * all of them alike; the figures are medians over the rounds.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Window } from './load.ts';
import { measureEvidence } from './evidence.ts';
import { measureLargeState } from './large-state.ts';
import { type Options, optionsOf, usage } from './options.ts';
import { profileSummary } from './profile.ts';
import { aligned, type Result, resultOf, round, table } from './report.ts';
import { spreadOf } from './statistics.ts';
import { SubjectProcess } from './subject-process.ts';
import { measureTransfer } from './transfer.ts';
import { measureTurns } from './turns.ts';

const checkout = fileURLToPath(new URL('..', import.meta.url));

interface Subject {
  readonly name: string;
  readonly folder: string;
  readonly process: SubjectProcess;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(options: Options): Promise<void> {
  const { against, clients, fsync, profile, stateCacheBytes } = options;
  const base = mkdtempSync(join(tmpdir(), 'coppice-bench-'));
  const profiles = profile === undefined ? undefined : resolve(profile);
  if (profiles !== undefined) mkdirSync(profiles, { recursive: true });
  const nodeArguments = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  say(
    `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown kind'}, Node ${process.version}; fsync ${fsync ? 'on' : 'off'}`,
  );
  const subjects: Subject[] = [];
  try {
    const measured =
      against === undefined
        ? options.cryptography.map((cryptography, _, { length }) => ({
            ...{ name: length === 1 ? 'this' : cryptography, from: checkout, cryptography },
          }))
        : Object.entries({ this: checkout, against: resolve(against) }).map(([name, from]) => ({
            ...{ name, from, cryptography: options.cryptography[0]! },
          }));
    for (const { cryptography, from, name } of measured) {
      const folder = join(base, name);
      say(`founding a service of four replicas${measured.length === 1 ? '' : ` (${name})`} …`);
      subjects.push({
        name,
        folder,
        process: await SubjectProcess.found({
          ...{ checkout: from, folder, clients, fsync, cryptography, nodeArguments, stateCacheBytes },
        }),
      });
    }
    const document = options.turns
      ? await measureTurns(subjects[0]!, options, say)
      : options.transfer !== undefined
        ? await measureTransfer(subjects[0]!, options, options.transfer, say)
        : { results: await measureLoads(subjects, options) };
    if (options.json) process.stdout.write(`${JSON.stringify(document)}\n`);
  } finally {
    for (const subject of subjects) await subject.process.end();
    // While the bundle is still there.
    if (profiles !== undefined) say(`\n${profileSummary(profiles)}`);
    rmSync(base, { recursive: true, force: true });
  }
}

async function measureLoads(subjects: readonly Subject[], options: Options): Promise<Result[]> {
  const { clients, fsync, heatMs, loads, rounds, warmUpMs, windowMs } = options;
  const kinds = loads.flatMap((load) => subjects.map((subject) => ({ subject, load, windows: [] as Window[] })));
  for (const subject of subjects) {
    await subject.process.start(loads.at(-1)!, heatMs);
    await subject.process.stop();
  }
  for (let i = 0; i < rounds; i++) {
    for (const { load, subject, windows } of kinds) {
      await subject.process.start(load, warmUpMs);
      windows.push(await subject.process.window(windowMs));
      await subject.process.stop();
    }
    say(`round ${i + 1} of ${rounds}`);
  }
  const results = kinds.map(({ load, subject, windows }) =>
    resultOf({ subject: subject.name, ...load, fsync, clients }, windows),
  );
  say(`\n${table(results)}`);
  if (subjects.length > 1) say(`\n${comparison(kinds)}`);
  return results;
}

/** Ratios of windows that were measured right after each other. */
function comparison(
  kinds: readonly {
    readonly load: Result | { commandBytes: number; outstanding: number };
    readonly windows: readonly Window[];
  }[],
): string {
  const rows = [['bytes', 'outstanding', 'throughput', 'min … max', 'CPU/op']];
  for (let i = 0; i + 1 < kinds.length; i += 2) {
    const { load, windows: mine } = kinds[i]!;
    const theirs = kinds[i + 1]!.windows;
    const ratios = (value: (window: Window) => number): number[] =>
      mine.map((window, k) => value(window) / value(theirs[k]!));
    const speed = spreadOf(ratios((window) => window.operations / window.seconds));
    const cost = spreadOf(
      ratios(
        (window) => (window.replicaCpuMicros.reduce((a, b) => a + b, 0) + window.clientCpuMicros) / window.operations,
      ),
    );
    rows.push([
      String(load.commandBytes),
      String(load.outstanding),
      `× ${round(speed.median, 2)}`,
      `${round(speed.min, 2)} … ${round(speed.max, 2)}`,
      `× ${round(cost.median, 2)}`,
    ]);
  }
  return aligned(rows);
}

let options: Options | undefined;
try {
  options = optionsOf(process.argv.slice(2));
} catch (error) {
  say(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exit(2);
}
if (options === undefined) process.stdout.write(usage);
else if (options.evidence) process.exitCode = measureEvidence(options, say) ? 0 : 2;
else if (options.largeState !== undefined) {
  const document = await measureLargeState(options, options.largeState, say);
  if (options.json) process.stdout.write(`${JSON.stringify(document)}\n`);
} else await main(options);
