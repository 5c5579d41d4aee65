/**
 * What a replica says of itself and the service, for people and monitors. Not proven: whoever needs proof follows the ledger.
 */
import type { ReplicaExecution } from '@coppice/execution';
import { currentRelease, type Constitution, weakenedCaps } from '@coppice/governance';
import { halted, type Replica, waivedTurns } from '@coppice/protocol';
import { faultsTolerated, fromLatin1, keysOf, primarySlot, quorumOf, sameBytes, type Seat, toHex } from '@coppice/wire';
import type { ClientDoor } from './client-door.ts';
import type { DiskSpace } from './disk-space.ts';
import type { Filling } from './filling.ts';
import type { Journal } from './journal.ts';
import type { Keyring } from './keyring.ts';
import type { ReplicaNode } from './replica-node.ts';
import type { Suspicions } from './suspicions.ts';

export interface StatusSources {
  readonly node: ReplicaNode;
  readonly execution: ReplicaExecution;
  readonly journal: Journal;
  readonly keyring: Keyring;
  readonly door: ClientDoor;
  readonly suspicions: Suspicions;
  readonly filling: Filling;
  readonly disk: DiskSpace;
}

/** Silence after which a replica counts as out of reach: they speak ten times a second. */
const silenceMs = 2000;

/** What keeps this replica from its work, the worst first; `ok` if nothing does. docs/reference/errors.md. */
type Health =
  /** It hears of fewer than a quorum: nothing can be committed. */
  | 'no-quorum'
  /** Too many slots are vacant or past their term: requests to the service are answered `overdue`. */
  | 'overdue'
  /** Others have committed what it has not. */
  | 'behind'
  /** It asks for another view, and does not vote until that begins. */
  | 'view-change'
  /** Its state is wrong, or it voted against what was committed: it does not vote. */
  | 'not-voting'
  /** Members founded another service in its place: it stopped for good. */
  | 'succeeded'
  /** A quorum is there, and nothing is committed. */
  | 'stalled'
  | 'ok';

export type NodeStatus = ReturnType<typeof nodeStatus> & { readonly successor?: string };

export function nodeStatus({ node, execution, journal, keyring, door, suspicions, filling, disk }: StatusSources) {
  const { replica } = node;
  const { configuration } = replica;
  const { activation, constitution, membership, time } = execution.committed();
  const { open } = membership;
  return {
    service: toHex(replica.environment.service),
    name: constitution.name,
    development: constitution.development,
    weakenedCaps: weakenedCaps(constitution),
    /** How many can read what this instance writes to its disk alone, and how many members together; with none, it is in the clear. */
    auditors: constitution.auditors?.length ?? 0,
    recovery: constitution.recovery?.threshold ?? null,
    /** What turns launch: approved last. */
    release: toHex(currentRelease(constitution)),
    /** What is spoken, and the release that brought it; why the last activation failed, if it did. */
    active: {
      protocol: activation.protocol,
      service: activation.code.version,
      release: toHex(activation.release),
      failed:
        activation.failed === undefined ? null : { ...activation.failed, release: toHex(activation.failed.release) },
      /** Steps that a migration has taken, while one is under way. */
      migrating: activation.migration?.steps ?? null,
    },
    instance: toHex(keyring.identity.publicKey),
    slot: replica.slot ?? null,
    health: healthOf(node, execution),
    role: replica.retired ? 'retired' : replica.slot === undefined ? 'candidate' : 'incumbent',
    epoch: replica.epoch,
    view: replica.view,
    primary: primarySlot(configuration.slots, replica.firstPrimary, replica.view),
    slots: configuration.slots,
    faultsTolerated: faultsTolerated(configuration.slots),
    quorum: quorumOf(configuration.slots),
    committed: replica.committed,
    executed: replica.executed,
    stable: replica.stable,
    committedMsAgo: replica.now - replica.lastCommitAt,
    time,
    seats: configuration.seats.map((seat) => ({
      ...dimensionsOf(constitution, seat),
      slot: seat.slot,
      instance: toHex(seat.instance),
      release: toHex(seat.release),
      variant: seat.variant,
      platform: seat.platform,
      provider: seat.provider,
      turn: seat.turn,
      since: seat.since,
      termEnd: seat.termEnd,
      address: seat.address,
      clientAddress: seat.clientAddress,
      /** By which it signs. spec/algorithms.md. */
      scheme: keysOf(2, [seat]) ? 2 : 1,
      heardMsAgo: heardMsAgo(replica, seat),
      accused: membership.slots[seat.slot]?.accused ?? 'no',
    })),
    turn:
      open === undefined
        ? null
        : {
            turn: open.turn,
            slot: open.slot,
            reason: open.reason,
            release: toHex(open.release),
            openedAt: open.openedAt,
            openedTime: open.openedTime,
            deadline: open.deadline,
            challenge: open.drawn === undefined ? null : toHex(open.drawn.challenge),
            variant: open.drawn?.variant ?? null,
            waived: open.drawn?.waived ?? [],
            candidate: membership.candidate === undefined ? null : toHex(membership.candidate.instance),
            candidateAddress: membership.candidate?.clientAddress ?? null,
            ready: open.ready,
          },
    finishedTurns: membership.finished.map((turn) => ({
      ...turn,
      before: turn.before === undefined ? null : toHex(turn.before),
      candidate: turn.candidate === undefined ? null : toHex(turn.candidate),
    })),
    /** The last that were ordered while this instance followed the log. */
    suspicions: suspicions.recent,
    /** Within the last recovery period. */
    waivedTurns: waivedTurns(membership, constitution.policy, time),
    unsealedEpochs: membership.unsealed,
    /** The state that this replica receives, where it does: of which batch, how much of it, for how long, and who is asked. */
    receiving: receivingOf(replica),
    /** The log before a received state, where it is being fetched: how far, of whom. Until it is here, this replica commits nothing. */
    filling: filling.status ?? null,
    pool: { waiting: replica.pool.waiting, bytes: replica.pool.bytes },
    connections: door.connections,
    memoryBytes: process.memoryUsage().rss,
    /** Where it writes; `null` where the system does not tell. */
    diskBytesFree: disk.bytesFree,
    cpuMicros: cpuMicros(),
    keysOfEpochs: keyring.epochs.length,
    counters: Object.fromEntries([...journal.counters].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** What the seat's variant is, as members approved it; `null` once its release is none that they approve. */
function dimensionsOf({ releases }: Pick<Constitution, 'releases'>, seat: Pick<Seat, 'release' | 'variant'>) {
  const variant = releases
    .find(({ digest }) => sameBytes(digest, seat.release))
    ?.variants.find(({ id }) => id === seat.variant);
  return {
    runtime: variant?.runtime ?? null,
    engineSettings: variant?.engineSettings ?? null,
    cryptography: variant?.cryptography ?? null,
    program: variant === undefined ? null : toHex(variant.program),
  };
}

function receivingOf({ now, peers, transfer }: Replica) {
  if (transfer === undefined) return null;
  const avoided = [...peers].filter(([, { avoidedUntil }]) => avoidedUntil > now);
  return {
    sequence: transfer.certificate.sequence,
    ...transfer.parts.progress,
    ms: now - transfer.since,
    from: [...transfer.asked.keys()].map((id) => toHex(fromLatin1(id))),
    /** They lied about a state, or did not answer, a short while ago. */
    avoided: avoided.map(([id]) => toHex(fromLatin1(id))),
  };
}

function heardMsAgo(replica: Replica, seat: { readonly slot: number; readonly instance: Uint8Array }): number {
  return seat.slot === replica.slot ? 0 : replica.now - (replica.peers.get(idOf(seat.instance))?.heardAt ?? 0);
}

function healthOf(node: ReplicaNode, execution: ReplicaExecution): Health {
  const { replica } = node;
  const { constitution, membership, time } = execution.committed();
  const { slots, seats } = replica.configuration;
  const { heartbeatMs, viewTimeoutMs, window } = replica.environment.settings;
  if (seats.filter((seat) => heardMsAgo(replica, seat) <= silenceMs).length < quorumOf(slots)) return 'no-quorum';
  if (halted(membership, constitution.policy, time)) return 'overdue';
  const ahead = [...replica.slotOf.keys()].filter(
    (id) => (replica.peers.get(id)?.committed ?? 0) > replica.committed + 2 * window,
  );
  if (replica.transfer !== undefined || ahead.length > faultsTolerated(slots)) return 'behind';
  if (replica.asking !== undefined) return 'view-change';
  if (replica.mute || replica.corrupt) return 'not-voting';
  return replica.now - replica.lastCommitAt > heartbeatMs + 2 * viewTimeoutMs ? 'stalled' : 'ok';
}

function idOf(instance: Uint8Array): string {
  return String.fromCharCode(...instance);
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
