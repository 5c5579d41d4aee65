/**
 * What replicas of a local service are run by: variants of its release, one a runtime and settings of its engine.
 */
import {
  allRuntimesInstalled,
  cryptographyNamed,
  type CryptographyName,
  findRuntime,
  installedRuntimes,
  installRuntimes,
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
 * Reads `bun@1.4.5,node@24.21.0+jitless,deno`: names of runtimes with their version, or without where only one is here or it is that of
 * this program, and settings of their engines.
 */
export function parseLocalRuntimes(text: string | undefined): LocalRuntimes {
  if (text === undefined) return ownRuntime();
  const here = installedRuntimes();
  const [first, ...others] = text.split(',').map((one) => {
    const [asked = '', ...settings] = one.trim().split('+');
    const all = here.filter(({ name }) => name.startsWith(`${asked}@`));
    // The first is that of this program.
    const named = all.includes(here[0]!) ? [here[0]!] : all;
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

/** Every runtime of this project, installed first if need be; the runtime of this program where that cannot be done. */
export function everyRuntime(say: (line: string) => void): LocalRuntimes {
  if (!allRuntimesInstalled()) {
    say('Installing the runtimes that replicas run on, half a gigabyte, once (--runtimes node does without) …');
    try {
      installRuntimes();
    } catch (error) {
      if (!(error instanceof RuntimeMissing)) throw error;
      say(`  ${error.message}: every replica runs on ${ownRuntime()[0].name}`);
      return ownRuntime();
    }
  }
  const [first, ...others] = installedRuntimes();
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
