/**
 * The founders of a successor: whatever they need is looked at before any is launched. spec/recovery.md, lines 31 to 33.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { type Constitution, encodeConstitution, readActivation, speaks, thresholdOf } from '@coppice/governance';
import { type Driver, launchFounders, variantOf } from '@coppice/host';
import { ReleaseError } from '@coppice/release';
import { digestOf, encode, genesisDocumentCodec, sameBytes, serviceDigest, toHex } from '@coppice/wire';
import { driverOf, missing } from '../local-driver.ts';
import { localPlatformNames, type LocalPlatforms, parseLocalPlatforms, requirePlatforms } from '../local-platforms.ts';
import { readKey, type ServiceFolder, UserError } from '../service-folder.ts';
import { type Analysis, successionOf } from './analysis.ts';
import { failure, type Founding } from './founding.ts';
import { refuseSecond } from './signed.ts';

export interface LaunchOptions {
  /** The folder of a release that the constitution approves, where the service's folder has none. */
  readonly release?: string | undefined;
  /** What founders run on, slot by slot, where the folder does not say. */
  readonly platform?: readonly string[] | undefined;
  /** The operator's command that launches them, in place of processes of this machine. */
  readonly driver?: readonly string[];
}

/** The key files here of members who can sign: enough of them, and each free to. Throws UserError. */
export function signersIn(folder: ServiceFolder, { adoption, log }: Analysis, another: boolean): string[] {
  const { constitution } = log;
  const files = folder
    .keys('members')
    .map((name) => folder.keyFile('members', name))
    .filter((file) => constitution.members.some(({ key }) => sameBytes(key, readKey(file).publicKey)));
  const needed = thresholdOf(constitution, 'genesis');
  if (files.length < needed)
    throw new UserError(
      `${needed} of ${constitution.members.length} members must sign, and keys of ${files.length} are in ${folder.path}: --draft FILE writes what they sign on their own machines`,
    );
  if (!another) for (const file of files) refuseSecond(file, adoption.service);
  return files;
}

/** Launches them, by what this machine has. Throws UserError, and leaves none running then. */
export async function launch(
  folder: ServiceFolder,
  analysis: Analysis,
  options: LaunchOptions,
  onStep: (step: string) => void,
): Promise<{ readonly founding: Founding; readonly driver: Driver }> {
  const { constitution, ancestors } = analysis.log;
  const release = releaseFor(folder, analysis, options);
  const before = folder.founded ? folder.readService() : undefined;
  const platforms = platformsFor(constitution, options.platform ?? before?.platforms);
  const here = options.driver === undefined;
  if (here) requirePlatforms(platforms);
  const service = digestOf(nodeCryptography, 'constitution', encodeConstitution(constitution));
  for (let slot = 0; slot < constitution.slots; slot++) {
    const variant = variantOf(release, slot);
    const launched = { service, slot, turn: 0, challenge: service, release: release.digest, variant };
    const lacking = missing(folder, launched, here);
    if (lacking !== undefined) throw new UserError(lacking);
  }
  const { stateCacheBytes } = before ?? {};
  const driver = driverOf(folder.path, {
    platforms,
    ...(stateCacheBytes === undefined ? {} : { stateCacheBytes }),
    ...(options.driver === undefined ? {} : { driver: options.driver }),
  });
  const succession = successionOf(analysis);
  const founded = await launchFounders(nodeCryptography, driver, constitution, onStep, {
    succession,
    release: release.digest,
  }).catch((error: unknown) => {
    throw failure(error);
  });
  const documents = ancestors.map(({ document }) => document);
  for (const one of documents)
    folder.write(
      `predecessors/${toHex(serviceDigest(nodeCryptography, one.genesis))}.bin`,
      encode(genesisDocumentCodec, one),
    );
  const file = {
    ...before,
    service: toHex(founded.service),
    release: toHex(release.digest),
    addresses: founded.instances.map((instance) => instance.clientAddress),
    development: constitution.development,
    slots: constitution.slots,
    epochKeys: constitution.policy.epochKeys,
    platforms,
    predecessors: documents.map(({ genesis }) => toHex(serviceDigest(nodeCryptography, genesis))),
  };
  return { founding: { stage: 'launched', document: founded.document, instances: founded.instances, file }, driver };
}

/** The newest that can go on with what is active, of those that this host has. */
function releaseFor(
  { path, releases }: ServiceFolder,
  { log }: Analysis,
  { release }: LaunchOptions,
): Constitution['releases'][number] {
  try {
    if (release !== undefined) releases.add(release);
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
  const active = readActivation(log.state.view());
  const able = log.constitution.releases.filter((one) => speaks(one, active));
  const here = able.findLast((one) => releases.find(one.digest));
  if (here !== undefined) return here;
  throw new UserError(
    `no release that the constitution approves and that executes what is active is in ${path}: --release FOLDER names one (${able.map(({ digest }) => toHex(digest)).join(', ')})`,
  );
}

function platformsFor({ policy }: Constitution, named: readonly string[] | undefined): LocalPlatforms {
  const accepted = policy.platforms.map(({ name }) => name);
  return parseLocalPlatforms(named ?? localPlatformNames.filter((name) => accepted.includes(name)));
}
