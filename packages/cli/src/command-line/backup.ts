/** `coppice backup`. docs/reference/cli.md. */
import type { Command } from 'commander';
import type { ServeOptions } from '../commands/folder-query.ts';
import { backUp, type BackupOptions, list as listBackups, restore, verifyStored } from '../commands/backup.ts';
import { Output } from '../output.ts';
import { type Answering, answering, at, collect, integer, moment, shared } from './options.ts';

export function backupCommands(program: Command): void {
  const backup = program.command('backup').description('copies of an instance’s ledger and newest snapshot, elsewhere');
  const stored = (command: Command): Command =>
    answering(command)
      .requiredOption('--store <place>', 'a folder, or s3://BUCKET/PREFIX with credentials in the environment')
      .option('--endpoint <url>', 'of object storage that is not Amazon’s');
  stored(
    backup
      .command('create')
      .description('back up an instance’s folder, also while it runs; what is stored already is not stored again'),
  )
    .argument('<folder>', 'an instance’s folder')
    .action((folder: string, options: BackupOptions & Answering) => backUp(folder, options, new Output(options.json)));
  stored(backup.command('list').description('the backups of a store')).action((options: BackupOptions & Answering) =>
    listBackups(options, new Output(options.json)),
  );
  stored(
    backup.command('verify').description('read all of every backup, or of one, and say what is not as it was written'),
  )
    .argument('[backup]', 'its name; default: all that the store has')
    .action((name: string | undefined, options: BackupOptions & Answering) =>
      verifyStored(name, options, new Output(options.json)),
    );
  stored(backup.command('restore').description('write a backup into a new folder, every byte verified'))
    .argument('[backup]', 'its name; default: the newest')
    .requiredOption('--out <folder>', 'the new folder')
    .option(
      '--at <moment>',
      'a sequence number or a time: as of then it is asked; default backup: the oldest with that',
      moment,
    )
    .action((name: string | undefined, options: Parameters<typeof restore>[1] & Answering) =>
      restore(name, options, new Output(options.json)),
    );
  shared(
    at(
      backup
        .command('serve')
        .description(
          'answer queries, and prove what keys had, as of then, from a restored folder: read-only, over HTTP',
        ),
    ),
  )
    .argument('<folder>', 'a restored backup, or an instance’s folder')
    .option('--at <moment>', 'a sequence number or a time; default: that of restore, or the end', moment)
    .option('--service <digest>', 'the service that it must be of')
    .option('--release <folder>', 'the release that has the service; default: of the service’s folder, or ./release')
    .option('--auditor-key <file>', 'key file of an auditor; may be repeated', collect(String))
    .option('--key <file>', 'key file of the client in whose name it answers; default: nobody’s')
    .option('--port <port>', 'where it listens; default: any', integer, 0)
    .option('--host <address>', 'what it listens on', '127.0.0.1')
    .action(async (folder: string, options: ServeOptions & Answering) => {
      // Only here: what confines services changes the process that loads it.
      const { serveFolder } = await import('../commands/folder-query.ts');
      await serveFolder(folder, options, new Output(options.json));
    });
}
