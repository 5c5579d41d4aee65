/**
 * The folder of a service on this machine: what the host, the members and the clients of a local service keep.
 *
 *     service.json        digest, client doors of the founders, development or not
 *     constitution.json   as the members wrote it
 *     genesis.bin         the signed genesis document
 *     predecessors/       those of the services that were lost, and that it goes on from, by digest
 *     given-up/           those of services in whose place members founded another one, all the same
 *     founding.json       a successor that is being founded: it waits for signatures, or was cut short
 *     lock.PID.START      whoever recovers here, or stops what runs
 *     members/NAME.key.successions    which successors of lost services the member signed
 *     members/NAME.key    private keys of members (seed, hexadecimal): only where one machine plays them all
 *     clients/NAME.key
 *     releases/DIGEST/    the releases that can be launched: docs/reference/releases.md
 *     recovery/NAME.key   private keys of members that open their shares: only where one machine plays them all
 *     auditors/NAME.key   private keys of auditors (X25519, hexadecimal), whom the ledgers are encrypted to: likewise
 *     instances/          one folder a launch
 *     removed/            what is left of those that a crash kept from being removed: `ledger prune`
 *     public.ledger       the public part of the log, as of the last time that some were
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type KeyedSigner, sealingKeyFromSeed, signerFromSeed } from '@coppice/cryptography';
import { ReleaseStore } from '@coppice/release';
import { type Lock, lockFolder, StorageError, writeFileAtomic } from '@coppice/storage';
import { encodeUtf8, fromHex, toHex } from '@coppice/wire';

/** Something that the person at the terminal can mend. */
export class UserError extends Error {
  override name = 'UserError';
  /** Process exit status. docs/reference/cli.md lists them. */
  readonly status: number;
  /** For programs: what refused it calls the reason. */
  readonly code: string;

  constructor(message: string, status = 1, code = 'failed') {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface ServiceFile {
  readonly service: string;
  /** That of the founders. */
  readonly release: string;
  readonly addresses: readonly string[];
  readonly development: boolean;
  readonly slots: number;
  readonly epochKeys: number;
  /** Digests of the services that it goes on from, the oldest first. */
  readonly predecessors?: readonly string[];
  /** What replicas run on, slot by slot; simulated where it is not said. */
  readonly platforms?: readonly string[];
  /** Bytes of leaves of the state that each replica has in memory; all where it is not said. */
  readonly stateCacheBytes?: number;
}

export class ServiceFolder {
  readonly path: string;
  readonly releases: ReleaseStore;

  constructor(path: string) {
    this.path = path;
    this.releases = new ReleaseStore(join(path, 'releases'));
  }

  /** For whoever founds here, or ends what runs. Throws UserError where another process does. */
  lock(): Lock {
    mkdirSync(this.path, { recursive: true });
    try {
      return lockFolder(this.path);
    } catch (error) {
      if (!(error instanceof StorageError && error.detail.code === 'LOCKED')) throw error;
      throw new UserError(
        `another command recovers in ${this.path}, or stops what runs there: process ${error.detail.pid}`,
      );
    }
  }

  get founded(): boolean {
    return existsSync(join(this.path, 'service.json'));
  }

  readService(): ServiceFile {
    try {
      return JSON.parse(readFileSync(join(this.path, 'service.json'), 'utf8')) as ServiceFile;
    } catch {
      throw new UserError(
        `there is no service in ${this.path}: --folder names another, and \`coppice genesis --folder ${this.path}\` founds a new one, which has nothing of any other`,
      );
    }
  }

  writeService(file: ServiceFile): void {
    mkdirSync(this.path, { recursive: true });
    writeFileAtomic(join(this.path, 'service.json'), encodeUtf8(`${JSON.stringify(file, undefined, 2)}\n`)!);
  }

  read(name: string): Uint8Array {
    return readFileSync(join(this.path, name));
  }

  write(name: string, content: string | Uint8Array): void {
    mkdirSync(join(this.path, name, '..'), { recursive: true });
    writeFileSync(join(this.path, name), content);
  }

  /** The key of this name, made if it is not there. */
  key(kind: 'members' | 'clients', name: string): KeyedSigner {
    return readKey(this.keyFile(kind, name));
  }

  /** The auditor's key of this name, made if it is not there. */
  auditorKey(name: string): SealingKey {
    return readAuditorKey(this.keyFile('auditors', name));
  }

  /** The key of a member that opens its shares of files' keys, made if it is not there. */
  recoveryKey(name: string): SealingKey {
    return readAuditorKey(this.keyFile('recovery', name));
  }

  /** The file of this name, made if it is not there. */
  keyFile(kind: 'members' | 'clients' | 'auditors' | 'recovery', name: string): string {
    const path = join(this.path, kind, `${name}.key`);
    if (!existsSync(path)) {
      mkdirSync(join(this.path, kind), { recursive: true });
      writeFileSync(path, `${toHex(randomBytes(32))}\n`, { mode: 0o600, flag: 'wx' });
    }
    return path;
  }

  /** Names of the keys that are here. */
  keys(kind: 'members' | 'clients'): string[] {
    return keyNames(join(this.path, kind));
  }
}

function keyNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.key'))
    .map((name) => name.slice(0, -'.key'.length))
    .sort();
}

/** An X25519 key pair. */
export type SealingKey = ReturnType<typeof sealingKeyFromSeed>;

/**
 * Private keys of auditors for an instance's folder: of the files that are named, or else those of the service's folder that it
 * lies in, if it does.
 */
export function auditorKeys(instanceFolder: string, files: readonly string[] = []): SealingKey['privateKey'][] {
  const paths = files.length > 0 ? files : auditorKeyFiles(dirname(dirname(resolve(instanceFolder))));
  return paths.map((path) => readAuditorKey(path).privateKey);
}

/** The key files of auditors in a service's folder. */
export function auditorKeyFiles(serviceFolder: string): string[] {
  const folder = join(serviceFolder, 'auditors');
  return keyNames(folder).map((name) => join(folder, `${name}.key`));
}

/** The key pair of an auditor's key file: 32 bytes in hexadecimal. */
export function readAuditorKey(path: string): SealingKey {
  return sealingKeyFromSeed(readSeed(path));
}

/** The signer of a key file: 32 bytes of seed in hexadecimal. */
export function readKey(path: string): KeyedSigner {
  return signerFromSeed(readSeed(path));
}

function readSeed(path: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch {
    throw new UserError(`there is no key file ${path}`);
  }
  const seed = fromHex(text);
  if (seed?.length !== 32) throw new UserError(`${path} is not a key file: it must hold 32 bytes in hexadecimal`);
  return seed;
}
