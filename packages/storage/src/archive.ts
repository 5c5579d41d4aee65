/**
 * Segments that were moved elsewhere: a folder of a ledger may name another one, which has its oldest. spec/storage.md, "Archive".
 *
 * Nothing is trusted for being there: what is read from an archive is checked as what is read from the folder itself. A file is
 * looked for in the folder first, so that it can be copied, and only then removed, while others read.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { reading, readingArchive, StorageError, writeError, writing } from './error.ts';
import { keyFileName } from './file-key.ts';
import { makeFolder, syncFolderNow, writeFileAtomic } from './files.ts';
import { InputFile } from './frame-reader.ts';
import { segmentFirst, segmentName } from './segment.ts';

/** The file in a ledger's folder that names its archive: a path, absolute or from the folder. */
const pointerName = 'archive';
const pointerBytesMax = 4096;
/** Names of what is moved to an archive. */
const ours = /^ledger-\d{16}\.(?:seg|key)(?:\.tmp)?$/;

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
  // In this order: what is gone from the folder by then is in an archive that has a name. [1]
  const own = reading('list', folder, () => fs.readdirSync(folder));
  const archive = archiveOf(folder);
  const moved = archive === undefined ? [] : readingArchive('list', archive, () => fs.readdirSync(archive));
  // A folder that a disk is mounted on is empty while it is not. [7]
  if (
    archive !== undefined &&
    moved.length === 0 &&
    !own.includes(segmentName(0)) &&
    own.some((name) => segmentFirst(name) !== undefined)
  )
    throw new StorageError({ code: 'ARCHIVE_UNAVAILABLE', path: archive, operation: 'list', errno: 'empty' });
  return [...new Set([...own, ...moved])].sort();
}

/** Where a file of a ledger is: in its folder, or else in its archive. */
export function locate(folder: string, name: string): string {
  const path = join(folder, name);
  if (fs.existsSync(path)) return path;
  const archive = archiveOf(folder);
  return archive === undefined ? path : join(archive, name);
}

/** A file of a ledger, open for reading. It throws StorageError: ARCHIVE_UNAVAILABLE for what its archive has or should have. [6-7] */
export function openLocated(folder: string, name: string): InputFile {
  const own = join(folder, name);
  try {
    return new InputFile(own);
  } catch (error) {
    const path = locate(folder, name);
    if (path === own) throw error;
    return new InputFile(path, readingArchive);
  }
}

/**
 * Moves all segments but the last of the ledger in `folder`, with their key files, to its archive: a folder in `archives`, begun if it has none
 * yet. Whoever reads meanwhile, the ledger's writer included, finds each in one of the two places. Gives the names of the segments that were
 * moved. Throws StorageError, and RangeError where the ledger has its archive elsewhere. [1-5]
 */
export async function archiveSegments(folder: string, archives: string): Promise<string[]> {
  const before = archiveOf(folder);
  if (before !== undefined && dirname(before) !== resolve(archives))
    throw new RangeError(`${folder} has an archive already: ${before}`);
  const closed = closedIn(folder);
  if (closed.length === 0) return [];
  const archive = before ?? beginArchive(folder, archives);
  const moved: string[] = [];
  for (const segment of closed) if (await move(folder, archive, segment)) moved.push(segment);
  return moved;
}

/** Removes what the ledger in `folder` has in its archive, for whoever is about to remove that, too. What else lies there stays. */
export function removeArchive(folder: string): void {
  const archive = archiveOf(folder);
  if (archive === undefined || !fs.existsSync(archive)) return;
  const files = readingArchive('list', archive, () => fs.readdirSync(archive)).filter((name) => ours.test(name));
  for (const name of files)
    writing('remove', join(archive, name), () => fs.rmSync(join(archive, name), { force: true }));
  if (fs.readdirSync(archive).length === 0) writing('remove', archive, () => fs.rmdirSync(archive));
}

/** Names of the segments that nobody writes to any more. */
function closedIn(folder: string): string[] {
  const names = reading('list', folder, () => fs.readdirSync(folder));
  return names
    .filter((name) => segmentFirst(name) !== undefined)
    .sort()
    .slice(0, -1);
}

/** A folder that had nothing in it, so that it never has what was of another ledger. */
function beginArchive(folder: string, archives: string): string {
  makeFolder(archives);
  for (let i = 1; ; i++) {
    const archive = resolve(archives, i === 1 ? basename(folder) : `${basename(folder)}.${i}`);
    if (fs.existsSync(archive)) continue;
    makeFolder(archive);
    writeFileAtomic(join(folder, pointerName), Buffer.from(`${archive}\n`));
    return archive;
  }
}

/** Whether the segment was moved: not, where what has its name is another file by then. */
async function move(folder: string, archive: string, segment: string): Promise<boolean> {
  const files = [segment, keyFileName(segment)].filter((name) => fs.existsSync(join(folder, name)));
  const before = files.map((name) => identityOf(join(folder, name)));
  for (const name of files) await copyVerified(join(folder, name), join(archive, name));
  syncFolderNow(archive);
  if (files.some((name, i) => identityOf(join(folder, name)) !== before[i])) return false;
  for (const name of files) writing('remove', join(folder, name), () => fs.rmSync(join(folder, name)));
  syncFolderNow(folder);
  return true;
}

/** `undefined`: there is no such file. */
function identityOf(path: string): string | undefined {
  const stats = fs.statSync(path, { throwIfNoEntry: false });
  return stats && `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
}

/** A copy is seen under its name when all of it is durable, and was read back as it should be. */
async function copyVerified(from: string, to: string): Promise<void> {
  const temporary = `${to}.tmp`;
  try {
    await fs.promises.copyFile(from, temporary);
    const file = await fs.promises.open(temporary, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    if ((await digestOf(from)) !== (await digestOf(temporary)))
      throw new StorageError({
        code: 'WRITE_FAILED',
        path: temporary,
        operation: 'copy',
        errno: 'not what was written',
      });
    await fs.promises.rename(temporary, to);
  } catch (error) {
    throw error instanceof StorageError ? error : writeError('copy', to, error);
  }
}

async function digestOf(path: string): Promise<string> {
  const digest = createHash('sha256');
  await pipeline(fs.createReadStream(path), digest);
  return digest.digest('hex');
}
