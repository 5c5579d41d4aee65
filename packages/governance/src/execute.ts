/**
 * Executes what is asked of governance, as a deterministic function of the state, the request, the batch's time and its place.
 *
 * A refusal writes nothing. A proposal is decided once: by the ballot that makes its approvals enough, or that makes
 * it impossible that they ever are. Ballots of keys that are no longer members do not count.
 */
import type { EvidenceCryptography } from '@coppice/attestation';
import { type Digest, encodeCbor, type PlainValue, type Result, sameBytes } from '@coppice/wire';
import type { GovernanceAction } from './action.ts';
import { type Activation, readActivation, writeActivation } from './active.ts';
import { amend, type Inapplicable, type Objection, problemsText } from './amend.ts';
import { anchorsOf, type Constitution, currentRelease } from './constitution.ts';
import { importEndorsements } from './endorsements.ts';
import { decodeOperation } from './operation.ts';
import {
  findProposal,
  isOpen,
  knownProposals,
  type Outcome,
  type Proposal,
  proposalNumber,
  proposalsMade,
  readDecision,
  readProposal,
  rememberStatement,
  shown,
  statementOf,
  type Tally,
  tally,
  writeDecision,
  writeProposal,
  writeProposalsMade,
} from './proposals.ts';
import { clientRoles, readConstitution, type StateAccess, writeConstitution } from './state.ts';
import {
  decodeStatement,
  isKind,
  proposalDigest,
  type SignedStatement,
  type StatementOf,
  validStatement,
} from './statement.ts';

/** Proposals that one member can have open at a time, and those whose statements have not expired. */
export const openProposalsMax = 4;
export const liveProposalsMax = 64;

/** Why governance refuses an operation. docs/reference/constitution.md. */
export type GovernanceRefusal =
  | Inapplicable
  | 'malformed-operation'
  | 'malformed-statement'
  | 'other-service'
  | 'bad-signature'
  | 'not-a-member'
  | 'statement-expired'
  | 'expires-too-late'
  | 'replayed-statement'
  | 'duplicate-proposal'
  | 'too-many-proposals'
  | 'no-such-proposal'
  | 'proposal-closed'
  | 'proposal-expired'
  | 'double-ballot'
  | 'not-the-proposer'
  | 'endorsements-refused'
  | 'older-endorsement';

/** What others have to act on. */
export type GovernanceEffect =
  /** The members want the instance in this slot replaced. */
  | { readonly kind: 'early-turn'; readonly slot: number }
  /** The constitution in the state is another than before. */
  | { readonly kind: 'constitution' }
  /** An activation that failed is to be tried again. */
  | { readonly kind: 'activation' }
  /** The ledger knows newer endorsements than before. */
  | { readonly kind: 'endorsements' };

export interface GovernanceOutcome {
  /** As the client gets it; the code of an error is a {@link GovernanceRefusal}. */
  readonly result: Result;
  readonly effects: readonly GovernanceEffect[];
}

export interface GovernanceRequest {
  readonly cryptography: EvidenceCryptography;
  readonly service: Digest;
  /** The key that signed the request. */
  readonly sender: Uint8Array;
  /** Agreed time of the batch, in milliseconds, and its sequence number. */
  readonly time: number;
  readonly sequence: number;
  /** How many signatures of makers may still be verified in this batch: an import ends where it needs more. */
  readonly signatures: { left: number };
  /** An encoded operation. */
  readonly payload: Uint8Array;
}

interface Context extends GovernanceRequest {
  readonly access: StateAccess;
  readonly constitution: Constitution;
  readonly active: Activation;
}

/** Executes one operation. Total: whatever the payload is, it is executed or refused. */
export function executeGovernance(access: StateAccess, request: GovernanceRequest): GovernanceOutcome {
  const decoded = decodeOperation(request.payload);
  if (!decoded.ok) return refused('malformed-operation', problemsText(decoded.problems));
  const operation = decoded.value;
  if (operation.kind === 'submit') return submit(access, request, operation.statement);
  if (!isMember(access, request.sender)) return refused('not-a-member', 'only members of the consortium ask for this');
  const context = contextOf(access, request);
  if (operation.kind === 'endorse') return endorse(context, operation.endorsements);
  if (operation.kind === 'view-proposal') return viewProposal(context, operation.proposal);
  return done({ constitution: context.constitution, proposals: openNumbers(context) });
}

function contextOf(access: StateAccess, request: GovernanceRequest): Context {
  return { ...request, access, constitution: readConstitution(access), active: readActivation(access) };
}

function openNumbers({ access, time }: Context): number[] {
  const open = knownProposals(access).filter((one) => time < one.expires && isOpen(access, one));
  return open.map(({ id }) => id).sort((a, b) => a - b);
}

/** By the roles, which follow from the constitution: reading that is slow, and anybody can ask. */
function isMember(access: StateAccess, key: Uint8Array): boolean {
  return clientRoles(access, key)?.includes('member') === true;
}

function refused(code: GovernanceRefusal, message: string): GovernanceOutcome {
  return { result: { ok: false, error: { code, message } }, effects: [] };
}

function done(value: PlainValue, effects: readonly GovernanceEffect[] = []): GovernanceOutcome {
  return { result: { ok: true, value }, effects };
}

/** Whoever carries a statement, it is its member's: signed, for this service, and in time. */
function submit(access: StateAccess, request: GovernanceRequest, bytes: Uint8Array): GovernanceOutcome {
  const { cryptography, service, time } = request;
  const decoded = decodeStatement(bytes);
  if (!decoded.ok) return refused('malformed-statement', problemsText(decoded.problems));
  const signed = decoded.value;
  const { statement } = signed;
  if (!sameBytes(statement.service, service)) return refused('other-service', 'it was signed for another service');
  if (!isMember(access, statement.member)) return refused('not-a-member', 'the key that signed it is no member’s');
  if (!validStatement(cryptography, signed)) return refused('bad-signature', 'the signature is not the member’s');
  if (time >= statement.expires) return refused('statement-expired', `it expired at ${statement.expires}`);
  const context = contextOf(access, request);
  if (isKind(signed, 'proposal')) return propose(context, signed);
  if (isKind(signed, 'ballot')) return ballot(context, signed);
  if (isKind(signed, 'withdrawal')) return withdraw(context, signed);
  return refused('malformed-statement', 'it proves a key: it belongs into a proposal to rotate one');
}

function propose(context: Context, signed: SignedStatement<StatementOf<'proposal'>>): GovernanceOutcome {
  const { access, constitution, cryptography, time, sequence } = context;
  const { action, expires, member } = signed.statement;
  const digest = proposalDigest(cryptography, signed);
  const known = proposalNumber(access, digest);
  if (known !== undefined) return refused('replayed-statement', `it was handed in before: it is proposal ${known}`);
  const { proposalPeriodMs } = constitution.policy;
  if (expires > time + proposalPeriodMs) {
    return refused('expires-too-late', `at most ${proposalPeriodMs} ms from now: by ${time + proposalPeriodMs}`);
  }
  const effect = effectOf(context, action, member);
  if (!effect.ok) return refused(effect.code, effect.reason);
  const live = knownProposals(access).filter((one) => time < one.expires);
  const words = cryptography.hash(encodeCbor(action));
  const same = live.find((one) => sameBytes(one.action, words) && isOpen(access, one));
  if (same !== undefined) return refused('duplicate-proposal', `proposal ${same.id} is the same: vote on it`);
  const own = live.filter((one) => sameBytes(one.member, member));
  if (own.filter((one) => isOpen(access, one)).length >= openProposalsMax) {
    return refused('too-many-proposals', `at most ${openProposalsMax} proposals of one member can be open`);
  }
  if (own.length >= liveProposalsMax) {
    const reason = `at most ${liveProposalsMax} proposals of one member can be waiting to expire, decided or not`;
    return refused('too-many-proposals', reason);
  }

  // Expired ones stay until somebody proposes again: nothing else needs to look for them.
  for (const one of knownProposals(access)) {
    const expired = one.expires <= time ? readProposal(access, one.id) : undefined;
    if (expired !== undefined) close(context, expired, 'expired', tally(constitution, expired));
  }
  const id = proposalsMade(access) + 1;
  writeProposalsMade(access, id);
  rememberStatement(access, digest, { id, expires, member, action: words }, time);
  return decide(context, { id, digest, statement: signed.bytes, sequence, ballots: [] });
}

/** The open proposal that a statement names, or why there is none. */
function named(context: Context, digest: Digest): Proposal | GovernanceOutcome {
  const { access, time } = context;
  const id = proposalNumber(access, digest);
  if (id === undefined) return refused('no-such-proposal', 'no proposal has this digest, or it expired long ago');
  const proposal = readProposal(access, id);
  if (proposal !== undefined && time < statementOf(proposal).statement.expires) return proposal;
  const decision = readDecision(access, id);
  if (proposal !== undefined || decision?.state === 'expired')
    return refused('proposal-expired', `proposal ${id} expired`);
  return refused('proposal-closed', `proposal ${id} is not open any more${decision ? `: ${decision.state}` : ''}`);
}

function ballot(context: Context, { bytes, statement }: SignedStatement<StatementOf<'ballot'>>): GovernanceOutcome {
  const { approve, member } = statement;
  const proposal = named(context, statement.proposal);
  if ('result' in proposal) return proposal;
  const { ballots, id } = proposal;
  const voted = [statementOf(proposal).statement, ...ballots].some((one) => sameBytes(one.member, member));
  // What was decided since may have made the votes that there are enough: whoever asks again has them counted.
  if (voted && verdict(context.constitution, tally(context.constitution, proposal)) !== 'open')
    return decide(context, proposal);
  if (voted) return refused('double-ballot', `this member voted on proposal ${id}`);
  return decide(context, { ...proposal, ballots: [...ballots, { member, approve, statement: bytes }] });
}

function withdraw(
  context: Context,
  { bytes, statement }: SignedStatement<StatementOf<'withdrawal'>>,
): GovernanceOutcome {
  const proposal = named(context, statement.proposal);
  if ('result' in proposal) return proposal;
  const { id } = proposal;
  if (!sameBytes(statementOf(proposal).statement.member, statement.member)) {
    return refused('not-the-proposer', `proposal ${id} is another member's`);
  }
  close(context, proposal, 'withdrawn', tally(context.constitution, proposal), bytes);
  return done({ proposal: id, digest: proposal.digest, state: 'withdrawn' });
}

function endorse(
  { access, constitution, cryptography, signatures, time }: Context,
  files: readonly Uint8Array[],
): GovernanceOutcome {
  const outcome = importEndorsements(access, cryptography, files, anchorsOf(constitution), time, signatures);
  if (!outcome.ok) return refused(outcome.code, outcome.message);
  const imported = outcome.imported.map(({ issue, issued, source }) => ({ source, issue, issued }));
  return done({ imported }, imported.length === 0 ? [] : [{ kind: 'endorsements' }]);
}

function viewProposal({ access, constitution }: Context, id: number): GovernanceOutcome {
  const proposal = findProposal(access, id);
  if (proposal !== undefined) return done(shown(constitution, proposal) as unknown as PlainValue);
  return id <= proposalsMade(access)
    ? refused('proposal-closed', `proposal ${id} was decided long ago: the ledger has it`)
    : refused('no-such-proposal', `there is no proposal ${id}`);
}

function close(
  { access, sequence, time }: Context,
  proposal: Proposal,
  state: Outcome,
  counted: Tally,
  withdrawal: Uint8Array | null = null,
): void {
  const decided = { state, decidedSequence: sequence, decidedTime: time, withdrawal };
  writeDecision(access, { ...proposal, ...counted, ...decided });
}

/** Accepted with enough approvals, rejected once they cannot be enough. */
function verdict(
  { members }: Constitution,
  { approvals, needed, rejections }: Tally,
): 'accepted' | 'rejected' | 'open' {
  if (approvals >= needed) return 'accepted';
  return members.length - rejections < needed ? 'rejected' : 'open';
}

/** Stores the proposal, or decides it. */
function decide(context: Context, proposal: Proposal): GovernanceOutcome {
  const { access, constitution } = context;
  const { id, digest } = proposal;
  const { action, expires, member } = statementOf(proposal).statement;
  const counted = tally(constitution, proposal);
  const about = { proposal: id, digest, ...counted };

  const state = verdict(constitution, counted);

  if (state === 'accepted') {
    const effect = effectOf(context, action, member);
    close(context, proposal, effect.ok ? 'accepted' : 'failed', counted);
    // What could be done when it was proposed may contradict what was decided since.
    if (!effect.ok) return done({ ...about, state: 'failed', code: effect.code, reason: effect.reason });
    if (effect.constitution !== undefined) writeConstitution(access, effect.constitution, constitution);
    if (effect.activation !== undefined) writeActivation(access, effect.activation);
    return done({ ...about, state: 'accepted' }, effect.effects);
  }
  if (state === 'rejected') {
    close(context, proposal, 'rejected', counted);
    return done({ ...about, state: 'rejected' });
  }
  writeProposal(access, proposal);
  return done({ ...about, state: 'open', expires });
}

type ActionEffect =
  | {
      readonly ok: true;
      readonly constitution?: Constitution;
      readonly activation?: Activation;
      readonly effects: readonly GovernanceEffect[];
    }
  | Objection;

/** What an action would do now, or why it cannot be done. */
function effectOf(context: Context, action: GovernanceAction, proposer: Uint8Array): ActionEffect {
  const { active, constitution } = context;
  if (action.kind === 'early-turn') {
    const { slot } = action;
    if (slot >= constitution.slots) return { ok: false, code: 'not-applicable', reason: `there is no slot ${slot}` };
    return { ok: true, effects: [{ kind: 'early-turn', slot }] };
  }
  // What failed is not tried again before members decide that it is. spec/upgrades.md, line 5.
  const again = active.failed && { activation: { ...active, failed: undefined } };
  if (action.kind === 'retry-activation') {
    const last = sameBytes(currentRelease(constitution), action.release);
    return again !== undefined && last && sameBytes(active.failed!.release, action.release)
      ? { ok: true, ...again, effects: [{ kind: 'activation' }] }
      : { ok: false, code: 'not-applicable', reason: 'no activation of this release failed, or it is not the newest' };
  }
  const amended = amend(constitution, action, { ...context, proposer });
  if (!amended.ok) return amended;
  const approves = action.kind === 'approve-release' && again !== undefined;
  return { ...amended, ...(approves && again), effects: [{ kind: 'constitution' }] };
}
