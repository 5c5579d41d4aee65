/**
 * Replays traces in the model, and says which event it refuses first.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { modelFolder, quint } from './quint.ts';
import { textOf, type Trace, type TraceEvent } from './trace.ts';

/** Events of one list: the time it takes to find a list's type grows faster than the list. */
const eventsPerPiece = 25;

export interface ReplayVerdict {
  /** Events before the refused one, or all. */
  readonly accepted: number;
  readonly refused: { readonly event: TraceEvent; readonly why: string } | undefined;
}

/** Each trace by itself, from genesis, event by event: spec/model/replay.qnt. */
export async function replay(traces: readonly Trace[]): Promise<ReplayVerdict[]> {
  const folder = await mkdtemp(join(tmpdir(), 'coppice-model-'));
  try {
    const file = join(folder, 'traces.qnt');
    const from = relative(folder, join(modelFolder, 'replay'));
    await writeFile(file, `module traces {\n  import replay.* from "${from}"\n${traces.map(runOf).join('')}}\n`);
    const { output } = await quint('test', [file, '--main=traces', '--max-samples=1']);
    const told = new Map(
      [...output.matchAll(/accepted: (\d+), refused: "([^"]*)", trace: (\d+)/g)].map(([, accepted, why, trace]) => [
        Number(trace),
        { accepted: Number(accepted), why: why! },
      ]),
    );
    return traces.map(({ events }, i) => {
      const verdict = told.get(i);
      if (verdict === undefined) throw new Error(`the model cannot read trace ${i}:\n${output.slice(-2000)}`);
      const { accepted, why } = verdict;
      const event = events[accepted];
      if ((event === undefined) !== (why === ''))
        throw new Error(`trace ${i}: ${accepted} of ${events.length}: ${why}`);
      return { accepted, refused: event === undefined ? undefined : { event, why } };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

function runOf({ slots, termMs, deadlineMs, events }: Trace, trace: number): string {
  const pieces: string[] = [];
  for (let i = 0; i < events.length; i += eventsPerPiece) {
    const lines = events.slice(i, i + eventsPerPiece).map((event) => `    ${textOf(event)},\n`);
    pieces.push(`  pure val piece${trace}_${pieces.length}: List[Step] = [\n${lines.join('')}  ]\n`);
  }
  const replays = pieces.map((_, i) => `    .then(replay(piece${trace}_${i}))\n`);
  return `
${pieces.join('')}  run trace${trace}Test = begin(${slots}, ${termMs}, ${deadlineMs})
${replays.join('')}    .then(tell(${trace}))
`;
}
