/**
 * What can fail on a disk, as codes with typed fields. docs/reference/errors.md lists them.
 */
import type { Damage } from './damage.ts';

/** An error that programs tell apart by `detail.code`, and people by its message. */
export class CodedError<D extends { readonly code: string }> extends Error {
  readonly detail: D;

  constructor(detail: D, cause?: unknown) {
    const fields = Object.entries(detail).filter(([name, value]) => name !== 'code' && value !== undefined);
    super([detail.code, ...fields.map(([name, value]) => `${name}=${value}`)].join(' '), { cause });
    this.name = new.target.name;
    this.detail = detail;
  }
}

export type StorageErrorDetail =
  /** No space, or no quota, for what had to be written. */
  | { readonly code: 'DISK_FULL'; readonly path: string; readonly operation: string }
  /** Anything else that kept bytes from becoming durable, a failed fsync above all. `errno` is the system's name for it. */
  | { readonly code: 'WRITE_FAILED'; readonly path: string; readonly operation: string; readonly errno: string }
  | { readonly code: 'READ_FAILED'; readonly path: string; readonly operation: string; readonly errno: string }
  /** What was moved to an archive cannot be read there now. */
  | { readonly code: 'ARCHIVE_UNAVAILABLE'; readonly path: string; readonly operation: string; readonly errno: string }
  /** The ledger holds something that no crash of ours can have left there. */
  | ({ readonly code: 'CORRUPT_SEGMENT'; readonly folder: string } & Damage)
  | { readonly code: 'CORRUPT_SNAPSHOT'; readonly path: string; readonly offset: number; readonly reason: string }
  /** What was kept of the state is not there any more as it was. */
  | { readonly code: 'CORRUPT_PAGE'; readonly path: string; readonly offset: number }
  /** Another process, or this one, has the folder open. */
  | { readonly code: 'LOCKED'; readonly path: string; readonly pid: number }
  /** The ledger was closed. */
  | { readonly code: 'CLOSED' };

export class StorageError extends CodedError<StorageErrorDetail> {}

/** The system's name of an error, such as `EIO`. */
export function errnoOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown';
}

export function writeError(operation: string, path: string, error: unknown): StorageError {
  const errno = errnoOf(error);
  return errno === 'ENOSPC' || errno === 'EDQUOT'
    ? new StorageError({ code: 'DISK_FULL', path, operation }, error)
    : new StorageError({ code: 'WRITE_FAILED', path, operation, errno }, error);
}

/** What `read` gives; what it throws becomes a READ_FAILED. */
export function reading<T>(operation: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new StorageError({ code: 'READ_FAILED', path, operation, errno: errnoOf(error) }, error);
  }
}

/** What `read` gives; what it throws becomes an ARCHIVE_UNAVAILABLE. */
export function readingArchive<T>(operation: string, path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new StorageError({ code: 'ARCHIVE_UNAVAILABLE', path, operation, errno: errnoOf(error) }, error);
  }
}

/** What `write` gives; what it throws becomes a DISK_FULL or WRITE_FAILED. */
export function writing<T>(operation: string, path: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw writeError(operation, path, error);
  }
}
