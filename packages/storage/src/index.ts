export { archiveOf, archiveSegments, locate, removeArchive } from './archive.ts';
export type { Damage, DamageReason, TornTail } from './damage.ts';
export { type LedgerOptions, type Opened, openLedger } from './disk-ledger.ts';
export { CodedError, StorageError, type StorageErrorDetail } from './error.ts';
export { type FileLayer, syncFolderNow, writeFileAtomic } from './files.ts';
export { payloadBytesMax } from './frame.ts';
export { PageFile, type PageFileOptions } from './page-file.ts';
export type { Scrubber } from './scrub.ts';
export type { Done, Ledger, LedgerReader, LedgerRecord, NewRecord, PayloadFilter } from './ledger.ts';
export { LedgerIndex } from './ledger-index.ts';
export { type Lock, lockFolder } from './lock.ts';
export { MemoryLedger, type MemoryLedgerOptions } from './memory-ledger.ts';
export { type LedgerEnd, readLedger, type ReadOptions, type ScannedRecord, serviceOfLedger } from './reader.ts';
export { keyFileProblem, type SegmentKey, segmentKeyFiles } from './key-damage.ts';
export { newestSnapshotFiles, type Snapshot, type SnapshotOptions, Snapshots } from './snapshots.ts';
export {
  decodeKeyFile,
  encodeKeyFile,
  fileKey,
  type FileKey,
  type FileKeys,
  type FileName,
  isKeyFileOf,
  keyContext,
  type KeyFile,
  keyFileBytesMax,
  KnownKeys,
  type KeySlot,
  type KeyWriter,
  type NewKey,
  type Vault,
} from './file-key.ts';
