import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type GenesisDocument, joinsRoot, sameBytes, type Seat } from '@coppice/wire';
import type { AuditOptions } from '@coppice/audit';
import { bytesOf, testCryptography, testSigner } from '../../ledger/test/fixtures.ts';
import { joinOf } from './ledger-script.ts';
import { flip, run, told } from './story.ts';

type Join = GenesisDocument['joins'][number];

/** What an audit says of this document, the signatures aside that every change of it makes void. */
async function objections(changes: Partial<GenesisDocument>, options: Partial<AuditOptions> = {}): Promise<string[]> {
  const document = { ...told.document, ...changes };
  const { problems } = await run([{ kind: 'genesis', document }], options);
  assert.ok(problems.every(({ code }) => code === 'genesis'));
  return problems.map(({ message }) => message).filter((message) => !message.startsWith('signature'));
}

/** The document with its joins or seats changed, and what follows from the joins made to fit. */
function withJoins(change: (join: Join) => Join): Partial<GenesisDocument> {
  const joins = told.document.joins.map(change);
  return { joins, genesis: { ...told.document.genesis, joinsRoot: joinsRoot(testCryptography, joins) } };
}

function withSeats(change: (seat: Seat) => Seat): Partial<GenesisDocument> {
  const { genesis } = told.document;
  const seats = genesis.configuration.seats.map(change);
  return { genesis: { ...genesis, configuration: { ...genesis.configuration, seats } } };
}

const { genesis, joins, signatures } = told.document;
const { configuration } = genesis;

describe('an audit of genesis', () => {
  it('has nothing against an honest one', async () => {
    assert.deepEqual(await objections({}), []);
  });

  it('wants the service that was asked for', async () => {
    assert.match((await objections({}, { service: bytesOf('x') }))[0]!, /another service/);
  });

  it('wants keys of the scheme with which the service begins', async () => {
    const long = new Uint8Array(1984);
    const changed = withJoins((join) => ({ ...join, keys: join.keys.map((key) => ({ ...key, signingKey: long })) }));
    assert.ok((await objections(changed)).includes('the join of slot 0 brings keys of another scheme'));
  });

  it('hears what governance has against it', async () => {
    assert.deepEqual(await objections({}, { checkGenesis: () => 'too few members' }), ['too few members']);
  });

  it('wants the constitution and the joins that it names', async () => {
    assert.deepEqual(await objections({ constitution: bytesOf('x') }), ['another constitution']);
    assert.deepEqual(await objections({ genesis: { ...genesis, joinsRoot: bytesOf('x') } }), ['other joins']);
  });

  it('wants an instance in every slot of epoch 0, with a key of its own', async () => {
    const empty = {
      ...genesis,
      joinsRoot: joinsRoot(testCryptography, []),
      configuration: { epoch: 0, slots: 0, seats: [] },
    };
    assert.deepEqual(await objections({ genesis: empty, joins: [] }), ['no slots']);
    assert.deepEqual(await objections({ genesis: { ...genesis, configuration: { ...configuration, slots: 5 } } }), [
      'a slot without an instance',
    ]);
    const signingKey = configuration.seats[0]!.signingKey;
    assert.ok(
      (await objections(withSeats((seat) => ({ ...seat, signingKey })))).includes('one signing key in two seats'),
    );
    const validPublicKey = (key: Uint8Array): boolean => !sameBytes(key, signingKey);
    const read = await objections({}, { cryptography: { ...testCryptography, validPublicKey } });
    assert.deepEqual(read, ['the key of slot 0 is not a key']);
  });

  it('wants seats that are those of the joins', async () => {
    const wrong = 'the seat of slot 2 is not that of its join';
    const changes: Partial<Seat>[] = [
      { release: bytesOf('x') },
      { variant: 'w' },
      { since: 7 },
      { turn: 1 },
      { address: 'b' },
      { clientAddress: 'd' },
    ];
    for (const change of changes) {
      assert.deepEqual(await objections(withSeats((seat) => (seat.slot === 2 ? { ...seat, ...change } : seat))), [
        wrong,
      ]);
    }
    const keys: Partial<Seat>[] = [
      { instance: bytesOf('x') },
      { signingKey: bytesOf('x') },
      { sealingKey: bytesOf('x') },
    ];
    for (const change of keys) {
      assert.deepEqual(await objections(withSeats((seat) => (seat.slot === 2 ? { ...seat, ...change } : seat))), [
        wrong,
      ]);
    }
  });

  it('wants joins for this constitution, signed', async () => {
    const spoilt = withJoins((join) => (join.slot === 1 ? { ...join, signature: flip(join.signature) } : join));
    assert.deepEqual(await objections(spoilt), ['the join of slot 1 is not signed']);
    const foreign = withJoins((join) => (join.slot === 1 ? joinOf('s1', 1, 0, 0, bytesOf('x')) : join));
    assert.deepEqual(await objections(foreign), ['the join of slot 1 is for another constitution']);
    const exchanged = withJoins((join) => joins[join.slot ^ 1]!);
    assert.equal((await objections(exchanged)).length, 4);
  });

  it('wants members to have signed, each once', async () => {
    const messages = async (changed: GenesisDocument['signatures']): Promise<string[]> => {
      const { problems } = await run([{ kind: 'genesis', document: { ...told.document, signatures: changed } }]);
      return problems.map(({ message }) => message);
    };
    assert.deepEqual(await messages([...signatures, ...signatures]), ['a member signed twice']);
    const [first] = signatures as [GenesisDocument['signatures'][number]];
    assert.deepEqual(await messages([{ ...first, signature: flip(first.signature) }]), [
      "signature 0 is not its member's",
    ]);
    assert.deepEqual(await messages([{ ...first, member: testSigner('x').publicKey }]), [
      "signature 0 is not its member's",
    ]);
  });
});
