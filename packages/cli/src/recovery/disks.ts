/**
 * The disks that a recovery is given: instances' folders, or copies of them, and whose they are. spec/recovery.md, line 7.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Disk, readDisk } from '@coppice/audit';
import { nodeCryptography } from '@coppice/cryptography';
import { alive } from '@coppice/host';
import { readDataFolder, type ReadItem, writersOf } from '@coppice/node';
import type { KnownKeys } from '@coppice/storage';
import { asUserError } from '../failure.ts';
import { UserError } from '../service-folder.ts';
import type { KeyOpener } from './shares.ts';

/** A disk that can be read, or why a folder is none. */
export type GivenDisk =
  | { readonly folder: string; readonly keys: KnownKeys; readonly disk: Disk }
  | {
      readonly folder: string;
      readonly disk: undefined;
      readonly reason: string;
      /** It is encrypted, and there is no key that opens it. */
      readonly shut?: boolean;
    };

/** The instances' folders among these: one itself, or a folder of such, or of a service. */
export function diskFolders(paths: readonly string[]): string[] {
  const folders = paths.flatMap((path) => {
    if (!isFolder(path)) throw new UserError(`there is no folder ${path}`);
    if (isFolder(join(path, 'ledger'))) return [path];
    if (readdirSync(path).some((name) => name.endsWith('.seg')))
      throw new UserError(`${path} is a ledger: name the instance’s folder, in which it lies`);
    const parent = isFolder(join(path, 'instances')) ? join(path, 'instances') : path;
    return readdirSync(parent)
      .sort()
      .map((name) => join(parent, name))
      .filter((folder) => isFolder(join(folder, 'ledger')));
  });
  return [...new Set(folders)];
}

/** Reads one, with what opens it where it is encrypted. Throws where its instance still runs: a disk binds nobody. Line 16. */
export async function readGivenDisk(folder: string, open: KeyOpener): Promise<GivenDisk> {
  const launched = launchOf(folder);
  if (runs(launched))
    throw new UserError(
      `the instance of ${folder} still runs, as process ${launched.pid}: end it first (coppice host stop)`,
    );
  const keys = await open(folder);
  try {
    const [first] = readDataFolder(folder, { keys });
    if (first?.kind === 'corrupt' && first.damage.reason === 'key-missing')
      return { folder, disk: undefined, reason: 'is encrypted, and no key that was given opens it', shut: true };
    if (first?.kind === 'corrupt' && first.damage.reason.startsWith('key-')) {
      const { reason, segment } = first.damage;
      const what =
        reason === 'key-file-missing' ? 'is not there: without it, nobody reads what is encrypted' : 'was altered';
      return { folder, disk: undefined, reason: `its ${segment} ${what}: ${reason}` };
    }
    // Whoever wrote what is encrypted has signed it. In the clear, the host's word is all there is. [7]
    const writers = [...writersOf(join(folder, 'ledger'))];
    const instance = writers.length === 0 ? launched.instance : writers[0];
    const disk = readDisk(nodeCryptography, readDataFolder(folder, { keys }), { name: basename(folder), instance });
    if (disk === undefined) return { folder, disk, reason: 'does not begin with a genesis' };
    if (writers.length < 2 || disk.end === 'damaged') return { folder, keys, disk };
    return { folder, keys, disk: { ...disk, end: 'damaged', problem: 'not all of its segments are of one instance' } };
  } catch (error) {
    if (error instanceof UserError) throw error;
    const told = asUserError(error);
    return { folder, disk: undefined, reason: told instanceof Error ? told.message : String(told) };
  }
}

/** The records of a disk that make the log up to its batch `last`, as far as one needs them. */
export function* recordsUpTo({ folder, keys }: Source, last: number): Generator<ReadItem> {
  let records = 0;
  for (const item of readDataFolder(folder, { keys })) {
    if (item.kind !== 'record') break;
    if (item.record.sequence > last) continue;
    records += 1;
    yield item;
  }
  yield { kind: 'clean', records };
}

/** A disk that a log is taken from. */
export type Source = Pick<Extract<GivenDisk, { keys: KnownKeys }>, 'folder' | 'keys'>;

export interface Launched {
  readonly instance: string | undefined;
  readonly pid: number | undefined;
  /** Where it was launched: another, for a copy. */
  readonly folder: string;
}

/** Whether its process is still there. */
export function runs({ folder, pid }: Launched): boolean {
  return pid !== undefined && alive({ pid, folder });
}

/** What the host noted of the launch. */
export function launchOf(folder: string): Launched {
  const read = (name: string): Record<string, unknown>[] => {
    try {
      const text = readFileSync(join(folder, name), 'utf8');
      return name.endsWith('.jsonl')
        ? text
            .split('\n')
            .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []))
        : [JSON.parse(text) as Record<string, unknown>];
    } catch {
      return [];
    }
  };
  const noted = [...read('process.json'), ...read('events.jsonl')];
  const instance = noted.map((one) => one['instance']).find((one) => typeof one === 'string');
  const [{ folder: original = folder, pid } = {}] = read('process.json');
  return {
    instance,
    pid: typeof pid === 'number' ? pid : undefined,
    folder: typeof original === 'string' ? original : folder,
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
