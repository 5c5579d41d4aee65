/**
 * Files of what members sign: a statement that is not signed yet is JSON, for people to read and for whoever has the key
 * to sign; a signed one is the message itself, as it goes to the ledger.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { nodeCryptography } from '@coppice/cryptography';
import {
  decodeStatement,
  type GovernanceAction,
  parseStatement,
  type Problem,
  proposalDigest,
  type SignedStatement,
  type Statement,
  statementBytesMax,
  validStatement,
} from '@coppice/governance';
import { toHex } from '@coppice/wire';
import { UserError } from './service-folder.ts';

/** First byte of a COSE_Sign1 with its tag. */
const signedMark = 0xd2;

export type StatementFile =
  | { readonly signed: true; readonly statement: SignedStatement }
  /** As somebody wrote it: who is to sign may be left open. */
  | { readonly signed: false; readonly draft: Readonly<Record<string, unknown>> };

function problemsText(problems: readonly Problem[]): string {
  return problems
    .slice(0, 4)
    .map(({ path, reason }) => `${path} ${reason}`.trim())
    .join('; ');
}

/** Reads a file, and verifies it if it is signed. Throws UserError, also where the signature is not its member's. */
export function readStatementFile(path: string): StatementFile {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(path));
  } catch {
    throw new UserError(`cannot read ${path}`);
  }
  if (bytes[0] === signedMark) return { signed: true, statement: verifiedStatement(bytes, path) };
  let draft: unknown;
  try {
    draft = bytes.length > 4 * statementBytesMax ? undefined : JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    draft = undefined;
  }
  if (typeof draft !== 'object' || draft === null || Array.isArray(draft))
    throw new UserError(`${path} is neither a signed statement nor one that is not signed yet`);
  return { signed: false, draft: draft as Record<string, unknown> };
}

/** A signed statement whose signature holds. `from` says where it comes from. */
export function verifiedStatement(bytes: Uint8Array, from: string): SignedStatement {
  const decoded = decodeStatement(bytes);
  if (!decoded.ok) throw new UserError(`${from} is no signed statement: ${problemsText(decoded.problems)}`);
  if (!validStatement(nodeCryptography, decoded.value)) {
    throw new UserError(`${from} was altered, or is not signed by the member that it names: have it signed again`);
  }
  return decoded.value;
}

/** The statement that somebody drafted, with whoever is to sign it. Throws UserError where it is none. */
export function completeDraft(draft: Readonly<Record<string, unknown>>, member: Uint8Array, path: string): Statement {
  const parsed = parseStatement({ member: toHex(member), ...draft });
  if (!parsed.ok) throw new UserError(`${path}: ${problemsText(parsed.problems)}`);
  return parsed.value;
}

/** Writes a new file; refuses to write over one. */
export function writeNew(path: string, content: string | Uint8Array, option = '--out'): void {
  try {
    writeFileSync(path, content, { flag: 'wx' });
  } catch (error) {
    const there = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new UserError(there ? `${path} is there already: name another ${option}` : `cannot write ${path}`);
  }
}

/** Bytes as hexadecimal: what JSON has. */
export function jsonText(value: unknown): string {
  const replacer = (_: string, inner: unknown): unknown => (inner instanceof Uint8Array ? toHex(inner) : inner);
  return JSON.stringify(value, replacer, 2);
}

const short = (key: Uint8Array): string => toHex(key).slice(0, 8);

/** An action in a line. */
export function actionText(action: GovernanceAction): string {
  switch (action.kind) {
    case 'early-turn':
      return `early turn of slot ${action.slot}`;
    case 'set-parameters':
      return `set ${action.changes.map(({ path, value }) => `${path} = ${value}`).join(', ')}`;
    case 'set-platform':
      return `set what is accepted of platform ${action.platform.name}`;
    case 'remove-platform':
      return `accept platform ${action.name} no more`;
    case 'add-member':
      return `take in member ${action.member.name} (${short(action.member.key)})`;
    case 'remove-member':
      return `put out the member with key ${short(action.key)}`;
    case 'rotate-key':
      return `member key ${short(action.successor)} in place of ${short(action.key)}`;
    case 'approve-release':
      return `approve release ${short(action.release.digest)}, with ${action.release.variants.length} variants`;
    case 'retry-activation':
      return `try the activation of release ${short(action.release)} again`;
    case 'retire-release':
      return `retire release ${short(action.digest)}`;
    case 'set-reference-values':
      return `set ${action.values.length} reference values of release ${short(action.release)}`;
    case 'add-client':
      return `take in client ${action.client.name} (${short(action.client.key)})`;
    case 'remove-client':
      return `put out the client with key ${short(action.key)}`;
    case 'set-roles':
      return `roles of ${short(action.key)}: ${action.roles.join(', ') || 'none'}`;
    case 'set-auditors':
      return `encrypt to ${action.auditors.map((one) => `${one.name} (${short(one.key)})`).join(', ')} from then on`;
    case 'set-recovery': {
      const { keys, threshold } = action.recovery;
      return `have any ${threshold} of ${keys.length} members (${keys.map((one) => short(one.member)).join(', ')}) open what is written from then on`;
    }
    case 'set-thresholds': {
      const changes = Object.entries(action.thresholds ?? {}).map(([name, value]) => `${name} = ${value}`);
      const { badMembersTolerated: bad } = action;
      return `thresholds: ${[...changes, ...(bad === undefined ? [] : [`badMembersTolerated = ${bad}`])].join(', ')}`;
    }
  }
}

/** A signed statement for people, line by line. */
export function statementLines(signed: SignedStatement): string[] {
  const { statement } = signed;
  const about =
    statement.kind === 'proposal'
      ? [`  digest   ${toHex(proposalDigest(nodeCryptography, signed))}`, `  action   ${actionText(statement.action)}`]
      : statement.kind === 'possession'
        ? [`  in place of ${toHex(statement.predecessor)}`]
        : [`  proposal ${toHex(statement.proposal)}`];
  const kind = statement.kind === 'ballot' ? (statement.approve ? 'ballot for' : 'ballot against') : statement.kind;
  return [
    kind,
    `  service  ${toHex(statement.service)}`,
    `  member   ${toHex(statement.member)}`,
    ...about,
    `  expires  ${new Date(Math.min(statement.expires, 8.64e15)).toISOString()}`,
  ];
}
