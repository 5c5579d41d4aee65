/**
 * The variants of a release: each program, on each runtime.
 */
import { type Runtime, runtimeMeasurement } from '@coppice/host';
import { toHex } from '@coppice/wire';
import { sha256 } from './canonical.ts';
import type { ReleaseVariant } from './manifest.ts';

export interface Program {
  /** Of its file. */
  readonly name: string;
  /** What it was diversified by; `null`: it is as the bundler made it. */
  readonly seed: string | null;
  readonly text: string;
}

export function programName(seed: string | null): string {
  return seed === null ? 'replica.mjs' : `replica-${seed}.mjs`;
}

/**
 * What is measured of a launch by the platforms whose launcher this project has. Others measure an image, of which a release
 * is a part: whoever makes the image knows their reference values.
 */
const measures: ReleaseVariant['measures'] = [
  { platform: 'simulated', of: ['release', 'runtime'] },
  { platform: 'tpm2', of: ['release', 'variant', 'runtime'] },
];

function idOf({ engineSettings, name }: Runtime, seed: string | null): string {
  const runtime = [name.replace('@', '-'), ...engineSettings].join('+');
  return seed === null ? runtime : `${runtime}_${seed}`;
}

/** All of them, in an order in which neighbours have neither program nor runtime in common, as far as there are others. */
export function variantsOf(programs: readonly Program[], runtimes: readonly Runtime[]): ReleaseVariant[] {
  const all = programs.length * runtimes.length;
  const round = all / commonDivisor(programs.length, runtimes.length);
  const digests = new Map(programs.map((program) => [program, sha256(program.text)]));
  return Array.from({ length: all }, (_, i) => {
    const program = programs[i % programs.length]!;
    // After a round, each program has met as many runtimes as it can by going on; then it begins with the next one.
    const runtime = runtimes[(i + Math.floor(i / round)) % runtimes.length]!;
    return {
      id: idOf(runtime, program.seed),
      program: program.name,
      sha256: digests.get(program)!,
      seed: program.seed,
      runtime: runtime.name,
      engineFamily: runtime.engineFamily,
      engineSettings: runtime.engineSettings,
      runtimeMeasurement: toHex(runtimeMeasurement(runtime)),
      cryptography: 'libsodium',
      measures,
    };
  });
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
