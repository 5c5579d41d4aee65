/**
 * What instances have closed moves to a larger or cheaper disk, while they run and after. spec/storage.md, "Archive".
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { historyFolders, partialHistory } from '@coppice/node';
import { archiveSegments } from '@coppice/storage';
import { counted } from './output.ts';
import { diskFolders } from './recovery/disks.ts';

const intervalMs = 10_000;

/** Moves the closed segments of an instance's ledgers below `to`. Gives their names below its folder. Throws StorageError, RangeError. */
export async function archiveInstance(dataFolder: string, to: string): Promise<string[]> {
  const partial = partialHistory(dataFolder);
  const folders = [...historyFolders(dataFolder).map(({ folder }) => folder), partial, join(dataFolder, 'ledger')];
  const moved: string[] = [];
  for (const folder of folders) {
    if (folder === partial && !existsSync(partial)) continue;
    const name = relative(dataFolder, folder);
    const segments = await archiveSegments(folder, join(to, dirname(name)));
    moved.push(...segments.map((segment) => join(name, segment)));
  }
  return moved;
}

/** Does so for all instances of a service on this machine, those that ended included, until it is aborted. */
export async function keepArchiving(
  folder: string,
  to: string,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const said = new Map<string, string>();
  while (!signal.aborted) {
    for (const dataFolder of diskFolders([folder])) {
      const name = basename(dataFolder);
      try {
        const moved = await archiveInstance(dataFolder, join(to, name));
        if (moved.length > 0) say(`${name}: ${counted(moved.length, 'segment')} moved to ${join(to, name)}`);
        said.delete(name);
      } catch (error) {
        // It may have ended a fill-in, or its folder was removed: the next time there is another one. Or the archive is full.
        const why = error instanceof Error ? error.message : String(error);
        if (said.get(name) !== why) say(`${name}: not archived: ${why}`);
        said.set(name, why);
      }
    }
    await pause(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}
