/**
 * How a ledger can end, other than well. spec/storage.md.
 */

/** The last write was cut by a crash: nothing that was ever reported durable is missing. */
export interface TornTail {
  /** File name of the last segment. */
  readonly segment: string;
  /** Where its last whole record ends; 0 where not even its header is whole. */
  readonly offset: number;
  /** Position that the first lost record had. */
  readonly position: number;
  /** Bytes of the cut write that had reached the file. */
  readonly bytesLost: number;
}

export type DamageReason =
  /** A segment's header does not match its checksum, or is cut, or is not one. */
  | 'segment-header'
  | 'format-version'
  | 'other-service'
  /** A whole segment under another segment's name. */
  | 'segment-name'
  /** A record's header does not match its checksum, or something stands where nothing was written. */
  | 'record-header'
  /** A record's payload does not match its checksum. */
  | 'record-payload'
  /** A whole record at a position that is not its own. */
  | 'record-position'
  /** A payload that is whole, and not what was encrypted in this place: altered by someone, or under another key. */
  | 'record-authentication'
  /** The segment is encrypted, and its key is not among those that the reader has. */
  | 'key-missing'
  /** The segment's key file is not there: nobody reads it, whoever has a key. */
  | 'key-file-missing'
  /** The segment's key file does not match its checksum, or is none; is that of another file; has a way to the key that is the reader's, and does not hold. */
  | 'key-checksum'
  | 'key-name'
  | 'key-authentication'
  /** A record that is cut, in a segment that has successors: these were begun only when it was durable. */
  | 'record-cut'
  /** The segment ends whole, but the next one begins at `nextPosition`: records, or whole segments, are gone. */
  | 'records-missing'
  /** The segment begins at a position that an earlier segment holds already. */
  | 'records-repeated';

/** A place where the ledger is not what was written. */
export interface Damage {
  readonly reason: DamageReason;
  /** File name of the segment, or of its key file. */
  readonly segment: string;
  /** Where in the file the damaged header or record begins. */
  readonly offset: number;
  /** Position of the record at that place. */
  readonly position: number;
  /** Type and sequence number of that record, where its header can be read. */
  readonly type?: number | undefined;
  readonly sequence?: number | undefined;
  /** Of `records-missing`: the position with which the next segment begins. */
  readonly nextPosition?: number | undefined;
}
