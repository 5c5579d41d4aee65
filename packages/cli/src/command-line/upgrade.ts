/** `coppice upgrade`. docs/reference/cli.md. */
import type { Command } from 'commander';
import type { PlanOptions } from '../commands/upgrade-plan.ts';
import { report as upgradeReport, type ReportOptions, verify as verifyUpgrade } from '../commands/upgrade.ts';
import { Output } from '../output.ts';
import { type Answering, collect, at, answering } from './options.ts';

export function upgradeCommands(program: Command): void {
  const upgrade = program.command('upgrade').description('upgrades, planned and proven');
  at(upgrade.command('plan').description('what activating a release would make of the state; needs no network'))
    .requiredOption('--ledger <folder>', 'an instance’s folder, or a copy of it: the state is made of what it holds')
    .option('--release <folder>', 'the release, as it was built', 'release')
    .option('--service <digest>', 'the service that the ledger must be of')
    .option('--key <file>', 'key file of an auditor; may be repeated', collect(String))
    .action(async (options: PlanOptions & Answering) => {
      // Only here: what confines services changes the process that loads it.
      const { plan } = await import('../commands/upgrade-plan.ts');
      await plan(options, new Output(options.json));
    });
  at(upgrade.command('report').description('make the certificate of an upgrade, from a ledger on this machine'))
    .option('--release <digest>', 'the release that was upgraded to; default: the one approved last')
    .option('--service <digest>', 'of which service, where the one here goes on from others; default: the one here')
    .option('--release-folder <folder>', 'where it is, if not in the store of the service')
    .option('--instance <folder>', 'an instance’s folder, or a copy of it; may be repeated', collect(String))
    .option('--key <file>', 'key file of an auditor, if the ledger is encrypted; may be repeated', collect(String))
    .option('--html', 'as a page to read', false)
    .option('--out <file>', 'write it there')
    .action((options: ReportOptions & Answering) => upgradeReport(options, new Output(options.json)));
  answering(upgrade.command('verify').description('whether a certificate proves an upgrade; needs no network'))
    .argument('<file>', 'in any of its forms')
    .requiredOption('--genesis <digest>', 'the service')
    .action((file: string, options: { genesis: string } & Answering) =>
      verifyUpgrade(file, options, new Output(options.json)),
    );
}
