/**
 * `coppice backup create | list | verify | restore`. docs/reference/backup.md.
 */
import type { Moment } from '../archive.ts';
import { backupAsOf, createBackup, listBackups, readManifest, restoreBackup, verifyBackup } from '../backup/backup.ts';
import type { BackupManifest } from '../backup/manifest.ts';
import { type BackupStore, openStore } from '../backup/store.ts';
import { writeMoment } from '../backup/moment.ts';
import { type Output, table } from '../output.ts';
import { UserError } from '../service-folder.ts';
import { dataFolderOf } from './verify.ts';

export interface BackupOptions {
  readonly store: string;
  readonly endpoint?: string;
}

export async function backUp(folder: string, { store, endpoint }: BackupOptions, output: Output): Promise<void> {
  const { manifest, ...made } = await createBackup(dataFolderOf(folder), openStore(store, endpoint));
  const { createdAt, sequence, service } = manifest;
  output.answer({ ok: true, ...made, service, createdAt, sequence, files: manifest.files.length }, [
    made.name,
    `  through batch ${sequence}: ${manifest.files.length} files in ${made.parts} parts, of which ${made.written} were written, ${made.bytesWritten} bytes; all of them were read back`,
    ...made.mended.map((problem) => `  ! ${problem}: written again`),
  ]);
}

export async function list({ store, endpoint }: BackupOptions, output: Output): Promise<void> {
  const opened = openStore(store, endpoint);
  const rows: { name: string; service?: string; sequence?: number; bytes?: number; problem?: string }[] = [];
  for (const name of await listBackups(opened)) {
    const manifest = await manifestOr(opened, name);
    if (typeof manifest === 'string') {
      rows.push({ name, problem: manifest });
      continue;
    }
    const { service, sequence, files } = manifest;
    rows.push({ name, service, sequence, bytes: files.reduce((sum, file) => sum + file.bytes, 0) });
  }
  const whole = rows.filter(({ problem }) => problem === undefined);
  output.answer(rows, [
    ...table([
      ['backup', 'service', 'through batch', 'bytes'],
      ...whole.map(({ name, service, sequence, bytes }) => [
        name,
        service!.slice(0, 8),
        String(sequence),
        String(bytes),
      ]),
    ]),
    ...rows.flatMap(({ problem }) => (problem === undefined ? [] : [`  ! ${problem}`])),
  ]);
  if (whole.length < rows.length) process.exitCode = 1;
}

/** The manifest, or what is wrong with it. */
async function manifestOr(store: BackupStore, name: string): Promise<BackupManifest | string> {
  try {
    return (await readManifest(store, name)).manifest;
  } catch (error) {
    if (error instanceof UserError && error.status === 1) return error.message;
    throw error;
  }
}

export async function verifyStored(
  named: string | undefined,
  { store, endpoint }: BackupOptions,
  output: Output,
): Promise<void> {
  const opened = openStore(store, endpoint);
  const names = named === undefined ? await listBackups(opened) : [named];
  if (names.length === 0) throw new UserError('there is no backup');
  const backups: { name: string; service?: string; sequence?: number; problems: string[] }[] = [];
  // Parts that backups have in common are read once.
  const known = new Set<string>();
  for (const name of names) {
    const manifest = await manifestOr(opened, name);
    if (typeof manifest === 'string') {
      backups.push({ name, problems: [manifest] });
      continue;
    }
    const { sequence, service } = manifest;
    backups.push({ name, service, sequence, problems: await verifyBackup(opened, manifest, known) });
  }
  const ok = backups.every(({ problems }) => problems.length === 0);
  output.answer(
    { ok, backups },
    backups.flatMap(({ name, problems, sequence }) => [
      problems.length === 0
        ? `${name} is as it was written, through batch ${sequence}`
        : `${name} IS NOT WHAT WAS WRITTEN`,
      ...problems.map((problem) => `  ! ${problem}`),
    ]),
  );
  if (!ok) process.exitCode = 1;
}

export async function restore(
  named: string | undefined,
  { store, endpoint, out, at }: BackupOptions & { readonly out: string; readonly at?: Moment },
  output: Output,
): Promise<void> {
  const opened = openStore(store, endpoint);
  const { name, manifest } = await readManifest(
    opened,
    named ?? (at === undefined ? undefined : await backupAsOf(opened, at)),
  );
  const { sequence, service } = manifest;
  if (at !== undefined && 'sequence' in at && at.sequence > sequence)
    throw new UserError(`${name} goes up to batch ${sequence} only`);
  await restoreBackup(opened, manifest, out);
  if (at !== undefined) writeMoment(out, at);
  output.answer({ ok: true, name, folder: out, service, sequence, at: at ?? null }, [
    `${out}: through batch ${sequence} of service ${service}`,
    `what is in it is proven by: coppice audit ${out} --service ${service}`,
    `and asked${at === undefined ? '' : ', as of then,'} by: coppice backup serve ${out} --service ${service} --release FOLDER --auditor-key FILE`,
    '  with the release that has the service, and the key of an auditor, if the ledger is encrypted',
  ]);
}
