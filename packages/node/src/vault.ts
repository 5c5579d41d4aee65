/**
 * Keys of what this instance writes to its disk, and whom it seals them to. spec/confidentiality.md, lines 10-16.
 *
 * A key is random, of one file, and sealed to the auditors of the constitution, and in shares to its members, before anything is encrypted
 * with it: so whatever was acknowledged can be read by them at once, also if every instance dies in the next moment. In the clear it is
 * in this process only, for as long as it lives, since it answers from its own ledger.
 */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCryptography, openSealed, rawPublicKey, sealTo } from '@coppice/cryptography';
import {
  archiveOf,
  decodeKeyFile,
  encodeKeyFile,
  fileKey,
  type FileKey,
  type FileName,
  keyContext,
  type KeyFile,
  keyFileBytesMax,
  KnownKeys,
  type KeySlot,
  type NewKey,
  segmentKeyFiles,
  type Vault,
} from '@coppice/storage';
import { sameBytes, type Signer, statement, toHex } from '@coppice/wire';
import type { Journal } from './journal.ts';
import { historyFolders } from './records.ts';
import { type Sharing, shareSlots } from './shares.ts';

const info = statement('file-key');
const keyBytes = 32;

export interface VaultOptions {
  /** Those who may read what is begun now. */
  readonly readers: { readonly keys: readonly Uint8Array[]; readonly sharing?: Sharing | undefined };
  /** Signs which keys are its own, so that its disk says whose it is. */
  readonly identity?: Signer;
  readonly journal: Pick<Journal, 'warn'>;
  /** Keys of files that were here before this process. */
  readonly known?: KnownKeys;
}

export class InstanceVault implements Vault {
  readonly #options: VaultOptions;
  readonly #known: KnownKeys;
  /** Of segments: snapshots are many, and go. */
  readonly #keyFiles = new Map<string, Uint8Array>();

  constructor(options: VaultOptions) {
    this.#options = options;
    this.#known = options.known ?? new KnownKeys();
  }

  keyOf(id: Uint8Array): Uint8Array | undefined {
    return this.#known.keyOf(id);
  }

  /** The bytes of the key file of a segment that this instance has written. */
  keyFileOf(id: Uint8Array): Uint8Array | undefined {
    return this.#keyFiles.get(toHex(id));
  }

  /** Keys of all files that this instance has written. */
  get keys(): readonly Uint8Array[] {
    return this.#known.keys;
  }

  async create(file: FileName): Promise<NewKey> {
    const { identity, journal, readers } = this.#options;
    const key = fileKey(new Uint8Array(randomBytes(keyBytes)));
    const associated = keyContext(file, key.id);
    const slots: KeySlot[] = [];
    // What members listed is no key. The others can read.
    const refused = (error: unknown): void =>
      journal.warn('reader-key-refused', { why: error instanceof Error ? error.message : String(error) });
    const { keys, sharing } = readers;
    for (const reader of keys) {
      try {
        slots.push({ to: reader, sealed: await sealTo(reader, key.key, { info, associated }) });
      } catch (error) {
        refused(error);
      }
    }
    if (sharing !== undefined) slots.push(...(await shareSlots(file, key, sharing, refused)));
    this.#known.add(key);
    const writer = identity && {
      instance: identity.publicKey,
      signature: identity.sign(statement('key-file', associated)),
    };
    if (file.kind === 'segment')
      this.#keyFiles.set(toHex(key.id), encodeKeyFile({ ...file, id: key.id, slots, writer }));
    return { key, slots, writer };
  }
}

/** The instance that signed that it made the key of this file, hexadecimal; `undefined` where none did. */
export function writerOf(file: KeyFile): string | undefined {
  if (file.writer === undefined) return undefined;
  const { instance, signature } = file.writer;
  const signed = statement('key-file', keyContext(file, file.id));
  return nodeCryptography.verify(instance, signed, signature) ? toHex(instance) : undefined;
}

/**
 * The instances that wrote the encrypted segments of the ledger in `folder`, as far as these have their key files: one, if they are as they
 * were written. `undefined`: of those that nobody signed for. Throws StorageError.
 */
export function writersOf(folder: string): Set<string | undefined> {
  const writers = new Set<string | undefined>();
  for (const { found } of segmentKeyFiles(folder)) if (!('reason' in found)) writers.add(writerOf(found));
  return writers;
}

/** Folders of a data folder that have key files: the folder itself, if it is a bare ledger; and archives. */
function keyFolders(dataFolder: string): string[] {
  const ledgers = [join(dataFolder, 'ledger'), ...historyFolders(dataFolder).map(({ folder }) => folder), dataFolder];
  return [...ledgers.flatMap((folder) => [folder, archiveOf(folder) ?? []].flat()), join(dataFolder, 'snapshots')];
}

/** The key files of a data folder, or of a folder of a ledger, that can be read, each as it is on the disk. */
export function* keyFilesOf(dataFolder: string): Generator<{ readonly content: Uint8Array; readonly file: KeyFile }> {
  for (const folder of keyFolders(dataFolder)) {
    for (const name of namesIn(folder)) {
      if (!/^(?:ledger-\d{16}|snapshot-\d{16}(?:-\d{16})?)\.key$/.test(name)) continue;
      const content = contentOf(join(folder, name));
      const file = content && decodeKeyFile(content);
      if (content !== undefined && file !== undefined) yield { content, file };
    }
  }
}

/** The keys in the key files of a data folder, or of a folder of a ledger, that one of these X25519 keys opens. */
export async function openKeyFiles(dataFolder: string, readers: readonly KeyObject[]): Promise<KnownKeys> {
  const known = new KnownKeys();
  for (const { file } of keyFilesOf(dataFolder)) {
    const key = await openKeyFile(file, readers);
    if (key === 'failed') known.fail(file.id);
    else if (key !== undefined) known.add(key);
  }
  return known;
}

/** The key; `undefined`: it is for others. */
async function openKeyFile(file: KeyFile, readers: readonly KeyObject[]): Promise<FileKey | 'failed' | undefined> {
  let failed = false;
  const associated = keyContext(file, file.id);
  for (const reader of readers) {
    const publicKey = rawPublicKey(createPublicKey(reader));
    for (const { sealed, to } of file.slots) {
      if (!sameBytes(to, publicKey)) continue;
      const opened = await openSealed(reader, sealed, { info, associated });
      const key = opened?.length === keyBytes ? fileKey(opened) : undefined;
      if (key !== undefined && sameBytes(key.id, file.id)) return key;
      failed = true;
    }
  }
  return failed ? 'failed' : undefined;
}

/** `undefined` for what is no key file by its length, or gone: its file was moved, or is pruned. */
function contentOf(path: string): Uint8Array | undefined {
  try {
    return statSync(path).size > keyFileBytesMax ? undefined : readFileSync(path);
  } catch {
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
