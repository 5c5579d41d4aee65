/**
 * Reads a ledger from its first record on, one record at a time in memory, and never writes.
 *
 * Segments are checked as a chain: each begins with the position at which the one before ends. What cannot be seen is
 * the loss of whole records at the very end, which a host can always bring about: rollback.
 */
import { type Digest, sameBytes } from '@coppice/wire';
import { namesOf, openLocated } from './archive.ts';
import type { Damage, DamageReason, TornTail } from './damage.ts';
import { decodeFileHeader, fileHeaderBytes, isCutFileHeader, payloadsOf } from './file-header.ts';
import { type FileKeys, PayloadCipher } from './file-key.ts';
import { keyDamageOf } from './key-damage.ts';
import { type PlacedRecord, readFrames, type Stop } from './frame-reader.ts';
import { segmentFirst, segmentName } from './segment.ts';

/** How the ledger ends. `records` is the number of whole records, all of them before the damage. */
export type LedgerEnd =
  | { readonly kind: 'clean'; readonly records: number }
  | { readonly kind: 'torn'; readonly records: number; readonly torn: TornTail }
  | { readonly kind: 'corrupt'; readonly records: number; readonly damage: Damage };

/** A record, where its frame stands, and in which segment. */
export interface ScannedRecord extends PlacedRecord {
  readonly kind: 'record';
  /** Position of the segment's first record. */
  readonly first: number;
}

export interface ReadOptions {
  /** The service that the ledger must be of; without it, that of its first segment. */
  readonly service?: Digest | undefined;
  /**
   * Keys of its segments. `sealed`: payloads of encrypted segments are given as they are stored. Without keys, an encrypted
   * segment is damage.
   */
  readonly keys?: FileKeys | 'sealed' | undefined;
}

/** The service that the ledger in `folder` says it is of, by its first file; `undefined` where that says nothing. Throws StorageError. */
export function serviceOfLedger(folder: string): Digest | undefined {
  const file = openLocated(folder, segmentName(0));
  try {
    return decodeFileHeader('segment', file.view(0, fileHeaderBytes))?.service;
  } finally {
    file.close();
  }
}

/**
 * All records of the ledger in `folder`, by position, then how it ends, once and last. Throws StorageError
 * (READ_FAILED) where the file system fails.
 */
export function* readLedger(folder: string, options: ReadOptions = {}): Generator<ScannedRecord | LedgerEnd, void> {
  yield yield* readRecords(folder, options);
}

function* readRecords(folder: string, { service, keys }: ReadOptions): Generator<ScannedRecord, LedgerEnd> {
  const segments = namesOf(folder).flatMap((segment) => {
    const first = segmentFirst(segment);
    return first === undefined ? [] : [{ segment, first }];
  });

  let position = 0;
  /** Where the records of the segments so far end. */
  let before = { segment: segmentName(0), offset: 0 };
  let expected = service;
  const corrupt = (
    reason: DamageReason,
    place: { segment: string; offset: number },
    nextPosition?: number,
  ): LedgerEnd => {
    return { kind: 'corrupt', records: position, damage: { reason, ...place, position, nextPosition } };
  };

  for (const { segment, first } of segments) {
    const last = segment === segments.at(-1)!.segment;
    if (first > position) return corrupt('records-missing', before, first);
    if (first < position) return corrupt('records-repeated', { segment, offset: 0 });

    const file = openLocated(folder, segment);
    try {
      const bytes = file.view(0, fileHeaderBytes);
      const header = decodeFileHeader('segment', bytes);
      if (header === undefined) {
        const cut = last && (isCutFileHeader('segment', bytes) || file.bytesWritten(0) === 0);
        if (!cut) return corrupt('segment-header', { segment, offset: 0 });
        const bytesLost = file.bytesWritten(0);
        return { kind: 'torn', records: position, torn: { segment, offset: 0, position, bytesLost } };
      }
      const payloads = payloadsOf(header);
      if (payloads === undefined) return corrupt('format-version', { segment, offset: 0 });
      expected ??= header.service;
      if (!sameBytes(header.service, expected)) return corrupt('other-service', { segment, offset: 0 });
      if (header.number !== first) return corrupt('segment-name', { segment, offset: 0 });
      let cipher: PayloadCipher | undefined;
      if (payloads === 'encrypted' && keys !== 'sealed') {
        const key = keys?.keyOf(header.keyId);
        if (key === undefined) {
          const named = { kind: 'segment', service: header.service, number: first, id: header.keyId } as const;
          const { file: damaged, reason } = keyDamageOf(folder, segment, named, keys);
          return corrupt(reason, { segment: damaged, offset: 0 });
        }
        cipher = new PayloadCipher(key, bytes.slice());
      }

      const frames = readFrames(file, fileHeaderBytes, first, cipher);
      let frame = frames.next();
      for (; frame.done !== true; frame = frames.next()) {
        position++;
        yield { kind: 'record', ...frame.value, first };
      }
      const { kind, offset, bytesWritten } = frame.value;
      if (kind === 'cut' && last) {
        return { kind: 'torn', records: position, torn: { segment, offset, position, bytesLost: bytesWritten } };
      }
      if (kind !== 'end') return { kind: 'corrupt', records: position, damage: damageOf(frame.value, segment) };
      before = { segment, offset };
    } finally {
      file.close();
    }
  }
  return { kind: 'clean', records: position };
}

/** What is wrong where a record should be whole. */
export function damageOf({ kind, offset, position, header }: Stop, segment: string): Damage {
  const reason = kind === 'cut' || kind === 'end' ? 'record-cut' : kind;
  return { reason, segment, offset, position, type: header?.type, sequence: header?.sequence };
}
