/**
 * What launches the replicas of a service on this machine, and whether a launch can be done here.
 */
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { LaunchData } from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import {
  CommandDriver,
  type Driver,
  findRuntime,
  ProcessDriver,
  type RunningInstance,
  RuntimeMissing,
  serviceOf,
} from '@coppice/host';
import { ReleaseError, type ReleaseStore } from '@coppice/release';
import { type Digest, toHex } from '@coppice/wire';
import { type LocalPlatforms, platformOf } from './local-platforms.ts';
import { ServiceFolder, UserError } from './service-folder.ts';

export interface LaunchingOptions {
  /** The operator's executable, with its first arguments, that launches instances; by default they are processes of this machine. */
  readonly driver?: readonly string[];
  /** What replicas run on, slot by slot and again from the first; by default all simulated. */
  readonly platforms?: LocalPlatforms;
  /** Wait for the disk before a nonce is revealed; default true. */
  readonly fsync?: boolean;
  /** Bytes of leaves of the state that each instance has in memory; by default all. */
  readonly stateCacheBytes?: number;
  /** Each instance hands its memory over upon SIGUSR2: to show what that is worth once it is evicted. */
  readonly breach?: boolean;
  /** Arguments of each replica's runtime, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
}

/** What launches the replicas of the service in a folder. */
export function driverOf(path: string, options: LaunchingOptions): Driver {
  const { breach, driver, fsync, nodeArguments, platforms = ['simulated'], stateCacheBytes } = options;
  const folder = new ServiceFolder(path);
  const launched = ({ release, variant }: LaunchData): ReturnType<ReleaseStore['variant']> =>
    folder.releases.variant(release, variant);
  const processes = new ProcessDriver({
    folder: path,
    programOf: (launch) => {
      const variant = launched(launch);
      if (variant === undefined) throw new UserError(missing(folder, launch, true)!);
      return variant.path;
    },
    runtimeOf: (launch) => {
      const variant = launched(launch);
      return variant && findRuntime(variant.runtime, variant.engineSettings, variant.cryptography);
    },
    platformOf: (slot) => platformOf(platforms, slot),
    ...(fsync === undefined ? {} : { fsync }),
    ...(stateCacheBytes === undefined ? {} : { stateCacheBytes }),
    ...(breach === undefined ? {} : { breach }),
    ...(nodeArguments === undefined ? {} : { nodeArguments }),
  });
  if (driver === undefined) return processes;
  return new CommandDriver({ folder: path, command: driver, before: processes, variantOf: launched });
}

/** What this host lacks for a launch, and what to do about it; `undefined`: nothing. `runsIt`: with runtimes of this machine. */
export function missing(
  { path, releases }: ServiceFolder,
  { release, variant }: LaunchData,
  runsIt: boolean,
): string | undefined {
  const digest = toHex(release);
  const add = `\`npx coppice release add FOLDER --folder ${path}\``;
  try {
    if (releases.find(release) === undefined)
      return `this host has no release ${digest}: ${add} puts one into ${releases.folder}`;
    const stored = releases.variant(release, variant);
    if (stored === undefined)
      return `the release ${digest} has no variant ${variant}: what members approved of it is not what its manifest says`;
    if (!existsSync(stored.path)) return `${stored.path} is gone: ${add} puts it back`;
    if (runsIt) findRuntime(stored.runtime, stored.engineSettings, stored.cryptography);
    return undefined;
  } catch (error) {
    if (error instanceof ReleaseError) return `${error.message}: ${add} puts it back`;
    if (error instanceof RuntimeMissing) return `variant ${variant} cannot be launched: ${error.message}`;
    throw error;
  }
}

/** An instance that runs, and its service: `undefined`, it says that it has none; `null`, it does not answer. */
interface Seen {
  readonly instance: RunningInstance;
  readonly service: Digest | undefined | null;
}

/** What runs of a folder: of what an operator's command launched, whatever answers, since only the operator knows more. */
async function seen(driver: Driver): Promise<Seen[]> {
  const all = driver.running().map(async (instance): Promise<Seen> => {
    return { instance, service: await serviceOf(nodeCryptography, instance).catch(() => null) };
  });
  return (await Promise.all(all)).filter(({ instance, service }) => instance.pid > 0 || service !== null);
}

/** Those of these instances that run. */
export async function runningOf(
  driver: Driver,
  instances: readonly RunningInstance[],
): Promise<readonly RunningInstance[]> {
  const running = new Set((await seen(driver)).map(({ instance }) => instance.instance));
  return instances.filter(({ instance }) => running.has(instance));
}

/**
 * Ends founders that a founding which was cut short left: they have no service. Throws where any other instance of the folder runs: what is
 * launched beside a living service would be taken for it.
 */
export async function requireNothingRuns(driver: Driver): Promise<void> {
  driver.endStarting();
  const running = await seen(driver);
  const left = running.filter(({ instance, service }) => instance.turn === 0 && service === undefined);
  const living = running.filter((one) => !left.includes(one)).map(({ instance }) => instance);
  if (living.length > 0)
    throw new UserError(
      `${living.length} instances of this folder run (${living.map(({ slot, turn }) => `slot ${slot}, turn ${turn}`).join('; ')}): a service is founded where none does. coppice host stop ends them for good`,
    );
  await end(
    driver,
    left.map(({ instance }) => instance),
  );
}

/** An operator's command may take longer, and ends them all the same. */
const endingMs = 60_000;

/** Ends instances. Throws where one is not gone after a while: it may live. */
export async function end(driver: Driver, instances: readonly RunningInstance[]): Promise<void> {
  for (const instance of instances) driver.destroy(instance);
  const left = (): RunningInstance[] =>
    driver.running().filter(({ instance }) => instances.some((one) => one.instance === instance));
  for (const until = Date.now() + endingMs; left().length > 0; await pause(20))
    if (Date.now() > until)
      throw new UserError(
        `not ended: ${left()
          .map(({ folder }) => folder)
          .join(', ')}. End these first, by whatever launched them`,
      );
}
