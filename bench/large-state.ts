/**
 * A large state by itself, in this process: what it costs to fill, to take checkpoints of, to read, to write to disk and to receive,
 * all in memory or with most of it on disk.
 *
 * It is the code of a replica, without agreement and ledger: so sizes can be measured that four replicas on one machine have no room for.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { nodeCryptography } from '@coppice/cryptography';
import { type Snapshot, State, StateTransfer } from '@coppice/state';
import { PageFile } from '@coppice/storage';
import type { Options } from './options.ts';
import { aligned, round } from './report.ts';

const mebibyte = 1024 * 1024;
/** What a batch writes; and batches from one checkpoint to the next. */
const batchBytes = mebibyte;
const checkpointBatches = 64;
const reads = 20_000;
/** As replicas ask and answer. */
const questionPaths = 512;
const answerBytes = 2 * mebibyte;
const map = 'filled';

interface Size {
  readonly mebibytes: number;
  readonly valueBytes: number;
}

export interface LargeState extends Size {
  /** Of pages, for each state; null: all. */
  readonly cacheMebibytes: number | null;
  readonly digest: string;
  readonly fillMebibytesPerSecond: number;
  /** The longest that one checkpoint took: a replica does nothing else meanwhile. */
  readonly checkpointMsMax: number;
  readonly randomReadMicros: number;
  readonly orderedReadMicros: number;
  /** All of a snapshot's chunks, and the longest that one of them took. */
  readonly writeMebibytesPerSecond: number;
  readonly chunkMsMax: number;
  readonly receiveMebibytesPerSecond: number;
  /** Parts that came while half of the state did; and those that were asked for when it went on with the next state, of which 1 % is new. */
  readonly partsOfHalf: number;
  readonly partsOfRest: number;
  /** What the one state is in memory, cache included, once the engine has collected what nobody needs. */
  readonly heldMebibytes: number;
  /** The most that this process took with one state, and with two. */
  readonly residentMebibytes: number;
  readonly residentMebibytesReceiving: number;
  /** With the first state's pages. */
  readonly fileMebibytes: number;
}

export async function measureLargeState(
  { stateCacheBytes }: Options,
  size: Size,
  say: (line: string) => void,
): Promise<{ readonly state: LargeState }> {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-bench-'));
  const files: PageFile[] = [];
  const pages = (): PageFile | undefined => {
    if (stateCacheBytes === undefined) return undefined;
    const onFailure = (error: Error): void => say(error.message);
    files.push(new PageFile(folder, { cacheBytes: stateCacheBytes, onFailure }));
    return files.at(-1);
  };
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 100);
  try {
    const state = new State(nodeCryptography, undefined, pages());
    const filling = await fill(state, size, say);
    const snapshot = state.snapshot();
    const single = { ...filling, ...readFrom(snapshot, size), ...(await writeOut(snapshot, size)) };
    const residentMebibytes = round(most / mebibyte, 0);
    const receiving = await receive(state, snapshot, pages(), size, say);
    const result: LargeState = {
      ...size,
      cacheMebibytes: stateCacheBytes === undefined ? null : stateCacheBytes / mebibyte,
      digest: Buffer.from(snapshot.digest.subarray(0, 8)).toString('hex'),
      ...single,
      ...receiving,
      residentMebibytes,
      residentMebibytesReceiving: round(most / mebibyte, 0),
      fileMebibytes: round((files[0]?.bytes ?? 0) / mebibyte, 0),
    };
    say(`\n${aligned(Object.entries(result).map(([name, value]) => [name, String(value)]))}`);
    return { state: result };
  } finally {
    clearInterval(timer);
    for (const file of files) file.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Values of so many keys, from `from` on, that a batch has. */
function write(state: State, from: number, to: number, valueBytes: number, content: number): void {
  const transaction = state.begin().transaction();
  for (let i = from; i < to; i++) transaction.set(map, `key-${i}`, new Uint8Array(valueBytes).fill(i + content));
  transaction.commit();
  state.fold();
}

async function fill(
  state: State,
  { mebibytes, valueBytes }: Size,
  say: (line: string) => void,
): Promise<Pick<LargeState, 'fillMebibytesPerSecond' | 'checkpointMsMax' | 'heldMebibytes'>> {
  const heldBefore = await held();
  const values = Math.floor((mebibytes * mebibyte) / valueBytes);
  const each = Math.max(1, Math.floor(batchBytes / valueBytes));
  const started = performance.now();
  let checkpointMsMax = 0;
  for (let from = 0, batch = 1; from < values; from += each, batch++) {
    write(state, from, Math.min(from + each, values), valueBytes, 0);
    if (batch % checkpointBatches === 0) {
      const began = performance.now();
      state.snapshot();
      checkpointMsMax = Math.max(checkpointMsMax, performance.now() - began);
    }
    if (batch % 128 === 0 || from + each >= values)
      say(`${batch} of ${mebibytes} MiB are filled in, and ${(await held()) - heldBefore} MiB in memory`);
    await breathe();
  }
  return {
    fillMebibytesPerSecond: rate(mebibytes, started),
    checkpointMsMax: round(checkpointMsMax, 0),
    heldMebibytes: (await held()) - heldBefore,
  };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Of the heap and its buffers. What is found unused in one pass lets go of more in the next, and buffers are freed beside them. */
async function held(): Promise<number> {
  for (let pass = 0; pass < 4; pass++) {
    collect();
    await sleep(50);
  }
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return round((heapUsed + arrayBuffers) / mebibyte, 0);
}

function readFrom(
  { view }: Snapshot,
  { mebibytes, valueBytes }: Size,
): Pick<LargeState, 'randomReadMicros' | 'orderedReadMicros'> {
  const values = Math.floor((mebibytes * mebibyte) / valueBytes);
  const micros = (started: number): number => round((1000 * (performance.now() - started)) / reads, 1);
  let started = performance.now();
  // A stride that meets all of them, in no order of theirs.
  for (let i = 0; i < reads; i++) view.get(map, `key-${(i * 7919) % values}`);
  const randomReadMicros = micros(started);
  started = performance.now();
  for (const [key] of view.entries(map, { limit: reads })) if (key === '') break;
  return { randomReadMicros, orderedReadMicros: micros(started) };
}

async function writeOut(
  snapshot: Snapshot,
  { mebibytes }: Size,
): Promise<Pick<LargeState, 'writeMebibytesPerSecond' | 'chunkMsMax'>> {
  const started = performance.now();
  let before = started;
  let chunkMsMax = 0;
  for (const chunk of snapshot.chunks(mebibyte)) {
    if (chunk.length > 0) chunkMsMax = Math.max(chunkMsMax, performance.now() - before);
    await breathe();
    before = performance.now();
  }
  return { writeMebibytesPerSecond: rate(mebibytes, started), chunkMsMax: round(chunkMsMax, 0) };
}

/** Receives the snapshot, and, when half of it has come, what the state is by then. */
async function receive(
  state: State,
  snapshot: Snapshot,
  pages: PageFile | undefined,
  { mebibytes, valueBytes }: Size,
  say: (line: string) => void,
): Promise<Pick<LargeState, 'receiveMebibytesPerSecond' | 'partsOfHalf' | 'partsOfRest'>> {
  const started = performance.now();
  let transfer = StateTransfer.begin(nodeCryptography, snapshot.digest, undefined, pages);
  const take = async (from: Snapshot, until: number): Promise<number> => {
    while (!transfer.complete && transfer.progress.share < until) {
      const paths = transfer.wanted(questionPaths);
      const answered = new Set<string>();
      for (const { path, bytes } of from.answer(paths, answerBytes)) {
        answered.add(path);
        const accepted = transfer.accept(path, bytes);
        if (!accepted.ok) throw new Error(`a part was refused: ${accepted.reason}`);
      }
      for (const path of paths) if (!answered.has(path)) transfer.lost(path);
      await breathe();
    }
    return transfer.progress.done;
  };
  const partsOfHalf = await take(snapshot, 0.5);
  say('half of it has been received');
  write(state, 0, Math.ceil((mebibytes * mebibyte) / valueBytes / 100), Math.min(valueBytes, 1024), 1);
  const later = state.snapshot();
  transfer = transfer.instead(later.digest);
  const partsOfRest = await take(later, Infinity);
  const received = transfer.finish();
  if (received.rehash(0, 64) !== undefined) throw new Error('what was received is not what it should be');
  return { receiveMebibytesPerSecond: rate(mebibytes, started), partsOfHalf, partsOfRest };
}

function rate(mebibytes: number, started: number): number {
  return round((1000 * mebibytes) / (performance.now() - started), 1);
}
