/** What lies on disks: recovery, audit, `coppice ledger`. docs/reference/cli.md. */
import type { Command } from 'commander';
import {
  archiveLedger,
  exportLedger,
  type LedgerOptions,
  listLedger,
  showRecords,
  verifyLedger,
} from '../commands/ledger.ts';
import { listTurns } from '../commands/ledger-turns.ts';
import { pruneDisks } from '../commands/prune.ts';
import { isExport, listPublic, showPublic } from '../commands/public-part.ts';
import { recover, type RecoverOptions } from '../commands/recover.ts';
import { type KeyOptions, makeSealingKey } from '../commands/shares.ts';
import { audit } from '../commands/verify.ts';
import { Output } from '../output.ts';
import type { PruneOptions } from '../pruning.ts';
import { type Answering, type Local, integer, collect, at, shared } from './options.ts';

export function ledgerCommands(program: Command): void {
  at(program.command('recover').description('go on with a service whose quorum is gone, from its disks'))
    .option('--from <dir...>', 'folders of instances, or folders of such; default: those of the service’s folder')
    .option('--service <digest>', 'the service; default: that of the disks')
    .option('--key <file...>', 'key file of an auditor, for what is encrypted; default: those in the service’s folder')
    .option('--share <file...>', 'shares that members released, in place of an auditor’s key')
    .option('--share-key <file>', 'key file of whom the shares were released to')
    .option('--receipts <file...>', 'receipts that members and clients hold: one beyond the disks voids the result')
    .option('--pinned <checkpoint...>', 'checkpoints that members noted, SEQUENCE:ROOT: as receipts')
    .option('--accept-loss', 'go on with fewer disks than it takes to lose nothing', false)
    .option('--driver <command...>', 'executable that launches the founders, in place of processes of this machine')
    .option('--check', 'say what would be recovered, and found nothing', false)
    .option('--draft <file>', 'launch founders, and write what members sign on their machines (member sign)')
    .option('--signed <file...>', 'go on with what members signed of the draft')
    .option('--release <folder>', 'a release that the constitution approves, where the folder has none')
    .option('--platform <platform>', 'what founders run on, where the folder does not say', collect(String))
    .option('--another', 'although there is a successor already: it does not run, and nobody used it', false)
    .action((options: RecoverOptions & Answering) => recover(options, new Output(options.json)));

  shared(at(program.command('audit').description('verify a ledger from genesis; needs no network')))
    .argument('<instance-folder-or-export>', 'an instance’s folder, or a copy of it; of an export, what can be told')
    .option('--service <digest>', 'the service that it must be of')
    .option(
      '--key <file>',
      'key file of an auditor; may be repeated; default: those of the service’s folder that it lies in',
      collect(String),
    )
    .action((folder: string, options: Local & KeyOptions & Answering, command: Command) =>
      audit(
        folder,
        { ...options, folderNamed: command.getOptionValueSource('folder') !== 'default' },
        new Output(options.json),
      ),
    );

  const folderOrExport = '<instance-folder-or-export>';
  const ledger = program.command('ledger').description('what lies on an instance’s disk; needs no network');
  const onDisk = (command: Command, argument = '<instance-folder>'): Command =>
    shared(at(command))
      .argument(argument, 'an instance’s folder, or a copy of it')
      .option('--service <digest>', 'the service that it must be of')
      .option(
        '--key <file>',
        'key file of an auditor; may be repeated; default: those of the service’s folder that it lies in',
        collect(String),
      );
  const ledgerOptions = (options: LedgerOptions, command: Command): LedgerOptions => ({
    ...options,
    folderNamed: command.getOptionValueSource('folder') !== 'default',
  });
  at(ledger.command('key').description('make a key for an auditor, whom ledgers are encrypted to'))
    .requiredOption('--out <file>', 'where the private key is written')
    .action((options: { out: string } & Answering) => makeSealingKey(options, new Output(options.json)));
  onDisk(
    ledger.command('ls').description('segments: what each holds, and whom it is encrypted to; of an export, epochs'),
    folderOrExport,
  ).action((path: string, options: LedgerOptions & Answering, command: Command) =>
    (isExport(path) ? listPublic : listLedger)(path, ledgerOptions(options, command), new Output(options.json)),
  );
  onDisk(ledger.command('show').description('what is recorded about a batch'), folderOrExport)
    .argument('<sequence>', 'its sequence number', integer)
    .action((path: string, sequence: number, options: LedgerOptions & Answering, command: Command) =>
      (isExport(path) ? showPublic : showRecords)(
        path,
        sequence,
        ledgerOptions(options, command),
        new Output(options.json),
      ),
    );
  onDisk(
    ledger.command('turns').description('every turn: its variant, the rules that were waived for it, how it ended'),
  )
    .option('--waived', 'only turns for which a rule was waived', false)
    .action((folder: string, options: LedgerOptions & { waived: boolean } & Answering, command: Command) =>
      listTurns(folder, { ...ledgerOptions(options, command), waived: options.waived }, new Output(options.json)),
    );
  onDisk(
    ledger.command('verify').description('whether files are whole, and with keys whether all that is in them holds'),
    folderOrExport,
  ).action((path: string, options: LedgerOptions & Answering, command: Command) =>
    verifyLedger(path, ledgerOptions(options, command), new Output(options.json)),
  );
  onDisk(ledger.command('export').description('write the public part: what anyone can check, and nobody’s secrets'))
    .requiredOption('--out <file>', 'where it is written; must not be there')
    .action((folder: string, options: LedgerOptions & { out: string } & Answering, command: Command) =>
      exportLedger(folder, { ...ledgerOptions(options, command), out: options.out }, new Output(options.json)),
    );

  at(
    ledger
      .command('archive')
      .description('move closed segments elsewhere; they are read from there, also by the instance'),
  )
    .argument('<instance-folder>', 'an instance’s folder')
    .requiredOption('--to <folder>', 'where they go')
    .action((folder: string, options: { to: string } & Answering) =>
      archiveLedger(folder, options, new Output(options.json)),
    );

  at(
    ledger
      .command('prune')
      .description('remove disks of retired instances that no recovery can need, once what they prove is kept'),
  )
    .option('--proofs <file>', 'the public part, which is extended and verified; default: public.ledger in the folder')
    .option(
      '--key <file>',
      'key file of an auditor; may be repeated; default: those in the service’s folder',
      collect(String),
    )
    .option('--dry-run', 'only say what would be removed, and what not, and why', false)
    .action((options: PruneOptions & Answering) => pruneDisks(options, new Output(options.json)));
}
