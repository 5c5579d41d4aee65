/** `coppice receipt`. docs/reference/cli.md. */
import type { Command } from 'commander';
import { verifyReceiptFile } from '../commands/verify.ts';
import { Output } from '../output.ts';
import { type Answering, type Local, at } from './options.ts';

export function receiptCommands(program: Command): void {
  const receipt = program.command('receipt').description('receipts');
  at(receipt.command('verify').description('whether a receipt proves what it says; needs no network'))
    .argument('<file>')
    .option('--service <digest>', 'the service; default: that of the folder')
    .option('--ledger <export>', 'the public part of a ledger, which must have the receipt’s batch in its place')
    .action((file: string, options: Local & { ledger?: string } & Answering) =>
      verifyReceiptFile(file, options, new Output(options.json)),
    );
}
