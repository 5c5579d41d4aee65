#!/usr/bin/env node
/**
 * The command line. docs/reference/cli.md.
 *
 * Exit status: 0 done; 1 wrong use, or what was verified does not hold; 3 the service cannot be reached; 4 committed,
 * and refused by the service or its members' rules; 70 a mistake of ours.
 */
import { DoorError } from '@coppice/client';
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
import { UserError } from './service-folder.ts';

const program = new Command('coppice')
  .description('A BFT ledger whose replicas are proactively recovered for as long as the service lives.')
  .showHelpAfterError('(coppice --help shows what there is)')
  .configureHelp({ showGlobalOptions: true });

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

/** What went wrong, for people; with `--json` also as the one document. */
function fail(thrown: unknown): never {
  const error = thrown instanceof DoorError ? new UserError(thrown.message, 3, 'unreachable') : thrown;
  const known = error instanceof UserError;
  const message = error instanceof Error ? error.message : String(error);
  // Anything unknown is a mistake of ours, or of the machine: whoever reports it wants to say where.
  process.stderr.write(`coppice: ${!known && error instanceof Error ? (error.stack ?? message) : message}\n`);
  if (process.argv.includes('--json')) {
    process.stdout.write(
      `${JSON.stringify({ ok: false, error: { code: known ? error.code : 'unexpected', message } })}\n`,
    );
  }
  process.exit(known ? error.status : 70);
}

// Whoever reads the answer may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') fail(error);
  process.exit();
});

try {
  await program.parseAsync();
  // An answer may be larger than what a pipe takes at once.
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit();
} catch (error) {
  fail(error);
}
