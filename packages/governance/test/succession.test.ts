import assert from 'node:assert/strict';
import { test } from 'node:test';
import { State } from '@coppice/state';
import {
  checkpointStatement,
  type Configuration,
  type GenesisDocument,
  type Header,
  headerDigest,
  type Inheritance,
  serviceDigest,
} from '@coppice/wire';
import {
  buildGenesis,
  type Constitution,
  constitutionMap,
  constitutionProven,
  encodeConstitution,
  successionObjection,
  verifyGenesis,
} from '../src/index.ts';
import {
  bytesOf,
  constitutionOf,
  cryptography,
  genesisOf,
  joinsOf,
  members,
  signedBy,
  signerNamed,
  time,
} from './fixtures.ts';

const constitution = constitutionOf();
const before = genesisOf(constitution);
const service = serviceDigest(cryptography, before.genesis);
const signerOf = (slot: number) => signerNamed(`epoch signer ${slot}`);
/** That of epoch 0, with keys that the test has. */
const configuration: Configuration = {
  ...before.genesis.configuration,
  seats: before.genesis.configuration.seats.map((seat) => ({ ...seat, signingKey: signerOf(seat.slot).publicKey })),
};
const configurationAt = (epoch: number) => (epoch === 0 ? configuration : undefined);

/** The document of a successor from batch `head` on, under `inForce`, not signed. */
function successor(head: number, standing?: Inheritance['standing'], inForce = constitution): GenesisDocument {
  const header: Header = {
    protocolVersion: 1,
    service,
    epoch: 0,
    sequence: head,
    time: time - 10,
    proposer: 0,
    previousRoot: bytesOf('root'),
    transactionsRoot: bytesOf('transactions'),
    transactions: 0,
    configuration: bytesOf('configuration'),
  };
  const subject = {
    epoch: 0,
    view: 0,
    sequence: head,
    headerDigest: headerDigest(cryptography, header),
    newView: bytesOf(''),
  };
  const predecessor = {
    service,
    header,
    certificate: { subject, votes: [] },
    ledgerRoot: bytesOf('ledger'),
    stateDigest: bytesOf('state'),
  };
  const joins = joinsOf(inForce, Object.fromEntries([0, 1, 2, 3].map((slot) => [slot, { claims: { firstEpoch: 1 } }])));
  const built = buildGenesis(cryptography, {
    constitution: inForce,
    joins,
    time,
    succession: { predecessor, inheritance: { peaks: [], recent: [], standing } },
  });
  assert.ok(built.ok, JSON.stringify(built));
  return built.document;
}

/** A checkpoint of the predecessor at `sequence`, whose state has this constitution, certified by `slots`. */
function shown(inForce: Constitution, sequence: number, slots = [0, 1, 2]): NonNullable<Inheritance['standing']> {
  const state = new State(cryptography);
  const tx = state.begin().transaction();
  tx.set(constitutionMap, '', encodeConstitution(inForce));
  tx.set('app', 'key', bytesOf('value'));
  tx.commit();
  state.fold();
  const snapshot = state.snapshot();
  const subject = { sequence, ledgerRoot: bytesOf('ledger'), stateDigest: snapshot.digest };
  const statement = checkpointStatement(service, subject);
  const signatures = slots.map((slot) => ({ slot, signature: signerOf(slot).sign(statement) }));
  return {
    certificate: { epoch: 0, ...subject, signatures },
    constitution: encodeConstitution(inForce),
    proof: snapshot.prove(constitutionMap, ''),
  };
}

const proven = (document: GenesisDocument) => constitutionProven(cryptography, before, configurationAt, document);
const whyNot = (document: GenesisDocument): string => {
  const found = proven(document);
  return typeof found === 'string' ? found : 'it is proven';
};
const interval = constitution.policy.checkpointInterval;

test('a successor is a genesis like any other, whose first epoch is the one after the last', () => {
  const document = signedBy(successor(9), members);
  const verified = verifyGenesis(cryptography, document);
  assert.ok(verified.ok, JSON.stringify(verified));
  assert.deepEqual(verified.first, { epoch: 1, sequence: 9 });
  const { predecessor } = document.genesis;
  const late = { ...predecessor!, header: { ...predecessor!.header, time: time + 1 } };
  const changed = signedBy({ ...document, genesis: { ...document.genesis, predecessor: late } }, members);
  const refused = verifyGenesis(cryptography, changed);
  assert.deepEqual(refused.ok ? undefined : refused.check, 'time');
});

test('what it goes on from says by which scheme its founders sign', () => {
  const { genesis, inheritance, joins } = successor(9);
  const { predecessor } = genesis;
  const code = { version: 1, script: new Uint8Array(32) };
  const later = { ...predecessor!, header: { ...predecessor!.header, protocolVersion: 3, code } };
  const succession = { predecessor: later, inheritance: inheritance! };
  assert.deepEqual(buildGenesis(cryptography, { constitution, joins, time, succession }), {
    ok: false,
    check: 'keys',
    reason: 'slot 0 brings keys that are not of scheme 2',
  });
});

test('it is signed by as many members of the constitution in force as genesis needs', () => {
  const document = successor(9);
  assert.equal(successionObjection(cryptography, signedBy(document, members), constitution), undefined);
  assert.match(
    successionObjection(cryptography, signedBy(document, members.slice(1)), constitution)!,
    /2 of 3 members/,
  );
  // A member who was voted out cannot sign for those who stayed.
  const smaller = constitutionOf((written) => written.members.pop());
  assert.match(successionObjection(cryptography, signedBy(document, members), smaller)!, /of no member/);
});

test('the constitution in force is that of genesis only where the service had hardly begun', () => {
  assert.deepEqual(proven(successor(8 * interval)), constitution);
  assert.match(whyNot(successor(8 * interval + 1)), /no checkpoint shows/);
});

test('else it is shown in the state of a certified checkpoint close to the head', () => {
  const amended = constitutionOf((written) => written.members.pop());
  const head = 100 * interval;
  assert.deepEqual(proven(successor(head, shown(amended, head - interval))), amended);
  assert.match(whyNot(successor(head, shown(amended, head - 9 * interval))), /not close/);
  assert.match(whyNot(successor(head, shown(amended, head + interval))), /not close/);
  assert.match(whyNot(successor(head, shown(amended, head, [0, 1]))), /not certified/);
  const other = { ...shown(amended, head), constitution: encodeConstitution(constitution) };
  assert.match(whyNot(successor(head, other)), /not in the state/);
});
