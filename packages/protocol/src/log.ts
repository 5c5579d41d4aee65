/**
 * The log: executing above it, discarding its end, and committing its beginning.
 *
 * Everything that moves `executed` or `committed` is in this file, so that tree, execution stack, entries and pool
 * always move together.
 */
import {
  assert,
  type Batch,
  batchCodec,
  type CommitCertificate,
  type Configuration,
  configurationDigest,
  type Cryptography,
  decode,
  type Digest,
  type Header,
  headerDigest,
  headerVersion,
  sameBytes,
} from '@coppice/wire';
import { checkpointIfDue } from './checkpoint.ts';
import { suspectRefusers } from './refusal.ts';
import { closeEpoch } from './epoch.ts';
import { forgetDiscarded, keepDiscarded } from './discarded.ts';
import type { Executed } from './execution.ts';
import { eraseNonce } from './normal-case.ts';
import { itemKey } from './pool.ts';
import { type Effects, type Entry, headerAt, type Replica } from './replica.ts';

export interface Attempt {
  readonly batch: Batch;
  readonly batchBytes: Uint8Array;
  readonly time: number;
  readonly proposer: number;
}

/** Executes above the newest entry. The execution stack has grown; the log has not: {@link accept} or {@link undo}. */
export function execute(
  replica: Replica,
  attempt: Attempt,
): { header: Header; executed: Executed } | { unacceptable: string } {
  const { execution } = replica.environment;
  const sequence = replica.executed + 1;
  const executed = execution.execute({
    epoch: replica.epoch,
    sequence,
    time: attempt.time,
    proposer: attempt.proposer,
    batch: attempt.batch,
    headerAt: headerAt(replica),
  });
  if ('unacceptable' in executed) return executed;
  return { header: headerFor(replica, attempt, executed), executed };
}

/** The header that an execution gives. spec/normal-case.md, lines 4-5. */
export function headerFor(replica: Replica, attempt: Attempt, executed: Executed): Header {
  const { cryptography, service } = replica.environment;
  return {
    ...headerVersion(executed.active, replica.tree.rehashed),
    service,
    epoch: replica.epoch,
    sequence: replica.executed + 1,
    time: attempt.time,
    proposer: attempt.proposer,
    previousRoot: replica.tree.root(),
    transactionsRoot: executed.transactionsRoot,
    transactions: executed.outcomes.length,
    configuration: digestOf(cryptography.of(executed.active.protocol), executed.configuration),
  };
}

/** Of the configuration, which only a closing batch changes: so each is digested once, by each hash. */
const digests = new WeakMap<Configuration, { readonly by: Cryptography; readonly digest: Digest }>();

function digestOf(cryptography: Cryptography, configuration: Configuration): Digest {
  const known = digests.get(configuration);
  if (known?.by === cryptography) return known.digest;
  const digest = configurationDigest(cryptography, configuration);
  digests.set(configuration, { by: cryptography, digest });
  return digest;
}

/** Drops an execution that was not accepted. */
export function undo(replica: Replica): void {
  replica.environment.execution.rollback(replica.executed);
}

/** Makes what was just executed the newest entry, and appends it to the ledger. */
export function accept(
  replica: Replica,
  attempt: Attempt,
  header: Header,
  executed: Executed,
  proposedIn: number | undefined,
  effects: Effects,
): Entry {
  const { cryptography } = replica.environment;
  const sequence = replica.executed + 1;
  assert(header.sequence === sequence, 'the log has no gaps');
  assert(
    !replica.log.get(replica.executed)?.closes || replica.executed === replica.epochStart,
    'nothing follows a closing batch in its epoch',
  );
  const entry: Entry = {
    header,
    headerDigest: headerDigest(cryptography, header),
    batch: attempt.batch,
    batchBytes: attempt.batchBytes,
    executed,
    proposedIn,
    closes: executed.configuration.epoch !== replica.epoch,
    prepared: undefined,
    revealed: false,
    certificate: undefined,
  };
  replica.log.set(sequence, entry);
  replica.tree.append(entry.headerDigest, header.rehashed);
  replica.executed = sequence;
  replica.timeOfExecuted = header.time;
  for (const item of attempt.batch.items) replica.pool.order(itemKey(cryptography, item), sequence);
  effects.append(sequence, { kind: 'batch', header, batch: attempt.batchBytes, outcomes: executed.outcomes });
  return entry;
}

/** Discards every entry above `sequence`; what a later view may still adopt is kept aside. */
export function rollback(replica: Replica, sequence: number): void {
  assert(sequence >= replica.committed, 'what is committed stays');
  if (sequence >= replica.executed) return;
  keepDiscarded(replica, sequence);
  replica.environment.execution.rollback(sequence);
  for (let i = replica.executed; i > sequence; i--) replica.log.delete(i);
  replica.tree.rollback(sequence);
  replica.pool.rollback(sequence);
  replica.executed = sequence;
  const time = replica.log.get(sequence)?.header.time ?? replica.stableHeader?.time;
  replica.timeOfExecuted = time ?? replica.genesisConfiguration.seats[0]?.since ?? 0;
}

/**
 * Executes a batch whose header is given, as a certificate or a new-view demands it. `undefined` where this replica's
 * execution gives another header: nothing changed.
 */
export function follow(replica: Replica, header: Header, batchBytes: Uint8Array, effects: Effects): Entry | undefined {
  const batch = decode(batchCodec, batchBytes);
  if (!batch.ok) return undefined;
  const attempt = { batch: batch.value, batchBytes, time: header.time, proposer: header.proposer };
  const result = execute(replica, attempt);
  if ('unacceptable' in result) return undefined;
  const { cryptography } = replica.environment;
  if (!sameBytes(headerDigest(cryptography, result.header), headerDigest(cryptography, header))) {
    undo(replica);
    return undefined;
  }
  return accept(replica, attempt, header, result.executed, undefined, effects);
}

/**
 * Commits the log up to `sequence`, whose commit certificate this is. spec/normal-case.md, lines 27-30.
 */
export function commitThrough(
  replica: Replica,
  sequence: number,
  certificate: CommitCertificate,
  effects: Effects,
): void {
  const certified = replica.log.get(sequence);
  assert(certified !== undefined && sequence <= replica.executed, 'only what was executed is committed');
  assert(sameBytes(certified.headerDigest, certificate.subject.headerDigest), 'the certificate is about this header');
  certified.certificate ??= certificate;
  if (sequence <= replica.committed) return;

  effects.append(sequence, { kind: 'commit', certificate });
  const { cryptography, execution } = replica.environment;
  for (let i = replica.committed + 1; i <= sequence; i++) {
    const entry = replica.log.get(i);
    assert(entry !== undefined, 'entries above the committed one exist');
    // One by one, because a checkpoint needs the state right after its batch.
    execution.commit(i);
    replica.committed = i;
    for (const item of entry.batch.items) replica.pool.remove(itemKey(cryptography, item));
    const own = entry.certificate;
    effects.push({
      kind: 'committed',
      batch: {
        header: entry.header,
        headerDigest: entry.headerDigest,
        items: entry.batch.items,
        outcomes: entry.executed.outcomes,
        certified: own === undefined ? certified.header : entry.header,
        certificate: own ?? certificate,
        path: own === undefined ? replica.tree.inclusionPath(i - 1, sequence - 1) : [],
      },
    });
    checkpointIfDue(replica, entry, effects);
    suspectRefusers(replica, entry, effects);
  }
  replica.lastCommitAt = replica.now;
  replica.viewChangeAttempts = 0;
  replica.committedIn = certificate.subject.view;
  forgetDiscarded(replica, sequence, certificate.subject.view);
  if (replica.adopting !== undefined && replica.adopting.header.sequence <= sequence) replica.adopting = undefined;
  for (const [i, voting] of replica.votes) {
    if (i >= sequence) continue;
    // Committed by a later one: this nonce is not needed any more, and must not outlive its use.
    eraseNonce(replica, voting);
    replica.votes.delete(i);
  }
  for (const i of replica.proposals.keys()) if (i <= sequence) replica.proposals.delete(i);
  if (certified.closes) closeEpoch(replica, certified, certificate, effects);
}
