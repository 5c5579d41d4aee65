/**
 * Backups of an instance's data folder, taken while it is written to, and restored part by part. docs/reference/backup.md.
 *
 * Files are copied as they are, encrypted or not. A ledger only grows, and its frames say where its last whole record ends; so
 * what is below that place is the same bytes whenever they are read. The snapshot is taken first, so that the ledger goes on from it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { historyFolders } from '@coppice/node';
import { keyFileProblem, locate, newestSnapshotFiles, readLedger, serviceOfLedger } from '@coppice/storage';
import { toHex } from '@coppice/wire';
import type { Moment } from '../archive.ts';
import { UserError } from '../service-folder.ts';
import {
  type BackedUpFile,
  type BackupManifest,
  decodeManifest,
  digestOf,
  encodeManifest,
  manifestBytesMax,
  partBytes,
  partName,
} from './manifest.ts';
import type { BackupStore } from './store.ts';

export interface Created {
  readonly name: string;
  readonly manifest: BackupManifest;
  readonly parts: number;
  /** Those that the store did not have. */
  readonly written: number;
  readonly bytesWritten: number;
  /** Of what the store had, those that were not as they had been written, and were written again: each with its file. */
  readonly mended: readonly string[];
}

/**
 * Backs up the folder. Everything is read back, what the store had before, too. Throws UserError for a damaged ledger or key file, and for a
 * store that does not keep what it gets.
 */
export async function createBackup(dataFolder: string, store: BackupStore): Promise<Created> {
  const made = { parts: 0, written: 0, bytesWritten: 0, mended: [] as string[] };
  const add = async (path: string, bytes: number): Promise<BackedUpFile> => {
    const parts: string[] = [];
    for (const part of partsOf(placeOf(dataFolder, path), bytes)) {
      const digest = digestOf(part);
      const name = partName(digest);
      made.parts += 1;
      parts.push(digest);
      if (await store.has(name)) {
        const problem = await problemOf(store, path, digest);
        if (problem === undefined) continue;
        made.mended.push(problem);
      }
      await store.put(name, part);
      await readPart(store, path, digest);
      made.written += 1;
      made.bytesWritten += part.length;
    }
    return { path, bytes, parts };
  };

  const files: BackedUpFile[] = [];
  const snapshot = newestSnapshot(dataFolder);
  requireKeys(dataFolder, 'snapshot', snapshot);
  for (const path of snapshot) files.push(await add(path, sizeOf(placeOf(dataFolder, path))));
  const { sequence, segments } = await standing(dataFolder);
  requireKeys(
    dataFolder,
    'segment',
    segments.map(({ path }) => path),
  );
  for (const { path, bytes } of segments) {
    files.push(await add(path, bytes));
    // Durable before its segment.
    const key = path.replace(/\.seg$/, '.key');
    const place = placeOf(dataFolder, key);
    if (existsSync(place)) files.push(await add(key, sizeOf(place)));
  }
  const createdAt = new Date().toISOString();
  const manifest = { format: 1, service: serviceIn(dataFolder, segments), createdAt, sequence, files } as const;
  const { bytes, name } = encodeManifest(manifest);
  await store.put(name, bytes);
  await readManifest(store, name);
  return { name, manifest, ...made };
}

/** Names of backups, oldest first. */
export async function listBackups(store: BackupStore): Promise<string[]> {
  return (await store.list('backups/')).filter((name) => /^backups\/\d+-[0-9a-f]{64}\.json$/.test(name)).sort();
}

/** The manifest of this name, or of the newest backup, as it was written: its digest is in the name. */
export async function readManifest(
  store: BackupStore,
  named?: string,
): Promise<{ readonly name: string; readonly manifest: BackupManifest }> {
  const name = named ?? (await listBackups(store)).at(-1);
  if (name === undefined) throw new UserError('there is no backup');
  const bytes = await store.get(name, manifestBytesMax);
  if (bytes === undefined) throw new UserError(`${name}: the store does not have it`);
  const manifest = decodeManifest(name, bytes);
  if (typeof manifest === 'string') throw new UserError(`${name}: ${manifest}`);
  return { name, manifest };
}

/** The oldest backup that has what was so at this moment: the least to fetch. */
export async function backupAsOf(store: BackupStore, at: Moment): Promise<string> {
  const names = await listBackups(store);
  for (const name of names) {
    const { createdAt, sequence } = (await readManifest(store, name)).manifest;
    if ('time' in at ? Date.parse(createdAt) >= at.time : sequence >= at.sequence) return name;
  }
  const last = names.at(-1);
  if (last === undefined) throw new UserError('there is no backup');
  // Perhaps nothing happened since.
  if ('time' in at) return last;
  throw new UserError(`no backup goes up to batch ${at.sequence}`);
}

/** Reads everything but the parts that are `known` to be as they were written, and gives what is not. */
export async function verifyBackup(
  store: BackupStore,
  { files }: BackupManifest,
  known: Set<string> = new Set(),
): Promise<string[]> {
  const problems: string[] = [];
  for (const { parts, path } of files) {
    for (const digest of parts) {
      if (known.has(digest)) continue;
      const problem = await problemOf(store, path, digest);
      if (problem === undefined) known.add(digest);
      else problems.push(problem);
    }
  }
  return problems;
}

async function problemOf(store: BackupStore, path: string, digest: string): Promise<string | undefined> {
  try {
    await readPart(store, path, digest);
    return undefined;
  } catch (error) {
    if (error instanceof UserError && error.status === 1) return error.message;
    throw error;
  }
}

/** Writes the files into a new folder, which gets its name when all of them are there, as they were, durable, and whole ledgers. */
export async function restoreBackup(store: BackupStore, manifest: BackupManifest, folder: string): Promise<void> {
  if (existsSync(folder)) throw new UserError(`${folder} is there already`);
  const partial = `${folder.replace(/\/+$/, '')}.partial`;
  rmSync(partial, { recursive: true, force: true });
  try {
    await fetchInto(partial, store, manifest);
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

async function fetchInto(partial: string, store: BackupStore, manifest: BackupManifest): Promise<void> {
  mkdirSync(join(partial, 'ledger'), { recursive: true });
  for (const { bytes, parts, path } of manifest.files) {
    const target = join(partial, path);
    mkdirSync(dirname(target), { recursive: true });
    const fd = openSync(target, 'wx');
    try {
      let written = 0;
      for (const digest of parts) {
        const part = await readPart(store, path, digest);
        for (let at = 0; at < part.length;) at += writeSync(fd, part, at);
        written += part.length;
      }
      if (written !== bytes) throw new UserError(`${path}: its parts are not the file`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
  const { segments, sequence } = segmentsIn(partial);
  if (serviceIn(partial, segments) !== manifest.service || sequence !== manifest.sequence)
    throw new UserError('the files are not what the manifest says of them');
}

async function readPart(store: BackupStore, path: string, digest: string): Promise<Uint8Array> {
  const part = await store.get(partName(digest), partBytes);
  if (part === undefined) throw new UserError(`${path}: part ${digest.slice(0, 16)} is missing`);
  if (digestOf(part) !== digest) throw new UserError(`${path}: part ${digest.slice(0, 16)} was changed`);
  return part;
}

/** The first `bytes` bytes of a file, in parts. */
function* partsOf(path: string, bytes: number): Generator<Uint8Array> {
  const fd = openSync(path, 'r');
  try {
    for (let offset = 0; offset < bytes; offset += partBytes) {
      const part = new Uint8Array(Math.min(partBytes, bytes - offset));
      for (let at = 0; at < part.length;) {
        const read = readSync(fd, part, at, part.length - at, offset + at);
        if (read === 0) throw new UserError(`${path} became shorter`);
        at += read;
      }
      yield part;
    }
  } finally {
    closeSync(fd);
  }
}

/** Where a file of the folder is: closed segments may lie in an archive. */
const placeOf = (dataFolder: string, path: string): string => locate(join(dataFolder, dirname(path)), basename(path));

const sizeOf = (path: string): number => statSync(path).size;

/** What makes the newest snapshot, with keys: under their names, all of them are whole. */
function newestSnapshot(dataFolder: string): string[] {
  const folder = join(dataFolder, 'snapshots');
  if (!existsSync(folder)) return [];
  return newestSnapshotFiles(readdirSync(folder))
    .flatMap((name) => [name, name.replace(/\.snap$/, '.key')])
    .filter((name) => existsSync(join(folder, name)))
    .map((name) => `snapshots/${name}`);
}

/** The same of a folder that is written to: what a write that is under way looks like damage with is gone a moment later. */
async function standing(dataFolder: string): Promise<ReturnType<typeof segmentsIn>> {
  for (let attempt = 0; ; attempt++) {
    try {
      return segmentsIn(dataFolder);
    } catch (error) {
      if (attempt === 3 || !(error instanceof UserError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The segments of the folder's ledgers, up to their last whole records, and the highest sequence number in these. */
function segmentsIn(dataFolder: string): { sequence: number; segments: { path: string; bytes: number }[] } {
  const segments: { path: string; bytes: number }[] = [];
  let sequence = 0;
  for (const folder of [...historyFolders(dataFolder).map((gap) => `history/${gap.from}-${gap.to}`), 'ledger']) {
    const ends = new Map<number, number>();
    for (const item of readLedger(join(dataFolder, folder), { keys: 'sealed' })) {
      if (item.kind === 'corrupt')
        throw new UserError(
          `${folder}/${item.damage.segment} is damaged at ${item.damage.offset}: ${item.damage.reason}`,
        );
      if (item.kind !== 'record') continue;
      ends.set(item.first, item.offset + item.frameBytes);
      sequence = Math.max(sequence, item.record.sequence);
    }
    for (const [first, bytes] of ends)
      segments.push({ path: `${folder}/ledger-${String(first).padStart(16, '0')}.seg`, bytes });
  }
  return { sequence, segments };
}

/** Without its key file, a copy of an encrypted file is nothing; and what is copied once is not looked at before it is needed. */
function requireKeys(dataFolder: string, kind: 'segment' | 'snapshot', paths: readonly string[]): void {
  const problems = paths
    .filter((path) => !path.endsWith('.key'))
    .flatMap((path) => {
      const problem = keyFileProblem(kind, placeOf(dataFolder, path));
      return problem === undefined ? [] : [`the key file of ${path}: ${problem}`];
    });
  if (problems.length > 0)
    throw new UserError(
      `${problems.join('\n')}\nnothing is backed up: take the key files from an earlier backup, or back up another instance`,
    );
}

function serviceIn(dataFolder: string, segments: readonly unknown[]): string {
  const service = segments.length === 0 ? undefined : serviceOfLedger(join(dataFolder, 'ledger'));
  if (service === undefined) throw new UserError('its ledger is empty');
  return toHex(service);
}
