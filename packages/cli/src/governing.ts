/**
 * What members sign, made and handed in from a terminal. docs/reference/governance.md.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Client } from '@coppice/client';
import {
  encodeOperation,
  type GovernanceAction,
  parseStatement,
  signStatement,
  type Statement,
} from '@coppice/governance';
import { entryFor, type Release } from '@coppice/release';
import { decodeResult, type Signer } from '@coppice/wire';
import { submit } from './connect.ts';
import { ServiceFolder, UserError } from './service-folder.ts';

/** Where a proposal stands, as the ledger answered. */
export interface Standing {
  readonly proposal: number;
  readonly digest: Uint8Array;
  readonly state: 'open' | 'accepted' | 'failed' | 'rejected' | 'withdrawn';
  readonly approvals?: number;
  readonly rejections?: number;
  readonly needed?: number;
  /** Until when an open one can be voted on. */
  readonly expires?: number;
  /** Why an accepted one could not be done. */
  readonly code?: string;
  readonly reason?: string;
}

/** What to do about a refusal, where its message does not say. */
const advice: Readonly<Record<string, string>> = {
  'other-service': 'Name the service that it is for: --service DIGEST --address HOST:PORT.',
  'not-a-member': 'See who is: coppice member list.',
  'bad-signature': 'The file was altered on its way: have it signed again.',
  'malformed-statement': 'The file was altered on its way, or is none that a member signed.',
  'statement-expired': 'Sign it again, with a later --expires-in.',
  'expires-too-late': 'Sign it again, with a shorter --expires-in.',
  'proposal-expired': 'Propose it again.',
  'no-such-proposal': 'See which there are: coppice member list.',
  'proposal-closed': 'See how it was decided: coppice member show.',
  'too-many-proposals': 'Withdraw one, or wait until one is decided or expires.',
};

/** The words of a refusal, with what can be done. */
export function refusalText({ code, message }: { readonly code: string; readonly message: string }): string {
  return `${code}: ${message}${advice[code] === undefined ? '' : `\n${advice[code]}`}`;
}

/** Hands in what a member signed. Throws UserError where it is refused. */
export async function handIn(client: Client, statement: Uint8Array): Promise<Standing> {
  const payload = encodeOperation({ kind: 'submit', statement });
  const { result } = await submit(client, { target: 'governance', payload });
  if (!result.ok) throw new UserError(refusalText(result.error), 4, result.error.code);
  return result.value as unknown as Standing;
}

/** What a proposal has to fit, as one replica says: a false answer gets it refused, or expired early. */
export async function policyShown(
  client: Client,
): Promise<{ readonly proposalPeriodMs: number; readonly platforms: readonly string[] }> {
  const answer = decodeResult((await client.query('constitution', new Uint8Array(0))).payload);
  const constitution = answer.ok && answer.value.ok ? answer.value.value : undefined;
  const { policy } = (constitution ?? {}) as { policy?: { proposalPeriodMs?: unknown; platforms?: unknown } };
  if (typeof policy?.proposalPeriodMs !== 'number' || !Array.isArray(policy.platforms))
    throw new UserError('the replica shows no constitution', 3);
  const platforms = (policy.platforms as readonly { readonly name?: unknown }[]).map(({ name }) => String(name));
  return { proposalPeriodMs: policy.proposalPeriodMs, platforms };
}

export function proposalOf(
  { service, member, expires }: Pick<Statement, 'service' | 'member' | 'expires'>,
  action: GovernanceAction,
): Statement {
  return { kind: 'proposal', service, member, expires, nonce: new Uint8Array(randomBytes(16)), action };
}

/** An action as it is signed, from its JSON form. Throws UserError. */
export function parseAction(action: unknown): GovernanceAction {
  const none = { service: new Uint8Array(32), member: new Uint8Array(32), expires: 1 };
  const parsed = parseStatement(proposalOf(none, action as GovernanceAction));
  if (parsed.ok && parsed.value.kind === 'proposal') return parsed.value.action;
  const problems = parsed.ok ? [] : parsed.problems.slice(0, 4).map(({ path, reason }) => `${path} ${reason}`);
  throw new UserError(`not an action: ${problems.join('; ')}`);
}

/** The action that approves a release for a service that accepts these platforms. */
export function approvalOf(release: Release, platforms: readonly string[]): GovernanceAction {
  return parseAction({ kind: 'approve-release', release: entryFor(release, new Set(platforms)) });
}

/** Has members sign for an action, one after the other, until it is decided; `client` carries what they sign. */
export async function decide(
  client: Client,
  members: readonly Signer[],
  action: GovernanceAction,
  onSigned: (member: Signer, standing: Standing) => void = () => {},
): Promise<Standing> {
  const { service } = client.chain;
  const expires = Date.now() + Math.floor((await policyShown(client)).proposalPeriodMs / 2);
  let standing: Standing | undefined;
  for (const signer of members) {
    const common = { service, member: signer.publicKey, expires };
    const statement: Statement =
      standing === undefined
        ? proposalOf(common, action)
        : { kind: 'ballot', ...common, proposal: standing.digest, approve: true };
    standing = await handIn(client, signStatement(signer, statement));
    onSigned(signer, standing);
    if (standing.state !== 'open') break;
  }
  if (standing === undefined) throw new UserError('a member must sign: --member-key FILE, once for each');
  return standing;
}

/** The key file of who signs. Throws UserError. */
export function memberKeyFile({
  memberKey,
  as,
  folder,
}: {
  readonly memberKey?: string;
  readonly as?: string;
  readonly folder: string;
}): string {
  if (memberKey !== undefined) return memberKey;
  const here = existsSync(folder) ? new ServiceFolder(folder) : undefined;
  const names = here?.keys('members') ?? [];
  if (here !== undefined && as !== undefined && names.includes(as)) return here.keyFile('members', as);
  const choice = names.length === 0 ? '' : `, or --as ${names.join(' | ')}`;
  throw new UserError(
    `${as === undefined ? 'say who signs' : `there is no member ${as} here`}: --member-key FILE${choice}`,
  );
}
