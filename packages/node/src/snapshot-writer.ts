/**
 * Snapshots of the state on disk, at stable checkpoints: what a backup takes along, and what whoever has no log before them can begin
 * from. This instance itself never reads them back.
 *
 * Most are increments, which hold what was written since the one before: so writing them costs what the load writes, however large the
 * state is. One is whole again when its increments have become as large as the last whole one, and when the hash has changed. spec/storage.md,
 * "Snapshots".
 */
import type { ReplicaExecution } from '@coppice/execution';
import type { Snapshot } from '@coppice/state';
import type { Snapshots, StorageError } from '@coppice/storage';
import { type CheckpointCertificate, checkpointCertificateCodec, encode } from '@coppice/wire';
import type { Journal } from './journal.ts';

/** Time from one snapshot to the next, at least; */
const intervalMs = 60_000;
/** and so many times what the last one took: what is written for it costs at most a twentieth of the time, and nobody else's disk is slower for it. */
const intervalWritings = 5;
const chunkBytes = 1024 * 1024;

type Told = Pick<Journal, 'count' | 'info' | 'warn'>;

export class SnapshotWriter {
  readonly #snapshots: Snapshots;
  readonly #execution: Pick<ReplicaExecution, 'snapshot'>;
  readonly #journal: Told;
  #writing = false;
  /** When the next may be written. */
  #due = 0;
  /** What the next is an increment of; it shares its memory with the state, but for what is written meanwhile. */
  #last: { readonly sequence: number; readonly snapshot: Snapshot } | undefined;
  /** Bytes of the last whole one, and of its increments. */
  #wholeBytes = 0;
  #incrementBytes = 0;

  constructor(snapshots: Snapshots, execution: Pick<ReplicaExecution, 'snapshot'>, journal: Told) {
    this.#snapshots = snapshots;
    this.#execution = execution;
    this.#journal = journal;
  }

  /** Upon a checkpoint that has become stable. The snapshot before the last goes once the new one is durable. */
  stable(certificate: CheckpointCertificate, now: number): void {
    const { sequence } = certificate;
    if (this.#writing || now < this.#due) return;
    const snapshot = this.#execution.snapshot(sequence);
    if (snapshot === undefined) return;
    this.#writing = true;
    const began = performance.now();
    const fits = this.#incrementBytes < this.#wholeBytes && this.#last?.snapshot.cryptography === snapshot.cryptography;
    const base = fits ? this.#last : undefined;
    let bytes = 0;
    function* chunks(): Generator<Uint8Array> {
      for (const chunk of snapshot!.chunks(chunkBytes, base?.snapshot)) {
        bytes += chunk.length;
        yield chunk;
      }
    }
    const metadata = encode(checkpointCertificateCodec, certificate);
    const done = (error?: StorageError): void => {
      this.#writing = false;
      this.#due = now + intervalMs;
      if (error !== undefined) return this.#journal.warn('snapshot-failed', { sequence, why: error.message });
      const ms = Math.round(performance.now() - began);
      this.#due = now + Math.max(intervalMs, intervalWritings * ms);
      this.#journal.count('snapshots-written');
      this.#journal.info('snapshot-written', { sequence, base: base?.sequence, bytes, ms });
      if (base === undefined) this.#wholeBytes = bytes;
      this.#incrementBytes = base === undefined ? 0 : this.#incrementBytes + bytes;
      if (this.#last !== undefined) this.#snapshots.prune(this.#last.sequence);
      this.#last = { sequence, snapshot };
    };
    this.#snapshots.write(sequence, metadata, chunks(), done, base?.sequence);
  }
}
