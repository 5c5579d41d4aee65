/**
 * `coppice recover`: from the disks of a service whose quorum is gone to one that goes on with its log. spec/recovery.md.
 */
import { readActivation } from '@coppice/governance';
import { fromHex, toHex } from '@coppice/wire';
import { LocalService } from '../local-service.ts';
import { type Output, table } from '../output.ts';
import { type Analysis, analyse, successionOf } from '../recovery/analysis.ts';
import { type GivenDisk, recordsUpTo } from '../recovery/disks.ts';
import { historyProvider } from '../recovery/history.ts';
import { type KeyOpener, keyOpener } from '../recovery/shares.ts';
import { readReleased } from './shares.ts';
import { auditorKeyFiles, readAuditorKey, ServiceFolder, UserError } from '../service-folder.ts';

export interface RecoverOptions {
  readonly folder: string;
  readonly from?: readonly string[];
  readonly service?: string;
  readonly receipts?: readonly string[];
  readonly pinned?: readonly string[];
  readonly key?: readonly string[];
  /** Files of shares that members released, and the key file of whom they were released to. */
  readonly share?: readonly string[];
  readonly shareKey?: string;
  readonly acceptLoss: boolean;
  /** The operator's command that launches the founders, in place of processes of this machine. */
  readonly driver?: readonly string[];
  /** Say what would be recovered, and found nothing. */
  readonly check: boolean;
}

export async function recover(options: RecoverOptions, output: Output): Promise<void> {
  const analysis = await analyse(
    {
      from: options.from ?? [options.folder],
      service: serviceNamed(options),
      open: openerOf(options, (line) => output.say(line)),
      receipts: options.receipts ?? [],
      pinned: options.pinned ?? [],
    },
    (step) => output.say(step),
  );
  const { adoption, shortage, source } = analysis;
  const last = adoption.head.header.sequence;
  const told = tell(analysis);
  const document = describe(analysis);
  if (options.check) return output.answer(document, told);
  for (const line of told) output.say(line);
  if (shortage !== undefined && !options.acceptLoss)
    throw new UserError('not recovered: members may accept the loss with --accept-loss');

  const { constitution } = analysis.log;
  const history = historyProvider(options.folder, constitution, () => recordsUpTo(source, last));
  try {
    const succession = { ...successionOf(analysis), provide: history.provide };
    const local = await LocalService.succeed(
      options.folder,
      { constitution, active: readActivation(analysis.log.state.view()), succession },
      { onStep: (step) => output.say(step), ...(options.driver === undefined ? {} : { driver: options.driver }) },
    );
    const instances = local.driver.running();
    output.answer({ ...document, successor: local.service, instances }, [
      `service ${toHex(local.service)} goes on from batch ${last}`,
      `next: npx coppice host --folder ${options.folder}   launches what turns ask for (leave it running)`,
      'clients that know the old service find it by their proof of succession, at the new addresses',
    ]);
  } finally {
    history.clean();
  }
}

/** What opens the disks: keys of auditors, and shares of enough members. */
function openerOf({ folder, key, share, shareKey }: RecoverOptions, say: (line: string) => void): KeyOpener {
  const readers = (key ?? auditorKeyFiles(folder)).map((file) => readAuditorKey(file).privateKey);
  if (share === undefined) return keyOpener(readers, [], undefined, say);
  if (shareKey === undefined)
    throw new UserError('--share needs --share-key: the key file of whom the shares were released to');
  return keyOpener(readers, readReleased(share), readAuditorKey(shareKey), say);
}

function serviceNamed({ folder, from, service }: RecoverOptions): Uint8Array | undefined {
  if (service === undefined)
    return from === undefined ? fromHex(new ServiceFolder(folder).readService().service) : undefined;
  const digest = fromHex(service);
  if (digest?.length !== 32) throw new UserError('--service must be the service digest: 64 hexadecimal digits');
  return digest;
}

/** What the analysis found, for people. */
function tell({ adoption, audit, given, receipts, shortage, source }: Analysis): string[] {
  const { configuration, head, certain, service } = adoption;
  const { epoch, sequence, time } = head.header;
  const rows = given.map((one) => [one.folder, ...rowOf(one, adoption)]);
  return [
    ...table([['disk', 'slot', 'ends with', 'verdict'], ...rows]),
    `service     ${toHex(service)}`,
    `head        batch ${sequence} of epoch ${epoch}, view ${head.certificate.subject.view}, ${new Date(time).toISOString()}; taken from ${source.folder}`,
    `root        ${sequence}:${toHex(head.root)}`,
    `verified    ${audit.batches + audit.uncertifiedTail} batches, ${audit.transactions} transactions, ${audit.epochs.length} epochs, from genesis; ${receipts} receipts and checkpoints agree`,
    ...(shortage === undefined
      ? [
          `complete    every batch that was acknowledged is in it, if at most ${Math.floor((configuration.slots - 1) / 3)} of the disks and instances lied`,
        ]
      : [
          `INCOMPLETE  epoch ${shortage.epoch}: ${shortage.given} of ${shortage.needed} disks that are needed, ${shortage.altered} of them altered (${shortage.tolerated} tolerated)`,
          `  certain     batches 1 to ${certain}`,
          ...(certain < sequence
            ? [`  doubtful    batches ${certain + 1} to ${sequence}: others may have been acknowledged in their places`]
            : []),
          `  may be lost every batch after ${sequence}: whatever was acknowledged there is on none of these disks`,
        ]),
  ];
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
function describe({ adoption, audit, given, receipts, shortage, source }: Analysis): Record<string, unknown> {
  const { certain, head, service, verdicts } = adoption;
  const { epoch, sequence, time } = head.header;
  return {
    ok: shortage === undefined,
    predecessor: service,
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
