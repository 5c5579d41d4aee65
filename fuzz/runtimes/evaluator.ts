/**
 * Runs on each runtime: loads scripts of services, executes their commands, and says what came of each. One JSON line in, one out.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { encodeOperation } from '@coppice/service';
import { loadService, lockdownRealm } from '@coppice/service/compartment';
import type { StateAccess } from '@coppice/service/runtime';
import { decodeResult, type PlainValue } from '@coppice/wire';
import { type Judged, type Job, lineOf } from './job.ts';
import { judgeInputs } from './inputs.ts';

lockdownRealm();

/** So that a runaway takes a tenth of a second and not one. */
const stepsMax = 60_000;
/** For tests of the comparison. */
const surplus = process.argv[2] === 'miscompute' ? 1 : 0;
const agreed = {
  caller: { id: 'alice', roles: ['clerk'] },
  time: 1_800_000_000_123,
  sequence: 1,
  seed: new Uint8Array(32).fill(7),
};

/** A map that remembers what was written, in order. */
class Recorded implements StateAccess {
  readonly writes: string[] = [];
  readonly #maps = new Map<string, Map<string, Uint8Array>>();

  #map(name: string): Map<string, Uint8Array> {
    const map = this.#maps.get(name) ?? new Map<string, Uint8Array>();
    this.#maps.set(name, map);
    return map;
  }

  get(map: string, key: string): Uint8Array | undefined {
    return this.#map(map).get(key);
  }

  set(map: string, key: string, value: Uint8Array): void {
    this.writes.push(`${map} ${Buffer.from(key, 'utf16le').toString('hex')} ${Buffer.from(value).toString('hex')}`);
    this.#map(map).set(key, value);
  }

  delete(map: string, key: string): void {
    this.writes.push(`${map} ${Buffer.from(key, 'utf16le').toString('hex')}`);
    this.#map(map).delete(key);
  }

  *entries(
    map: string,
    { from = '', to, prefix = '', reverse = false, limit = Infinity } = {} as {
      from?: string;
      to?: string;
      prefix?: string;
      reverse?: boolean;
      limit?: number;
    },
  ): Generator<[string, Uint8Array], undefined> {
    const entries = [...this.#map(map)]
      .filter(([key]) => key >= from && (to === undefined || key < to) && key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    if (reverse) entries.reverse();
    yield* entries.slice(0, limit);
    return undefined;
  }
}

function evaluate(script: string, inputs: readonly PlainValue[], whole: boolean): Judged[] {
  const runtime = loadService(script, { stepsMax });
  const names = runtime.describe().commands.map(({ name }) => name);
  names.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  return names.map((command): Judged => {
    const digest = createHash('sha256');
    const everything = inputs.map((input) => {
      const state = new Recorded();
      const executed = runtime.execute(state, { ...agreed, operation: encodeOperation({ command, input }) });
      const { result } = executed;
      const steps = executed.steps + surplus;
      digest.update(`${steps} `).update(result).update(state.writes.join());
      if (!whole) return undefined;
      const decoded = decodeResult(result);
      return { steps, outcome: decoded.ok ? decoded.value : decoded.reason, writes: state.writes };
    });
    return whole ? everything.filter((one) => one !== undefined) : digest.digest('hex').slice(0, 20);
  });
}

function answer(job: Job): readonly Judged[] | { readonly failed: string } {
  try {
    if (job.kind === 'inputs') return judgeInputs(job);
    return evaluate(readFileSync(job.file, 'utf8'), job.inputs, job.whole);
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(lineOf(answer(JSON.parse(line) as Job)));
});
