/**
 * `coppice release`: what members approve, built, verified and compared.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  buildRelease,
  compareVariants,
  openRelease,
  ReleaseError,
  type ReleaseProblem,
  scriptsOf,
  variantNamed,
  verifyRelease,
} from '@coppice/release';
import { toHex } from '@coppice/wire';
import { parseCryptography, parseLocalRuntimes } from '../local-runtimes.ts';
import { type Output, table } from '../output.ts';
import { readKey, ServiceFolder, UserError } from '../service-folder.ts';

/** The service that is built if none is named. */
export const exampleService = fileURLToPath(
  new URL('service.ts', import.meta.resolve('@coppice/example-supply-chain')),
);

export interface BuildOptions {
  readonly service: string;
  readonly out: string;
  readonly runtimes?: string;
  readonly cryptography?: string;
  readonly variant?: readonly string[];
  readonly key?: readonly string[];
  readonly from?: string;
  readonly protocols?: string;
}

export async function build(
  { cryptography, from, key = [], out, protocols, runtimes, service, variant: seeds = [] }: BuildOptions,
  output: Output,
): Promise<void> {
  if (!existsSync(service)) throw new UserError(`there is no file ${service}`);
  const signers = key.map(readKey);
  const release = await told(() =>
    buildRelease({
      ...{ service, folder: out, seeds, signers, runtimes: parseLocalRuntimes(runtimes) },
      cryptography: parseCryptography(cryptography, ['libsodium']),
      ...(from === undefined ? {} : { carried: scriptsOf(openRelease(from)) }),
      ...(protocols === undefined ? {} : { protocols: protocols.split(',').map(Number) }),
    }),
  );
  const { digest, entry, folder, manifest } = release;
  output.answer({ digest, folder, manifest, entry }, [
    `release ${toHex(digest)}`,
    `${manifest.service.name} ${manifest.service.version}, ${manifest.commit === null ? 'of sources that are not as committed' : `commit ${manifest.commit}`}`,
    `${manifest.files.length} files and ${manifest.variants.length} variants are in ${folder}`,
    `next: npx coppice release verify ${folder}`,
  ]);
}

export interface VerifyOptions {
  readonly source?: string;
  readonly service?: string;
  readonly signer?: readonly string[];
}

export async function verify(path: string, { signer, ...options }: VerifyOptions, output: Output): Promise<void> {
  const malformed = signer?.find((key) => !/^[0-9a-f]{64}$/.test(key));
  if (malformed !== undefined) throw new UserError(`${malformed} is no public key: 32 bytes in hexadecimal`);
  const verdict = await told(() =>
    verifyRelease(path, { ...options, ...(signer === undefined ? {} : { signers: signer }) }),
  );
  const { digest, problems, rebuilt, signers } = verdict;
  output.answer({ ok: problems.length === 0, digest: digest ?? null, rebuilt, signers, problems }, [
    `release ${digest ?? 'unknown'}`,
    signers.length === 0 ? 'nobody signed its provenance' : `provenance signed by ${signers.join(', ')}`,
    ...(problems.length === 0
      ? ['every file is as the manifest says, and the sources give the same bytes']
      : problems.map(lineOf)),
    ...(problems.some(({ detail, reason }) => reason === 'different-manifest' && /^commit [0-9a-f]/.test(detail))
      ? ['these are not the sources as they were committed then: --source names a checkout of that commit']
      : []),
  ]);
  if (problems.length > 0) process.exitCode = 1;
}

/** Puts a release, verified by its manifest, where the host of a service finds it. */
export async function add(from: string, { folder }: { readonly folder: string }, output: Output): Promise<void> {
  const { releases } = new ServiceFolder(folder);
  const release = await told(() => Promise.resolve(releases.add(from)));
  const { digest, entry } = release;
  output.answer({ digest, folder: release.folder, entry, releases: releases.list() }, [
    `release ${toHex(digest)}`,
    `every file is as its manifest says; it is in ${release.folder}`,
    'the host launches it in turns that open once members have approved it',
  ]);
}

/** `a`, `b`: a variant of the release in `folder`, or `FOLDER/VARIANT`. */
export async function diversity(a: string, b: string, { release }: { release: string }, output: Output): Promise<void> {
  const compared = await told(() => {
    const [one, other] = [a, b].map((name) => {
      const at = name.lastIndexOf('/');
      return variantNamed(openRelease(at < 0 ? release : name.slice(0, at)), name.slice(at + 1));
    });
    return Promise.resolve(compareVariants(one!, other!));
  });
  const { dimensions, functions, grams } = compared;
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const short = (value: string): string => (value === '' ? 'default' : value.slice(0, 20));
  output.answer(compared, [
    ...table([
      ['', compared.a, compared.b, ''],
      ...dimensions.map((one) => [one.name, short(one.a), short(one.b), one.differs ? 'differs' : 'the same']),
      ['functions', String(functions.a), String(functions.b), `${percent(functions.share)} in common`],
      [`runs of ${grams.bytes} bytes`, String(grams.a), String(grams.b), `${percent(grams.share)} in common`],
    ]),
    `${dimensions.filter(({ differs }) => differs).length} of ${dimensions.length} dimensions differ`,
  ]);
}

function lineOf({ detail, file, reason }: ReleaseProblem): string {
  return `${reason}: ${file}: ${detail}`;
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message, 1, error.code) : error;
  }
}
