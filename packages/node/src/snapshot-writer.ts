/**
 * Snapshots of the state on disk, at stable checkpoints: what disaster recovery will begin from, so that it need not replay
 * the whole log. This instance itself never reads them back.
 */
import type { ReplicaExecution } from '@coppice/execution';
import type { Snapshots } from '@coppice/storage';
import { type CheckpointCertificate, checkpointCertificateCodec, encode } from '@coppice/wire';
import type { Journal } from './journal.ts';

/** Time from one snapshot to the next, at least; */
const intervalMs = 60_000;
/** and so many times what the last one took: writing one costs as much as the state is large, and nobody else's disk is slower for it. */
const intervalWritings = 20;
const chunkBytes = 1024 * 1024;

export class SnapshotWriter {
  readonly #snapshots: Snapshots;
  readonly #execution: ReplicaExecution;
  readonly #journal: Journal;
  #writing = false;
  /** When the next may be written. */
  #due = 0;
  #before: number | undefined;

  constructor(snapshots: Snapshots, execution: ReplicaExecution, journal: Journal) {
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
    this.#snapshots.write(
      sequence,
      encode(checkpointCertificateCodec, certificate),
      snapshot.chunks(chunkBytes),
      (error) => {
        this.#writing = false;
        this.#due = now + intervalMs;
        if (error !== undefined) return this.#journal.warn('snapshot-failed', { sequence, why: error.message });
        const ms = Math.round(performance.now() - began);
        this.#due = now + Math.max(intervalMs, intervalWritings * ms);
        this.#journal.count('snapshots-written');
        this.#journal.info('snapshot-written', { sequence, ms });
        if (this.#before !== undefined) this.#snapshots.prune(this.#before);
        this.#before = sequence;
      },
    );
  }
}
