/**
 * What the analysis of disks found, for people and for programs.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { constitutionDigest } from '@coppice/governance';
import { faultsTolerated, toHex } from '@coppice/wire';
import { batches, counted, table } from '../output.ts';
import type { Analysis } from './analysis.ts';
import type { GivenDisk } from './disks.ts';

/** What the analysis found, for people. */
export function tell({ adoption, audit, given, log, receipts, shortage, source }: Analysis): string[] {
  const { head, certain, service } = adoption;
  const { epoch, sequence, time } = head.header;
  const rows = given.map((one) => [one.folder, ...rowOf(one, adoption)]);
  return [
    ...table([['disk', 'slot', 'ends with', 'verdict'], ...rows]),
    `service     ${toHex(service)}`,
    `head        batch ${sequence} of epoch ${epoch}, view ${head.certificate.subject.view}, ${new Date(time).toISOString()}; taken from ${source.folder}`,
    `root        ${sequence}:${toHex(head.root)}`,
    `constitution ${log.constitution.name}, ${toHex(constitutionDigest(nodeCryptography, log.constitution))}`,
    `verified    ${counted(audit.batches + audit.uncertifiedTail, 'batch', 'batches')}, ${counted(audit.transactions, 'transaction')}, ${counted(audit.epochs.length, 'epoch')}, from genesis; receipts and checkpoints that agree: ${receipts}`,
    ...(shortage === undefined
      ? [`complete    every batch that was acknowledged is in it, if ${liars(adoption)}`]
      : [
          `INCOMPLETE  epoch ${shortage.epoch}: ${counted(shortage.given, 'disk')}, and ${shortage.needed} are needed; ${shortage.altered} altered, and ${shortage.tolerated} tolerated`,
          `  certain     ${batches(1, certain)}`,
          ...(certain < sequence
            ? [`  doubtful    ${batches(certain + 1, sequence)}: others may have been acknowledged instead`]
            : []),
          `  may be lost every batch after ${sequence}: whatever was acknowledged there is on none of these disks`,
        ]),
  ];
}

/** Under which assumption nothing is lost: whom the disks convict is among those who are tolerated. */
function liars({ configuration, verdicts }: Analysis['adoption']): string {
  const tolerated = faultsTolerated(configuration.slots);
  const named = verdicts.filter(
    ({ altered, ignored, slot }) => altered !== undefined && ignored === undefined && slot !== undefined,
  ).length;
  if (named === 0) return `at most ${tolerated} of the disks and instances lied`;
  const those = named === 1 ? 'the one named above' : `the ${named} named above`;
  return `of the disks and instances ${those} lied, and ${named >= tolerated ? 'no other' : `at most ${tolerated - named} more`}`;
}

function rowOf(one: GivenDisk, { configuration, verdicts }: Analysis['adoption']): string[] {
  if (one.disk === undefined) return ['', '', `unreadable: ${one.reason}`];
  const { altered, ignored, slot } = verdicts.find(({ disk }) => disk === one.disk)!;
  const { configurations, end, instance, length, problem } = one.disk;
  const place = `batch ${length}, epoch ${configurations.at(-1)!.epoch}`;
  const whole = end === 'torn' ? 'its last write was cut' : end === 'incomplete' ? problem! : 'whole';
  if (ignored !== undefined) return [seatOf(slot), place, `ignored: ${ignored}`];
  const found = (altered?.toUpperCase().slice(0, 1) ?? '') + (altered?.slice(1) ?? whole);
  const why =
    instance === undefined ? 'nothing says whose it is' : `whose instance has no seat in epoch ${configuration.epoch}`;
  return [seatOf(slot), place, slot === undefined ? `${found}; does not count: ${why}` : found];
}

const seatOf = (slot: number | undefined): string => (slot === undefined ? '' : String(slot));

/** The same, for programs. */
export function describe({
  adoption,
  audit,
  given,
  log,
  receipts,
  shortage,
  source,
}: Analysis): Record<string, unknown> {
  const { certain, head, service, verdicts } = adoption;
  const { epoch, sequence, time } = head.header;
  return {
    ok: shortage === undefined,
    predecessor: service,
    constitution: constitutionDigest(nodeCryptography, log.constitution),
    head: { epoch, view: head.certificate.subject.view, sequence, time, root: head.root },
    source: source.folder,
    disks: given.map((one) => {
      if (one.disk === undefined) return { folder: one.folder, unreadable: one.reason };
      const { altered = null, ignored = null, slot = null } = verdicts.find(({ disk }) => disk === one.disk)!;
      const { configurations, end, instance = null, length } = one.disk;
      return { folder: one.folder, instance, slot, epoch: configurations.at(-1)!.epoch, length, end, altered, ignored };
    }),
    batches: audit.batches + audit.uncertifiedTail,
    transactions: audit.transactions,
    receipts,
    certain,
    shortage: shortage ?? null,
    doubtful: shortage === undefined || certain >= sequence ? null : { from: certain + 1, to: sequence },
    lostFrom: shortage === undefined ? null : sequence + 1,
  };
}
