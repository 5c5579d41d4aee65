/**
 * Verifying a release: that its folder holds what the manifest says and no more, who vouches for it, and that its sources give
 * the same bytes again.
 *
 * Sources are rebuilt by their own build program, in a process of its own, so that a release can be verified by a later checkout.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { cryptographyNamed, findRuntime, type Runtime, RuntimeMissing } from '@coppice/host';
import { buildRelease, entryName, openRelease, type Release, scriptsOf } from './build.ts';
import { canonicalJson, sha256 } from './canonical.ts';
import { differenceOf } from './difference.ts';
import { ReleaseError } from './error.ts';
import { readBounded } from './files.ts';
import {
  constitutionEntry,
  cryptographyOf,
  encodeManifest,
  type Manifest,
  manifestName,
  runtimesOf,
  seedsOf,
} from './manifest.ts';
import { provenanceName, readEnvelope, type Signature, statementOf } from './provenance.ts';
import { root } from './sources.ts';

export type ReleaseProblemReason =
  | 'no-release'
  | 'malformed-manifest'
  | 'missing-file'
  | 'altered-file'
  | 'surplus-file'
  | 'no-provenance'
  | 'malformed-provenance'
  | 'bad-signature'
  | 'different-provenance'
  | 'not-signed-by'
  | 'cannot-rebuild'
  | 'different-manifest'
  | 'different-file';

export interface ReleaseProblem {
  readonly reason: ReleaseProblemReason;
  readonly file: string;
  readonly detail: string;
  /** Of a program that differs from the rebuilt one: the first module and line that does. */
  readonly module?: string;
  readonly line?: number;
}

export interface ReleaseVerdict {
  /** Of the manifest, in hexadecimal; `undefined`: there is none that can be read. */
  readonly digest: string | undefined;
  /** Whose signatures on the provenance hold: public keys in hexadecimal. */
  readonly signers: readonly string[];
  /** Whether it was built again and compared. */
  readonly rebuilt: boolean;
  /** None: it holds. */
  readonly problems: readonly ReleaseProblem[];
}

export interface VerifyOptions {
  /** Root of the sources to rebuild from; default: those of this program. */
  readonly source?: string;
  /** The service's module, where it is not among the sources. */
  readonly service?: string;
  /** Public keys in hexadecimal that must have signed the provenance. */
  readonly signers?: readonly string[];
}

/** Verifies the release in a folder, or whose manifest is named. Problems are listed and never thrown. */
export async function verifyRelease(path: string, options: VerifyOptions = {}): Promise<ReleaseVerdict> {
  const folder = basename(path) === manifestName ? dirname(path) : path;
  let release: Release;
  try {
    release = openRelease(folder);
  } catch (error) {
    if (!(error instanceof ReleaseError) || (error.code !== 'no-release' && error.code !== 'malformed-manifest'))
      throw error;
    const problem = { reason: error.code, file: manifestName, detail: error.message };
    return { digest: undefined, signers: [], rebuilt: false, problems: [problem] };
  }
  const { manifest } = release;
  const provenance = checkProvenance(folder, manifest, options.signers ?? []);
  const rebuilt = await checkRebuilt(release, options);
  return {
    digest: sha256(encodeManifest(manifest)),
    signers: provenance.signers,
    rebuilt: !rebuilt.some(({ reason }) => reason === 'cannot-rebuild'),
    problems: [...checkFiles(folder, manifest), ...provenance.problems, ...rebuilt],
  };
}

/** The signed part of a release's provenance: its in-toto statement and who signed it; `undefined`: nobody. Throws a {@link ReleaseError}. */
export function signedStatement({
  folder,
}: Pick<Release, 'folder'>): { readonly statement: Uint8Array; readonly signatures: readonly Signature[] } | undefined {
  const encoded = readBounded(join(folder, provenanceName));
  const provenance = encoded && readEnvelope(encoded);
  if (provenance === undefined) return undefined;
  if (!provenance.ok) throw new ReleaseError('altered', `${folder}: ${provenance.reason}: ${provenance.detail}`);
  if (provenance.signatures.length === 0) return undefined;
  return { statement: Buffer.from(provenance.statement, 'utf8'), signatures: provenance.signatures };
}

/** What is not as it must be of a release's folder, by itself: its sources are not asked. Throws a {@link ReleaseError} where there is none. */
export function checkRelease(folder: string): ReleaseProblem[] {
  const { manifest } = openRelease(folder);
  return [...checkFiles(folder, manifest), ...checkProvenance(folder, manifest, []).problems];
}

function checkFiles(folder: string, manifest: Manifest): ReleaseProblem[] {
  const problems: ReleaseProblem[] = [];
  for (const { bytes, name, sha256: expected } of manifest.files) {
    const content = readBounded(join(folder, name));
    if (content === undefined) problems.push({ reason: 'missing-file', file: name, detail: 'it is not there' });
    else if (content.length !== bytes || sha256(content) !== expected)
      problems.push({ reason: 'altered-file', file: name, detail: 'its digest is not that of the manifest' });
  }
  const entry = readBounded(join(folder, entryName));
  if (entry === undefined) problems.push({ reason: 'missing-file', file: entryName, detail: 'it is not there' });
  else if (entry.toString('utf8') !== canonicalJson(constitutionEntry(manifest)))
    problems.push({ reason: 'altered-file', file: entryName, detail: 'it does not follow from the manifest' });
  const known = new Set([...manifest.files.map(({ name }) => name), manifestName, provenanceName, entryName]);
  for (const name of readdirSync(folder).sort()) {
    if (!known.has(name))
      problems.push({ reason: 'surplus-file', file: name, detail: 'the manifest does not list it' });
  }
  return problems;
}

function checkProvenance(
  folder: string,
  manifest: Manifest,
  required: readonly string[],
): { readonly signers: readonly string[]; readonly problems: readonly ReleaseProblem[] } {
  const file = provenanceName;
  const encoded = readBounded(join(folder, file));
  if (encoded === undefined)
    return { signers: [], problems: [{ reason: 'no-provenance', file, detail: 'it is not there' }] };
  const provenance = readEnvelope(encoded);
  if (!provenance.ok)
    return { signers: [], problems: [{ reason: provenance.reason, file, detail: provenance.detail }] };
  const { signers } = provenance;
  if (provenance.statement !== statementOf(manifest))
    return {
      signers: [],
      problems: [{ reason: 'different-provenance', file, detail: 'it is not the statement of this manifest' }],
    };
  const problems = required
    .filter((key) => !signers.includes(key))
    .map((key) => ({ reason: 'not-signed-by' as const, file, detail: key }));
  return { signers, problems };
}

async function checkRebuilt(given: Release, options: VerifyOptions): Promise<ReleaseProblem[]> {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-rebuild-'));
  try {
    const rebuilt = await rebuild(given, folder, options);
    return [...compareFiles(given, rebuilt), ...compareManifests(given.manifest, rebuilt.manifest)];
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    return [{ reason: 'cannot-rebuild', file: manifestName, detail: error.message }];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rebuildingMsMax = 10 * 60_000;

async function rebuild(given: Release, folder: string, options: VerifyOptions): Promise<Release> {
  const { manifest } = given;
  const { protocols, service } = manifest;
  const named = options.service ?? service.source;
  if (named === null)
    throw new ReleaseError('cannot-build', 'the service is not among the sources: name its module with --service');
  const source = resolve(options.source ?? root);
  const file = options.service === undefined ? join(source, named) : resolve(named);
  const [seeds, runtimes, cryptography] = [seedsOf(manifest), runtimesOf(manifest), cryptographyOf(manifest)];
  if (options.source === undefined)
    return buildRelease({
      service: file,
      folder,
      seeds,
      runtimes: runtimes.map(runtimeNamed),
      cryptography: cryptography.map((name) => told(() => cryptographyNamed(name))),
      // Earlier versions are what they are: their sources need not be these.
      carried: scriptsOf(given).slice(0, -1),
      protocols,
    });
  const args = ['release', 'build', '--service', file, '--out', folder, '--runtimes', runtimes.join(',')];
  args.push('--cryptography', cryptography.join(','), '--protocols', protocols.join(','));
  if (service.carried.length > 0) args.push('--from', resolve(given.folder));
  for (const seed of seeds) args.push('--variant', seed);
  const program = join(source, 'packages/cli/src/main.ts');
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    timeout: rebuildingMsMax,
    maxBuffer: 1 << 26,
  });
  if (status !== 0)
    throw new ReleaseError('cannot-build', `the build failed in ${source}: ${stderr.trim().slice(-2000)}`);
  return openRelease(folder);
}

function runtimeNamed(text: string): Runtime {
  const [name = '', ...settings] = text.split('+');
  return told(() => findRuntime(name, settings));
}

function told<T>(find: () => T): T {
  try {
    return find();
  } catch (error) {
    throw error instanceof RuntimeMissing ? new ReleaseError('cannot-build', error.message, error) : error;
  }
}

function compareFiles(given: Release, rebuilt: Release): ReleaseProblem[] {
  const names = new Set([...given.manifest.files, ...rebuilt.manifest.files].map(({ name }) => name));
  return [...names].sort().flatMap((file): ReleaseProblem[] => {
    const [is, was] = [given, rebuilt].map((release) => readBounded(join(release.folder, file)));
    const reason = 'different-file';
    if (was === undefined) return [{ reason, file, detail: 'the sources do not give it' }];
    // That it is not there was said.
    if (is === undefined || is.equals(was)) return [];
    if (!file.endsWith('.mjs')) return [{ reason, file, detail: 'the sources give another' }];
    const { line, module } = differenceOf(is.toString('utf8'), was.toString('utf8')) ?? { line: 0, module: undefined };
    const where = `line ${line}${module === undefined ? '' : `, in ${module}`}`;
    return [{ reason, file, detail: `the sources give another, from ${where} on`, line, ...(module && { module }) }];
  });
}

/** The fields of a manifest that the sources give otherwise. */
function compareManifests(given: Manifest, rebuilt: Manifest): ReleaseProblem[] {
  return (Object.keys(rebuilt) as (keyof Manifest)[]).sort().flatMap((field) => {
    if (canonicalJson(given[field]) === canonicalJson(rebuilt[field])) return [];
    const values = [given[field], rebuilt[field]];
    const [is, was] = values.map((value) => (typeof value === 'object' && value !== null ? '' : ` ${String(value)}`));
    return [
      {
        reason: 'different-manifest' as const,
        file: manifestName,
        detail: `${field}${is}: the sources give another${was}`,
      },
    ];
  });
}
