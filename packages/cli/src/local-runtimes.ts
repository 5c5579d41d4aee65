/**
 * What replicas of a local service are run by: variants of its release, one a runtime and settings of its engine.
 */
import {
  cryptographyNamed,
  type CryptographyName,
  findRuntime,
  installedRuntimes,
  type Runtime,
  RuntimeMissing,
} from '@coppice/host';
import { UserError } from './service-folder.ts';

/** Founders take turns among these; after that, the turns' challenges choose. */
export type LocalRuntimes = readonly [Runtime, ...Runtime[]];

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

/** Reads `libsodium,node-crypto`; by default what is there. */
export function parseCryptography(
  text: string | undefined,
  byDefault: readonly CryptographyName[],
): readonly CryptographyName[] {
  if (text === undefined) return byDefault;
  try {
    return text.split(',').map((one) => cryptographyNamed(one.trim()));
  } catch (error) {
    if (!(error instanceof RuntimeMissing)) throw error;
    throw new UserError(error.message);
  }
}
