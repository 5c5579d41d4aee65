/**
 * Records: what a replica keeps on disk, in the order in which it learnt it. spec/ledger.md, "Records".
 *
 * Storage knows a record as (type, sequence, payload); this file gives the payloads their meaning. A batch is recorded
 * when it is accepted, before anything is certified about it, so after a view change a sequence number may occur
 * again with another header: the later record replaces that one and all that followed it.
 */
import {
  bytes,
  checkpointCertificateCodec,
  type Codec,
  commitCertificateCodec,
  decode,
  type Decoded,
  encode,
  epochCertificateCodec,
  genesisDocumentCodec,
  headerCodec,
  limits,
  newViewCodec,
  outcomesCodec,
  preparedCertificateCodec,
  struct,
  type TypeOf,
} from '@coppice/wire';

const codecs = {
  genesis: struct({ document: genesisDocumentCodec }),
  /** An accepted batch: `batch` is its encoding, kept as it came. */
  batch: struct({ header: headerCodec, batch: bytes(limits.batchBytes), outcomes: outcomesCodec }),
  prepared: struct({ certificate: preparedCertificateCodec }),
  commit: struct({ certificate: commitCertificateCodec }),
  'new-view': struct({ newView: newViewCodec }),
  checkpoint: struct({ certificate: checkpointCertificateCodec }),
  epoch: struct({ certificate: epochCertificateCodec }),
} as const satisfies Record<string, Codec<never> | Codec<any>>;

type Kind = keyof typeof codecs;

export type LedgerRecord = { [K in Kind]: { readonly kind: K } & TypeOf<(typeof codecs)[K]> }[Kind];

/** The number by which storage knows each kind of record. */
export const recordTypes = {
  genesis: 1,
  batch: 2,
  prepared: 3,
  commit: 4,
  'new-view': 5,
  checkpoint: 6,
  epoch: 7,
} as const satisfies Record<Kind, number>;

const kinds = new Map<number, Kind>((Object.keys(recordTypes) as Kind[]).map((kind) => [recordTypes[kind], kind]));

/** The type and payload under which storage keeps a record. */
export function encodeRecord(record: LedgerRecord): { type: number; payload: Uint8Array } {
  const bytesExpected = record.kind === 'batch' ? 1024 + record.batch.length + 256 * record.outcomes.length : 1024;
  return {
    type: recordTypes[record.kind],
    payload: encode(codecs[record.kind] as Codec<LedgerRecord>, record, bytesExpected),
  };
}

/** The record with this payload, or why there is none. Byte strings in it are views of `payload`. */
export function decodeRecord(type: number, payload: Uint8Array): Decoded<LedgerRecord> {
  const kind = kinds.get(type);
  if (kind === undefined) return { ok: false, reason: `unknown record type ${type}` };
  const decoded = decode(codecs[kind] as Codec<object>, payload);
  return decoded.ok ? { ok: true, value: { kind, ...decoded.value } as LedgerRecord } : decoded;
}
