/**
 * What it costs that instances join a service whose state is large: N MiB are filled in, then one slot after the other is turned
 * under load. The second newcomer may be given its log by one that was a newcomer itself.
 *
 * A newcomer's journal says how long it received what, the system how much memory each process took.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@coppice/client';
import { LocalService } from '@coppice/cli';
import type { Driver, RunningInstance } from '@coppice/host';
import { encodeOperation } from '@coppice/service';
import { decodeResult } from '@coppice/wire';
import { type Load, type Window } from './load.ts';
import type { Options } from './options.ts';
import { aligned, type Result, resultOf, round } from './report.ts';
import type { SubjectProcess } from './subject-process.ts';
import { turnOldest } from './turns.ts';

const mebibyte = 1024 * 1024;
/** What one command writes: a write set holds some more. */
const fillBytes = mebibyte;
const fillsOutstanding = 4;
const turnMsMax = 60 * 60_000;
const sampleMs = 250;

interface Filling {
  readonly seconds: number;
  readonly mebibytesPerSecond: number;
}

interface Joined {
  /** From a member's asking for the turn to the swap. */
  readonly turnMs: number;
  /** From the offer of a snapshot to the state's being in place. */
  readonly transferMs: number;
  readonly mebibytesPerSecond: number;
  readonly parts: number;
  /** From there on until the log before it was in place, too. */
  readonly historyMs: number;
  /** Throughput while the turn lasted, over that of the window before it. */
  readonly ratio: number;
  /** The slowest answer meanwhile. */
  readonly maxMs: number;
  readonly newcomerMebibytes: number;
  /** The most that one of those that serve took meanwhile. */
  readonly incumbentMebibytes: number;
}

export interface TransferDocument {
  readonly results: readonly Result[];
  readonly transfer: { readonly mebibytes: number; readonly valueBytes: number; filling: Filling; turns: Joined[] };
}

export async function measureTransfer(
  subject: { readonly folder: string; readonly process: SubjectProcess },
  { clients, fsync, heatMs, loads, rounds, windowMs }: Options,
  state: { readonly mebibytes: number; readonly valueBytes: number },
  say: (line: string) => void,
): Promise<TransferDocument> {
  const load: Load = loads.at(-1)!;
  const local = LocalService.open(subject.folder, { fsync });
  const signer = local.folder.key('members', 'member-1');
  const member = await local.connect(signer);
  const filling = await fill(member, state, say);
  local.startHost();
  const memory = new MemoryWatch(local.driver);
  const windows: Record<'steady' | 'turning' | 'after', Window[]> = { steady: [], turning: [], after: [] };
  const turns: Joined[] = [];
  try {
    await subject.process.start(load, heatMs);
    for (let i = 0; i < rounds; i++) {
      const before = new Set(local.driver.running().map(({ folder }) => folder));
      const steady = await subject.process.window(windowMs);
      memory.begin();
      const turning = await subject.process.window(turnOldest(member, signer, turnMsMax));
      const newcomer = local.driver.running().find(({ folder }) => !before.has(folder));
      if (newcomer === undefined) throw new Error('a turn ended, and nobody was launched');
      const joined = joinedOf(newcomer, state.mebibytes, steady, turning, memory.end(newcomer));
      turns.push(joined);
      windows.steady.push(steady);
      windows.turning.push(turning);
      windows.after.push(await subject.process.window(windowMs));
      say(`turn ${i + 1} of ${rounds}: ${JSON.stringify(joined)}`);
    }
    await subject.process.stop();
  } finally {
    memory.stop();
    member.close();
    await local.stopHost();
  }
  const what = { ...load, fsync, clients };
  const results = (['steady', 'turning', 'after'] as const).map((name) =>
    resultOf({ subject: name, ...what }, windows[name]),
  );
  say(`\n${tableOf(turns)}`);
  return { results, transfer: { ...state, filling, turns } };
}

/** Writes so much state that its values alone take `mebibytes`. */
async function fill(
  client: Client,
  { mebibytes, valueBytes }: { readonly mebibytes: number; readonly valueBytes: number },
  say: (line: string) => void,
): Promise<Filling> {
  const values = Math.ceil((mebibytes * mebibyte) / valueBytes);
  const each = Math.max(1, Math.floor(fillBytes / valueBytes));
  const started = performance.now();
  let next = 0;
  let said = started;
  const loop = async (): Promise<void> => {
    while (next < values) {
      const from = next;
      next += each;
      const input = { from, count: Math.min(each, values - from), bytes: valueBytes };
      const { result } = await client.submit({
        target: 'service',
        payload: encodeOperation({ command: 'fill', input }),
      });
      const decoded = decodeResult(result);
      if (!decoded.ok || !decoded.value.ok) throw new Error(`a fill was refused: ${JSON.stringify(decoded)}`);
      if (performance.now() - said < 10_000) continue;
      said = performance.now();
      say(`${Math.round((from * valueBytes) / mebibyte)} of ${mebibytes} MiB are filled in`);
    }
  };
  await Promise.all(Array.from({ length: fillsOutstanding }, loop));
  const seconds = (performance.now() - started) / 1000;
  const filling = { seconds: round(seconds, 1), mebibytesPerSecond: round(mebibytes / seconds, 1) };
  say(`${mebibytes} MiB in ${values} values filled in within ${filling.seconds} s`);
  return filling;
}

interface JournalLine {
  readonly time: string;
  readonly event: string;
  readonly ms?: number;
  readonly parts?: number;
}

function joinedOf(
  { folder }: RunningInstance,
  mebibytes: number,
  steady: Window,
  turning: Window,
  memory: Pick<Joined, 'newcomerMebibytes' | 'incumbentMebibytes'>,
): Joined {
  const journal = readFileSync(join(folder, 'node.log'), 'utf8').trimEnd().split('\n');
  const lines = journal.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as JournalLine);
  const installed = lines.find(({ event }) => event === 'installed');
  const complete = lines.findLast(({ event }) => event === 'history-complete');
  if (installed?.ms === undefined || complete === undefined)
    throw new Error(`${folder} joined without a state, or without the log before it`);
  const speed = (window: Window): number => window.operations / window.seconds;
  return {
    turnMs: round(1000 * turning.seconds, 0),
    transferMs: installed.ms,
    mebibytesPerSecond: round((1000 * mebibytes) / installed.ms, 1),
    parts: installed.parts ?? 0,
    historyMs: Date.parse(complete.time) - Date.parse(installed.time),
    ratio: round(speed(turning) / speed(steady), 3),
    maxMs: round(turning.maxMs, 0),
    ...memory,
  };
}

function tableOf(turns: readonly Joined[]): string {
  return aligned([
    ['turn ms', 'state ms', 'MiB/s', 'parts', 'log ms', 'ratio', 'slowest ms', 'newcomer MiB', 'incumbent MiB'],
    ...turns.map((one) =>
      [
        one.turnMs,
        one.transferMs,
        one.mebibytesPerSecond,
        one.parts,
        one.historyMs,
        one.ratio,
        one.maxMs,
        one.newcomerMebibytes,
        one.incumbentMebibytes,
      ].map(String),
    ),
  ]);
}

/** The most memory that each instance takes, looked at again and again. */
class MemoryWatch {
  readonly #timer: NodeJS.Timeout;
  #most = new Map<string, number>();

  constructor(driver: Driver) {
    this.#timer = setInterval(() => {
      for (const { folder, pid } of driver.running())
        this.#most.set(folder, Math.max(this.#most.get(folder) ?? 0, residentMebibytes(pid)));
    }, sampleMs);
  }

  begin(): void {
    this.#most = new Map();
  }

  end(newcomer: RunningInstance): Pick<Joined, 'newcomerMebibytes' | 'incumbentMebibytes'> {
    const others = [...this.#most].filter(([folder]) => folder !== newcomer.folder).map(([, most]) => most);
    return { newcomerMebibytes: this.#most.get(newcomer.folder) ?? 0, incumbentMebibytes: Math.max(0, ...others) };
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function residentMebibytes(pid: number): number {
  try {
    return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}
