/**
 * Which successors of lost services a member signed: kept beside its key, and written before it signs. spec/recovery.md, line 37.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { lockFolder, StorageError, writeFileAtomic } from '@coppice/storage';
import { encodeUtf8, fromHex, type GenesisDocument, serviceDigest, toHex } from '@coppice/wire';
import { nodeCryptography } from '@coppice/cryptography';
import { UserError } from '../service-folder.ts';

interface Signed {
  readonly predecessor: string;
  readonly successor: string;
  /** The batch of the predecessor that it goes on from. */
  readonly sequence: number;
}

const fileOf = (keyFile: string): string => `${keyFile}.successions`;

function read(keyFile: string): readonly Signed[] {
  const file = fileOf(keyFile);
  if (!existsSync(file)) return [];
  try {
    const notes = JSON.parse(readFileSync(file, 'utf8')) as Signed[];
    if (notes.every(({ predecessor, successor }) => fromHex(predecessor) && fromHex(successor))) return notes;
  } catch {
    // Said below.
  }
  throw new UserError(`${file} cannot be read: it says which successors the member signed, and none is signed without`);
}

function write(keyFile: string, notes: readonly Signed[]): void {
  writeFileAtomic(fileOf(keyFile), encodeUtf8(`${JSON.stringify(notes, undefined, 2)}\n`)!);
}

/** Throws where the member signed a successor of this service, other than this one. */
export function refuseSecond(keyFile: string, predecessor: Uint8Array, successor?: string): void {
  const other = read(keyFile).find((one) => one.predecessor === toHex(predecessor) && one.successor !== successor);
  if (other !== undefined)
    throw new UserError(
      `the member of ${keyFile} signed a successor of ${other.predecessor} already: ${other.successor}, from batch ${other.sequence} on. Two that live are two services: whoever uses one does not see what the other acknowledged. If that one never ran, or was ended for good: --another`,
    );
}

/** Another process has it for as long as it takes to read and write a small file. */
const patienceMs = 10_000;

/** Nobody else reads or writes the notes meanwhile. */
function alone(keyFile: string, act: () => void): void {
  const until = Date.now() + patienceMs;
  for (;;) {
    try {
      const lock = lockFolder(dirname(keyFile), `${basename(keyFile)}.lock`);
      try {
        return act();
      } finally {
        lock.release();
      }
    } catch (error) {
      if (!(error instanceof StorageError && error.detail.code === 'LOCKED')) throw error;
      if (Date.now() > until) throw new UserError(`process ${error.detail.pid} has the notes of ${keyFile}`);
    }
    // Of two that came at once both gave way: not to do so again, and again.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 20);
  }
}

/** Notes that the member signs this one; before it does. Throws where it signed another one, unless it is to sign this, too. */
export function noteSigned(keyFile: string, { genesis }: GenesisDocument, another: boolean): void {
  const { header, service } = genesis.predecessor!;
  const note = {
    predecessor: toHex(service),
    successor: toHex(serviceDigest(nodeCryptography, genesis)),
    sequence: header.sequence,
  };
  alone(keyFile, () => {
    if (!another) refuseSecond(keyFile, service, note.successor);
    const notes = read(keyFile);
    if (!notes.some((one) => one.successor === note.successor)) write(keyFile, [...notes, note]);
  });
}

/** Of one that never ran, and never will: its founders ended without the signed document. */
export function forgetSigned(keyFile: string, successor: string): void {
  if (!read(keyFile).some((one) => one.successor === successor)) return;
  alone(keyFile, () =>
    write(
      keyFile,
      read(keyFile).filter((one) => one.successor !== successor),
    ),
  );
}
