/**
 * What members sign: proposals, ballots, withdrawals, and that they have a key. docs/reference/governance-statements.md.
 *
 * Each is a COSE_Sign1 of its own, besides the request that carries it. So it can be signed on a machine without a
 * network, carried by anybody, and verified by a stranger years later. Its payload says for which service it is, who
 * signs, until when it counts, and for ballots which proposal it is about, by the digest of that proposal's payload.
 */
import {
  type Cryptography,
  decodeCanonicalSign1,
  decodeCbor,
  type Digest,
  digestOf,
  encodeCbor,
  encodeSign1,
  sameBytes,
  sign1Structure,
  type Signer,
} from '@coppice/wire';
import { actionForm } from './action.ts';
import { key } from './constitution-form.ts';
import { choice, flag, integer, object, octets, type Parsed, type Problem, type ValueOf } from './form.ts';

/** Bytes of a signed statement. */
export const statementBytesMax = 128 * 1024;

const digest = (description: string) => octets(32, 32, description);

const common = {
  service: digest('The service that it is for: its digest.'),
  member: key('The key that signs.'),
  expires: integer(0, Number.MAX_SAFE_INTEGER, 'Agreed time, in milliseconds, from which it does not count any more.'),
};
const proposal = digest('The proposal that it is about: the digest of its payload.');

const statementForm = choice(
  {
    proposal: object(
      { ...common, nonce: octets(16, 16, 'Random: tells it from another with the same words.'), action: actionForm },
      {},
      'Proposes an action, and approves it.',
    ),
    ballot: object({ ...common, proposal, approve: flag('For it, or against it.') }, {}, 'A vote on a proposal.'),
    withdrawal: object({ ...common, proposal }, {}, 'Takes back a proposal of one’s own.'),
    possession: object(
      { ...common, predecessor: key('The key of the member that this one takes the place of.') },
      {},
      'Shows that a member has the key that it asks for.',
    ),
  },
  'What is signed.',
);

export type Statement = ValueOf<typeof statementForm>;
export type StatementOf<K extends Statement['kind']> = Extract<Statement, { readonly kind: K }>;

export interface SignedStatement<S extends Statement = Statement> {
  readonly statement: S;
  /** The whole message. */
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** EdDSA, and the type of the payload: so that nothing else that the key signs can be taken for it. */
const protectedHeader = encodeCbor(
  new Map<number, number | string>([
    [1, -8],
    [3, 'application/vnd.coppice.governance+cbor'],
  ]),
);

/** Signs a statement whose `member` is the signer. Throws a `RangeError` for one that is beyond its bounds. */
export function signStatement(signer: Signer, statement: Statement): Uint8Array {
  const parsed = parseStatement(statement);
  if (!parsed.ok) throw new RangeError(`${parsed.problems[0]!.path} ${parsed.problems[0]!.reason}`.trim());
  if (!sameBytes(signer.publicKey, statement.member)) throw new RangeError('member is not the key that signs');
  const payload = encodeCbor(parsed.value);
  const signature = signer.sign(sign1Structure({ protectedHeader, payload }));
  const bytes = encodeSign1({ protectedHeader, payload, signature });
  if (bytes.length > statementBytesMax) throw new RangeError(`longer than ${statementBytesMax} bytes`);
  return bytes;
}

/** Reads what JSON.parse gave, as members write it. Never throws. */
export function parseStatement(source: unknown): Parsed<Statement> {
  const problems: Problem[] = [];
  const value = statementForm.read(source, '', problems);
  return value === undefined ? { ok: false, problems } : { ok: true, value };
}

/** The statement that exactly these bytes are; its signature is not verified yet. Never throws. */
export function decodeStatement(bytes: Uint8Array): Parsed<SignedStatement> {
  const refused = (reason: string): Parsed<never> => ({ ok: false, problems: [{ path: '', reason }] });
  if (bytes.length > statementBytesMax) return refused(`is longer than ${statementBytesMax} bytes`);
  const message = decodeCanonicalSign1(bytes, statementBytesMax);
  if (!message.ok) return refused(message.reason);
  const { payload, signature } = message.value;
  if (!sameBytes(message.value.protectedHeader, protectedHeader))
    return refused('another header than that of statements');
  const decoded = decodeCbor(payload);
  if (!decoded.ok) return refused(decoded.reason);
  const parsed = parseStatement(decoded.value);
  if (!parsed.ok) return parsed;
  // The same form reads JSON, so text may stand for bytes: not so in what is signed.
  if (!sameBytes(encodeCbor(parsed.value), payload)) return refused('is not in canonical form');
  return { ok: true, value: { statement: parsed.value, bytes, payload, signature } };
}

/** Whether the member that the statement names has signed it. */
export function validStatement(
  cryptography: Cryptography,
  { statement, payload, signature }: SignedStatement,
): boolean {
  return cryptography.verify(statement.member, sign1Structure({ protectedHeader, payload }), signature);
}

/** What names a proposal: nothing but its signature is left out. */
export function proposalDigest(cryptography: Cryptography, { payload }: Pick<SignedStatement, 'payload'>): Digest {
  return digestOf(cryptography, 'proposal', payload);
}

export function isKind<K extends Statement['kind']>(
  signed: SignedStatement,
  kind: K,
): signed is SignedStatement<StatementOf<K>> {
  return signed.statement.kind === kind;
}
