/**
 * What an action makes of a constitution, or why it can make nothing.
 *
 * Whatever comes out holds together by the rules by which the members' own document was read: so no action leaves too few
 * members for a threshold, no release to launch, a cap that cannot be met.
 */
import { type Active, type Cryptography, type Digest, sameBytes, toHex } from '@coppice/wire';
import type { GovernanceAction } from './action.ts';
import { speaks } from './active.ts';
import { type Constitution, currentRelease, encrypts, type Variant } from './constitution.ts';
import { decodeConstitution, encodeConstitution, parseConstitution } from './constitution-document.ts';
import type { Problem } from './form.ts';
import { withParameters, withPlatform } from './parameters.ts';
import { decodeStatement, isKind, validStatement } from './statement.ts';

/** Why an action cannot be done. docs/reference/constitution.md. */
export type Inapplicable =
  | 'not-applicable'
  | 'no-such-member'
  | 'no-such-client'
  | 'no-such-release'
  | 'no-such-variant'
  | 'no-such-platform'
  | 'already-so'
  | 'cannot-speak'
  | 'release-in-use'
  | 'clients-open'
  | 'weak-key'
  | 'not-the-key-holder'
  | 'wrong-key-proof';

export interface Objection {
  readonly ok: false;
  readonly code: Inapplicable;
  readonly reason: string;
}

export type Amended = { readonly ok: true; readonly constitution: Constitution } | Objection;

export interface AmendContext {
  readonly cryptography: Cryptography;
  readonly service: Digest;
  /** Agreed time, in milliseconds. */
  readonly time: number;
  /** Key of the member who proposes the action. */
  readonly proposer: Uint8Array;
  readonly active: Active;
}

/** Actions that change the constitution. */
export type Amendment = Exclude<GovernanceAction, { kind: 'early-turn' | 'retry-activation' }>;

export function amend(constitution: Constitution, action: Amendment, context: AmendContext): Amended {
  switch (action.kind) {
    case 'set-parameters':
      return checked(withParameters(constitution, action.changes));
    case 'set-platform':
      return checked(withPlatform(constitution, action.platform));
    case 'remove-platform':
      return removePlatform(constitution, action.name);
    case 'add-member':
      return addMember(constitution, action.member, context);
    case 'remove-member':
      return removeMember(constitution, action.key);
    case 'rotate-key':
      return rotateKey(constitution, action, context);
    case 'approve-release':
      return approveRelease(constitution, action.release, context);
    case 'retire-release':
      return retireRelease(constitution, action.digest);
    case 'set-reference-values':
      return setReferenceValues(constitution, action);
    case 'add-client':
      return addClient(constitution, action.client, context);
    case 'remove-client':
      return removeClient(constitution, action.key);
    case 'set-roles':
      return setRoles(constitution, action.key, action.roles);
    case 'set-auditors':
      return encrypting(constitution, { auditors: action.auditors });
    case 'set-recovery':
      return encrypting(constitution, { recovery: action.recovery });
    case 'set-thresholds':
      return rewritten(constitution, {
        thresholds: { ...constitution.thresholds, ...action.thresholds },
        badMembersTolerated: action.badMembersTolerated ?? constitution.badMembersTolerated,
      });
  }
}

/** The constitution that a signed proposal makes of one, in canonical bytes, or why it can make none: for auditors. */
export function amendedBy(
  cryptography: Cryptography,
  before: Uint8Array,
  proposal: Uint8Array,
  context: Pick<AmendContext, 'service' | 'time' | 'active'>,
): Uint8Array | string {
  const constitution = decodeConstitution(before);
  if (!constitution.ok) return problemsText(constitution.problems);
  const signed = decodeStatement(proposal);
  if (!signed.ok || !isKind(signed.value, 'proposal')) return 'not a proposal';
  const { action, member: proposer } = signed.value.statement;
  if (action.kind === 'early-turn' || action.kind === 'retry-activation')
    return `${action.kind} changes no constitution`;
  const amended = amend(constitution.value, action, { cryptography, proposer, ...context });
  return amended.ok ? encodeConstitution(amended.constitution) : `${amended.code}: ${amended.reason}`;
}

function refused(code: Inapplicable, reason: string): Objection {
  return { ok: false, code, reason };
}

/** The first few: an action can hold thousands. */
export function problemsText(problems: readonly Problem[]): string {
  return problems
    .slice(0, 4)
    .map(({ path, reason }) => `${path} ${reason}`.trim())
    .join('; ');
}

function checked(parsed: ReturnType<typeof parseConstitution>): Amended {
  if (!parsed.ok) return refused('not-applicable', problemsText(parsed.problems));
  return { ok: true, constitution: parsed.value };
}

/** The constitution with other fields, where that holds together. */
function rewritten(constitution: Constitution, fields: Partial<Record<keyof Constitution, unknown>>): Amended {
  return checked(parseConstitution({ ...constitution, ...fields }));
}

/** With other members. What it took to found the service takes nothing any more, and binds nobody in their number. */
function withMembers(constitution: Constitution, members: readonly unknown[]): Amended {
  return rewritten(constitution, { members, thresholds: { ...constitution.thresholds, genesis: 'all' } });
}

/** With other readers. What was begun in the clear, of files that were never to be secret, would look as if it were. */
function encrypting(constitution: Constitution, readers: Partial<Constitution>): Amended {
  return encrypts(constitution)
    ? rewritten(constitution, readers)
    : refused('not-applicable', 'the service was founded to write in the clear');
}

const holds = (key: Uint8Array) => (one: { readonly key: Uint8Array }) => sameBytes(one.key, key);

function addMember(
  constitution: Constitution,
  member: Extract<GovernanceAction, { kind: 'add-member' }>['member'],
  { cryptography }: AmendContext,
): Amended {
  if (constitution.members.some(holds(member.key))) return refused('already-so', 'the key is a member’s');
  if (!cryptography.validPublicKey(member.key)) return refused('weak-key', 'anybody could sign for the key');
  return withMembers(constitution, [...constitution.members, member]);
}

function removeMember(constitution: Constitution, key: Uint8Array): Amended {
  const members = constitution.members.filter((one) => !holds(key)(one));
  if (members.length === constitution.members.length) return refused('no-such-member', 'the key is no member’s');
  return withMembers(without(constitution, key), members);
}

/** Without the member's key of recovery: whoever is put out gets no share of what is written from then on. */
function without(constitution: Constitution, member: Uint8Array): Constitution {
  const { recovery } = constitution;
  if (recovery === undefined) return constitution;
  const keys = recovery.keys.filter((one) => !sameBytes(one.member, member));
  return { ...constitution, recovery: { ...recovery, keys } };
}

/** A member gives up one key for another, which shows that it is there and meant for that. */
function rotateKey(
  constitution: Constitution,
  { key, successor, proof }: Extract<GovernanceAction, { kind: 'rotate-key' }>,
  { cryptography, service, time, proposer }: AmendContext,
): Amended {
  if (!sameBytes(key, proposer)) return refused('not-the-key-holder', 'a member proposes this for its own key only');
  if (!constitution.members.some(holds(key))) return refused('no-such-member', 'the key is no member’s any more');
  if (!cryptography.validPublicKey(successor)) return refused('weak-key', 'anybody could sign for the new key');
  const shown = decodeStatement(proof);
  const wrong = (reason: string): Objection => refused('wrong-key-proof', reason);
  if (!shown.ok) return wrong(`it is no signed statement: ${problemsText(shown.problems)}`);
  if (!isKind(shown.value, 'possession')) return wrong(`it is a signed ${shown.value.statement.kind}`);
  const { statement } = shown.value;
  if (!sameBytes(statement.service, service)) return wrong('it is for another service');
  if (!sameBytes(statement.member, successor)) return wrong('it is of another key');
  if (!sameBytes(statement.predecessor, key)) return wrong('it is for the place of another key');
  if (time >= statement.expires) return wrong('it expired');
  if (!validStatement(cryptography, shown.value)) return wrong('its signature is not the new key’s');
  const { members, recovery } = constitution;
  return rewritten(constitution, {
    members: members.map((one) => (holds(key)(one) ? { ...one, key: successor } : one)),
    ...(recovery && {
      recovery: {
        ...recovery,
        keys: recovery.keys.map((one) => (sameBytes(one.member, key) ? { ...one, member: successor } : one)),
      },
    }),
  });
}

const isRelease = (digest: Digest) => (one: { readonly digest: Digest }) => sameBytes(one.digest, digest);

function approveRelease(
  constitution: Constitution,
  release: Extract<GovernanceAction, { kind: 'approve-release' }>['release'],
  { active }: AmendContext,
): Amended {
  if (sameBytes(currentRelease(constitution), release.digest)) {
    return refused('already-so', 'turns launch this release: its values change with set-reference-values');
  }
  const others = constitution.releases.filter((one) => !isRelease(release.digest)(one));
  const amended = rewritten(constitution, { releases: [...others, release] });
  if (!amended.ok || speaks(amended.constitution.releases.at(-1)!, active)) return amended;
  const { code, protocol } = active;
  const reason = `its replicas cannot execute version ${code.version} of the service, with script ${toHex(code.script)}, under version ${protocol} of the protocol: build it with --from the release that runs`;
  return refused('cannot-speak', reason);
}

function retireRelease(constitution: Constitution, digest: Digest): Amended {
  const { releases } = constitution;
  if (!releases.some(isRelease(digest))) return refused('no-such-release', 'it is not approved');
  // Turns would go on with the one before it, which nobody approved for that.
  if (sameBytes(currentRelease(constitution), digest)) {
    return refused('release-in-use', 'turns launch this release: approve another first');
  }
  return rewritten(constitution, { releases: releases.filter((one) => !isRelease(digest)(one)) });
}

function setReferenceValues(
  constitution: Constitution,
  { release: digest, values }: Extract<GovernanceAction, { kind: 'set-reference-values' }>,
): Amended {
  const release = constitution.releases.find(isRelease(digest));
  if (release === undefined) return refused('no-such-release', 'it is not approved');
  const variants = new Map<string, Variant>(release.variants.map((one) => [one.id, one]));
  const seen = new Set<string>();
  for (const { variant: id, platform, measurements } of values) {
    const variant = variants.get(id);
    if (variant === undefined) return refused('no-such-variant', `the release has no variant ${id}`);
    if (seen.has(`${id} ${platform}`)) return refused('not-applicable', `${id} on ${platform} is there twice`);
    seen.add(`${id} ${platform}`);
    const known = variant.referenceValues.some((one) => one.platform === platform);
    const changed = measurements.length === 0 ? [] : [{ platform, measurements }];
    const referenceValues = known
      ? variant.referenceValues.flatMap((one) => (one.platform === platform ? changed : [one]))
      : [...variant.referenceValues, ...changed];
    variants.set(id, { ...variant, referenceValues });
  }
  const after = { ...release, variants: [...variants.values()] };
  return rewritten(constitution, {
    releases: constitution.releases.map((one) => (isRelease(digest)(one) ? after : one)),
  });
}

function addClient(
  constitution: Constitution,
  client: Extract<GovernanceAction, { kind: 'add-client' }>['client'],
  { cryptography }: AmendContext,
): Amended {
  const { clients } = constitution;
  if (clients === 'open') return refused('clients-open', 'any key may send requests: clients are not listed');
  if (clients.some(holds(client.key))) return refused('already-so', 'the key is a client’s');
  if (!cryptography.validPublicKey(client.key)) return refused('weak-key', 'anybody could sign for the key');
  return rewritten(constitution, { clients: [...clients, client] });
}

function removeClient(constitution: Constitution, key: Uint8Array): Amended {
  const { clients } = constitution;
  if (clients === 'open') return refused('clients-open', 'any key may send requests: clients are not listed');
  if (!clients.some(holds(key))) return refused('no-such-client', 'the key is no client’s');
  return rewritten(constitution, { clients: clients.filter((one) => !holds(key)(one)) });
}

/** Roles of a client, or those that a member has as a user of the service. */
function setRoles(constitution: Constitution, key: Uint8Array, roles: readonly string[]): Amended {
  const { clients, members } = constitution;
  const granted = <T extends { readonly key: Uint8Array }>(one: T): T => (holds(key)(one) ? { ...one, roles } : one);
  if (members.some(holds(key))) return rewritten(constitution, { members: members.map(granted) });
  if (clients === 'open') return refused('clients-open', 'clients are not listed: only members can have roles');
  if (!clients.some(holds(key))) return refused('no-such-client', 'the key is no client’s and no member’s');
  return rewritten(constitution, { clients: clients.map(granted) });
}

function removePlatform(constitution: Constitution, name: string): Amended {
  const { policy } = constitution;
  const platforms = policy.platforms.filter((one) => one.name !== name);
  if (platforms.length === policy.platforms.length) return refused('no-such-platform', `${name} is not accepted`);
  return rewritten(constitution, { policy: { ...policy, platforms } });
}
