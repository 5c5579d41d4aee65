/**
 * Snapshots of the state on disk, at stable checkpoints: what disaster recovery will begin from, so that it need not replay
 * the whole log. This instance itself never reads them back.
 */
import type { ReplicaExecution } from '@coppice/execution';
import type { Snapshots } from '@coppice/storage';
import { type CheckpointCertificate, checkpointCertificateCodec, encode } from '@coppice/wire';
import type { Journal } from './journal.ts';

/** Time from one snapshot to the next, at least: writing one costs as much as the state is large. */
const intervalMs = 60_000;
const chunkBytes = 1024 * 1024;

export class SnapshotWriter {
  readonly #snapshots: Snapshots;
  readonly #execution: ReplicaExecution;
  readonly #journal: Journal;
  #writing = false;
  #writtenAt: number | undefined;
  #before: number | undefined;

  constructor(snapshots: Snapshots, execution: ReplicaExecution, journal: Journal) {
    this.#snapshots = snapshots;
    this.#execution = execution;
    this.#journal = journal;
  }

  /** Upon a checkpoint that has become stable. The snapshot before the last goes once the new one is durable. */
  stable(certificate: CheckpointCertificate, now: number): void {
    const { sequence } = certificate;
    if (this.#writing || (this.#writtenAt !== undefined && now - this.#writtenAt < intervalMs)) return;
    const snapshot = this.#execution.snapshot(sequence);
    if (snapshot === undefined) return;
    this.#writing = true;
    this.#writtenAt = now;
    this.#snapshots.write(
      sequence,
      encode(checkpointCertificateCodec, certificate),
      snapshot.chunks(chunkBytes),
      (error) => {
        this.#writing = false;
        if (error !== undefined) return this.#journal.warn('snapshot-failed', { sequence, why: error.message });
        this.#journal.count('snapshots-written');
        if (this.#before !== undefined) this.#snapshots.prune(this.#before);
        this.#before = sequence;
      },
    );
  }
}
