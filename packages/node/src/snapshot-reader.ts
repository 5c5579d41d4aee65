/**
 * A state read back from the snapshots in a folder: the last whole one, then one increment after the other, each part checked under the
 * digest that its checkpoint certifies. Whether the checkpoints' signatures hold, the caller has to say.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { decodeParts, type PageStore, type Snapshot, StateTransfer } from '@coppice/state';
import type { Snapshots } from '@coppice/storage';
import {
  type CheckpointCertificate,
  checkpointCertificateCodec,
  type Cryptography,
  decode,
  type Digest,
  rehashedFrom,
} from '@coppice/wire';

export interface RestoredSnapshot {
  readonly certificate: CheckpointCertificate;
  readonly state: Snapshot;
}

/** The snapshot of that number, which must be listed. Throws StorageError, and Error where its parts do not make what its checkpoint names. */
export function restoreSnapshot(snapshots: Snapshots, sequence: number, pages?: PageStore): RestoredSnapshot {
  let restored: RestoredSnapshot | undefined;
  for (const step of snapshots.chain(sequence)) {
    const written = snapshots.read(step);
    const certificate = decode(checkpointCertificateCodec, written.metadata);
    if (!certificate.ok || certificate.value.sequence !== step)
      throw new Error(`the snapshot of batch ${step} has no checkpoint of it`);
    const { stateDigest } = certificate.value;
    const cryptography = restored?.state.cryptography ?? hashOf(stateDigest, written.chunks());
    const transfer = StateTransfer.begin(cryptography, stateDigest, restored?.state, pages);
    for (const chunk of written.chunks()) {
      const parts = decodeParts(chunk);
      if (!parts.ok) throw new Error(`the snapshot of batch ${step}: malformed: ${parts.reason}`);
      for (const { bytes, path } of parts.value) {
        const accepted = transfer.accept(path, bytes);
        if (!accepted.ok) throw new Error(`the snapshot of batch ${step}: part ${path}: ${accepted.reason}`);
      }
    }
    if (!transfer.complete) throw new Error(`the snapshot of batch ${step}: parts are missing`);
    restored = { certificate: certificate.value, state: transfer.finish() };
  }
  return restored!;
}

/** No certificate says the hash of its state: the root does, which has the certified digest by that one alone. spec/algorithms.md, 23. */
function hashOf(stateDigest: Digest, chunks: Iterable<Uint8Array>): Cryptography {
  const later = nodeCryptography.of(rehashedFrom);
  for (const chunk of chunks) {
    const parts = decodeParts(chunk);
    const root = parts.ok ? parts.value.find(({ path }) => path === '') : undefined;
    return root !== undefined && StateTransfer.begin(later, stateDigest).accept('', root.bytes).ok
      ? later
      : nodeCryptography;
  }
  return nodeCryptography;
}
