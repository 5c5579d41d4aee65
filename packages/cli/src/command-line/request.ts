/** Requests of clients: commands and queries. docs/reference/cli.md. */
import type { Command } from 'commander';
import type { FolderQueryOptions } from '../commands/folder-query.ts';
import { invoke, query } from '../commands/request.ts';
import { Output } from '../output.ts';
import { type Answering, integer, collect, remote } from './options.ts';

export function requestCommands(program: Command): void {
  remote(program.command('invoke').description('have a command of the service ordered and executed'))
    .argument('<command>')
    .argument('[input]', 'JSON')
    .option('--receipt <file>', 'write the receipt there')
    .action((command: string, input: string | undefined, options: Parameters<typeof invoke>[2] & Answering) =>
      invoke(command, input, options, new Output(options.json)),
    );

  remote(program.command('query').description('ask one replica’s committed state'))
    .argument('<query>')
    .argument('[input]', 'JSON')
    .option('--instance <folder>', 'ask what an instance’s folder holds, or a restored backup; needs no network')
    .option('--at <sequence>', 'with --instance: the state as it was after this batch', integer)
    .option('--release <folder>', 'with --instance: the release that has the service', 'release')
    .option('--auditor-key <file>', 'with --instance: key file of an auditor; may be repeated', collect(String))
    .action(async (name: string, input: string | undefined, options: FolderQueryOptions & Answering) => {
      if (options.instance === undefined) return query(name, input, options, new Output(options.json));
      // Only here: what confines services changes the process that loads it.
      const { queryFolder } = await import('../commands/folder-query.ts');
      return queryFolder(name, input, options, new Output(options.json));
    });
}
