/** A service as it stands: its status, and what its members set. docs/reference/cli.md. */
import type { Command } from 'commander';
import type { ServiceOptions } from '../connect.ts';
import { importEndorsements } from '../commands/endorsements.ts';
import { earlyTurn, setParameter, setPlatform } from '../commands/request.ts';
import { status, watch, watchEvents } from '../commands/status.ts';
import { Output } from '../output.ts';
import { type Answering, integer, collect, remote } from './options.ts';

type MemberOptions = Parameters<typeof earlyTurn>[1];

export function serviceCommands(program: Command): void {
  remote(program.command('status').description('who sits where, how old, and what is not as it should be')).action(
    (options: ServiceOptions & Answering) => status(options, new Output(options.json)),
  );

  remote(program.command('watch').description('the status, again and again'))
    .option('--interval <ms>', 'time between two looks', integer, 1000)
    .option('--count <n>', 'end after so many', integer)
    .option('--events', 'what the service announces as it is committed, instead of the status', false)
    .option('--from <sequence>', 'with --events: begin with this batch', integer)
    .action(
      (options: Parameters<typeof watch>[0] & Parameters<typeof watchEvents>[0] & Answering & { events: boolean }) =>
        options.events ? watchEvents(options, new Output(options.json)) : watch(options, new Output(options.json)),
    );

  remote(program.command('turn').description('replace the instance in a slot before its time; members sign'))
    .requiredOption('--slot <slot>', 'the slot', integer)
    .option('--member-key <file>', 'key file of a member; may be repeated; default: all in the folder', collect(String))
    .action((options: MemberOptions & Answering & { slot: number }) =>
      earlyTurn(options.slot, options, new Output(options.json)),
    );

  remote(program.command('parameter').description('change a parameter of the policy; members sign'))
    .argument('<path>', 'such as turnIntervalMs')
    .argument('<value>', 'JSON')
    .option('--member-key <file>', 'key file of a member; may be repeated; default: all in the folder', collect(String))
    .action((path: string, value: string, options: MemberOptions & Answering) =>
      setParameter(path, value, options, new Output(options.json)),
    );

  remote(program.command('platform').description('set what is accepted of a platform; members sign'))
    .argument('<file>', 'JSON as in a constitution’s policy.platforms')
    .option('--member-key <file>', 'key file of a member; may be repeated; default: all in the folder', collect(String))
    .action((file: string, options: MemberOptions & Answering) => setPlatform(file, options, new Output(options.json)));

  remote(
    program
      .command('endorsements')
      .description('what makers of hardware say of it')
      .command('import')
      .description('have the ledger know it, and every replica appraised again; a member signs'),
  )
    .argument('<file...>', 'revocation lists, TCB info, identities; certificates of their issuers')
    .option('--member-key <file>', 'key file of a member; default: the first in the folder')
    .action((files: string[], options: Parameters<typeof importEndorsements>[1] & Answering) =>
      importEndorsements(files, options, new Output(options.json)),
    );
}
