/**
 * What replicas of a local service are run by: variants of its release, one a runtime and settings of its engine.
 */
import type { LaunchData } from '@coppice/attestation';
import type { ConstitutionSource } from '@coppice/governance';
import { findRuntime, installedRuntimes, type Runtime, RuntimeMissing } from '@coppice/host';
import { toHex } from '@coppice/wire';
import { UserError } from './service-folder.ts';

/** Founders take turns among these; after that, the turns' challenges choose. */
export type LocalRuntimes = readonly [Runtime, ...Runtime[]];

type VariantSource = ConstitutionSource['releases'][number]['variants'][number];

/** The runtime that this program runs on. */
export function ownRuntime(): LocalRuntimes {
  return [installedRuntimes()[0]!];
}

/**
 * Reads `bun@1.4.5,node@24.21.0+jitless,deno`: names of runtimes with their version, or without where only one is here, and
 * settings of their engines.
 */
export function parseLocalRuntimes(text: string | undefined): LocalRuntimes {
  if (text === undefined) return ownRuntime();
  const here = installedRuntimes();
  const [first, ...others] = text.split(',').map((one) => {
    const [asked = '', ...settings] = one.trim().split('+');
    const named = here.filter(({ name }) => name.startsWith(`${asked}@`));
    if (named.length > 1) throw new UserError(`which ${asked}? ${named.map(({ name }) => name).join(', ')} are here`);
    try {
      return findRuntime(named[0]?.name ?? asked, settings);
    } catch (error) {
      if (!(error instanceof RuntimeMissing)) throw error;
      throw new UserError(`${error.message} (node scripts/runtimes.ts installs the others)`);
    }
  });
  return [first!, ...others];
}

/** What the constitution, as JSON, says of the variant that is launched. */
export function variantLaunched(constitution: unknown, { release, variant }: LaunchData): VariantSource | undefined {
  const { releases } = constitution as {
    readonly releases: readonly { readonly digest: string; readonly variants: readonly VariantSource[] }[];
  };
  return releases.find(({ digest }) => digest === toHex(release))?.variants.find(({ id }) => id === variant);
}
