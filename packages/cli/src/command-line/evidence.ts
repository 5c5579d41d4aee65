/** `coppice evidence`. docs/reference/cli.md. */
import type { Command } from 'commander';
import { showEvidence, type ShowOptions, verifyEvidenceFile, type VerifyOptions } from '../commands/evidence.ts';
import { Output } from '../output.ts';
import { type Answering, at } from './options.ts';

export function evidenceCommands(program: Command): void {
  const evidence = program.command('evidence').description('evidence of instances, as hardware and clouds give it');
  const files = (command: Command): Command =>
    at(command).argument('<file>').option('--endorsements <file...>', 'certificates, revocation lists, collateral');
  files(evidence.command('show').description('what evidence says of itself, verified or not')).action(
    (file: string, options: ShowOptions & Answering) => showEvidence(file, options, new Output(options.json)),
  );
  files(evidence.command('verify').description('whether evidence is authentic; needs no network'))
    .option('--at <time>', 'time to verify at; default: now')
    .option('--policy <file>', 'a constitution, under which it is appraised too')
    .option('--allow-debug', 'also instances whose memory is open to their host', false)
    .action((file: string, options: VerifyOptions & Answering) =>
      verifyEvidenceFile(file, options, new Output(options.json)),
    );
}
