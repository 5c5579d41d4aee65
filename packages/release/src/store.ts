/**
 * The releases that a host has, by digest: `DIGEST/` holds what the manifest with this digest lists.
 *
 * A launch names a release and a variant of it, and gets exactly that or fails. What is here need not be approved: a host may have
 * anything, and the ledger decides what is admitted.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sameBytes, toHex } from '@coppice/wire';
import { type BuildOptions, buildRelease, openRelease, type Release } from './build.ts';
import { ReleaseError } from './error.ts';
import type { ReleaseVariant } from './manifest.ts';
import { checkRelease } from './verify.ts';

export interface StoredVariant extends ReleaseVariant {
  /** The program's file. */
  readonly path: string;
}

export class ReleaseStore {
  readonly folder: string;
  /** Of what was opened: a folder never changes once it has the name of its digest. */
  readonly #opened = new Map<string, Release>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Builds a release into the store. Throws a {@link ReleaseError}. */
  async build(options: Omit<BuildOptions, 'folder'>): Promise<Release> {
    const folder = this.#arriving();
    try {
      return this.#keep(await buildRelease({ ...options, folder }));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Takes a copy of the release in a folder, once every file is as its manifest says. Throws a {@link ReleaseError}. */
  add(source: string): Release {
    const folder = this.#arriving();
    try {
      // A folder with anything else in it is refused before anything is copied; what counts is what was copied.
      refuse(source, checkRelease(source));
      cpSync(source, folder, { recursive: true });
      refuse(source, checkRelease(folder));
      return this.#keep(openRelease(folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The release with this digest, or `undefined`. */
  find(digest: Uint8Array): Release | undefined {
    const name = toHex(digest);
    const known = this.#opened.get(name);
    if (known !== undefined) return known;
    const folder = join(this.folder, name);
    if (!existsSync(folder)) return undefined;
    const release = openRelease(folder);
    if (toHex(release.digest) !== name)
      throw new ReleaseError('no-release', `${folder} holds the release ${toHex(release.digest)}`);
    this.#opened.set(name, release);
    return release;
  }

  /** What a launch runs, or `undefined` where this store does not have it. */
  variant(release: Uint8Array, id: string): StoredVariant | undefined {
    const found = this.find(release);
    const variant = found?.manifest.variants.find((one) => one.id === id);
    return variant && { ...variant, path: join(found!.folder, variant.program) };
  }

  /** Digests of all releases that are here, hexadecimal, in order. */
  list(): string[] {
    if (!existsSync(this.folder)) return [];
    return readdirSync(this.folder)
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .sort();
  }

  /** A folder beside the others, for what is not a release of the store yet. */
  #arriving(): string {
    mkdirSync(this.folder, { recursive: true });
    return mkdtempSync(join(this.folder, 'arriving-'));
  }

  #keep({ digest, folder }: Release): Release {
    const kept = join(this.folder, toHex(digest));
    // What is here whole has the same files, and instances may run them; of what is damaged, they have read what they need.
    if (existsSync(kept) && !isWhole(kept, digest)) {
      const damaged = this.#arriving();
      renameSync(kept, join(damaged, 'damaged'));
      renameSync(folder, kept);
      rmSync(damaged, { recursive: true });
    } else if (!existsSync(kept)) renameSync(folder, kept);
    return this.find(digest)!;
  }
}

/** Whether the folder holds the release with this digest, as its manifest says. */
function isWhole(folder: string, digest: Uint8Array): boolean {
  try {
    return sameBytes(openRelease(folder).digest, digest) && checkRelease(folder).length === 0;
  } catch (error) {
    if (error instanceof ReleaseError) return false;
    throw error;
  }
}

function refuse(source: string, problems: ReturnType<typeof checkRelease>): void {
  const [first] = problems;
  if (first === undefined) return;
  const more = problems.length === 1 ? '' : `, and ${problems.length - 1} more`;
  throw new ReleaseError('altered', `${source}: ${first.reason}: ${first.file}: ${first.detail}${more}`);
}
