/**
 * Requests to governance: operations, in deterministic CBOR.
 *
 * Decisions ride in statements that members signed on their own (statement.ts), and whoever is a client may carry them. What else there is
 * rests on the key that signs the request, which must be a member's.
 */
import { decodeCbor, encodeCbor } from '@coppice/wire';
import { choice, integer, listOf, object, octets, type Parsed, type Problem, type ValueOf } from './form.ts';
import { statementBytesMax } from './statement.ts';

const endorsementBytesMax = 56 * 1024;

const operationForm = choice(
  {
    submit: object(
      { statement: octets(1, statementBytesMax, 'A signed statement.') },
      {},
      'Hands in what a member signed: a proposal, a ballot, a withdrawal.',
    ),
    endorse: object(
      {
        endorsements: listOf(
          octets(1, endorsementBytesMax, 'A certificate or list in DER, or a document as Intel serves it.'),
          1,
          64,
          'Endorsements, and the certificates of their issuers up to the root.',
        ),
      },
      {},
      'Imports endorsements. One member is enough: their makers have signed them.',
    ),
    view: object({}, {}, 'Shows the constitution, and the numbers of the proposals that are not decided.'),
    'view-proposal': object(
      { proposal: integer(1, Number.MAX_SAFE_INTEGER, 'Number of a proposal.') },
      {},
      'Shows a proposal that is not decided, or was lately, with its ballots.',
    ),
  },
  'What is asked.',
);

export type GovernanceOperation = ValueOf<typeof operationForm>;

/** Bytes of an operation. */
const operationBytesMax = statementBytesMax + 1024;

/** The payload of a request to governance. */
export function encodeOperation(operation: GovernanceOperation): Uint8Array {
  return encodeCbor(operation);
}

/** Reads the payload of a request to governance. Never throws. */
export function decodeOperation(payload: Uint8Array): Parsed<GovernanceOperation> {
  const decoded = decodeCbor(payload, { bytesMax: operationBytesMax });
  if (!decoded.ok) return { ok: false, problems: [{ path: '', reason: decoded.reason }] };
  const problems: Problem[] = [];
  const value = operationForm.read(decoded.value, '', problems);
  return value === undefined ? { ok: false, problems } : { ok: true, value };
}
