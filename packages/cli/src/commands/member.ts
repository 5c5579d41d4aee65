/**
 * `coppice member …`: proposals and ballots, signed here or on a machine without a network. docs/how-to/govern-a-service.md.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Client } from '@coppice/client';
import { type KeyedSigner, nodeCryptography } from '@coppice/cryptography';
import {
  type Constitution,
  type GovernanceAction,
  isKind,
  proposalDigest,
  type ProposalSummary,
  type ShownProposal,
  signStatement,
  type SignedStatement,
  type Statement,
  type StatementOf,
  thresholdOf,
} from '@coppice/governance';
import { decodeResult, encode, fromHex, type PlainValue, sameBytes, toHex, u64 } from '@coppice/wire';
import { connect, type ServiceOptions, serviceOf } from '../connect.ts';
import { openRelease, ReleaseError } from '@coppice/release';
import {
  approvalOf,
  handIn,
  memberKeyFile,
  parseAction,
  policyShown,
  proposalOf,
  type Standing,
} from '../governing.ts';
import { type Output, table } from '../output.ts';
import { readKey, UserError } from '../service-folder.ts';
import {
  actionText,
  completeDraft,
  jsonText,
  readStatementFile,
  statementLines,
  verifiedStatement,
  writeNew,
} from '../statement-file.ts';

export interface SigningOptions extends ServiceOptions {
  readonly memberKey?: string;
  readonly as?: string;
  /** Hours. */
  readonly expiresIn?: number;
  /** Written there, and not sent: no network is needed. */
  readonly out?: string;
}

const hour = 3600 * 1000;
/** Of a statement that is signed without knowing what the service allows. */
const expiresInDefault = 7 * 24;

const signerOf = (options: SigningOptions): KeyedSigner => readKey(memberKeyFile(options));

const afterHours = (hours: number): number => Date.now() + Math.floor(hours * hour);

/** Gives the answer of the ledger, or writes what was signed. */
async function send(statement: Statement, options: SigningOptions, output: Output): Promise<void> {
  const bytes = signStatement(signerOf(options), statement);
  const signed = verifiedStatement(bytes, 'what was just signed');
  if (options.out !== undefined) return written(options.out, bytes, signed, output);
  const client = await connect(options);
  try {
    answer(await handIn(client, bytes), signed, output);
  } finally {
    client.close();
  }
}

function written(file: string, content: Uint8Array, signed: SignedStatement, output: Output): void {
  writeNew(file, content);
  const { statement } = signed;
  const digest = isKind(signed, 'proposal') ? { digest: proposalDigest(nodeCryptography, signed) } : {};
  output.answer({ ok: true, file, kind: statement.kind, ...digest, expires: statement.expires }, [
    ...statementLines(signed),
    `signed: ${file}. Hand it in from any machine: coppice member submit ${file}`,
  ]);
}

function standingLines({ proposal, state, approvals, rejections, needed, code, reason }: Standing): string[] {
  const tally = approvals === undefined ? '' : `: ${approvals} for, ${rejections} against, ${needed} needed`;
  return [
    `proposal ${proposal} is ${state}${tally}`,
    ...(state === 'open' ? [`others vote: coppice member vote ${proposal} --approve`] : []),
    ...(state === 'failed'
      ? [`${code}: ${reason}`, 'Enough members approved it, and it cannot be done any more: propose what can.']
      : []),
  ];
}

function answer(standing: Standing, { statement }: SignedStatement, output: Output): void {
  const failed = standing.state === 'failed';
  output.answer({ ok: !failed, kind: statement.kind, ...standing }, standingLines(standing));
  if (failed) process.exitCode = 4;
}

const isJson = (text: string): boolean => text.trimStart().startsWith('{');

/** JSON, or a file that holds it. */
function actionOf(text: string): PlainValue {
  let json = text;
  if (!isJson(text)) {
    try {
      json = readFileSync(text, 'utf8');
    } catch {
      throw new UserError(`${text} is neither JSON nor a file that can be read`);
    }
  }
  try {
    return JSON.parse(json) as PlainValue;
  } catch {
    throw new UserError('the action must be JSON: see docs/reference/governance.md for what there is');
  }
}

export async function propose(
  text: string,
  options: SigningOptions & { readonly unsigned?: boolean; readonly platform?: readonly string[] },
  output: Output,
): Promise<void> {
  const { expiresIn, out, platform, unsigned } = options;
  const offline = unsigned === true || out !== undefined;
  const policy = offline ? undefined : await shownPolicy(options);
  const action = isFolder(text)
    ? approval(text, platform ?? policy?.platforms)
    : unsigned === true
      ? (actionOf(text) as unknown as GovernanceAction)
      : parseAction(actionOf(text));
  if (unsigned === true) return draft(action, options, output);
  const { publicKey: member } = signerOf(options);
  const expires =
    policy === undefined || expiresIn !== undefined
      ? afterHours(expiresIn ?? expiresInDefault)
      : Date.now() + Math.floor(policy.proposalPeriodMs / 2);
  return send(proposalOf({ service: serviceOf(options), member, expires }, action), options, output);
}

function isFolder(text: string): boolean {
  return !isJson(text) && statSync(text, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Of the release in a folder, with reference values for what the service accepts. */
function approval(folder: string, platforms: readonly string[] | undefined): GovernanceAction {
  if (platforms === undefined) throw new UserError('say what the service accepts: --platform NAME, once for each');
  try {
    return approvalOf(openRelease(folder), platforms);
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
}

/** A proposal for somebody else to sign. */
function draft(action: GovernanceAction, options: SigningOptions, output: Output): void {
  const { out } = options;
  if (out === undefined) throw new UserError('--unsigned writes a file: name it with --out FILE');
  const nobody = new Uint8Array(32);
  const expires = afterHours(options.expiresIn ?? expiresInDefault);
  const statement = proposalOf({ service: serviceOf(options), member: nobody, expires }, action);
  const { member: _, ...unsigned } = completeDraft(
    JSON.parse(jsonText(statement)) as object as never,
    nobody,
    'action',
  );
  writeNew(out, `${jsonText(unsigned)}\n`);
  output.answer({ ok: true, file: out, kind: 'proposal', signed: false, expires }, [
    `to be signed: ${out}. Whoever proposes it: coppice member sign ${out} --member-key FILE --out SIGNED`,
  ]);
}

async function shownPolicy(options: SigningOptions): ReturnType<typeof policyShown> {
  const client = await connect(options);
  try {
    return await policyShown(client);
  } finally {
    client.close();
  }
}

/** Signs what somebody drafted. Needs no network. */
export function sign(file: string, options: SigningOptions, output: Output): void {
  const { out } = options;
  if (out === undefined) throw new UserError('name the file of what is signed: --out FILE');
  const read = readStatementFile(file);
  if (read.signed) throw new UserError(`${file} is signed already: coppice member submit ${file}`);
  const signer = signerOf(options);
  const statement = completeDraft(read.draft, signer.publicKey, file);
  if (!sameBytes(statement.member, signer.publicKey)) throw new UserError(`${file} is for another member to sign`);
  if (statement.expires <= Date.now()) throw new UserError(`${file} expired: draft it again`);
  const bytes = signStatement(signer, statement);
  written(out, bytes, verifiedStatement(bytes, out), output);
}

/** What is to be voted on: a number, a digest, or the file of a signed proposal. */
interface Named {
  readonly digest: Uint8Array;
  /** Where it is at hand. */
  readonly proposal?: SignedStatement<StatementOf<'proposal'>>;
}

async function named(which: string, options: ServiceOptions): Promise<Named> {
  const digest = fromHex(which);
  if (digest?.length === 32) return { digest };
  if (/^\d+$/.test(which)) {
    const client = await connect(options);
    try {
      const { statement } = await fetchProposal(client, Number(which));
      return ofProposal(verifiedStatement(statement, `proposal ${which}`), `proposal ${which}`);
    } finally {
      client.close();
    }
  }
  const file = readStatementFile(which);
  if (!file.signed) throw new UserError(`${which} is not signed yet: coppice member sign ${which}`);
  return ofProposal(file.statement, which);
}

function ofProposal(signed: SignedStatement, from: string): Named {
  if (!isKind(signed, 'proposal')) throw new UserError(`${from} is a signed ${signed.statement.kind}, and no proposal`);
  return { digest: proposalDigest(nodeCryptography, signed), proposal: signed };
}

async function about(which: string, options: SigningOptions, output: Output) {
  const { digest, proposal } = await named(which, options);
  const service = serviceOf(options);
  if (proposal !== undefined && !sameBytes(proposal.statement.service, service))
    throw new UserError(`${which} is for another service: ${toHex(proposal.statement.service)}`);
  if (proposal !== undefined) output.say(`${actionText(proposal.statement.action)}  (${toHex(digest)})`);
  const { publicKey: member } = signerOf(options);
  const given = options.expiresIn === undefined ? undefined : afterHours(options.expiresIn);
  const expires = given ?? proposal?.statement.expires ?? afterHours(expiresInDefault);
  return { service, member, expires, proposal: digest };
}

export async function vote(
  which: string,
  options: SigningOptions & { readonly approve?: boolean; readonly reject?: boolean },
  output: Output,
): Promise<void> {
  if ((options.approve === true) === (options.reject === true)) throw new UserError('say how: --approve or --reject');
  const common = await about(which, options, output);
  return send({ kind: 'ballot', ...common, approve: options.approve === true }, options, output);
}

export async function withdraw(which: string, options: SigningOptions, output: Output): Promise<void> {
  return send({ kind: 'withdrawal', ...(await about(which, options, output)) }, options, output);
}

/** Gives a member another key: both sign here, or the new one did elsewhere. */
export async function rotate(
  options: SigningOptions & { readonly newKey?: string; readonly proof?: string },
  output: Output,
): Promise<void> {
  const { publicKey: key } = signerOf(options);
  const proof = options.newKey === undefined ? undefined : possession(readKey(options.newKey), key, options);
  const file = options.proof === undefined ? undefined : readStatementFile(options.proof);
  const shown =
    proof === undefined ? (file?.signed === true ? file.statement : undefined) : verifiedStatement(proof, 'the proof');
  if (shown === undefined || !isKind(shown, 'possession'))
    throw new UserError('the new key must sign, too: --new-key FILE, or --proof FILE of `coppice member prove-key`');
  const action = { kind: 'rotate-key', key, successor: shown.statement.member, proof: shown.bytes };
  return propose(jsonText(action), options, output);
}

function possession(signer: KeyedSigner, predecessor: Uint8Array, options: SigningOptions): Uint8Array {
  const expires = afterHours(options.expiresIn ?? expiresInDefault);
  const common = { service: serviceOf(options), member: signer.publicKey, expires };
  return signStatement(signer, { kind: 'possession', ...common, predecessor });
}

/** Has a new key show itself for the place of another. Needs no network. */
export function proveKey(options: SigningOptions & { readonly replaces: string }, output: Output): void {
  const predecessor = fromHex(options.replaces);
  if (predecessor?.length !== 32) throw new UserError('--replaces must be a public key: 64 hexadecimal digits');
  if (options.out === undefined) throw new UserError('name the file of the proof: --out FILE');
  const bytes = possession(signerOf(options), predecessor, options);
  writeNew(options.out, bytes);
  output.answer({ ok: true, file: options.out, kind: 'possession' }, [
    ...statementLines(verifiedStatement(bytes, options.out)),
    `signed: ${options.out}. The old key goes on: coppice member rotate --proof ${options.out}`,
  ]);
}

/** Hands in what members signed elsewhere: with whatever client key, in the order given. */
export async function submitFiles(files: readonly string[], options: ServiceOptions, output: Output): Promise<void> {
  const statements = files.map((path) => {
    const file = readStatementFile(path);
    if (!file.signed) throw new UserError(`${path} is not signed yet: coppice member sign ${path} --out FILE`);
    return file.statement;
  });
  const client = await connect(options);
  try {
    const standings: Standing[] = [];
    for (const { bytes } of statements) {
      const standing = await handIn(client, bytes);
      for (const line of standingLines(standing)) output.say(line);
      standings.push(standing);
    }
    const failed = standings.some(({ state }) => state === 'failed');
    output.answer({ ok: !failed, submitted: standings }, []);
    if (failed) process.exitCode = 4;
  } finally {
    client.close();
  }
}

async function ask<T>(client: Client, target: string, payload: Uint8Array = new Uint8Array(0)): Promise<T> {
  const decoded = decodeResult((await client.query(target, payload)).payload);
  if (!decoded.ok) throw new UserError(`the replica's answer is not a result: ${decoded.reason}`, 3);
  if (!decoded.value.ok) {
    const { code, message } = decoded.value.error;
    throw new UserError(`${code}: ${message}`, 1, code);
  }
  return decoded.value.value as T;
}

const fetchProposal = (client: Client, id: number): Promise<ShownProposal> =>
  ask<ShownProposal>(client, 'proposal', encode(u64, id));

export async function list(options: ServiceOptions, output: Output): Promise<void> {
  const client = await connect(options);
  try {
    const constitution = await ask<Constitution>(client, 'constitution');
    const proposals = await ask<ProposalSummary[]>(client, 'proposals');
    const { members, thresholds } = constitution;
    const names = new Map(members.map(({ key, name }) => [toHex(key), name]));
    const needed = Object.fromEntries(
      (Object.keys(thresholds) as (keyof typeof thresholds)[]).map((action) => [
        action,
        thresholdOf(constitution, action),
      ]),
    );
    output.answer({ ok: true, members, thresholds, needed, proposals }, [
      ...table([
        ['member', 'key', 'roles'],
        ...members.map(({ name, key, roles }) => [name, toHex(key), roles.join(', ')]),
      ]),
      '',
      `needed of ${members.length}: ${Object.entries(needed)
        .map(([action, count]) => `${action} ${count}`)
        .join(', ')}`,
      '',
      ...(proposals.length === 0
        ? ['no proposals']
        : table([
            ['proposal', 'state', 'action', 'by', 'for', 'against', 'needed', 'expires'],
            ...proposals.map((one) => [
              String(one.id),
              one.state,
              one.action,
              names.get(toHex(one.proposer)) ?? toHex(one.proposer).slice(0, 8),
              ...[one.approvals, one.rejections, one.needed].map(String),
              one.state === 'open' ? new Date(one.expires).toISOString() : '',
            ]),
          ])),
      'as one replica answers: not proven. coppice member show verifies what members signed',
    ]);
  } finally {
    client.close();
  }
}

/** A file, or a proposal of the ledger with what was signed for it: every signature is verified here. */
export async function show(which: string, options: ServiceOptions, output: Output): Promise<void> {
  if (!/^\d+$/.test(which)) {
    const file = readStatementFile(which);
    if (file.signed)
      return output.answer({ ok: true, signed: true, ...file.statement.statement }, statementLines(file.statement));
    return output.answer({ ok: true, signed: false, ...file.draft }, ['not signed yet', jsonText(file.draft)]);
  }
  const client = await connect(options);
  try {
    const proposal = await fetchProposal(client, Number(which));
    const signed = verifiedStatement(proposal.statement, 'what the replica shows');
    const ballots = proposal.ballots.map(({ statement }) =>
      verifiedStatement(statement, 'a ballot that the replica shows'),
    );
    const { digest } = ofProposal(signed, 'what the replica shows');
    for (const { statement } of ballots)
      if (statement.kind !== 'ballot' || !sameBytes(statement.proposal, digest))
        throw new UserError('the replica shows a ballot on another proposal: ask another one', 3);
    output.answer({ ok: true, ...proposal }, [
      `proposal ${proposal.id}, ${proposal.state}: ${proposal.approvals} for, ${proposal.rejections} against, ${proposal.needed} needed`,
      ...statementLines(signed),
      ...ballots.map(
        ({ statement }) =>
          `  ${statement.kind === 'ballot' && statement.approve ? 'for     ' : 'against '} ${toHex(statement.member)}`,
      ),
      'every signature is valid; that this is where it stands is what one replica says',
      jsonText(proposal.action),
    ]);
  } finally {
    client.close();
  }
}
