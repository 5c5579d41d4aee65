/**
 * Segments that were moved elsewhere: a folder of a ledger may name another one, which has its oldest.
 *
 * Nothing is trusted for being there: what is read from an archive is checked as what is read from the folder itself. A file is
 * looked for in the folder first, so that it can be copied, and only then removed, while others read.
 */
import fs from 'node:fs';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { reading, writing } from './error.ts';
import { keyFileName } from './file-key.ts';
import { syncFolderNow, writeFileAtomic, makeFolder } from './files.ts';
import { segmentFirst } from './segment.ts';

/** The file in a ledger's folder that names its archive: a path, absolute or from the folder. */
const pointerName = 'archive';
const pointerBytesMax = 4096;

/** The archive of a ledger's folder, if it has one. */
export function archiveOf(folder: string): string | undefined {
  const path = join(folder, pointerName);
  const stats = fs.statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile() || stats.size > pointerBytesMax) return undefined;
  const named = reading('read', path, () => fs.readFileSync(path, 'utf8')).trim();
  if (named === '') return undefined;
  return isAbsolute(named) ? named : resolve(folder, named);
}

/** Names of the files of a ledger, wherever they are, sorted. */
export function namesOf(folder: string): string[] {
  const archive = archiveOf(folder);
  const own = reading('list', folder, () => fs.readdirSync(folder));
  const moved = archive === undefined ? [] : reading('list', archive, () => fs.readdirSync(archive));
  return [...new Set([...own, ...moved])].sort();
}

/** Where a file of a ledger is: in its folder, or else in its archive. */
export function locate(folder: string, name: string): string {
  const path = join(folder, name);
  if (fs.existsSync(path)) return path;
  const archive = archiveOf(folder);
  return archive === undefined ? path : join(archive, name);
}

/**
 * Moves all segments but the last of the ledger in `folder` to `archive`, with their key files. Whoever reads meanwhile, the ledger's
 * writer included, finds each in one of the two places. Gives the names of the segments that were moved.
 */
export function archiveSegments(folder: string, archive: string): string[] {
  makeFolder(archive);
  const before = archiveOf(folder);
  if (before !== undefined && resolve(before) !== resolve(archive))
    throw new RangeError(`${basename(folder)} has an archive already: ${before}`);
  const segments = fs.readdirSync(folder).filter((name) => segmentFirst(name) !== undefined);
  const closed = segments.sort().slice(0, -1);
  if (closed.length === 0) return [];
  const files = closed.flatMap((name) => [name, keyFileName(name)]).filter((name) => fs.existsSync(join(folder, name)));
  for (const name of files) copyDurably(join(folder, name), join(archive, name));
  syncFolderNow(archive);
  writeFileAtomic(join(folder, pointerName), Buffer.from(`${resolve(archive)}\n`));
  for (const name of files) writing('remove', join(folder, name), () => fs.rmSync(join(folder, name)));
  syncFolderNow(folder);
  return closed;
}

/** A copy is seen under its name when all of it is durable. */
function copyDurably(from: string, to: string): void {
  const temporary = `${to}.tmp`;
  writing('copy', to, () => {
    fs.copyFileSync(from, temporary);
    const fd = fs.openSync(temporary, 'r+');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, to);
  });
}
