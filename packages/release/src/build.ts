/**
 * Building a release: a folder with the programs, the native library beside them, and the manifest whose digest members approve.
 *
 * The same sources give the same bytes, whoever builds, where and when.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleSodium } from '@coppice/cryptography/bundle';
import type { CryptographyName, Runtime } from '@coppice/host';
import { protocolVersion, type Signer } from '@coppice/wire';
import { bundleReplica, bundleService, serviceModule, type ServiceScript } from './bundle.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import { ReleaseError } from './error.ts';
import { readBounded } from './files.ts';
import {
  type ConstitutionEntry,
  constitutionEntry,
  decodeManifest,
  digestOfManifest,
  encodeManifest,
  type Manifest,
  manifestBytesMax,
  manifestName,
  variantsMax,
} from './manifest.ts';
import { envelopeOf, provenanceName, statementOf } from './provenance.ts';
import { belowRoot, commitOf, packageOfRuntime, packagesNamed, packagesOf } from './sources.ts';
import { launchesOf, type Program, programName, variantsOf } from './variants.ts';

/** What members put into their constitution, in a release's folder: it follows from the manifest. */
export const entryName = 'constitution-entry.json';

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
  /** What instances sign and verify with; default: libsodium. */
  readonly cryptography?: readonly CryptographyName[];
  /** Who signs the provenance. */
  readonly signers?: readonly Signer[];
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
  const folder = emptied(options.folder);
  const runtimes = launchesOf(options.runtimes, options.cryptography ?? ['libsodium']);
  const script = await bundleService(options.service);
  const define = bundleSodium(folder);
  const inputs = new Set(script.modules.keys());
  const programs: Program[] = [];
  for (const seed of [null, ...seedsNamed(options.seeds ?? [], runtimes.length)]) {
    const { modules, text } = await bundleReplica(script.text, define, seed);
    const name = programName(seed);
    for (const path of modules.keys()) if (path !== serviceModule) inputs.add(path);
    programs.push({ name, seed, text });
    writeFileSync(join(folder, name), text);
  }
  const manifest = manifestOf(options.service, folder, script, [...inputs], programs, runtimes);
  const encoded = encodeManifest(manifest);
  writeFileSync(join(folder, manifestName), encoded);
  writeFileSync(join(folder, entryName), canonicalJson(constitutionEntry(manifest)));
  writeFileSync(join(folder, provenanceName), envelopeOf(statementOf(manifest), options.signers ?? []));
  return openRelease(folder);
}

function manifestOf(
  service: string,
  folder: string,
  script: ServiceScript,
  inputs: readonly string[],
  programs: readonly Program[],
  runtimes: readonly Runtime[],
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
    },
    protocols: [protocolVersion],
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

/** The folder, without the release that it may hold. What is no part of a release is not touched. */
function emptied(path: string): string {
  const folder = resolve(path);
  mkdirSync(folder, { recursive: true });
  const present = readdirSync(folder);
  const ofRelease =
    /^(?:manifest\.json|provenance\.json|constitution-entry\.json|sodium\.node|replica(?:-[a-z0-9]+)?\.mjs)$/;
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
