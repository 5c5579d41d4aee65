/** Requests of clients: commands and queries. docs/reference/cli.md. */
import type { Command } from 'commander';
import type { FolderOptions } from '../commands/folder-query.ts';
import { showHistory } from '../commands/history.ts';
import { invoke, query } from '../commands/request.ts';
import { Output } from '../output.ts';
import { UserError } from '../service-folder.ts';
import { type Answering, collect, moment, remote, shared } from './options.ts';

export function requestCommands(program: Command): void {
  remote(program.command('invoke').description('have a command of the service ordered and executed'))
    .argument('<command>')
    .argument('[input]', 'JSON')
    .option('--receipt <file>', 'write the receipt there')
    .action((command: string, input: string | undefined, options: Parameters<typeof invoke>[2] & Answering) =>
      invoke(command, input, options, new Output(options.json)),
    );

  shared(remote(program.command('query').description('ask one replica’s committed state')))
    .argument('<query>', 'with --at, and without --instance: a map whose history the service keeps')
    .argument('[input]', 'JSON; or a key of that map')
    .option('--at <sequence>', 'as of this batch, proven; with --instance: or a time, of everything', moment)
    .option('--proof <file>', 'with --at: write the proof there')
    .option('--instance <folder>', 'ask what an instance’s folder holds, or a restored backup; needs no network')
    .option('--release <folder>', 'with --instance: the release; default: of the service’s folder, or ./release')
    .option('--auditor-key <file>', 'with --instance: key file of an auditor; may be repeated', collect(String))
    .action(async (name: string, input: string | undefined, options: QueryOptions & Answering) => {
      const output = new Output(options.json);
      const { at, instance } = options;
      if (instance !== undefined) {
        // Only here: what confines services changes the process that loads it.
        const { queryFolder } = await import('../commands/folder-query.ts');
        return queryFolder(name, input, { ...options, instance }, output);
      }
      if (at === undefined) return query(name, input, options, output);
      if (!('sequence' in at) || input === undefined)
        throw new UserError('a replica proves what a key had after a batch: coppice query MAP KEY --at SEQUENCE');
      return showHistory(name, input, { ...options, at: at.sequence, limit: 1 }, output);
    });
}

type QueryOptions = FolderOptions & { readonly instance?: string; readonly proof?: string };
