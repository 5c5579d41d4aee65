/**
 * Building a release: a folder with the programs, the native library beside them, and the manifest whose digest members approve.
 *
 * The same sources give the same bytes, whoever builds, where and when.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleSodium } from '@coppice/cryptography/bundle';
import type { CryptographyName, Runtime } from '@coppice/host';
import { protocolVersions, type Signer } from '@coppice/wire';
import { bundleReplica, bundleService, serviceModule, type ServiceScript, type VersionScript } from './bundle.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import { ReleaseError } from './error.ts';
import { readBounded } from './files.ts';
import {
  carriedMax,
  type ConstitutionEntry,
  constitutionEntry,
  decodeManifest,
  digestOfManifest,
  encodeManifest,
  type Manifest,
  manifestBytesMax,
  manifestName,
  scriptName,
  servicesOf,
  variantsMax,
} from './manifest.ts';
import { envelopeOf, provenanceName, statementOf } from './provenance.ts';
import { belowRoot, commitOf, packageOfRuntime, packagesNamed, packagesOf } from './sources.ts';
import { launchesOf, type Program, programName, variantsOf } from './variants.ts';

/** What members put into their constitution, in a release's folder: it follows from the manifest. */
export const entryName = 'constitution-entry.json';

/** Version 3 is for those who ask for it: its signatures cost more. spec/algorithms.md. */
const usualProtocols: readonly number[] = [1, 2];

/** What makes programs of sources, besides this project. */
const tools = ['@esbuild/linux-x64', 'acorn', 'acorn-walk', 'esbuild', 'magic-string'];

export interface BuildOptions {
  /** Module whose default export is the service. */
  readonly service: string;
  /** The folder to build into: empty, not there, or one that holds a release. */
  readonly folder: string;
  /** Of bundles, each other than all others: lower-case letters and digits. There is always one without a seed. */
  readonly seeds?: readonly string[];
  /** With settings of their engines; they are on this machine, to be measured. */
  readonly runtimes: readonly Runtime[];
  /** What instances verify signatures with; default: libsodium. */
  readonly cryptography?: readonly CryptographyName[];
  /** Who signs the provenance. */
  readonly signers?: readonly Signer[];
  /** What the running release executes, ascending: {@link scriptsOf} it. Replicas of this one can execute it, too. */
  readonly carried?: readonly VersionScript[];
  /** Versions of the protocol that it says its replicas speak; default: all that they do. */
  readonly protocols?: readonly number[];
}

export interface Release {
  readonly folder: string;
  /** Of the manifest. */
  readonly digest: Uint8Array;
  readonly manifest: Manifest;
  readonly entry: ConstitutionEntry;
}

/** Throws a {@link ReleaseError} where the sources or the options are not as they must be. */
export async function buildRelease(options: BuildOptions): Promise<Release> {
  const runtimes = launchesOf(options.runtimes, options.cryptography ?? ['libsodium']);
  const seeds = seedsNamed(options.seeds ?? [], runtimes.length);
  const protocols = protocolsNamed(options.protocols ?? usualProtocols);
  const script = await bundleService(options.service);
  const scripts = [...carriedBy(script, options.carried ?? []), script];
  // Nothing is wrong with what was asked for: now a release that is there may go.
  const folder = emptied(options.folder);
  for (const { text, version } of scripts) writeFileSync(join(folder, scriptName(version)), text);
  const define = bundleSodium(folder);
  const inputs = new Set(script.modules.keys());
  const programs: Program[] = [];
  for (const seed of [null, ...seeds]) {
    const { modules, text } = await bundleReplica(scripts, define, seed);
    const name = programName(seed);
    for (const path of modules.keys()) if (path !== serviceModule) inputs.add(path);
    programs.push({ name, seed, text });
    writeFileSync(join(folder, name), text);
  }
  const manifest = manifestOf({ ...options, runtimes, protocols }, folder, scripts, script, [...inputs], programs);
  const encoded = encodeManifest(manifest);
  writeFileSync(join(folder, manifestName), encoded);
  writeFileSync(join(folder, entryName), canonicalJson(constitutionEntry(manifest)));
  writeFileSync(join(folder, provenanceName), envelopeOf(statementOf(manifest), options.signers ?? []));
  return openRelease(folder);
}

function manifestOf(
  { protocols, runtimes, service }: BuildOptions & { readonly protocols: readonly number[] },
  folder: string,
  scripts: readonly VersionScript[],
  script: ServiceScript,
  inputs: readonly string[],
  programs: readonly Program[],
): Manifest {
  const ofPackages = inputs.filter((path) => path.includes('node_modules/'));
  const own = inputs.filter((path) => !path.includes('node_modules/'));
  return {
    format: 1,
    commit: commitOf(own) ?? null,
    machine: `${process.platform}-${process.arch}`,
    service: {
      name: script.name,
      version: script.version,
      source: belowRoot(service) ?? null,
      script: sha256(script.text),
      carried: scripts.slice(0, -1).map(({ text, version }) => ({ version, script: sha256(text) })),
    },
    protocols,
    files: readdirSync(folder)
      .sort()
      .map((name) => {
        const bytes = readFileSync(join(folder, name));
        return { name, bytes: bytes.length, sha256: sha256(bytes) };
      }),
    dependencies: packagesOf([...ofPackages, 'node_modules/sodium-native/']),
    tools: packagesNamed(tools),
    runtimes: [...new Map(runtimes.map((one) => [one.name, one])).values()].map(({ engineFamily, name }) => ({
      runtime: name,
      engineFamily,
      package: packageOfRuntime(name) ?? null,
    })),
    variants: variantsOf(programs, runtimes),
  };
}

/** The earlier versions that go with this one: the newest few. */
function carriedBy(script: ServiceScript, carried: readonly VersionScript[]): VersionScript[] {
  const later = carried.find(({ version }) => version > script.version);
  if (later !== undefined)
    throw new ReleaseError('wrong-use', `version ${later.version} of the service is running: raise its version`);
  const same = carried.find(({ version }) => version === script.version);
  if (same !== undefined && same.text !== script.text)
    throw new ReleaseError(
      'wrong-use',
      `version ${script.version} of the service is running, and is another: raise its version`,
    );
  return carried.filter(({ version }) => version < script.version).slice(-carriedMax);
}

/** The scripts that a release holds, ascending. Throws a {@link ReleaseError} where one is not what its manifest says. */
export function scriptsOf({ folder, manifest }: Release): VersionScript[] {
  return servicesOf(manifest).map(({ file, script, version }) => {
    const bytes = readBounded(join(folder, file));
    if (bytes === undefined || sha256(bytes) !== script)
      throw new ReleaseError('cannot-build', `${join(folder, file)} is not the script that the manifest names`);
    return { version, text: bytes.toString('utf8') };
  });
}

function seedsNamed(seeds: readonly string[], runtimes: number): readonly string[] {
  const wrong = seeds.find((seed) => !/^[a-z0-9]{1,32}$/.test(seed));
  if (wrong !== undefined)
    throw new ReleaseError('wrong-use', `${wrong} is no seed: 1 to 32 lower-case letters and digits`);
  if (new Set(seeds).size < seeds.length) throw new ReleaseError('wrong-use', 'a seed is given twice');
  if ((1 + seeds.length) * runtimes > variantsMax)
    throw new ReleaseError(
      'wrong-use',
      `${1 + seeds.length} programs, each launched in ${runtimes} ways, are more than ${variantsMax} variants`,
    );
  return seeds;
}

/** Ascending. */
function protocolsNamed(protocols: readonly number[]): readonly number[] {
  const unspoken = protocols.find((one) => !protocolVersions.includes(one));
  if (unspoken !== undefined || protocols.length === 0)
    throw new ReleaseError('wrong-use', `its replicas speak versions ${protocolVersions.join(', ')} of the protocol`);
  return protocolVersions.filter((one) => protocols.includes(one));
}

/** The folder, without the release that it may hold. What is no part of a release is not touched. */
function emptied(path: string): string {
  const folder = resolve(path);
  mkdirSync(folder, { recursive: true });
  const present = readdirSync(folder);
  const ofRelease =
    /^(?:manifest\.json|provenance\.json|constitution-entry\.json|sodium\.node|service-[0-9]+\.js|replica(?:-[a-z0-9]+)?\.mjs)$/;
  const strange = present.find((name) => !ofRelease.test(name));
  if (strange !== undefined)
    throw new ReleaseError('wrong-use', `${folder} holds ${strange}, which is not of a release`);
  for (const name of present) rmSync(join(folder, name));
  return folder;
}

/** The release in a folder, by its manifest; its files are not looked at. Throws a {@link ReleaseError}. */
export function openRelease(folder: string): Release {
  const encoded = readBounded(join(folder, manifestName), manifestBytesMax);
  if (encoded === undefined)
    throw new ReleaseError('no-release', `there is no manifest of a release in ${folder}, or it is too large`);
  const manifest = decodeManifest(encoded);
  return { folder, digest: digestOfManifest(encoded), manifest, entry: constitutionEntry(manifest) };
}

/** The release's entry in a constitution that accepts these platforms and no others. */
export function entryFor({ entry }: Release, platforms: ReadonlySet<string>): ConstitutionEntry {
  return {
    ...entry,
    variants: entry.variants.map((variant) => ({
      ...variant,
      referenceValues: variant.referenceValues.filter(({ platform }) => platforms.has(platform)),
    })),
  };
}
