/**
 * Which program runs in which slot, and by what.
 */
import type { ReleaseStore } from '@coppice/release';
import type { Configuration, Digest } from '@coppice/wire';

export interface SeatedProgram {
  readonly slot: number;
  /** `name@version`. */
  readonly runtime: string;
  /** What it verifies signatures with. */
  readonly cryptography: string;
  /** Its id in the release. */
  readonly variant: string;
  /** SHA-256 of what runs, in hexadecimal. */
  readonly program: string;
  readonly release: Digest;
}

/** As the configuration says and the release's manifest means it: both have been verified. */
export function seatedPrograms({ seats }: Configuration, releases: ReleaseStore): SeatedProgram[] {
  return seats.flatMap(({ release, slot, variant: id }) => {
    const variant = releases.variant(release, id);
    if (variant === undefined) return [];
    const { cryptography, runtime, sha256: program } = variant;
    return [{ slot, runtime, cryptography, variant: id, program, release }];
  });
}
