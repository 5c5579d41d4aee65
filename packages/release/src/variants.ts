/**
 * The variants of a release: each program, on each runtime, with each cryptography.
 */
import { type CryptographyName, findRuntime, type Runtime, runtimeMeasurement } from '@coppice/host';
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

function idOf({ cryptography, engineSettings, name }: Runtime, seed: string | null): string {
  const runtime = [
    name.replace('@', '-'),
    ...engineSettings,
    ...(cryptography === 'libsodium' ? [] : [cryptography]),
  ].join('+');
  return seed === null ? runtime : `${runtime}_${seed}`;
}

/** Each with each, in an order in which neighbours have neither in common, as far as there are others. */
function pairs<A, B>(ones: readonly A[], others: readonly B[]): (readonly [A, B])[] {
  const all = ones.length * others.length;
  const round = all / commonDivisor(ones.length, others.length);
  // After a round, each one has met as many of the others as it can by going on; then it begins with the next.
  return Array.from({ length: all }, (_, i) => [
    ones[i % ones.length]!,
    others[(i + Math.floor(i / round)) % others.length]!,
  ]);
}

/** The runtimes, each with each cryptography. */
export function launchesOf(runtimes: readonly Runtime[], cryptography: readonly CryptographyName[]): Runtime[] {
  return pairs(runtimes, cryptography).map(([{ engineSettings, name }, provider]) =>
    findRuntime(name, engineSettings, provider),
  );
}

/** Neighbours have neither program nor runtime in common, as far as there are others. */
export function variantsOf(programs: readonly Program[], launches: readonly Runtime[]): ReleaseVariant[] {
  const digests = new Map(programs.map((program) => [program, sha256(program.text)]));
  return pairs(programs, launches).map(([program, runtime]) => {
    return {
      id: idOf(runtime, program.seed),
      program: program.name,
      sha256: digests.get(program)!,
      seed: program.seed,
      runtime: runtime.name,
      engineFamily: runtime.engineFamily,
      engineSettings: runtime.engineSettings,
      runtimeMeasurement: toHex(runtimeMeasurement(runtime)),
      cryptography: runtime.cryptography,
      measures,
    };
  });
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
