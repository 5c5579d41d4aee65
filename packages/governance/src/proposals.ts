/**
 * Proposals in the replicated state, with everything that members signed.
 *
 * - `$proposals` has those that are not decided, by number; under the empty key, how many there were.
 * - `$decisions` has those that were, the last {@link decisionsMax} of them, by number: so that whoever has the state can show what
 *   was approved by whom. The ledger has all.
 * - `$statements` has, of every proposal whose statement has not expired, number, proposer and a digest of its action, by the proposal's
 *   digest: so that nothing can be handed in twice. What expired is refused anyway, and swept out.
 */
import {
  assert,
  type CborValue,
  decode,
  type Digest,
  digest,
  encode,
  encodeCbor,
  publicKey,
  sameBytes,
  struct,
  toLatin1,
  type TypeOf,
  u64,
} from '@coppice/wire';
import { type GovernanceAction, thresholdFor } from './action.ts';
import { type Constitution, thresholdOf } from './constitution.ts';
import { decodeStatement, isKind, type SignedStatement, type StatementOf } from './statement.ts';
import { type StateAccess, trusted } from './state.ts';

const proposalsMap = '$proposals';
const decisionsMap = '$decisions';
const statementsMap = '$statements';

/** Decided proposals that the state keeps. */
export const decisionsMax = 64;

export interface CountedBallot {
  readonly member: Uint8Array;
  readonly approve: boolean;
  /** As it was signed. */
  readonly statement: Uint8Array;
}

/** What the state has of a proposal. */
export interface Proposal {
  /** From 1, in the order in which they were made. */
  readonly id: number;
  readonly digest: Digest;
  /** As it was signed. */
  readonly statement: Uint8Array;
  /** Sequence number of the batch that held it. */
  readonly sequence: number;
  /** In their order; its proposer approves it without one. */
  readonly ballots: readonly CountedBallot[];
}

export type Outcome = 'accepted' | 'failed' | 'rejected' | 'withdrawn' | 'expired';

/** Votes of those who are members when it is taken, and how many approvals it takes. */
export interface Tally {
  readonly approvals: number;
  readonly rejections: number;
  readonly needed: number;
}

/** A proposal that is decided, with the votes that counted. */
export interface Decision extends Proposal, Tally {
  readonly state: Outcome;
  /** Sequence number and agreed time of the batch that decided it. */
  readonly decidedSequence: number;
  readonly decidedTime: number;
  /** A signed withdrawal, or none. */
  readonly withdrawal: Uint8Array | null;
}

/** What the proposer signed. */
export function statementOf({ statement }: Pick<Proposal, 'statement'>): SignedStatement<StatementOf<'proposal'>> {
  const decoded = decodeStatement(statement);
  assert(decoded.ok && isKind(decoded.value, 'proposal'), 'what governance wrote can be read');
  return decoded.value;
}

export function tally(constitution: Constitution, proposal: Proposal): Tally {
  const { members } = constitution;
  const { action, member: proposer } = statementOf(proposal).statement;
  const voters = [{ member: proposer, approve: true }, ...proposal.ballots];
  const counted = voters.filter((one) => members.some(({ key }) => sameBytes(key, one.member)));
  const approvals = counted.filter(({ approve }) => approve).length;
  const needed = thresholdOf(constitution, thresholdFor[action.kind]);
  return { approvals, rejections: counted.length - approvals, needed };
}

/** A proposal as people and programs are shown it: that of the state, and what its statement says. */
export type ShownProposal = Proposal &
  Tally &
  Partial<Omit<Decision, keyof Proposal | keyof Tally | 'state'>> & {
    readonly state: Outcome | 'open';
    readonly action: GovernanceAction;
    readonly proposer: Uint8Array;
    readonly expires: number;
  };

export function shown(constitution: Constitution, proposal: Proposal | Decision): ShownProposal {
  const { action, member: proposer, expires } = statementOf(proposal).statement;
  const current = 'state' in proposal ? proposal : { ...proposal, ...tally(constitution, proposal) };
  return { state: 'open', ...current, action, proposer, expires };
}

/** The same in short: without what was signed. */
export interface ProposalSummary
  extends Tally, Pick<ShownProposal, 'id' | 'digest' | 'state' | 'proposer' | 'expires'> {
  /** Kind of the action. */
  readonly action: string;
}

/** Open ones and those that were decided lately, in the order in which they were made. */
export function listProposals(access: Pick<StateAccess, 'entries'>, constitution: Constitution): ProposalSummary[] {
  return [...valuesIn<Decision>(access, decisionsMap), ...readProposals(access)]
    .map((one): ProposalSummary => {
      const { id, digest, state, action, proposer, expires, approvals, rejections, needed } = shown(constitution, one);
      return { id, digest, state, action: action.kind, proposer, expires, approvals, rejections, needed };
    })
    .sort((a, b) => a.id - b.id);
}

/** The proposal with this number: open, or decided lately. */
export function findProposal(access: Pick<StateAccess, 'get'>, id: number): Proposal | Decision | undefined {
  return readProposal(access, id) ?? readDecision(access, id);
}

const keyOf = (id: number): string => toLatin1(encode(u64, id));

function* valuesIn<T>(access: Pick<StateAccess, 'entries'>, map: string): Generator<T> {
  for (const [key, value] of access.entries(map)) if (key !== '') yield trusted(value) as unknown as T;
}

/** In the order in which they were made. */
function readProposals(access: Pick<StateAccess, 'entries'>): Proposal[] {
  return [...valuesIn<Proposal>(access, proposalsMap)];
}

export function readProposal(access: Pick<StateAccess, 'get'>, id: number): Proposal | undefined {
  const value = access.get(proposalsMap, keyOf(id));
  return value && (trusted(value) as unknown as Proposal);
}

export function readDecision(access: Pick<StateAccess, 'get'>, id: number): Decision | undefined {
  const value = access.get(decisionsMap, keyOf(id));
  return value && (trusted(value) as unknown as Decision);
}

export function writeProposal(access: StateAccess, proposal: Proposal): void {
  access.set(proposalsMap, keyOf(proposal.id), encodeCbor(proposal as unknown as CborValue));
}

/** Takes the proposal from those that are open to those that are decided, of which the oldest go. */
export function writeDecision(access: StateAccess, decision: Decision): void {
  access.delete(proposalsMap, keyOf(decision.id));
  access.set(decisionsMap, keyOf(decision.id), encodeCbor(decision as unknown as CborValue));
  const kept = [...access.entries(decisionsMap)].map(([key]) => key);
  for (const key of kept.slice(0, Math.max(0, kept.length - decisionsMax))) access.delete(decisionsMap, key);
}

/** How many proposals there were: the number of the newest. */
export function proposalsMade(access: Pick<StateAccess, 'get'>): number {
  const value = access.get(proposalsMap, '');
  const decoded = value === undefined ? undefined : decode(u64, value);
  return decoded?.ok === true ? decoded.value : 0;
}

export function writeProposalsMade(access: StateAccess, count: number): void {
  access.set(proposalsMap, '', encode(u64, count));
}

const knownCodec = struct({ id: u64, expires: u64, member: publicKey, action: digest });

/** A proposal whose statement has not been swept out. */
export type KnownProposal = TypeOf<typeof knownCodec>;

/** The number of the proposal with this digest, while its statement has not been swept out. */
export function proposalNumber(access: Pick<StateAccess, 'get'>, named: Digest): number | undefined {
  const value = access.get(statementsMap, toLatin1(named));
  return value && known(value).id;
}

/** In no order. Small: nothing that members signed is read for it. */
export function knownProposals(access: Pick<StateAccess, 'entries'>): KnownProposal[] {
  return [...access.entries(statementsMap)].map(([, value]) => known(value));
}

export function isOpen(access: Pick<StateAccess, 'get'>, { id }: Pick<KnownProposal, 'id'>): boolean {
  return access.get(proposalsMap, keyOf(id)) !== undefined;
}

/** Remembers the statement of a proposal, and forgets those that have expired. */
export function rememberStatement(access: StateAccess, named: Digest, proposal: KnownProposal, time: number): void {
  for (const [key, value] of [...access.entries(statementsMap)])
    if (known(value).expires <= time) access.delete(statementsMap, key);
  access.set(statementsMap, toLatin1(named), encode(knownCodec, proposal));
}

function known(value: Uint8Array): KnownProposal {
  const decoded = decode(knownCodec, value);
  assert(decoded.ok, 'what governance wrote can be read');
  return decoded.value;
}
