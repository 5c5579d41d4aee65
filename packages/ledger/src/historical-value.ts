/**
 * Historical values: one document that proves, to whoever knows the service digest, what value a key of a service's map
 * had, and from which batch until which. spec/history.md, lines 20–23.
 *
 * What replicas keep of the past is in the state, so a certified checkpoint and a path or two through its digest show it.
 * The interval is in what is shown, and nothing else is: every byte is bound.
 */
import { proofCodec } from '@coppice/state';
import {
  bytes,
  checkpointCertificateCodec,
  epochCertificatesCodec,
  genesisCodec,
  malformed,
  mapped,
  optional,
  struct,
  text,
  type TypeOf,
  u16,
  u64,
  union,
} from '@coppice/wire';

export const historicalValueVersion = 1;

const shownCodec = union({
  /** Replaced by batch `until`; `from` is 0 where nothing had written the key since the history began. */
  past: struct({ from: u64, time: u64, until: u64, record: proofCodec }),
  /** What the key has at the checkpoint. Without `newest`, nothing wrote it since the history began. */
  present: struct({ newest: optional(struct({ from: u64, time: u64 })), record: proofCodec, value: proofCodec }),
});

const fields = {
  checkpoint: checkpointCertificateCodec,
  /** A map of the service, and a key as the state has it. */
  map: text(48),
  key: bytes(1024),
  value: optional(bytes(1 << 20)),
  shown: shownCodec,
  /** Where the history began, if that is where the interval begins. */
  began: optional(struct({ since: u64, proof: proofCodec })),
};

/** What a replica answers: the document without what the client knows. */
export const shownValueCodec = struct(fields);
export type ShownValue = TypeOf<typeof shownValueCodec>;

export const historicalValueCodec = struct({
  version: mapped(
    u16,
    (version) => (version === historicalValueVersion ? version : malformed(`version ${version} is not known`)),
    (version: number) => version,
  ),
  genesis: genesisCodec,
  /** What leads to the epoch of the checkpoint's signatures: from epoch 0, or from an epoch that the verifier knows. */
  epochs: epochCertificatesCodec,
  ...fields,
});

export type HistoricalValue = TypeOf<typeof historicalValueCodec>;
