/**
 * `coppice backup create | list | verify | restore`. docs/reference/backup.md.
 */
import type { Moment } from '../archive.ts';
import { backupAsOf, createBackup, listBackups, readManifest, restoreBackup, verifyBackup } from '../backup/backup.ts';
import { openStore } from '../backup/store.ts';
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
    try {
      const { service, sequence, files } = (await readManifest(opened, name)).manifest;
      rows.push({ name, service, sequence, bytes: files.reduce((sum, file) => sum + file.bytes, 0) });
    } catch (error) {
      rows.push({ name, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  output.answer(
    rows,
    table([
      ['backup', 'service', 'through batch', 'bytes'],
      ...rows.map(({ name, service, sequence, bytes, problem }) =>
        problem === undefined ? [name, service!.slice(0, 8), String(sequence), String(bytes)] : [name, problem],
      ),
    ]),
  );
}

export async function verifyStored(
  named: string | undefined,
  { store, endpoint }: BackupOptions,
  output: Output,
): Promise<void> {
  const opened = openStore(store, endpoint);
  const { name, manifest } = await readManifest(opened, named);
  const problems = await verifyBackup(opened, manifest);
  const { sequence, service } = manifest;
  output.answer({ ok: problems.length === 0, name, service, sequence, problems }, [
    problems.length === 0
      ? `${name} is as it was written, through batch ${sequence}`
      : `${name} IS NOT WHAT WAS WRITTEN`,
    ...problems.map((problem) => `  ! ${problem}`),
  ]);
  if (problems.length > 0) process.exitCode = 1;
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
