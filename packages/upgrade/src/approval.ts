/**
 * Who approved the release: decisions of members, counted again, from the constitution of genesis on.
 *
 * Nobody is asked who the members were when they approved. The constitution of genesis is in the service digest; each decision that
 * changed it comes with what members signed for it, and what it changes follows from that. So the one before the approval is known.
 */
import { type Amend, changesOf, GovernanceWatch } from '@coppice/audit';
import {
  amendedBy,
  type Constitution,
  decodeConstitution,
  decodeStatement,
  foundingActivation,
  type GovernanceAction,
} from '@coppice/governance';
import { type Active, decodePlainCbor, type Header, type PlainValue, toHex } from '@coppice/wire';
import type { ProvenWrites } from './certificate.ts';
import { checkWrites, type Context, refuse } from './refusal.ts';

export interface Vote {
  /** By the constitution before the decision. */
  readonly member: string;
  readonly key: Uint8Array;
  readonly approve: boolean;
}

export interface ApprovalFacts {
  /** Its number, and the digest of what its proposer signed. */
  readonly proposal: number;
  readonly digest: string;
  /** Of the batch that decided it. */
  readonly sequence: number;
  readonly time: number;
  readonly approvals: number;
  readonly needed: number;
  /** The proposer's first. */
  readonly votes: readonly Vote[];
  /** How many decisions had changed the constitution before. */
  readonly earlier: number;
}

type Approved = Extract<GovernanceAction, { readonly kind: 'approve-release' }>['release'];

export interface Decided {
  readonly approval: ApprovalFacts;
  /** The release, as it was approved. */
  readonly approved: Approved;
  /** The constitution by which it was decided. */
  readonly before: Constitution;
  /** Names of its members, by their keys in hexadecimal. */
  readonly names: ReadonlyMap<string, string>;
}

const decisionsPrefix = '$decisions\0';
const constitutionAddress = '$constitution\0';

export function checkDecisions(context: Context, founding: Uint8Array, decisions: readonly ProvenWrites[]): Decided {
  const { chain, cryptography } = context;
  const amend: Amend = ({ before, proposal, ...context }) => amendedBy(cryptography, before, proposal, context);
  const watch = new GovernanceWatch(cryptography, chain.service, founding, amend);
  let constitution = founding;
  let sequence = 0;
  for (const [i, decision] of decisions.entries()) {
    const what = `decision ${i + 1} of ${decisions.length}`;
    checkWrites(context, 'decisions', what, decision);
    const { header, writeSet } = decision;
    if (header.sequence < sequence) return refuse('decisions', `${what}: before the one before it`);
    ({ sequence } = header);
    const [problem] = watch.add(writeSet, header, activeIn(header) ?? activeAtGenesis(founding));
    if (problem !== undefined) return refuse('decisions', `${what}: ${problem}`);
    if (watch.decisions.length !== i + 1) return refuse('decisions', `${what}: it decides nothing`);
    const written = changesOf(writeSet)?.find(({ address }) => address === constitutionAddress)?.value;
    if (written === undefined) return refuse('decisions', `${what}: it does not change the constitution`);
    if (i < decisions.length - 1) constitution = written;
  }
  return approvalOf(constitution, decisions, watch);
}

function activeIn({ code, protocolVersion }: Header): Active | undefined {
  return code && { protocol: protocolVersion, code };
}

/** Headers of version 1 do not say what was active: what the service began with. */
function activeAtGenesis(founding: Uint8Array): Active {
  const constitution = decodeConstitution(founding);
  const active = constitution.ok ? foundingActivation(constitution.value) : 'it is in no form of this version';
  return typeof active === 'string' ? refuse('decisions', `the constitution of genesis: ${active}`) : active;
}

function approvalOf(
  constitution: Uint8Array,
  decisions: readonly ProvenWrites[],
  { decisions: judged }: GovernanceWatch,
): Decided {
  const before = decodeConstitution(constitution);
  if (!before.ok) return refuse('decisions', 'the constitution before the approval is in no form of this version');
  const names = new Map(before.value.members.map(({ key, name }) => [toHex(key), name]));
  const { statement, ballots } = decisionIn(decisions.at(-1)!.writeSet);
  const proposal = statementIn(statement);
  if (proposal.kind !== 'proposal' || proposal.action.kind !== 'approve-release')
    return refuse('approval', 'the last decision approves no release');
  const cast = ballots.map(statementIn);
  const vote = (key: Uint8Array, approve: boolean): Vote => ({ member: names.get(toHex(key)) ?? '', key, approve });
  const votes = [
    vote(proposal.member, true),
    ...cast.flatMap((one) => (one.kind === 'ballot' ? [vote(one.member, one.approve)] : [])),
  ];
  const { action: _, ...counted } = judged.at(-1)!;
  return {
    approval: { ...counted, votes, earlier: decisions.length - 1 },
    approved: proposal.action.release,
    before: before.value,
    names,
  };
}

interface Signed {
  readonly statement: Uint8Array;
  readonly ballots: readonly Uint8Array[];
}

/** What members signed for the decision in a write set, which was judged before. */
function decisionIn(writeSet: Uint8Array): Signed {
  const signed = acceptedIn(writeSet);
  return signed ?? refuse('approval', 'the last decision approves no release');
}

/** What was signed for the decision that a write set accepts, if it does; it is not verified. */
export function acceptedIn(writeSet: Uint8Array): Signed | undefined {
  for (const { address, value } of changesOf(writeSet) ?? []) {
    const decoded = address.startsWith(decisionsPrefix) && value !== undefined ? decodePlainCbor(value) : undefined;
    const { ballots, state, statement } = fieldsOf(decoded?.ok === true ? decoded.value : undefined);
    if (state !== 'accepted' || !(statement instanceof Uint8Array)) continue;
    const listed: readonly PlainValue[] = Array.isArray(ballots) ? ballots : [];
    const signed = listed.map((one) => fieldsOf(one)['statement']);
    if (signed.every((one) => one instanceof Uint8Array)) return { statement, ballots: signed };
  }
  return undefined;
}

/** A map with text keys; what is none has no fields. */
export function fieldsOf(value: PlainValue | undefined): { readonly [key: string]: PlainValue | undefined } {
  const isMap = typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value);
  return isMap && !(value instanceof Map) ? (value as { readonly [key: string]: PlainValue }) : {};
}

function statementIn(signed: Uint8Array) {
  const decoded = decodeStatement(signed);
  return decoded.ok ? decoded.value.statement : refuse('approval', 'what was signed is in no form of this version');
}
