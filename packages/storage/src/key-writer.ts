/**
 * Begins the key of a file: made, sealed to whoever may read it, and written, before anything is encrypted with it.
 */
import { encodeKeyFile, type FileKey, type FileName, type Vault } from './file-key.ts';
import type { Files } from './files.ts';

/**
 * Writes the key file at `path`, and gives the key. The file is synced; its name is durable with the next sync of the folder.
 */
export async function writeKeyFile(files: Files, path: string, vault: Vault, file: FileName): Promise<FileKey> {
  const { key, slots, writer } = await vault.create(file);
  const fd = await files.open(path, 'w');
  try {
    await files.write(path, fd, [encodeKeyFile({ ...file, id: key.id, slots, writer })], 0);
    await files.sync(path, fd);
  } finally {
    await files.close(path, fd);
  }
  return key;
}
