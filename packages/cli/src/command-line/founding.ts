/** A service on this machine: founding it, hosting it, developing it. docs/reference/cli.md. */
import type { Command } from 'commander';
import { dev, genesis, type GenesisOptions, host, stop } from '../commands/local.ts';
import { Output } from '../output.ts';
import { type Answering, integer, collect, at } from './options.ts';

export function foundingCommands(program: Command): void {
  const founding = at(
    program
      .command('genesis')
      .description('found a service on this machine: build the release, launch replicas, have members sign'),
  )
    .argument('<service>', 'module whose default export is the service')
    .option('--slots <n>', 'replicas', integer, 4)
    .option('--members <n>', 'members of the consortium, with keys made here', integer, 3)
    .option('--recovery-threshold <k>', 'so many members can open the ledgers together, without an auditor', integer)
    .option('--recovery-period <seconds>', 'every slot gets a new instance within this time', integer, 24 * 3600)
    .option(
      '--state-cache <mib>',
      'of the state, so much in memory, and the rest on disk, encrypted; default: all',
      integer,
    )
    .option('--name <name>', 'name of the service')
    .option('--release <folder>', 'a release of it that was built before; default: one is built');
  ofReplicas(founding).action((file: string, options: GenesisOptions & Answering) =>
    genesis(file, options, new Output(options.json)),
  );

  const hosting = at(program.command('host').description('launch what turns ask for, as long as it runs'))
    .option(
      '--driver <command...>',
      'executable that launches and ends instances, in place of processes of this machine',
    )
    .option('--archive <folder>', 'where closed segments of ledgers are moved to; they are read from there')
    .option('--prune', 'remove disks of retired instances that no recovery can need: ledger prune', false)
    .action((options: Parameters<typeof host>[0] & Answering) => host(options, new Output(options.json)));
  at(hosting.command('stop').description('stop replicas for good'))
    .option('--slot <slot>', 'only this slot; may be repeated', collect(integer))
    .option('--yes', 'do not ask, even if it ends the service', false)
    .action((_, command: Command) => {
      const options = command.optsWithGlobals();
      return stop(options as Parameters<typeof stop>[0], new Output(options['json'] === true));
    });

  const developing = at(
    program.command('dev').description('run a service on local replicas, founded anew whenever its sources change'),
  )
    .argument('<service>', 'module whose default export is the service')
    .option('--slots <n>', 'replicas', integer, 4)
    .option('--recovery-period <seconds>', 'every slot gets a new instance within this time', integer, 3600);
  ofReplicas(developing).action(
    (file: string, options: Parameters<typeof dev>[1] & { folder: string } & Answering, command: Command) => {
      const { folder, ...others } = options;
      const named = command.getOptionValueSource('folder') === 'default' ? {} : { folder };
      return dev(file, { ...others, ...named }, new Output(options.json));
    },
  );
}

/** What its replicas run on, and which kinds of them there are. */
function ofReplicas(command: Command): Command {
  return command
    .option('--platform <platform>', 'simulated or tpm2; may be repeated: slots take turns', collect(String))
    .option('--runtimes <list>', 'what runs the replicas, such as node@26.10.0,bun@1.4.5+jitless: slots take turns')
    .option('--cryptography <list>', 'what replicas verify signatures with; default: libsodium,node-crypto')
    .option(
      '--variant <seed>',
      'one more program, diversified by this; may be repeated: slots take turns',
      collect(String),
    );
}
