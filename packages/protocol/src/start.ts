/**
 * Where a replica begins: at genesis, as an incumbent of epoch 0 or as a candidate who knows nothing yet.
 */
import { MerkleTree } from '@coppice/ledger';
import { type Configuration, type EpochCertificate, sameBytes } from '@coppice/wire';
import { mapSlots } from './epoch.ts';
import { Pool } from './pool.ts';
import type { Environment, Replica } from './replica.ts';

/**
 * A replica at the beginning of epoch 0, whose execution holds the genesis state.
 * An instance without a seat in `genesis` follows the log from others, and says when it is ready.
 *
 * @param proven epochs from genesis on that this instance verified on its way to the service: none of them is asked for again
 */
export function startReplica(
  environment: Environment,
  genesis: Configuration,
  now: number,
  proven: readonly EpochCertificate[] = [],
): Replica {
  return {
    environment,
    now,
    epoch: 0,
    configuration: genesis,
    slot: genesis.seats.find((seat) => sameBytes(seat.instance, environment.instance))?.slot,
    slotOf: mapSlots(genesis),
    firstPrimary: genesis.seats[0]?.slot ?? 0,
    epochStart: 0,
    epochs: [],
    proven,
    genesisConfiguration: genesis,
    view: 0,
    enteredAt: now,
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
    tree: new MerkleTree(environment.cryptography),
    executed: 0,
    committed: 0,
    committedIn: 0,
    committedAtStatus: 0,
    stable: 0,
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
