/**
 * One of the fuzzer's processes: runs chunks that it is sent. Before each input it leaves the input in a file, so that whoever
 * watches knows what it was that never came back.
 */
import { openSync, writeSync } from 'node:fs';
import type { Failure } from './chunk.ts';
import { collect, runChunk } from './chunk.ts';
import { keptInputs, loadTargets } from './corpus.ts';
import type { Target } from './target.ts';

export interface Job {
  readonly target: string;
  readonly label: string;
  readonly count: number;
}

export interface JobResult {
  readonly target: string;
  readonly inputs: number;
  readonly accepted: number;
  readonly refused: number;
  readonly reasons: Record<string, number>;
  readonly failures: (Omit<Failure, 'input'> & { input: string })[];
  /** Bytes in use after a garbage collection. */
  readonly inUse: number;
}

const [, , folder, scratch] = process.argv;
const targets = new Map((await loadTargets(folder!)).map((target) => [target.name, target]));
const corpora = new Map<Target, readonly Uint8Array[]>();
const file = openSync(scratch!, 'w');
const head = Buffer.alloc(12);
let number = 0;

/** A number that grows with every input, its length, the input. */
function leave(input: Uint8Array): void {
  head.writeDoubleLE(++number, 0);
  head.writeUInt32LE(input.length, 8);
  writeSync(file, Buffer.concat([head, input]), 0, undefined, 0);
}

function corpusOf(target: Target): readonly Uint8Array[] {
  let corpus = corpora.get(target);
  if (corpus === undefined) {
    corpus = [...target.seeds(), ...keptInputs(target.name).map(({ input }) => input)];
    corpora.set(target, corpus);
  }
  return corpus;
}

process.on('message', ({ target: name, label, count }: Job) => {
  const target = targets.get(name)!;
  const { failures, ...result } = runChunk(target, corpusOf(target), label, count, leave);
  collect();
  const { heapUsed, external } = process.memoryUsage();
  const told = failures.map((failure) => ({ ...failure, input: Buffer.from(failure.input).toString('base64') }));
  process.send!({ target: name, ...result, failures: told, inUse: heapUsed + external } satisfies JobResult);
});
process.send!('ready');
