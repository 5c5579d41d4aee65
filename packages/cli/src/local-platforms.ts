/**
 * What replicas of a local service run on, and what a constitution has to say for it.
 *
 * None of it proves anything against the owner of the machine: all is for constitutions marked `development`.
 */
import type { ConstitutionSource } from '@coppice/governance';
import { type LaunchPlatform, softwareTpm, softwareTpmMissing } from '@coppice/host';
import { UserError } from './service-folder.ts';

export const localPlatformNames = ['simulated', 'tpm2'] as const;
export type LocalPlatform = (typeof localPlatformNames)[number];

/** Slots take turns among these. */
export type LocalPlatforms = readonly [LocalPlatform, ...LocalPlatform[]];

type PlatformSource = ConstitutionSource['policy']['platforms'][number];

const policies: Record<LocalPlatform, PlatformSource> = {
  simulated: { name: 'simulated', generations: [{ name: 'simulated' }] },
  // Its maker is the host, and nobody rates that.
  tpm2: { name: 'tpm2', generations: [{ name: 'unendorsed' }], statuses: ['unrated'] },
};

export function parseLocalPlatforms(names: readonly string[]): LocalPlatforms {
  const platforms = names.map((name) => {
    const known = localPlatformNames.find((one) => one === name);
    if (known === undefined)
      throw new UserError(`replicas of a local service run on ${localPlatformNames.join(' or ')}, not on ${name}`);
    return known;
  });
  const [first = 'simulated', ...others] = platforms;
  return [first, ...others];
}

/** Throws where this machine lacks something that the platforms need. */
export function requirePlatforms(platforms: LocalPlatforms): void {
  const missing = platforms.includes('tpm2') ? softwareTpmMissing() : undefined;
  if (missing !== undefined) throw new UserError(missing);
}

export function platformNameOf(platforms: LocalPlatforms, slot: number): LocalPlatform {
  return platforms[slot % platforms.length]!;
}

/** What the instance in a slot is launched on; `undefined`: the driver's own simulated one. */
export function platformOf(platforms: LocalPlatforms, slot: number): LaunchPlatform | undefined {
  return platformNameOf(platforms, slot) === 'tpm2' ? softwareTpm : undefined;
}

export function policiesOf(platforms: LocalPlatforms): PlatformSource[] {
  return [...new Set(platforms)].map((name) => policies[name]);
}

/** Whoever cannot show which chip it runs on is not asked for it. */
export function showChips(platforms: LocalPlatforms): boolean {
  return !platforms.includes('tpm2');
}
