/**
 * A data folder read from outside, with the private keys of auditors, or with what else opens its key files.
 *
 * Keys of files are opened first, all at once; the ledger's writer may begin a segment meanwhile. Its key file is durable before it,
 * so whoever meets a segment without a key looks for keys once more.
 */
import type { KeyObject } from 'node:crypto';
import type { Damage, KnownKeys, ReadOptions } from '@coppice/storage';
import { readDataFolder, type ReadItem } from './records.ts';
import { openKeyFiles } from './vault.ts';

/** Every record of a data folder, as {@link readDataFolder} gives them, of encrypted segments those that `readers` can open. */
export async function* readSealedFolder(
  dataFolder: string,
  readers: readonly KeyObject[] | ((dataFolder: string) => Promise<KnownKeys>),
  options: Pick<ReadOptions, 'service'> = {},
): AsyncGenerator<ReadItem> {
  let given = 0;
  for (let known = -1; ;) {
    const keys = await (typeof readers === 'function' ? readers(dataFolder) : openKeyFiles(dataFolder, readers));
    let read = 0;
    let again = false;
    for (const item of readDataFolder(dataFolder, { ...options, keys })) {
      if (item.kind === 'corrupt' && lacksKey(item.damage) && keys.size > known) {
        again = true;
        break;
      }
      if (item.kind === 'record' && read++ < given) continue;
      if (item.kind === 'record') given += 1;
      yield item;
    }
    if (!again) return;
    known = keys.size;
  }
}

/** It may be there, and found by now: a key file that is archived meanwhile is in the one place, and then in the other. */
function lacksKey({ reason }: Damage): boolean {
  return reason === 'key-missing' || reason === 'key-file-missing';
}
