/**
 * A chunk of inputs for one target: made, run, judged. The same label gives the same inputs, on whichever core.
 *
 * What is new is kept for the rest of the chunk: an input that is refused for a reason that none before it was refused for got
 * further than they did, and so may what is made of it.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Random } from '../packages/simulator/src/random.ts';
import { makeInput } from './make-input.ts';
import { Broken, kindOfReason, type Target } from './target.ts';

/** Milliseconds for one input, three times in a row: far above what any parser needs for 128 KiB. */
const msMax = 250;
/** Bytes that one input may make a parser allocate: so many, and so many for each of its own. */
const allocationMax = 48 * 1024 * 1024;
const allocationPerByte = 512;
const poolMax = 400;

export interface Failure {
  readonly kind: 'throws' | 'broken' | 'slow' | 'memory';
  readonly message: string;
  readonly input: Uint8Array;
}

export interface ChunkResult {
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  /** Refusals by reason, without what differs from one to the next. */
  readonly reasons: Record<string, number>;
  readonly failures: Failure[];
}

/** `before` is told each input before it is run: whoever watches knows it if nothing comes back. */
export function runChunk(
  target: Target,
  corpus: readonly Uint8Array[],
  label: string,
  count: number,
  before: (input: Uint8Array) => void = () => {},
): ChunkResult {
  const random = new Random(label);
  // Copies, and no Buffers: their `slice` shares memory, and a change would change what it was made of.
  const pool = corpus.map((input) => new Uint8Array(input));
  const failures: Failure[] = [];
  const reasons: Record<string, number> = {};
  let accepted = 0;
  for (let i = 0; i < count; i++) {
    const input = makeInput(target, pool, random);
    before(input);
    const judged = runInput(target, input);
    if (typeof judged === 'object') {
      failures.push(judged);
      continue;
    }
    const kind = judged === undefined ? 'accepted' : kindOfReason(judged);
    if (judged === undefined) accepted += 1;
    if (reasons[kind] === undefined && pool.length < poolMax) pool.push(input.slice());
    reasons[kind] = (reasons[kind] ?? 0) + 1;
  }
  delete reasons['accepted'];
  return { inputs: count, accepted, refused: count - accepted - failures.length, reasons, failures };
}

/** What became of one input: accepted (`undefined`), the reason for its refusal, or what it broke. */
export function runInput(target: Target, input: Uint8Array): string | undefined | Failure {
  const first = measured(target, input);
  if (typeof first.outcome === 'object') return first.outcome;
  if (first.ms > msMax) {
    // Once may be the machine's fault.
    const least = Math.min(...[1, 2, 3].map(() => processorMs(target, input)));
    if (least > msMax) return { kind: 'slow', message: `${Math.round(least)} ms for ${input.length} bytes`, input };
  }
  const bound = allocationMax + allocationPerByte * input.length;
  if (first.allocated > bound) {
    // What others left may have been counted, or taken off.
    collect();
    const again = measured(target, input).allocated;
    if (again > bound) {
      const message = `${Math.round(again / 1024 / 1024)} MiB allocated for ${input.length} bytes`;
      return { kind: 'memory', message, input };
    }
  }
  return first.outcome;
}

/** Time of the processor: other processes take none of it. */
function processorMs(target: Target, input: Uint8Array): number {
  const before = process.cpuUsage();
  measured(target, input);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function measured(
  target: Target,
  input: Uint8Array,
): { outcome: string | undefined | Failure; ms: number; allocated: number } {
  const heap = heapBytes();
  const start = performance.now();
  let outcome: string | undefined | Failure;
  try {
    // A copy: nobody may keep a view of it, or change it.
    outcome = target.run(new Uint8Array(input));
  } catch (error) {
    const kind = error instanceof Broken ? 'broken' : 'throws';
    outcome = { kind, message: error instanceof Error ? (error.stack ?? error.message) : String(error), input };
  }
  return { outcome, ms: performance.now() - start, allocated: heapBytes() - heap };
}

/** A garbage collection, now. */
export const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

function heapBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
