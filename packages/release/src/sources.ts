/**
 * What a release is built from: this project's sources, at a commit or not, and packages as its lockfiles pin them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { ReleaseError } from './error.ts';
import type { PinnedPackage } from './manifest.ts';

/** The root of the sources. */
export const root = realpathSync(join(import.meta.dirname, '../../..'));

/** Path below the root, with slashes; `undefined` where it is not below it. */
export function belowRoot(path: string): string | undefined {
  const below = relative(root, realpathSync(path));
  return below.startsWith('..') ? undefined : below.split(sep).join('/');
}

/** Repositories of other users are read, too: a build is the same for everyone. Nothing is written, and no hook runs. */
function git(...args: readonly string[]): string | undefined {
  const options = [
    '--no-optional-locks',
    '-c',
    'safe.directory=*',
    '-c',
    'core.fsmonitor=false',
    '-c',
    'core.quotePath=false',
  ];
  const { status, stdout } = spawnSync('git', [...options, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return status === 0 ? stdout : undefined;
}

/** The commit whose sources these are: nothing that it tracks was changed, and it tracks all `inputs` (paths below the root). */
export function commitOf(inputs: readonly string[]): string | undefined {
  const top = git('rev-parse', '--show-toplevel')?.trim();
  if (top === undefined || realpathSync(top) !== root) return undefined;
  if (git('status', '--porcelain', '--untracked-files=no') !== '') return undefined;
  const tracked = new Set(git('ls-files', '-z')?.split('\0'));
  if (inputs.some((input) => !tracked.has(input))) return undefined;
  return git('rev-parse', 'HEAD')?.trim();
}

interface LockEntry {
  readonly name?: string;
  readonly version?: string;
  readonly integrity?: string;
}

type Lock = Readonly<Record<string, LockEntry>>;

function lockOf(file: 'package-lock.json' | 'runtimes/package-lock.json'): Lock {
  return (JSON.parse(readFileSync(join(root, file), 'utf8')) as { packages: Lock }).packages;
}

function pinned(lock: Lock, folder: string): PinnedPackage {
  const entry = lock[folder];
  if (entry?.version === undefined || entry.integrity === undefined)
    throw new ReleaseError('cannot-build', `${folder} is not pinned by the lockfile: run npm ci`);
  const name = entry.name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return { name, version: entry.version, integrity: entry.integrity };
}

function inOrder(packages: readonly PinnedPackage[]): PinnedPackage[] {
  const key = ({ name, version }: PinnedPackage): string => `${name}@${version}`;
  return [...new Map(packages.map((one) => [key(one), one])).values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The packages that files below `node_modules` are of. */
export function packagesOf(files: readonly string[]): PinnedPackage[] {
  const lock = lockOf('package-lock.json');
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return inOrder([...new Set(folders)].map((folder) => pinned(lock, folder)));
}

/** Packages of the root's `node_modules`, by name. */
export function packagesNamed(names: readonly string[]): PinnedPackage[] {
  const lock = lockOf('package-lock.json');
  return inOrder(names.map((name) => pinned(lock, `node_modules/${name}`)));
}

/** The package that has a runtime, `name@version`; `undefined`: no lockfile pins one. */
export function packageOfRuntime(runtime: string): PinnedPackage | undefined {
  const [name, version] = runtime.split('@');
  for (const [file, pattern] of [
    ['package-lock.json', /^node_modules\/(node)-/],
    ['runtimes/package-lock.json', /^node_modules\/(node|bun|deno)\d*$/],
  ] as const) {
    const lock = lockOf(file);
    const folder = Object.keys(lock).find(
      (path) => pattern.exec(path)?.[1] === name && lock[path]!.version === version,
    );
    if (folder !== undefined) return pinned(lock, folder);
  }
  return undefined;
}
