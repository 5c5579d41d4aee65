/**
 * What a release says of itself. docs/reference/releases.md describes every field.
 *
 * The release's digest is that of the manifest's bytes, so there is one way to write a manifest, and what is written otherwise is
 * refused: two releases that differ in nothing have one digest.
 */
import { launchMeasurement, simulatedMeasurement } from '@coppice/collection';
import { fromHex, toHex } from '@coppice/wire';
import { canonicalJson, sha256 } from './canonical.ts';
import { ReleaseError } from './error.ts';
import { hexadecimal, listOf, naturalNumber, nullOr, object, text, type Checked, word, ShapeError } from './shape.ts';

export const manifestBytesMax = 1 << 20;
export const variantsMax = 64;
export const manifestName = 'manifest.json';
/** Scripts of earlier versions in one release. */
export const carriedMax = 7;

/** Names of files: no folders, nothing hidden. */
const fileName = text(/^[a-z0-9][a-z0-9._-]{0,127}$/);
const identifier = text(/^[a-z0-9][a-z0-9.+_-]{0,63}$/);
const packageName = text(/^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/);
const version = text(/^[0-9][\w.+-]{0,63}$/);
const digest = hexadecimal(32);
const integrity = text(/^sha512-[A-Za-z0-9+/]{86}==$/);

const packageShape = object({ name: packageName, version, integrity });

const manifestShape = object({
  /** Of this document. */
  format: word(1),
  /** Of the sources, where all of them are as they were committed. */
  commit: nullOr(hexadecimal(20, 32)),
  /** Platform and architecture that the native library is for. */
  machine: text(/^[a-z0-9]+-[a-z0-9]+$/),
  service: object({
    name: identifier,
    version: naturalNumber,
    /** Below the root of the sources; `null`: the service is not among them. */
    source: nullOr(text(/^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$)).{1,1024}$/)),
    /** SHA-256 of the confined script. */
    script: digest,
    /** Earlier versions that its replicas can execute, ascending. */
    carried: listOf(object({ version: naturalNumber, script: digest }), 0, carriedMax),
  }),
  /** Versions of the protocol that its replicas speak. */
  protocols: listOf(naturalNumber, 1, 16),
  files: listOf(object({ name: fileName, bytes: naturalNumber, sha256: digest }), 1, 256),
  /** What the programs were bundled from, besides this project's sources. */
  dependencies: listOf(packageShape, 0, 512),
  /** What made the bundles. */
  tools: listOf(packageShape, 1, 64),
  runtimes: listOf(
    object({
      /** `name@version`. */
      runtime: text(/^[a-z]+@[0-9][\w.+-]*$/),
      engineFamily: identifier,
      /** The npm package that holds the runtime's binary; `null`: no lockfile of the sources pins it. */
      package: nullOr(packageShape),
    }),
    1,
    32,
  ),
  variants: listOf(
    object({
      id: identifier,
      /** Name of the program's file. */
      program: fileName,
      sha256: digest,
      /** What the program was diversified by; `null`: it was not. */
      seed: nullOr(text(/^[a-z0-9]{1,32}$/)),
      runtime: text(/^[a-z]+@[0-9][\w.+-]*$/),
      engineFamily: identifier,
      /** Settings of its engine: docs/reference/runtimes.md. */
      engineSettings: listOf(identifier, 0, 8),
      /** What launchers measure of the runtime and its settings. */
      runtimeMeasurement: digest,
      /** Who verifies signatures. */
      cryptography: identifier,
      /** For each platform, what is measured of a launch: the reference value follows from it and the manifest's digest. */
      measures: listOf(
        object({ platform: identifier, of: listOf(word('release', 'variant', 'runtime'), 1, 3) }),
        1,
        16,
      ),
    }),
    1,
    variantsMax,
  ),
});

export type Manifest = Checked<typeof manifestShape>;
export type ReleaseVariant = Manifest['variants'][number];
export type PinnedPackage = Checked<typeof packageShape>;

/** The runtimes of its variants, each with settings of its engine, in the order of the first that has it: `node@26.10.0+jitless`. */
export function runtimesOf({ variants }: Manifest): string[] {
  return [...new Set(variants.map(({ engineSettings, runtime }) => [runtime, ...engineSettings].join('+')))];
}

/** What its variants verify signatures with, in the order of the first that has it. */
export function cryptographyOf({ variants }: Manifest): string[] {
  return [...new Set(variants.map(({ cryptography }) => cryptography))];
}

/** What its programs were diversified by, in the order of the first variant that has it. */
export function seedsOf({ variants }: Manifest): string[] {
  return [...new Set(variants.flatMap(({ seed }) => seed ?? []))];
}

export function encodeManifest(manifest: Manifest): string {
  return canonicalJson(manifest);
}

/** What the members approve. */
export function digestOfManifest(encoded: string | Uint8Array): Uint8Array {
  return fromHex(sha256(encoded))!;
}

/** Throws a {@link ReleaseError} that says where it is not as it must be. */
export function decodeManifest(encoded: Uint8Array): Manifest {
  const malformed = (reason: string): ReleaseError =>
    new ReleaseError('malformed-manifest', `${manifestName}: ${reason}`);
  if (encoded.length > manifestBytesMax) throw malformed(`more than ${manifestBytesMax} bytes`);
  let manifest: Manifest;
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(encoded);
    manifest = manifestShape(JSON.parse(source), '');
  } catch (error) {
    if (error instanceof ShapeError) throw malformed(error.message);
    throw malformed('no JSON in UTF-8');
  }
  if (encodeManifest(manifest) !== source) throw malformed('not written in the canonical way');
  const contradiction = contradictionOf(manifest);
  if (contradiction !== undefined) throw malformed(contradiction);
  return manifest;
}

/** The versions of the service that its replicas can execute, ascending, and where each script is. */
export function servicesOf({ service }: Manifest): { version: number; script: string; file: string }[] {
  const { carried, script, version } = service;
  return [...carried, { version, script }].map((one) => ({ ...one, file: scriptName(one.version) }));
}

export function scriptName(version: number): string {
  return `service-${version}.js`;
}

function contradictionOf(manifest: Manifest): string | undefined {
  const { files, protocols, runtimes, variants } = manifest;
  const services = servicesOf(manifest);
  if (services.some(({ version: each }, i) => i > 0 && services[i - 1]!.version >= each))
    return 'versions of the service are not in ascending order';
  if (protocols.some((each, i) => i > 0 && protocols[i - 1]! >= each)) return 'protocols are not in ascending order';
  const unlisted = services.find(({ file, script }) => files.find(({ name }) => name === file)?.sha256 !== script);
  if (unlisted !== undefined) return `no file ${unlisted.file} of its digest is listed`;
  const names = files.map(({ name }) => name);
  if (names.some((name, i) => i > 0 && names[i - 1]! >= name)) return 'files are not in the order of their names';
  if (names.includes(manifestName)) return 'the manifest lists itself';
  const ids = variants.map(({ id }) => id);
  if (new Set(ids).size < ids.length) return 'two variants have one id';
  for (const { engineFamily, id, program, runtime, sha256: expected } of variants) {
    if (files.find(({ name }) => name === program)?.sha256 !== expected)
      return `variant ${id}: no file ${program} of this digest is listed`;
    if (runtimes.find((one) => one.runtime === runtime)?.engineFamily !== engineFamily)
      return `variant ${id}: no runtime ${runtime} with this engine is listed`;
  }
  return undefined;
}

/** A release as constitutions list it: bytes in hexadecimal. */
export interface ConstitutionEntry {
  readonly digest: string;
  readonly protocols: readonly number[];
  readonly services: readonly { readonly version: number; readonly script: string }[];
  readonly variants: readonly {
    readonly id: string;
    readonly engineFamily: string;
    readonly runtime: string;
    readonly engineSettings: readonly string[];
    /** SHA-256. */
    readonly program: string;
    readonly cryptography: string;
    readonly referenceValues: readonly { readonly platform: string; readonly measurements: readonly string[] }[];
  }[];
}

/** What members approve of a release: everything in it follows from the manifest. */
export function constitutionEntry(manifest: Manifest): ConstitutionEntry {
  const release = digestOfManifest(encodeManifest(manifest));
  return {
    digest: toHex(release),
    protocols: manifest.protocols,
    services: servicesOf(manifest).map(({ script, version: each }) => ({ version: each, script })),
    variants: manifest.variants.map((variant) => {
      const { cryptography, engineFamily, engineSettings, id, measures, runtime, runtimeMeasurement } = variant;
      const measured = fromHex(runtimeMeasurement)!;
      const values: Readonly<Record<string, Uint8Array>> = {
        simulated: simulatedMeasurement(release, measured),
        tpm2: launchMeasurement({ release, variant: id }, measured),
      };
      return {
        id,
        engineFamily,
        runtime,
        engineSettings,
        program: variant.sha256,
        cryptography,
        referenceValues: measures.flatMap(({ platform }) => {
          const value = values[platform];
          return value === undefined ? [] : [{ platform, measurements: [toHex(value)] }];
        }),
      };
    }),
  };
}
