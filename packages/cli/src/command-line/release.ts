/** `coppice release`. docs/reference/cli.md. */
import type { Command } from 'commander';
import {
  add as addRelease,
  build as buildRelease,
  type BuildOptions as ReleaseBuild,
  diversity,
  exampleService,
  verify as verifyRelease,
  type VerifyOptions as ReleaseVerify,
} from '../commands/release.ts';
import { Output } from '../output.ts';
import { type Answering, type Local, collect, at, answering } from './options.ts';

export function releaseCommands(program: Command): void {
  const release = program.command('release').description('releases: what runs in every replica, and members approve');
  answering(release.command('build').description('bundle the replica and a service, reproducibly'))
    .option('--service <file>', 'the module whose default export is the service; default: the example', exampleService)
    .option('--out <folder>', 'where the release is written', 'release')
    .option('--variant <seed>', 'one more program, diversified by this; may be repeated', collect(String))
    .option('--runtimes <list>', 'what runs the replicas, such as node@26.10.0,bun@1.4.5+jitless')
    .option('--cryptography <list>', 'what replicas verify signatures with: libsodium, node-crypto', 'libsodium')
    .option('--key <file>', 'key file of a member or builder, who signs; may be repeated', collect(String))
    .option('--from <folder>', 'the release that runs now: this one can execute its versions of the service, too')
    .option(
      '--protocols <list>',
      'versions of the protocol that it says it speaks; default: 1,2. Seats of version 3 sign with ML-DSA, too, and version 4 hashes with SHA3-256',
    )
    .action((options: ReleaseBuild & Answering) => buildRelease(options, new Output(options.json)));
  answering(release.command('verify').description('check a release, rebuild it from its sources, and compare'))
    .argument('<folder>', 'the release, or its manifest')
    .option('--source <folder>', 'root of the sources, installed; default: those of this program')
    .option('--service <file>', 'the service’s module, where it is not among the sources')
    .option('--signer <key>', 'public key that must have signed; may be repeated', collect(String))
    .action((path: string, options: ReleaseVerify & Answering) =>
      verifyRelease(path, options, new Output(options.json)),
    );
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
}
