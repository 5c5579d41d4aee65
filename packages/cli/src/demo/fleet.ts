/**
 * Which program runs in which slot, and by what.
 */
import type { Release } from '@coppice/release';
import { type Configuration, type Digest, sameBytes } from '@coppice/wire';

export interface SeatedProgram {
  readonly slot: number;
  /** `name@version`. */
  readonly runtime: string;
  /** Its id in the release. */
  readonly variant: string;
  /** SHA-256 of what runs, in hexadecimal. */
  readonly program: string;
  readonly release: Digest;
}

/** As the configuration says and the release's manifest means it: both have been verified. */
export function seatedPrograms({ seats }: Configuration, { digest, manifest }: Release): SeatedProgram[] {
  return seats.flatMap(({ release, slot, variant: id }) => {
    const variant = manifest.variants.find((one) => one.id === id);
    if (variant === undefined || !sameBytes(release, digest)) return [];
    return [{ slot, runtime: variant.runtime, variant: id, program: variant.sha256, release }];
  });
}
