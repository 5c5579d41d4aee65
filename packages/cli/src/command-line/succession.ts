/** `coppice succession`. docs/reference/cli.md. */
import type { Command } from 'commander';
import type { ServiceOptions } from '../connect.ts';
import { prove, tell, verify } from '../commands/succession.ts';
import { Output } from '../output.ts';
import { type Answering, answering, collect, remote } from './options.ts';

export function successionCommands(program: Command): void {
  const succession = program
    .command('succession')
    .description('that a service goes on from one that was lost, for those who knew that one');
  remote(succession.command('prove').description('write what proves it, from the first service on'))
    .requiredOption('--out <file>', 'where the proof is written')
    .action((options: ServiceOptions & { out: string } & Answering) => prove(options, new Output(options.json)));
  answering(succession.command('verify').description('whether a proof leads on from a service; needs no network'))
    .argument('<file>', 'of succession prove')
    .requiredOption('--service <digest>', 'the service that was known')
    .option('--receipts <file...>', 'receipts of it: what they show must not be left out')
    .action((file: string, options: Parameters<typeof verify>[1] & Answering) =>
      verify(file, options, new Output(options.json)),
    );
  answering(succession.command('tell').description('show it to replicas of the lost service: they stop for good'))
    .argument('<file>', 'of succession prove')
    .requiredOption('--address <host:port>', 'client door of a replica; may be repeated', collect(String))
    .action((file: string, options: { address: string[] } & Answering) =>
      tell(file, options, new Output(options.json)),
    );
}
