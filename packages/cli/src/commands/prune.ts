/**
 * `coppice ledger prune`: disks of retired instances go once no recovery can need them. spec/recovery.md, lines 70-77.
 */
import { counted, type Output } from '../output.ts';
import { prune, type PruneOptions } from '../pruning.ts';

export async function pruneDisks(options: PruneOptions, output: Output): Promise<void> {
  const { kept, proofs, removed } = await prune(options);
  const { dryRun } = options;
  const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  const total = removed.reduce((sum, { bytes }) => sum + bytes, 0);
  const done = dryRun ? 'would be removed' : 'removed';
  output.answer({ dryRun, removed, kept, proofs }, [
    ...removed.map(({ bytes, folder }) => `${done}  ${folder}, ${mebibytes(bytes)}`),
    ...kept.map(({ folder, reason }) => `kept  ${folder}: ${reason}`),
    removed.length === 0 ? `nothing ${dryRun ? 'would be ' : ''}removed` : `${mebibytes(total)} ${done}`,
    ...(proofs === null || dryRun
      ? []
      : [
          `${proofs.file} proves ${counted(proofs.batches, 'batch', 'batches')}, in ${counted(proofs.epochs, 'epoch')}: coppice ledger ls, show, verify`,
        ]),
  ]);
}
