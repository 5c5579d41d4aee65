/**
 * One process a folder.
 *
 * The lock is an empty file whose name is its holder: the process id and when that process started, for process ids
 * come again. Everyone shows the own lock first and looks for others' afterwards: of two that come at once, both may
 * give way, but never both stay. Locks of processes that are gone are removed.
 *
 * This guards against mistakes on one machine; processes in another container or machine are not seen.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { errnoOf, reading, StorageError, writing } from './error.ts';

export interface Lock {
  release(): void;
}

/** Throws StorageError (LOCKED) if a living process, this one included, holds the folder; or what has this name there. */
export function lockFolder(folder: string, name = 'lock'): Lock {
  const own = `${name}.${process.pid}.${startOf(process.pid)}`;
  const path = join(folder, own);
  if (!create(path)) throw new StorageError({ code: 'LOCKED', path, pid: process.pid });
  const release = (): void => fs.rmSync(path, { force: true });

  for (const other of reading('list', folder, () => fs.readdirSync(folder))) {
    if (!other.startsWith(`${name}.`)) continue;
    const [, digits, start] = /^(\d{1,10})\.(\d*)$/.exec(other.slice(name.length + 1)) ?? [];
    if (digits === undefined || other === own) continue;
    const pid = Number(digits);
    if (startOf(pid) === start && isAlive(pid)) {
      release();
      throw new StorageError({ code: 'LOCKED', path: join(folder, other), pid });
    }
    fs.rmSync(join(folder, other), { force: true });
  }
  return { release };
}

/** Whether the file was made; not if there was one of that name. */
function create(path: string): boolean {
  return writing('lock', path, () => {
    try {
      fs.closeSync(fs.openSync(path, 'wx'));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
  });
}

/** When the process started, in the system's own unit (proc(5), field 22 of stat); empty where it does not tell. */
function startOf(pid: number): string {
  try {
    // The command's name, in parentheses, may hold spaces and parentheses; field 3 is the first after it.
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
