/** `coppice backup`. docs/reference/cli.md. */
import type { Command } from 'commander';
import { backUp, type BackupOptions, list as listBackups, restore, verifyStored } from '../commands/backup.ts';
import { Output } from '../output.ts';
import { type Answering, answering } from './options.ts';

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
  stored(backup.command('verify').description('read all of a backup, and say what is not as it was written'))
    .argument('[backup]', 'its name; default: the newest')
    .action((name: string | undefined, options: BackupOptions & Answering) =>
      verifyStored(name, options, new Output(options.json)),
    );
  stored(backup.command('restore').description('write a backup into a new folder, every byte verified'))
    .argument('[backup]', 'its name; default: the newest')
    .requiredOption('--out <folder>', 'the new folder')
    .action((name: string | undefined, options: BackupOptions & { out: string } & Answering) =>
      restore(name, options, new Output(options.json)),
    );
}
