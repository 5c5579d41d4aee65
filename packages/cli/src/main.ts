#!/usr/bin/env node
/**
 * The command line. docs/reference/cli.md.
 *
 * Exit status: 0 done; 1 wrong use, or what was verified does not hold; 3 the service, or a disk, cannot be reached; 4 committed, and
 * refused by the service or its members' rules; 5 it is not known whether a request was committed;
 * 6 a recovery may lose something; 70 a mistake of ours.
 */
import { Command } from 'commander';
import { foundingCommands } from './command-line/founding.ts';
import { serviceCommands } from './command-line/service.ts';
import { memberCommands } from './command-line/member.ts';
import { requestCommands } from './command-line/request.ts';
import { historyCommands } from './command-line/history.ts';
import { backupCommands } from './command-line/backup.ts';
import { receiptCommands } from './command-line/receipt.ts';
import { releaseCommands } from './command-line/release.ts';
import { upgradeCommands } from './command-line/upgrade.ts';
import { evidenceCommands } from './command-line/evidence.ts';
import { successionCommands } from './command-line/succession.ts';
import { ledgerCommands } from './command-line/ledger.ts';
import { fail } from './failure.ts';

const program = new Command('coppice')
  .description('A BFT ledger whose replicas are proactively recovered for as long as the service lives.')
  .showHelpAfterError('(coppice --help shows what there is)')
  .configureHelp({ showGlobalOptions: true })
  .exitOverride();

// In the order in which help lists them.
foundingCommands(program);
serviceCommands(program);
memberCommands(program);
requestCommands(program);
historyCommands(program);
backupCommands(program);
receiptCommands(program);
releaseCommands(program);
upgradeCommands(program);
evidenceCommands(program);
ledgerCommands(program);
successionCommands(program);

// Whoever reads the answer may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') fail('coppice', error);
  process.exit();
});

try {
  await program.parseAsync();
  // An answer may be larger than what a pipe takes at once.
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit();
} catch (error) {
  fail('coppice', error);
}
