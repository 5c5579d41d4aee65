/**
 * Genesis, as far as its bytes alone tell: the document hangs together, every founder signed its join, and the
 * configuration is that of the joins. Whether the members may found the service so is governance's to say.
 */
import {
  type Cryptography,
  digestOf,
  type GenesisDocument,
  genesisStatement,
  type Join,
  joinsRoot,
  joinStatement,
  keysOf,
  sameBytes,
  schemeOf,
  type Seat,
  serviceDigest,
  toLatin1,
} from '@coppice/wire';
import { foundingProtocol } from './activation.ts';
import type { Findings } from './report.ts';

export function checkGenesisDocument(cryptography: Cryptography, findings: Findings, document: GenesisDocument): void {
  const { genesis, constitution, joins, signatures } = document;
  const { configuration, predecessor } = genesis;
  const wrong = (message: string): void => findings.add('genesis', message);
  if (!sameBytes(digestOf(cryptography, 'constitution', constitution), genesis.constitution))
    wrong('another constitution');
  if (!sameBytes(joinsRoot(cryptography, joins), genesis.joinsRoot)) wrong('other joins');
  if (configuration.slots === 0) wrong('no slots');
  if (!haveDistinctKeys(configuration.seats)) wrong('one signing key in two seats');
  const { epoch } = configuration;
  if (epoch !== (predecessor === undefined ? 0 : predecessor.header.epoch + 1)) wrong(`begins with epoch ${epoch}`);
  if (predecessor !== undefined && genesis.time < predecessor.header.time)
    wrong('is dated before its predecessor’s end');
  if (joins.length !== configuration.slots || configuration.seats.length !== configuration.slots)
    wrong('a slot without an instance');
  // spec/algorithms.md, line 11.
  const scheme = schemeOf(predecessor?.header.protocolVersion ?? foundingProtocol(constitution));
  for (const [slot, join] of joins.entries()) {
    if (!keysOf(scheme, join.keys)) wrong(`the join of slot ${slot} brings keys of another scheme`);
    const seat = configuration.seats[slot];
    if (!sameBytes(join.service, genesis.constitution)) wrong(`the join of slot ${slot} is for another constitution`);
    if (!cryptography.verify(join.instance, joinStatement(join), join.signature))
      wrong(`the join of slot ${slot} is not signed`);
    if (seat === undefined || seat.slot !== slot || !isSeatOf(seat, join, epoch) || seat.since !== genesis.time) {
      wrong(`the seat of slot ${slot} is not that of its join`);
    }
    if (seat !== undefined && !cryptography.validPublicKey(seat.signingKey))
      wrong(`the key of slot ${slot} is not a key`);
  }

  const statement = genesisStatement(serviceDigest(cryptography, genesis));
  const signers = new Set(signatures.map(({ member }) => toLatin1(member)));
  if (signers.size !== signatures.length) wrong('a member signed twice');
  for (const [i, { member, signature }] of signatures.entries()) {
    if (!cryptography.verify(member, statement, signature)) wrong(`signature ${i} is not its member's`);
  }
}

/** Whether a seat of `epoch` is what the join brought: the instance, its claims, and its keys of that epoch. */
export function isSeatOf(seat: Seat, join: Omit<Join, 'evidence' | 'signature'>, epoch: number): boolean {
  const keys = join.keys[epoch - join.firstEpoch];
  return (
    seat.slot === join.slot &&
    seat.turn === join.turn &&
    seat.variant === join.variant &&
    seat.address === join.address &&
    seat.clientAddress === join.clientAddress &&
    sameBytes(seat.instance, join.instance) &&
    sameBytes(seat.release, join.release) &&
    keys !== undefined &&
    sameBytes(seat.signingKey, keys.signingKey) &&
    sameBytes(seat.sealingKey, keys.sealingKey)
  );
}

/** Whether no two seats share a signing key, which would vote twice. */
export function haveDistinctKeys(seats: readonly Seat[]): boolean {
  return new Set(seats.map((seat) => toLatin1(seat.signingKey))).size === seats.length;
}
