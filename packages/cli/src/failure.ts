/**
 * How a command ends that failed: in words on stderr and, with `--json`, as the one document on stdout. docs/reference/errors.md.
 */
import { DoorError } from '@coppice/client';
import { StorageError } from '@coppice/storage';
import { CommanderError } from 'commander';
import { UserError } from './service-folder.ts';

export function fail(program: string, thrown: unknown): never {
  // The words of a wrong command line, and help, are written already.
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode !== 0) answer('wrong-use', thrown.message.replace(/^error: /, ''));
    process.exit(thrown.exitCode);
  }
  const error = asUserError(thrown);
  const known = error instanceof UserError;
  const message = error instanceof Error ? error.message : String(error);
  // Anything unknown is a mistake of ours, or of the machine: whoever reports it wants to say where.
  process.stderr.write(`${program}: ${!known && error instanceof Error ? (error.stack ?? message) : message}\n`);
  answer(known ? error.code : 'unexpected', message);
  process.exit(known ? error.status : 70);
}

/** What a network or a disk did is nobody's mistake here. */
export function asUserError(thrown: unknown): unknown {
  if (thrown instanceof DoorError) return new UserError(thrown.message, 3, 'unreachable');
  if (!(thrown instanceof StorageError)) return ofFile(thrown) ?? thrown;
  const { detail } = thrown;
  if (detail.code !== 'ARCHIVE_UNAVAILABLE') return new UserError(thrown.message);
  const message = `the archive of the ledger is away: cannot ${detail.operation} ${detail.path} (${detail.errno}). Mount it again`;
  return new UserError(message, 3, 'archive-unavailable');
}

/** A file that is not there, or may not be written: mostly one that somebody named. `undefined`: it is of no file. */
function ofFile(thrown: unknown): UserError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { path, syscall } = thrown as NodeJS.ErrnoException;
  if (path === undefined || syscall === undefined) return undefined;
  const [, why] = /^E[A-Z0-9]+: ([^,]+),/.exec(thrown.message) ?? [];
  return why === undefined ? undefined : new UserError(`cannot ${syscall} ${path}: ${why}`);
}

function answer(code: string, message: string): void {
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ ok: false, error: { code, message } })}\n`);
}
