/** `coppice history`. docs/reference/cli.md. */
import type { Command } from 'commander';
import { showHistory, verifyHistory } from '../commands/history.ts';
import { Output } from '../output.ts';
import { type Answering, type Local, integer, at, remote } from './options.ts';

export function historyCommands(program: Command): void {
  const history = program.command('history').description('what keys of maps had, where the service keeps it');
  remote(history.command('show').description('the values that a key had, newest first, each proven'))
    .argument('<map>')
    .argument('<key>', 'JSON, such as 5 or ["lot",5]; what is no JSON is text')
    .option('--at <sequence>', 'only what it had as of this batch', integer)
    .option('--from <sequence>', 'what it had from this batch on; default: since the history began', integer)
    .option('--to <sequence>', 'what it had up to this batch; default: the newest stable checkpoint', integer)
    .option('--limit <n>', 'at most so many', integer, 100)
    .option('--proof <file>', 'write the proof of the first one there')
    .action((map: string, key: string, options: Parameters<typeof showHistory>[2] & Answering) =>
      showHistory(map, key, options, new Output(options.json)),
    );
  at(history.command('verify').description('whether a file of show --proof proves what it says; needs no network'))
    .argument('<file>')
    .option('--service <digest>', 'the service; default: that of the folder')
    .action((file: string, options: Local & Answering) => verifyHistory(file, options, new Output(options.json)));
}
