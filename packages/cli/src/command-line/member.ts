/** `coppice member`: what members sign, with a network or without. docs/reference/cli.md. */
import type { Command } from 'commander';
import type { ServiceOptions } from '../connect.ts';
import {
  list,
  propose,
  proveKey,
  rotate,
  show,
  sign,
  type SigningOptions,
  submitFiles,
  vote,
  withdraw,
} from '../commands/member.ts';
import { showSuccession, signSuccession } from '../commands/member-succession.ts';
import { makeSealingKey, releaseMemberShares, requestMemberShares } from '../commands/shares.ts';
import { Output } from '../output.ts';
import { isSuccessionFile } from '../succession-file.ts';
import { type Answering, positive, collect, at, remote } from './options.ts';

export function memberCommands(program: Command): void {
  const member = program.command('member').description('govern: propose, vote, sign without a network, hand in');
  const signing = (command: Command): Command =>
    remote(command)
      .option('--member-key <file>', 'key file of the member that signs')
      .option('--as <name>', 'the member that signs, by the name of its key in the folder')
      .option('--expires-in <hours>', 'the signature counts for so long', positive)
      .option('--out <file>', 'write what is signed there, and send nothing: needs no network');

  signing(member.command('propose').description('propose an action, and approve it by that'))
    .argument(
      '<action>',
      'JSON, or a file of it: docs/reference/governance.md; or the folder of a release, to approve it',
    )
    .option('--platform <name>', 'with a folder: accepted by the service; default: ask it', collect(String))
    .option('--unsigned', 'write a proposal for somebody else to sign', false)
    .action((action: string, options: Parameters<typeof propose>[1] & Answering) =>
      propose(action, options, new Output(options.json)),
    );
  signing(member.command('sign').description('sign what was drafted elsewhere; needs no network'))
    .argument('<file>', 'of propose --unsigned, or of recover --draft')
    .option('--another', 'a successor of a service of which the member signed another one, which does not run', false)
    .action((file: string, options: SigningOptions & { another: boolean } & Answering) =>
      (isSuccessionFile(file) ? signSuccession : sign)(file, options, new Output(options.json)),
    );
  signing(member.command('vote').description('vote on a proposal'))
    .argument('<proposal>', 'its number, its digest, or the file of it, signed')
    .option('--approve', 'for it', false)
    .option('--reject', 'against it', false)
    .action((which: string, options: Parameters<typeof vote>[1] & Answering) =>
      vote(which, options, new Output(options.json)),
    );
  signing(member.command('withdraw').description('take back a proposal of one’s own'))
    .argument('<proposal>', 'its number, its digest, or the file of it, signed')
    .action((which: string, options: SigningOptions & Answering) => withdraw(which, options, new Output(options.json)));
  signing(member.command('rotate').description('give a member another key; the old one and the new one sign'))
    .option('--new-key <file>', 'key file of the new key')
    .option('--proof <file>', 'what the new key signed elsewhere, with prove-key')
    .action((options: Parameters<typeof rotate>[0] & Answering) => rotate(options, new Output(options.json)));
  signing(
    member.command('prove-key').description('have a new key show itself for the place of another; needs no network'),
  )
    .requiredOption('--replaces <key>', 'public key of the member that is to get this one')
    .action((options: Parameters<typeof proveKey>[0] & Answering) => proveKey(options, new Output(options.json)));
  const share = member
    .command('share')
    .description('members’ shares of the keys that open the ledgers after a disaster');
  at(share.command('key').description('make a key: of a member, for its shares; or for whoever recovers'))
    .requiredOption('--out <file>', 'where the private key is written')
    .action((options: { out: string } & Answering) => makeSealingKey(options, new Output(options.json)));
  at(share.command('request').description('write what members need to see of disks, to release their shares'))
    .option('--from <dir...>', 'folders of instances, or folders of such; default: those of the service’s folder')
    .requiredOption('--to <key>', 'public key of whoever recovers')
    .requiredOption('--out <file>', 'where the request is written')
    .action((options: Parameters<typeof requestMemberShares>[0] & Answering) =>
      requestMemberShares(options, new Output(options.json)),
    );
  at(share.command('release').description('open the member’s shares, and seal them to who asks; needs no network'))
    .argument('<file>', 'of share request')
    .option('--as <name>', 'the member, by the name of its key in the folder')
    .option('--share-key <file>', 'key file that opens the member’s shares')
    .requiredOption('--out <file>', 'where the released shares are written')
    .action((file: string, options: Parameters<typeof releaseMemberShares>[1] & Answering) =>
      releaseMemberShares(file, options, new Output(options.json)),
    );
  remote(member.command('submit').description('hand in what members signed elsewhere; anybody can'))
    .argument('<file...>', 'signed proposals, ballots, withdrawals')
    .action((files: string[], options: ServiceOptions & Answering) =>
      submitFiles(files, options, new Output(options.json)),
    );
  remote(member.command('list').description('members, what needs how many of them, proposals')).action(
    (options: ServiceOptions & Answering) => list(options, new Output(options.json)),
  );
  remote(
    member.command('show').description('a proposal with its ballots, or what a file says; signatures are verified'),
  )
    .argument('<proposal>', 'its number, or a file')
    .action((which: string, options: ServiceOptions & Answering) =>
      isSuccessionFile(which)
        ? showSuccession(which, new Output(options.json))
        : show(which, options, new Output(options.json)),
    );
}
