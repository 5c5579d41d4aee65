/**
 * What a primary under an attacker's control can propose instead: another batch, another header, well signed.
 */
import type { Message, MessageOf } from '@coppice/protocol';
import {
  type Batch,
  batchCodec,
  commitmentOf,
  configurationNamed,
  decode,
  encode,
  type Header,
  headerDigest,
  type Subject,
  type Vote,
  voteStatement,
} from '@coppice/wire';
import type { Instance } from '../instance.ts';

export type PrePrepare = MessageOf<'pre-prepare'>;

/** The proposal, and the message that reveals the nonce of its vote. */
export type Proposal = readonly [PrePrepare, Message];

/** The batch of a proposal. */
export function batchOf({ batch }: PrePrepare): Batch {
  const decoded = decode(batchCodec, batch);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.value;
}

/**
 * What the execution gives for another batch at the place of `original`, which must be the newest that was executed;
 * `undefined` where it is not, or no correct primary would propose that batch.
 */
export function headerOf(
  instance: Instance,
  { header, batch }: PrePrepare,
  other: Batch,
  time: number,
): Header | undefined {
  const { replica, execution } = instance.serving!;
  const { epoch, sequence, proposer } = header;
  // Only what is on top of the stack of executions can be taken off and put back.
  if (sequence !== replica.executed) return undefined;
  const decoded = decode(batchCodec, batch);
  if (!decoded.ok) return undefined;
  const input = { epoch, sequence, proposer, headerAt: (at: number) => replica.tree.leaf(at - 1) };
  execution.rollback(sequence - 1);
  const executed = execution.execute({ ...input, time, batch: other });
  execution.rollback(sequence - 1);
  execution.execute({ ...input, time: header.time, batch: decoded.value });
  if ('unacceptable' in executed) return undefined;
  const { transactionsRoot, outcomes } = executed;
  const configuration = configurationNamed(replica.environment.cryptography, header, executed.configuration);
  return { ...header, time, transactionsRoot, transactions: outcomes.length, configuration };
}

/**
 * The header of a batch right above what this instance has committed, whatever stands there; `undefined` where no correct primary
 * would propose that batch, or nothing follows in this epoch.
 */
export function headerAbove(instance: Instance, committed: number, batch: Batch): Header | undefined {
  const { replica, execution } = instance.serving!;
  const { tree, log, epoch, environment, timeOfExecuted } = replica;
  const last = log.get(committed);
  if (last === undefined || last.header.epoch !== epoch) return undefined;
  const headerAt = (at: number) => tree.leaf(at - 1);
  const execute = (header: Pick<Header, 'sequence' | 'time' | 'proposer'>, of: Batch) =>
    execution.execute({
      epoch,
      sequence: header.sequence,
      time: header.time,
      proposer: header.proposer,
      headerAt,
      batch: of,
    });
  const above = [...log.values()].filter(({ header }) => header.sequence > committed);
  execution.rollback(committed);
  const place = { sequence: committed + 1, time: timeOfExecuted + 1, proposer: last.header.proposer };
  const executed = execute(place, batch);
  execution.rollback(committed);
  for (const { header, batch: own } of above.sort((a, b) => a.header.sequence - b.header.sequence))
    execute(header, own);
  if ('unacceptable' in executed) return undefined;
  const below = tree.clone();
  below.rollback(committed);
  return {
    ...{ ...last.header, ...place, previousRoot: below.root() },
    ...{ transactionsRoot: executed.transactionsRoot, transactions: executed.outcomes.length },
    configuration: configurationNamed(environment.cryptography, last.header, executed.configuration),
  };
}

/** The same place with another header and batch; `undefined` without the key of its epoch. */
export function proposed(instance: Instance, original: PrePrepare, header: Header, batch: Batch): Proposal | undefined {
  const { cryptography } = instance.replica!.environment;
  const subject = { ...original.vote.subject, headerDigest: headerDigest(cryptography, header) };
  const voted = voteOf(instance, subject, original.vote.slot);
  if (voted === undefined) return undefined;
  const prePrepare = { kind: 'pre-prepare' as const, header, batch: encode(batchCodec, batch), vote: voted.vote };
  return [prePrepare, revealing(subject, voted.nonce)];
}

/** The same proposal without its last request, and a millisecond later. */
export function fewer(instance: Instance, original: PrePrepare): Proposal | undefined {
  const batch = { items: batchOf(original).items.slice(0, -1) };
  const header = headerOf(instance, original, batch, original.header.time + 1);
  return header && proposed(instance, original, header, batch);
}

/** A vote with the instance's key, if it has the one of that epoch, and its nonce. */
export function voteOf(
  { keyring, serving, replica }: Instance,
  subject: Subject,
  slot: number,
): { readonly vote: Vote; readonly nonce: Uint8Array } | undefined {
  const signer = keyring.signer(subject.epoch);
  if (signer === undefined) return undefined;
  const nonce = keyring.nonce();
  const commitment = commitmentOf(replica!.environment.cryptography, nonce);
  const signature = signer.sign(voteStatement(serving!.founded.genesis.service, subject, commitment));
  return { vote: { subject, slot, commitment, signature }, nonce };
}

export function revealing({ epoch, view, sequence }: Subject, nonce: Uint8Array): Message {
  return { kind: 'commit', epoch, view, reveals: [{ sequence, nonce }] };
}
