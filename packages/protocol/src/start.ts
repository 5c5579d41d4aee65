/**
 * Where a replica begins: at genesis, which may go on from the ledger of a service that was lost, as an incumbent of epoch 0 or as a candidate who knows nothing yet.
 */
import { MerkleTree } from '@coppice/ledger';
import { type Configuration, type EpochCertificate, type Header, sameBytes } from '@coppice/wire';
import { mapSlots } from './epoch.ts';
import { headersKnown } from './execution.ts';
import { Pool } from './pool.ts';
import type { Environment, Replica } from './replica.ts';

/** The log that a service goes on from. spec/recovery.md, lines 32-34. */
export interface Inherited {
  /** Its last header. */
  readonly header: Header;
  /** Over all its headers; at least the last {@link headersKnown} are there one by one. */
  readonly tree: MerkleTree;
}

/**
 * A replica at the beginning of the service's first epoch, whose execution holds the genesis state.
 * An instance without a seat in `genesis` follows the log from others, and says when it is ready.
 *
 * @param proven epochs from genesis on that this instance verified on its way to the service: none of them is asked for again
 */
export function startReplica(
  environment: Environment,
  genesis: Configuration,
  now: number,
  proven: readonly EpochCertificate[] = [],
  inherited?: Inherited,
): Replica {
  const sequence = inherited?.header.sequence ?? 0;
  const tree = inherited?.tree.clone() ?? new MerkleTree(environment.cryptography);
  // The same at all: executions ask about the headers above it, and may not differ.
  tree.trim(Math.max(0, sequence - headersKnown));
  return {
    environment,
    now,
    epoch: genesis.epoch,
    configuration: genesis,
    slot: genesis.seats.find((seat) => sameBytes(seat.instance, environment.instance))?.slot,
    slotOf: mapSlots(genesis),
    firstPrimary: genesis.seats[0]?.slot ?? 0,
    epochStart: sequence,
    epochs: [],
    proven,
    genesisConfiguration: genesis,
    view: 0,
    ledSince: now,
    activatingAt: 0,
    newViewDigest: new Uint8Array(32),
    newView: undefined,
    asking: undefined,
    askedAt: now,
    adopting: undefined,
    mute: false,
    highestPrepared: undefined,
    viewChanges: new Map(),
    viewChangeAttempts: 0,
    log: new Map(),
    discarded: [],
    tree,
    executed: sequence,
    committed: sequence,
    committedIn: 0,
    committedAtStatus: sequence,
    stable: sequence,
    stableCertificate: undefined,
    stableHeader: undefined,
    stableFrontier: undefined,
    // Founders sit since genesis: nothing in the log is older.
    timeOfExecuted: genesis.seats[0]?.since ?? 0,
    votes: new Map(),
    proposals: new Map(),
    syncToken: 0,
    syncing: new Map(),
    checkpoints: new Map(),
    ownCheckpoint: undefined,
    corrupt: false,
    transfer: undefined,
    filling: undefined,
    serving: new Map(),
    fetching: undefined,
    disagreement: undefined,
    divergence: undefined,
    pool: new Pool(environment.settings.poolBytesMax),
    peers: new Map(),
    refusals: new Map(),
    lastCommitAt: now,
    lastProposalAt: 0,
    lastStatusAt: 0,
    readySentAt: 0,
    retired: false,
    halted: false,
    reported: new Set(),
  };
}
