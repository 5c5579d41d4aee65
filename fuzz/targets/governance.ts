/** Constitutions, genesis documents, operations of governance: what members and founders write. */
import {
  constitutionSchema,
  decodeConstitution,
  decodeOperation,
  decodeStatement,
  encodeConstitution,
  encodeOperation,
  type GovernanceOperation,
  parameterPaths,
  parseConstitution,
  parseStatement,
  validStatement,
  verifyGenesis,
} from '@coppice/governance';
import {
  decode,
  decodeCanonicalSign1,
  encode,
  encodeCbor,
  encodeSign1,
  genesisDocumentCodec,
  sameBytes,
  toHex,
} from '@coppice/wire';
import {
  ada,
  bo,
  bytesOf,
  constitutionOf,
  cryptography,
  cy,
  genesisOf,
  source,
} from '../../packages/governance/test/fixtures.ts';
import { decoded, Scene } from '../../packages/governance/test/scene.ts';
import { drawnCbor } from '../draw-cbor.ts';
import { bytesOfText, must, type Target, textOfBytes } from '../target.ts';

const constitution = constitutionOf();

/** JSON as `JSON.parse` gives it; anything that is not JSON is refused before. */
function jsonOf(input: Uint8Array): unknown {
  try {
    return JSON.parse(textOfBytes(input));
  } catch {
    return undefined;
  }
}

const problem = (problems: readonly { path: string; reason: string }[]): string =>
  `${problems[0]!.path.replaceAll(/\d+/g, '#')} ${problems[0]!.reason}`;

const constitutionJson: Target = {
  name: 'constitution-json',
  dialect: 'json',
  weight: 2,
  seeds: () => [bytesOfText(JSON.stringify(source())), bytesOfText(JSON.stringify(constitutionSchema))],
  run(input) {
    const parsed = parseConstitution(jsonOf(input));
    if (!parsed.ok) return problem(parsed.problems);
    const bytes = encodeConstitution(parsed.value);
    const again = decodeConstitution(bytes);
    must(again.ok && sameBytes(encodeConstitution(again.value), bytes), 'a constitution has one byte string');
    return undefined;
  },
};

const constitutionBytes: Target = {
  name: 'constitution',
  dialect: 'cbor',
  seeds: () => [encodeConstitution(constitution)],
  run(input) {
    const decoded = decodeConstitution(input);
    if (!decoded.ok) return problem(decoded.problems);
    must(sameBytes(encodeConstitution(decoded.value), input), 'what is decoded is encoded to the same bytes');
    return undefined;
  },
};

const scene = new Scene(constitution);
const early = { kind: 'early-turn', slot: 2 } as const;
const signed: readonly Uint8Array[] = [
  scene.proposal(ada, early),
  scene.proposal(bo, { kind: 'set-parameters', changes: [{ path: parameterPaths[0]!, value: 5000 }] }),
  scene.proposal(cy, { kind: 'approve-release', release: { ...constitution.releases[0]!, digest: bytesOf('new') } }),
  scene.proposal(ada, { kind: 'rotate-key', key: ada, successor: bo, proof: scene.possession(bo, ada) }),
  scene.proposal(ada, { kind: 'add-member', member: { name: 'Dana', key: bytesOf('dana') } }),
  scene.sign(bo, { kind: 'ballot', proposal: bytesOf('proposal'), approve: true }),
  scene.sign(bo, { kind: 'withdrawal', proposal: bytesOf('proposal') }),
  scene.possession(bo, ada),
];

const statementJson: Target = {
  name: 'governance-statement-json',
  dialect: 'json',
  seeds: () =>
    signed.map((bytes) =>
      bytesOfText(
        JSON.stringify(decoded(bytes).statement, (_, value: unknown) =>
          value instanceof Uint8Array ? toHex(value) : value,
        ),
      ),
    ),
  run(input) {
    const parsed = parseStatement(jsonOf(input));
    return parsed.ok ? undefined : problem(parsed.problems);
  },
};

/** Messages that members signed: whatever is accepted has one byte string, and changed it is nobody's. */
const statement: Target = {
  name: 'governance-statement',
  dialect: 'cbor',
  weight: 2,
  seeds: () => signed,
  draw: (random) => encodeCbor(drawnCbor(random)),
  run(input) {
    const read = decodeStatement(input);
    if (!read.ok) return problem(read.problems);
    const { payload, signature } = read.value;
    must(sameBytes(encodeCbor(read.value.statement), payload), 'a statement has one payload');
    const again = decodeCanonicalSign1(input, input.length);
    must(again.ok && sameBytes(encodeSign1(again.value), input), 'a message has one byte string');
    const known = signed.some((one) => sameBytes(one, input));
    must(validStatement(cryptography, read.value) === known, 'what was altered is not signed');
    must(signature.length === 64, 'signatures have 64 bytes');
    return undefined;
  },
};

const operations: readonly GovernanceOperation[] = [
  ...signed.map((one) => ({ kind: 'submit', statement: one }) as const),
  { kind: 'view' },
  { kind: 'view-proposal', proposal: 1 },
];

/** Operations, executed: refused or done, nothing is thrown, and a refusal writes nothing. */
const operation: Target = {
  name: 'governance-operation',
  dialect: 'cbor',
  seeds: () => operations.map(encodeOperation),
  draw: (random) => encodeCbor(drawnCbor(random)),
  run(input) {
    const read = decodeOperation(input);
    if (!read.ok) return problem(read.problems);
    const answer = new Scene(constitution).send(ada, input);
    return answer['refused'] as string | undefined;
  },
};

/** Everything that a genesis document says, with evidence and signatures: slow, so seldom. */
const genesis: Target = {
  name: 'genesis',
  dialect: 'bytes',
  weight: 0.2,
  seeds: () => [encode(genesisDocumentCodec, genesisOf(constitution))],
  run(input) {
    const decoded = decode(genesisDocumentCodec, input);
    if (!decoded.ok) return decoded.reason;
    const verified = verifyGenesis(cryptography, decoded.value);
    return verified.ok ? undefined : `${verified.check}: ${verified.reason}`;
  },
};

export const targets: readonly Target[] = [
  constitutionJson,
  constitutionBytes,
  statementJson,
  statement,
  operation,
  genesis,
];
