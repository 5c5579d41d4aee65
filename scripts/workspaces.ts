/**
 * The repository's folder and its workspaces, for the other scripts.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where package.json is, without a slash at the end. */
export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

export interface Manifest {
  readonly name: string;
  readonly sideEffects?: boolean | readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface Workspace {
  /** Relative to the root: `packages/wire`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export function readManifest(folder: string): Manifest & { readonly workspaces?: readonly string[] } {
  return JSON.parse(readFileSync(`${root}/${folder}/package.json`, 'utf8')) as Manifest;
}

export function workspaces(): Workspace[] {
  return globSync([...(readManifest('.').workspaces ?? [])], { cwd: root })
    .sort()
    .map((folder) => ({ folder, manifest: readManifest(folder) }));
}

/** Files below `folders` (relative to the root, as are the results) whose names match `pattern`, in order. */
export function filesIn(folders: readonly string[], pattern: string): string[] {
  return globSync(
    folders.map((folder) => `${folder}/${pattern}`),
    { cwd: root, exclude: ['**/node_modules/**'] },
  ).sort();
}
