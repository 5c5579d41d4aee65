/**
 * A whole service on this machine: members, release, genesis, replicas as real processes, the host that runs their turns.
 *
 * What `coppice dev`, the demo, the bench and the end-to-end tests have in common.
 */
import { resolve } from 'node:path';
import { Client, type ClientOptions } from '@coppice/client';
import { type KeyedSigner, newSigner, nodeCryptography } from '@coppice/cryptography';
import { type Constitution, type ConstitutionSource, parseConstitution } from '@coppice/governance';
import {
  type CryptographyName,
  type Driver,
  found,
  Host,
  type HostEvent,
  ProcessDriver,
  type RunningInstance,
} from '@coppice/host';
import { entryFor, type Release, ReleaseError, type ReleaseStore, scriptsOf } from '@coppice/release';
import { encode, type Digest, fromHex, genesisDocumentCodec, toHex } from '@coppice/wire';
import { driverOf, type LaunchingOptions, missing, requireNothingRuns } from './local-driver.ts';
import {
  type LocalPlatforms,
  parseLocalPlatforms,
  policiesOf,
  requirePlatforms,
  showChips,
} from './local-platforms.ts';
import { type LocalRuntimes, ownRuntime } from './local-runtimes.ts';
import { ServiceFolder, UserError } from './service-folder.ts';

export interface FoundingOptions extends LaunchingOptions {
  /** Module whose default export is the service. */
  readonly serviceFile: string;
  /** The folder of a release that was built of it before, with whatever runtimes, cryptography and seeds; default: one is built. */
  readonly release?: string;
  /** That of its next version: a release of it is built, too, before anything runs, for members to approve. */
  readonly nextServiceFile?: string;
  readonly name: string;
  readonly slots?: number;
  readonly members?: number;
  /** Whom the ledgers are encrypted to, with keys made here; default 1. None: they are written in the clear. */
  readonly auditors?: number;
  /** Members that it takes to open the ledgers without any auditor: each gets a key of recovery. */
  readonly recoveryThreshold?: number;
  /** Fields of the policy that differ from those of a local service. */
  readonly policy?: Partial<ConstitutionSource['policy']>;
  /** What replicas are run by, slot by slot and again from the first; by default the runtime of this program. */
  readonly runtimes?: LocalRuntimes;
  /** What replicas verify signatures with, likewise. */
  readonly cryptography?: readonly CryptographyName[];
  /** What programs are diversified by; founders take turns among these, and one that is not diversified. */
  readonly seeds?: readonly string[];
  readonly onStep?: (step: string) => void;
}

/** What proves nothing may be shared by everything: only under `development`. */
export function developmentPolicy(
  slots: number,
  platforms: LocalPlatforms = ['simulated'],
): ConstitutionSource['policy'] {
  return {
    recoveryPeriodMs: 24 * 3600 * 1000,
    heartbeatMs: 200,
    viewTimeoutMs: 800,
    platforms: policiesOf(platforms),
    caps: {
      ...{ platform: slots, provider: slots, engineFamily: slots, variant: slots },
      ...(showChips(platforms) ? {} : { chip: slots }),
    },
  };
}

export class LocalService {
  readonly folder: ServiceFolder;
  readonly driver: Driver;
  readonly service: Digest;
  readonly release: Digest;
  /** The release of the next version, if one was built. */
  readonly next: Release | undefined;
  readonly #epochKeys: number;
  #host: Host | undefined;
  #hosting: Promise<void> | undefined;

  private constructor(
    folder: ServiceFolder,
    driver: Driver,
    service: Digest,
    release: Digest,
    epochKeys: number,
    next?: Release,
  ) {
    this.folder = folder;
    this.driver = driver;
    this.service = service;
    this.release = release;
    this.#epochKeys = epochKeys;
    this.next = next;
  }

  /** Founds a service in `path`, with keys for all members, and leaves its replicas running. */
  static async found(where: string, options: FoundingOptions): Promise<LocalService> {
    const path = resolve(where);
    const folder = new ServiceFolder(path);
    if (folder.founded) throw new UserError(`${path} holds a service already`);
    const { auditors = 1, members = 3, onStep = () => undefined, platforms = ['simulated'], slots = 4 } = options;
    requirePlatforms(platforms);
    const driver = driverOf(path, options);
    await requireNothingRuns(driver);
    const release = await buildLocalRelease(options, folder);
    onStep(`release built: ${toHex(release.digest)}`);
    const signers = Array.from({ length: members }, (_, i) => ({
      name: `member-${i + 1}`,
      signer: folder.key('members', `member-${i + 1}`),
    }));
    const next = await buildNextRelease(options, folder, release, signers[0]?.signer);
    if (next !== undefined) onStep(`next release built: ${toHex(next.digest)}`);
    const readers = Array.from({ length: auditors }, (_, i) => {
      const name = `auditor-${i + 1}`;
      return { name, key: toHex(folder.auditorKey(name).publicKey) };
    });
    const { recoveryThreshold } = options;
    const source = {
      ...sourceOf(options, slots, release, signers),
      ...(readers.length > 0 && { auditors: readers }),
      ...(recoveryThreshold !== undefined && { recovery: recoveryOf(folder, recoveryThreshold, signers) }),
    };
    const constitution = constitutionOf(source);
    folder.write('constitution.json', `${JSON.stringify(source, undefined, 2)}\n`);
    const founded = await found(
      nodeCryptography,
      driver,
      constitution,
      signers.map(({ signer }) => signer),
      onStep,
    ).catch((error: unknown) => {
      throw error instanceof Error ? new UserError(`the service was not founded: ${error.message}`) : error;
    });
    folder.write('genesis.bin', encode(genesisDocumentCodec, founded.document));
    folder.writeService({
      service: toHex(founded.service),
      release: toHex(release.digest),
      addresses: founded.instances.map((instance) => instance.clientAddress),
      development: constitution.development,
      slots,
      epochKeys: constitution.policy.epochKeys,
      platforms,
      ...(options.stateCacheBytes === undefined ? {} : { stateCacheBytes: options.stateCacheBytes }),
    });
    return new LocalService(folder, driver, founded.service, release.digest, constitution.policy.epochKeys, next);
  }

  /** The service that was founded in `path`. */
  static open(where: string, options: Omit<LaunchingOptions, 'platforms' | 'stateCacheBytes'> = {}): LocalService {
    const path = resolve(where);
    const folder = new ServiceFolder(path);
    const { epochKeys, platforms, release, service, stateCacheBytes } = folder.readService();
    return new LocalService(
      folder,
      driverOf(path, {
        ...options,
        ...(stateCacheBytes === undefined ? {} : { stateCacheBytes }),
        platforms: parseLocalPlatforms(platforms ?? []),
      }),
      fromHex(service)!,
      fromHex(release)!,
      epochKeys,
    );
  }

  /** Launches instances for turns from now on. */
  startHost(onEvent: (event: HostEvent) => void = () => undefined): void {
    this.#host = new Host({
      cryptography: nodeCryptography,
      driver: this.driver,
      service: this.service,
      epochKeys: this.#epochKeys,
      missing: (launch) => missing(this.folder, launch, this.driver instanceof ProcessDriver),
      onEvent,
    });
    this.#hosting = this.#host.run();
  }

  async stopHost(): Promise<void> {
    this.#host?.stop();
    await this.#hosting;
  }

  /** Client doors of the replicas that run now, and those of the founders. */
  addresses(): string[] {
    const running = this.driver.running().map((instance) => instance.clientAddress);
    return [...new Set([...running, ...this.folder.readService().addresses])];
  }

  connect(signer: KeyedSigner = newSigner(), options: Partial<ClientOptions> = {}): Promise<Client> {
    return Client.connect({
      service: this.service,
      addresses: this.addresses(),
      signer,
      cryptography: nodeCryptography,
      ...options,
    });
  }

  /** Ends every replica at once: the service cannot go on afterwards. */
  async destroy(): Promise<void> {
    await this.stopHost();
    for (const instance of this.driver.running()) this.driver.destroy(instance);
  }

  /** The running instance that sits in `slot`, by the newest configuration that `client` can prove. */
  instanceIn(client: Client, slot: number): RunningInstance | undefined {
    const seat = client.chain.configuration.seats.find((one) => one.slot === slot);
    return seat && this.driver.running().find((instance) => instance.instance === toHex(seat.instance));
  }
}

/** Has any `threshold` of these members open files together, each with a key that is made for it. */
function recoveryOf(folder: ServiceFolder, threshold: number, members: readonly Member[]) {
  const keys = members.map(({ name, signer }) => ({
    member: toHex(signer.publicKey),
    key: toHex(folder.recoveryKey(name).publicKey),
  }));
  return { threshold, keys };
}

type Member = { readonly name: string; readonly signer: KeyedSigner };

function constitutionOf(source: object): Constitution {
  const parsed = parseConstitution(source);
  if (parsed.ok) return parsed.value;
  throw new UserError(
    `the constitution does not hold:\n${parsed.problems.map(({ path, reason }) => `  ${path}: ${reason}`).join('\n')}`,
  );
}

function sourceOf(
  { name, platforms = ['simulated'], policy }: FoundingOptions,
  slots: number,
  release: Release,
  members: readonly Member[],
) {
  return {
    format: 1,
    name,
    slots,
    development: true,
    members: members.map((member) => ({ name: member.name, key: toHex(member.signer.publicKey) })),
    clients: 'open',
    service: { name, version: release.manifest.service.version },
    releases: [entryFor(release, new Set<string>(platforms))],
    policy: { ...developmentPolicy(slots, platforms), ...policy },
  };
}

async function buildLocalRelease(
  { cryptography = ['libsodium'], release, runtimes = ownRuntime(), seeds = [], serviceFile }: FoundingOptions,
  { releases }: ServiceFolder,
  more: Pick<Parameters<ReleaseStore['build']>[0], 'carried' | 'signers'> = {},
): Promise<Release> {
  try {
    if (release !== undefined) return releases.add(release);
    return await releases.build({ service: serviceFile, runtimes, cryptography, seeds, ...more });
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
}

/** Its replicas can execute what runs, too. A member says where it came from. */
async function buildNextRelease(
  options: FoundingOptions,
  folder: ServiceFolder,
  release: Release,
  signer: KeyedSigner | undefined,
): Promise<Release | undefined> {
  const { nextServiceFile: serviceFile } = options;
  if (serviceFile === undefined) return undefined;
  const signers = signer === undefined ? [] : [signer];
  const { release: _, ...others } = options;
  return buildLocalRelease({ ...others, serviceFile }, folder, { carried: scriptsOf(release), signers });
}
