#!/usr/bin/env node
/**
 * The command line. docs/reference/cli.md.
 *
 * Exit status: 0 done; 1 wrong use, or what was verified does not hold; 3 the service cannot be reached; 4 committed,
 * and refused by the service or its members' rules; 70 a mistake of ours.
 */
import { Command, InvalidArgumentError } from 'commander';
import { defaultFolder, type ServiceOptions } from './connect.ts';
import { backUp, type BackupOptions, list as listBackups, restore, verifyStored } from './commands/backup.ts';
import type { FolderQueryOptions } from './commands/folder-query.ts';
import type { PlanOptions } from './commands/upgrade-plan.ts';
import { showEvidence, type ShowOptions, verifyEvidenceFile, type VerifyOptions } from './commands/evidence.ts';
import { importEndorsements } from './commands/endorsements.ts';
import { dev, genesis, type GenesisOptions, host, stop } from './commands/local.ts';
import { showHistory, verifyHistory } from './commands/history.ts';
import { earlyTurn, invoke, query, setParameter, setPlatform } from './commands/request.ts';
import {
  archiveLedger,
  exportLedger,
  type LedgerOptions,
  listLedger,
  showRecords,
  verifyLedger,
} from './commands/ledger.ts';
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
} from './commands/member.ts';
import { makeSealingKey, recover, type RecoverOptions, releaseMemberShare } from './commands/recover.ts';
import { status, watch, watchEvents } from './commands/status.ts';
import { report as upgradeReport, type ReportOptions, verify as verifyUpgrade } from './commands/upgrade.ts';
import {
  add as addRelease,
  build as buildRelease,
  type BuildOptions as ReleaseBuild,
  diversity,
  exampleService,
  verify as verifyRelease,
  type VerifyOptions as ReleaseVerify,
} from './commands/release.ts';
import { audit, verifyReceiptFile } from './commands/verify.ts';
import { Output } from './output.ts';
import { UserError } from './service-folder.ts';

interface Answering {
  readonly json: boolean;
}

interface Local {
  readonly folder: string;
  readonly service?: string;
}

type MemberOptions = Parameters<typeof earlyTurn>[1];

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('must be a whole number');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('must be a number above 0');
  return value;
}

const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, all: readonly T[] = []): T[] => [...all, parse(text)];

const program = new Command('coppice')
  .description('A BFT ledger whose replicas are proactively recovered for as long as the service lives.')
  .showHelpAfterError('(coppice --help shows what there is)')
  .configureHelp({ showGlobalOptions: true });

function at(command: Command): Command {
  return command
    .option('--folder <folder>', 'the service’s folder on this machine', defaultFolder)
    .option('--json', 'answer with one JSON document, as the last line of stdout', false);
}

const answering = (command: Command): Command =>
  command.option('--json', 'answer with one JSON document, as the last line of stdout', false);

function remote(command: Command): Command {
  return at(command)
    .option('--service <digest>', 'the service, if it has no folder here')
    .option('--address <host:port>', 'client door of a replica; may be repeated', collect(String))
    .option('--key <file>', 'key file of the client');
}

at(
  program
    .command('genesis')
    .description('found a service on this machine: build the release, launch replicas, have members sign'),
)
  .argument('<service>', 'module whose default export is the service')
  .option('--slots <n>', 'replicas', integer, 4)
  .option('--members <n>', 'members of the consortium, with keys made here', integer, 3)
  .option('--recovery-threshold <k>', 'so many members can open the ledgers together, without an auditor', integer)
  .option('--recovery-period <seconds>', 'every slot gets a new instance within this time', integer, 24 * 3600)
  .option('--name <name>', 'name of the service')
  .option('--release <folder>', 'a release of it that was built before; default: one is built')
  .option('--platform <platform>', 'simulated or tpm2; may be repeated: slots take turns', collect(String))
  .option('--runtimes <list>', 'what runs the replicas, such as node@26.10.0,bun@1.4.5+jitless: slots take turns')
  .option('--cryptography <list>', 'what replicas verify signatures with; default: libsodium,node-crypto')
  .option(
    '--variant <seed>',
    'one more program, diversified by this; may be repeated: slots take turns',
    collect(String),
  )
  .action((file: string, options: GenesisOptions & Answering) => genesis(file, options, new Output(options.json)));

const hosting = at(program.command('host').description('launch what turns ask for, as long as it runs'))
  .option('--driver <command...>', 'executable that launches and ends instances, in place of processes of this machine')
  .action((options: Parameters<typeof host>[0] & Answering) => host(options, new Output(options.json)));
at(hosting.command('stop').description('stop replicas for good'))
  .option('--slot <slot>', 'only this slot; may be repeated', collect(integer))
  .option('--yes', 'do not ask, even if it ends the service', false)
  .action((_, command: Command) => {
    const options = command.optsWithGlobals();
    return stop(options as Parameters<typeof stop>[0], new Output(options['json'] === true));
  });

at(program.command('dev').description('run a service on local replicas, founded anew at every save'))
  .argument('<service>', 'module whose default export is the service')
  .option('--slots <n>', 'replicas', integer, 4)
  .option('--recovery-period <seconds>', 'every slot gets a new instance within this time', integer, 3600)
  .option('--platform <platform>', 'simulated or tpm2; may be repeated: slots take turns', collect(String))
  .option('--runtimes <list>', 'what runs the replicas, such as node@26.10.0,bun@1.4.5+jitless: slots take turns')
  .option('--cryptography <list>', 'what replicas verify signatures with; default: libsodium,node-crypto')
  .option(
    '--variant <seed>',
    'one more program, diversified by this; may be repeated: slots take turns',
    collect(String),
  )
  .action((file: string, options: Parameters<typeof dev>[1] & { folder: string } & Answering, command: Command) => {
    const { folder, ...others } = options;
    const named = command.getOptionValueSource('folder') === 'default' ? {} : { folder };
    return dev(file, { ...others, ...named }, new Output(options.json));
  });

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
  .argument('<file>', 'of propose --unsigned')
  .action((file: string, options: SigningOptions & Answering) => sign(file, options, new Output(options.json)));
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
  .description('a member’s share of the key that opens the ledgers after a disaster');
at(share.command('key').description('make a key for whoever recovers, to have shares released to'))
  .requiredOption('--out <file>', 'where the private key is written')
  .action((options: { out: string } & Answering) => makeSealingKey(options, new Output(options.json)));
at(share.command('release').description('open the member’s share, and seal it to whoever recovers; needs no network'))
  .option('--as <name>', 'the member, by the name of its key in the folder')
  .option('--share-key <file>', 'key file that opens the member’s share')
  .requiredOption('--to <key>', 'public key of whoever recovers')
  .requiredOption('--out <file>', 'where the released share is written')
  .action((options: Parameters<typeof releaseMemberShare>[0] & Answering) =>
    releaseMemberShare(options, new Output(options.json)),
  );
remote(member.command('submit').description('hand in what members signed elsewhere; anybody can'))
  .argument('<file...>', 'signed proposals, ballots, withdrawals')
  .action((files: string[], options: ServiceOptions & Answering) =>
    submitFiles(files, options, new Output(options.json)),
  );
remote(member.command('list').description('members, what needs how many of them, proposals')).action(
  (options: ServiceOptions & Answering) => list(options, new Output(options.json)),
);
remote(member.command('show').description('a proposal with its ballots, or what a file says; signatures are verified'))
  .argument('<proposal>', 'its number, or a file')
  .action((which: string, options: ServiceOptions & Answering) => show(which, options, new Output(options.json)));

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
    const { queryFolder } = await import('./commands/folder-query.ts');
    return queryFolder(name, input, options, new Output(options.json));
  });

const history = program.command('history').description('what keys of maps had, where the service keeps it');
remote(history.command('show').description('the values that a key had, newest first, each proven'))
  .argument('<map>')
  .argument('<key>', 'JSON, such as 5 or ["lot",5]; what is no JSON is text')
  .option('--at <sequence>', 'only what it had as of this batch', integer)
  .option('--from <sequence>', 'back to this batch', integer)
  .option('--to <sequence>', 'from this batch on; default: the newest stable checkpoint', integer)
  .option('--limit <n>', 'at most so many', integer, 100)
  .option('--proof <file>', 'write the proof of the first one there')
  .action((map: string, key: string, options: Parameters<typeof showHistory>[2] & Answering) =>
    showHistory(map, key, options, new Output(options.json)),
  );
at(history.command('verify').description('whether a file of show --proof proves what it says; needs no network'))
  .argument('<file>')
  .option('--service <digest>', 'the service; default: that of the folder')
  .action((file: string, options: Local & Answering) => verifyHistory(file, options, new Output(options.json)));

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

const receipt = program.command('receipt').description('receipts');
at(receipt.command('verify').description('whether a receipt proves what it says; needs no network'))
  .argument('<file>')
  .option('--service <digest>', 'the service; default: that of the folder')
  .action((file: string, options: Local & Answering) => verifyReceiptFile(file, options, new Output(options.json)));

const release = program.command('release').description('releases: what runs in every replica, and members approve');
answering(release.command('build').description('bundle the replica and a service, reproducibly'))
  .option('--service <file>', 'the module whose default export is the service; default: the example', exampleService)
  .option('--out <folder>', 'where the release is written', 'release')
  .option('--variant <seed>', 'one more program, diversified by this; may be repeated', collect(String))
  .option('--runtimes <list>', 'what runs the replicas, such as node@26.10.0,bun@1.4.5+jitless')
  .option('--cryptography <list>', 'what replicas verify signatures with: libsodium, node-crypto', 'libsodium')
  .option('--key <file>', 'key file of a member or builder, who signs; may be repeated', collect(String))
  .option('--from <folder>', 'the release that runs now: this one can execute its versions of the service, too')
  .option('--protocols <list>', 'versions of the protocol that it says it speaks; default: all')
  .action((options: ReleaseBuild & Answering) => buildRelease(options, new Output(options.json)));
answering(release.command('verify').description('check a release, rebuild it from its sources, and compare'))
  .argument('<folder>', 'the release, or its manifest')
  .option('--source <folder>', 'root of the sources, installed; default: those of this program')
  .option('--service <file>', 'the service’s module, where it is not among the sources')
  .option('--signer <key>', 'public key that must have signed; may be repeated', collect(String))
  .action((path: string, options: ReleaseVerify & Answering) => verifyRelease(path, options, new Output(options.json)));
at(release.command('add').description('have the host of a service launch it, once members approve it'))
  .argument('<folder>', 'the release')
  .action((from: string, options: Local & Answering) => addRelease(from, options, new Output(options.json)));

answering(release.command('diversity').description('what two variants have in common'))
  .argument('<a>', 'a variant, or FOLDER/VARIANT')
  .argument('<b>')
  .option('--release <folder>', 'the release that has them', 'release')
  .action((a: string, b: string, options: { release: string } & Answering) =>
    diversity(a, b, options, new Output(options.json)),
  );

const upgrade = program.command('upgrade').description('upgrades, planned and proven');
at(upgrade.command('plan').description('what activating a release would make of the state; needs no network'))
  .requiredOption('--ledger <folder>', 'an instance’s folder, or a copy of it: the state is made of what it holds')
  .option('--release <folder>', 'the release, as it was built', 'release')
  .option('--service <digest>', 'the service that the ledger must be of')
  .option('--key <file>', 'key file of an auditor; may be repeated', collect(String))
  .action(async (options: PlanOptions & Answering) => {
    // Only here: what confines services changes the process that loads it.
    const { plan } = await import('./commands/upgrade-plan.ts');
    await plan(options, new Output(options.json));
  });
at(upgrade.command('report').description('make the certificate of an upgrade, from a ledger on this machine'))
  .option('--release <digest>', 'the release that was upgraded to; default: the one approved last')
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

at(program.command('recover').description('go on with a service whose quorum is gone, from its disks'))
  .option('--from <dir...>', 'folders of instances, or folders of such; default: those of the service’s folder')
  .option('--service <digest>', 'the service; default: that of the disks')
  .option('--key <file...>', 'key file of an auditor, for what is encrypted; default: those in the service’s folder')
  .option('--share <file...>', 'released shares of the recovery key, in place of an auditor’s key')
  .option('--share-key <file>', 'key file of whom the shares were released to')
  .option('--receipts <file...>', 'receipts that members and clients hold: one beyond the disks voids the result')
  .option('--pinned <checkpoint...>', 'checkpoints that members noted, SEQUENCE:ROOT: as receipts')
  .option('--accept-loss', 'go on with fewer disks than it takes to lose nothing', false)
  .option('--check', 'say what would be recovered, and found nothing', false)
  .action((options: RecoverOptions & Answering) => recover(options, new Output(options.json)));

at(program.command('audit').description('verify a ledger from genesis; needs no network'))
  .argument('<instance-folder>', 'an instance’s folder, or a copy of it')
  .option('--service <digest>', 'the service that it must be of')
  .option(
    '--key <file>',
    'key file of an auditor; may be repeated; default: those of the service’s folder that it lies in',
    collect(String),
  )
  .action((folder: string, options: Local & { key?: string[] } & Answering, command: Command) =>
    audit(
      folder,
      { ...options, folderNamed: command.getOptionValueSource('folder') !== 'default' },
      new Output(options.json),
    ),
  );

const ledger = program.command('ledger').description('what lies on an instance’s disk; needs no network');
const onDisk = (command: Command, argument = '<instance-folder>'): Command =>
  at(command)
    .argument(argument, 'an instance’s folder, or a copy of it')
    .option('--service <digest>', 'the service that it must be of')
    .option(
      '--key <file>',
      'key file of an auditor; may be repeated; default: those of the service’s folder that it lies in',
      collect(String),
    );
const ledgerOptions = (options: LedgerOptions, command: Command): LedgerOptions => ({
  ...options,
  folderNamed: command.getOptionValueSource('folder') !== 'default',
});
at(ledger.command('key').description('make a key for an auditor, whom ledgers are encrypted to'))
  .requiredOption('--out <file>', 'where the private key is written')
  .action((options: { out: string } & Answering) => makeSealingKey(options, new Output(options.json)));
onDisk(ledger.command('ls').description('segments: what each holds, and whom it is encrypted to')).action(
  (folder: string, options: LedgerOptions & Answering) => listLedger(folder, options, new Output(options.json)),
);
onDisk(ledger.command('show').description('what is recorded about a batch'))
  .argument('<sequence>', 'its sequence number', integer)
  .action((folder: string, sequence: number, options: LedgerOptions & Answering) =>
    showRecords(folder, sequence, options, new Output(options.json)),
  );
onDisk(
  ledger.command('verify').description('whether files are whole, and with keys whether all that is in them holds'),
  '<instance-folder-or-export>',
).action((path: string, options: LedgerOptions & Answering, command: Command) =>
  verifyLedger(path, ledgerOptions(options, command), new Output(options.json)),
);
onDisk(ledger.command('export').description('write the public part: what anyone can check, and nobody’s secrets'))
  .requiredOption('--out <file>', 'where it is written; must not be there')
  .action((folder: string, options: LedgerOptions & { out: string } & Answering, command: Command) =>
    exportLedger(folder, { ...ledgerOptions(options, command), out: options.out }, new Output(options.json)),
  );

at(
  ledger
    .command('archive')
    .description('move closed segments elsewhere; they are read from there, also by the instance'),
)
  .argument('<instance-folder>', 'an instance’s folder')
  .requiredOption('--to <folder>', 'where they go')
  .action((folder: string, options: { to: string } & Answering) =>
    archiveLedger(folder, options, new Output(options.json)),
  );

/** What went wrong, for people; with `--json` also as the one document. */
function fail(error: unknown): never {
  const known = error instanceof UserError;
  const message = error instanceof Error ? error.message : String(error);
  // Anything unknown is a mistake of ours, or of the machine: whoever reports it wants to say where.
  process.stderr.write(`coppice: ${!known && error instanceof Error ? (error.stack ?? message) : message}\n`);
  if (process.argv.includes('--json')) {
    process.stdout.write(
      `${JSON.stringify({ ok: false, error: { code: known ? 'failed' : 'unexpected', message } })}\n`,
    );
  }
  process.exit(known ? error.status : 70);
}

try {
  await program.parseAsync();
  process.exit();
} catch (error) {
  fail(error);
}
