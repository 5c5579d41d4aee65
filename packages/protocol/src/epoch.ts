/**
 * Epoch changes. spec/epochs.md; line numbers in brackets.
 *
 * The one idea: an epoch has a hard edge. Before the first signature in the next, every key and nonce of this one is gone,
 * and the ledger shows when a quorum has said so.
 */
import {
  assert,
  type CommitCertificate,
  type Configuration,
  type EpochCertificate,
  type Erasure,
  erasureStatement,
  sameBytes,
  seatOf,
} from '@coppice/wire';
import { signCheckpoint } from './checkpoint.ts';
import type { InstanceId } from './input.ts';
import { eraseNonces } from './normal-case.ts';
import { peerOf } from './peers.ts';
import { sendStatus, submit } from './progress.ts';
import { type Effects, type Entry, instanceOf, type Replica } from './replica.ts';
import { resumeDeferred } from './step.ts';

/** Upon the commit of the closing batch. [2] */
export function closeEpoch(replica: Replica, closing: Entry, certificate: CommitCertificate, effects: Effects): void {
  const before = replica.configuration;
  const next = closing.executed.configuration;
  assert(next.epoch === replica.epoch + 1, 'epochs follow one another');
  const epochCertificate: EpochCertificate = { header: closing.header, certificate, next };
  effects.append(closing.header.sequence, { kind: 'epoch', certificate: epochCertificate });
  replica.epochs[replica.epoch - replica.genesisConfiguration.epoch] = epochCertificate;
  beginEpoch(replica, epochCertificate, before, effects);
  replica.committedIn = 0;
  signCheckpoint(replica, effects);
  sendStatus(replica, effects);
  resumeDeferred(replica, effects);
}

/** The epoch above this certificate, which may be several after the present one where the state was transferred. [3-7] */
export function beginEpoch(
  replica: Replica,
  certificate: EpochCertificate,
  before: Configuration,
  effects: Effects,
): void {
  const { instance, service } = replica.environment;
  const { header, next } = certificate;
  // [3] Everything that could speak in the epoch that ends, before anything speaks in the next.
  eraseNonces(replica);
  effects.push({ kind: 'erase', epoch: before.epoch });

  // [4]
  const wasSeated = replica.slot !== undefined;
  replica.epoch = next.epoch;
  replica.configuration = next;
  replica.slotOf = mapSlots(next);
  replica.slot = next.seats.find((seat) => sameBytes(seat.instance, instance))?.slot;
  replica.firstPrimary = firstPrimaryAfter(certificate, before);
  replica.epochStart = header.sequence;
  replica.view = 0;
  replica.newViewDigest = new Uint8Array(32);
  replica.newView = undefined;
  replica.asking = undefined;
  replica.askedAt = replica.now;
  replica.adopting = undefined;
  replica.mute = false;
  replica.highestPrepared = undefined;
  replica.discarded = [];
  replica.viewChanges.clear();
  replica.viewChangeAttempts = 0;
  replica.votes.clear();
  replica.proposals.clear();
  replica.syncing.clear();
  replica.refusals.clear();
  replica.reported.clear();
  for (const id of replica.slotOf.keys()) peerOf(replica, id).heardAt = replica.now;
  effects.push({ kind: 'epoch', certificate, configuration: next });

  // [6-7]
  const slot = before.seats.find((seat) => sameBytes(seat.instance, instance))?.slot;
  if (slot !== undefined) {
    const erasure = { service, epoch: before.epoch, slot, instance };
    const key = replica.slot === undefined ? 'identity' : next.epoch;
    effects.push({ kind: 'sign', key, statement: erasureStatement(erasure), unsigned: { kind: 'erasure', erasure } });
  }
  if ((wasSeated || slot !== undefined) && replica.slot === undefined) replica.retired = true;
}

export function onOwnErasure(replica: Replica, erasure: Erasure, effects: Effects): void {
  submit(replica, { kind: 'system', request: { kind: 'erasure', erasure } }, effects);
}

/** The proposer of the closing header if its instance still sits there, else the next occupied slot. [5] */
export function firstPrimaryAfter(certificate: EpochCertificate, before: Configuration): number {
  const { header, next } = certificate;
  const was = seatOf(before, header.proposer);
  const is = seatOf(next, header.proposer);
  if (was !== undefined && is !== undefined && sameBytes(was.instance, is.instance)) return header.proposer;
  for (let i = 1; i <= next.slots; i++) {
    const slot = (header.proposer + i) % next.slots;
    if (seatOf(next, slot) !== undefined) return slot;
  }
  return header.proposer;
}

export function mapSlots(configuration: Configuration): Map<InstanceId, number> {
  return new Map(configuration.seats.map((seat) => [instanceOf(seat), seat.slot]));
}
