import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  concatBytes,
  decode,
  encode,
  type GenesisDocument,
  genesisDocumentCodec,
  type Join,
  joinsRoot,
  sameBytes,
  serviceDigest,
} from '@coppice/wire';
import {
  buildGenesis,
  constitutionDigest,
  encodeConstitution,
  type GenesisCheck,
  verifyGenesis,
} from '../src/index.ts';
import {
  bytesOf,
  constitutionOf,
  cryptography,
  type Founding,
  genesisOf,
  joinOf,
  joinsOf,
  members,
  signedBy,
  signerNamed,
  time,
  weakKey,
} from './fixtures.ts';

const constitution = constitutionOf();
const document = genesisOf(constitution);

function failure(changed: GenesisDocument, expected = {}): string | undefined {
  const verdict = verifyGenesis(cryptography, changed, expected);
  return verdict.ok ? undefined : `${verdict.check}: ${verdict.reason}`;
}

/** The failure of a document around these joins, whose derived parts are as they should be. */
function failureOf(joins: readonly Join[]): string | undefined {
  const genesis = { ...document.genesis, joinsRoot: joinsRoot(cryptography, joins) };
  const changed = signedBy({ ...document, genesis, joins }, members);
  const verdict = failure(changed);
  // Whoever builds it is told the same.
  const built = buildGenesis(cryptography, { constitution, joins, time });
  if (verdict !== undefined && !built.ok) assert.equal(`${built.check}: ${built.reason}`, verdict);
  return verdict;
}

const withFounder = (slot: number, founding: Founding): Join[] => joinsOf(constitution, { [slot]: founding });

test('a genesis that everybody signed founds the service that its digest names', () => {
  const verdict = verifyGenesis(cryptography, document, {
    constitution: constitutionDigest(cryptography, constitution),
  });
  assert.ok(verdict.ok);
  assert.ok(sameBytes(verdict.service, serviceDigest(cryptography, document.genesis)));
  assert.equal(verdict.constitution.name, 'Three hospitals');
  assert.deepEqual(
    verdict.founders.map(({ slot, platform, provider, engineFamily }) => [slot, platform, provider, engineFamily]),
    [
      [0, 'simulated', 'provider 0', 'v8'],
      [1, 'simulated', 'provider 1', 'v8'],
      [2, 'simulated', 'provider 2', 'jsc'],
      [3, 'simulated', 'provider 3', 'jsc'],
    ],
  );
});

test('it survives its encoding', () => {
  const decoded = decode(genesisDocumentCodec, encode(genesisDocumentCodec, document));
  assert.ok(decoded.ok);
  assert.equal(failure(decoded.value), undefined);
});

test('the configuration seats every founder from genesis to the end of its term', () => {
  const { epoch, slots, seats } = document.genesis.configuration;
  assert.deepEqual([epoch, slots, seats.length], [0, 4, 4]);
  for (const [slot, seat] of seats.entries()) {
    const join = document.joins[slot]!;
    assert.equal(seat.slot, slot);
    assert.equal(seat.turn, 0);
    assert.equal(seat.since, time);
    assert.equal(seat.termEnd, time + constitution.policy.recoveryPeriodMs);
    assert.deepEqual(seat.signingKey, join.keys[0]!.signingKey);
    assert.deepEqual(seat.instance, join.instance);
  }
});

test('founders of a service that begins with version 3 of the protocol bring keys of scheme 2', () => {
  const later = constitutionOf((written) => (written.releases[0].protocols = [1, 2, 3]));
  const long = joinsOf(later).map(({ keys }, slot) => ({
    claims: {
      keys: keys.map((key) => ({ ...key, signingKey: concatBytes(key.signingKey, new Uint8Array(1952).fill(slot)) })),
    },
  }));
  const built = buildGenesis(cryptography, {
    constitution: later,
    joins: joinsOf(later, Object.fromEntries(long.entries())),
    time,
  });
  assert.ok(built.ok, JSON.stringify(built));
  assert.equal(failure(signedBy(built.document, members)), undefined);
  const mixed = buildGenesis(cryptography, {
    constitution: later,
    joins: joinsOf(later, { 0: long[0]!, 1: long[1]!, 2: long[2]! }),
    time,
  });
  assert.deepEqual(mixed, { ok: false, check: 'keys', reason: 'slot 3 brings keys that are not of scheme 2' });
});

test('joins may be collected in any order', () => {
  const [a, b, c, d] = joinsOf(constitution);
  const built = buildGenesis(cryptography, { constitution, joins: [c!, a!, d!, b!], time });
  assert.ok(built.ok);
  assert.ok(sameBytes(built.service, serviceDigest(cryptography, document.genesis)));
});

test('refuses another constitution than was agreed on', () => {
  assert.equal(
    failure(document, { constitution: bytesOf('another') }),
    'constitution: is not the one that was expected',
  );
  const other = encodeConstitution(constitutionOf((written) => (written.name = 'Four hospitals')));
  assert.equal(failure({ ...document, constitution: other }), 'constitution: is not the one that genesis names');
  const junk = Buffer.from('junk');
  const named = cryptography.hash(Buffer.concat([Buffer.of(20), Buffer.from('coppice/constitution'), junk]));
  const genesis = { ...document.genesis, constitution: named };
  assert.match(failure({ ...document, genesis, constitution: junk })!, /^constitution: /);
});

test('refuses members whose keys are none', () => {
  const weak = constitutionOf((written) => (written.members[1].key = Buffer.from(weakKey).toString('hex')));
  assert.equal(failure(genesisOf(weak)), 'constitution: the key of Bo is not a public key');
});

const refusals: [string, () => readonly Join[], GenesisCheck, RegExp][] = [
  ['a slot without an instance', () => joinsOf(constitution).slice(1), 'joins', /3 joins for 4 slots/],
  [
    'two instances for a slot',
    () => [...joinsOf(constitution).slice(0, 3), joinOf(constitution, 2)],
    'joins',
    /the join for slot 3 is for slot 2/,
  ],
  [
    'an instance of another constitution',
    () => withFounder(1, { claims: { service: bytesOf('another') } }),
    'joins',
    /slot 1 is for another constitution/,
  ],
  ['an instance of a turn', () => withFounder(1, { claims: { turn: 1 } }), 'joins', /slot 1 is not for genesis/],
  ['keys that begin later', () => withFounder(1, { claims: { firstEpoch: 1 } }), 'joins', /slot 1 is not for genesis/],
  [
    'too few keys',
    () => withFounder(1, { claims: { keys: document.joins[1]!.keys.slice(1) } }),
    'keys',
    /slot 1 brings 21 keys/,
  ],
  [
    'a key of another instance',
    () => withFounder(1, { claims: { keys: document.joins[0]!.keys } }),
    'keys',
    /a key is there twice/,
  ],
  [
    'keys of a scheme that is not asked for',
    () => {
      const keys = document.joins[1]!.keys.map((key) => ({ ...key, signingKey: new Uint8Array(1984).fill(7) }));
      return withFounder(1, { claims: { keys } });
    },
    'keys',
    /slot 1 brings keys that are not of scheme 1/,
  ],
  [
    'an identity that is another’s signing key',
    () => {
      const keys = [{ ...document.joins[1]!.keys[0]!, signingKey: signerNamed('instance 0').publicKey }];
      return withFounder(1, { claims: { keys: [...keys, ...document.joins[1]!.keys.slice(1)] } });
    },
    'keys',
    /a key is there twice/,
  ],
  [
    'a signing key that is none',
    () => {
      const keys = document.joins[1]!.keys.map((key, i) => (i === 7 ? { ...key, signingKey: weakKey } : key));
      return withFounder(1, { claims: { keys } });
    },
    'keys',
    /a key of slot 1 is not a public key/,
  ],
  [
    'an address twice',
    () => withFounder(1, { claims: { address: '10.0.0.0:7000' } }),
    'joins',
    /two slots have one address/,
  ],
  [
    'a client address twice',
    () => withFounder(1, { claims: { clientAddress: 'https://replica-0.example' } }),
    'joins',
    /two slots have one clientAddress/,
  ],
  ['a join that another signed', () => withFounder(1, { signer: signerNamed('x') }), 'join-signature', /of slot 1/],
  [
    'evidence of another launch',
    () => withFounder(1, { evidence: joinOf(constitution, 0).evidence }),
    'evidence',
    /slot 1: launch-data .*: was not launched for this turn/,
  ],
  [
    'a release that nobody approved',
    () => withFounder(1, { claims: { release: bytesOf('another') } }),
    'evidence',
    /slot 1: measurement .*: no reference value/,
  ],
  [
    'a variant that the release does not have',
    () => withFounder(1, { claims: { variant: 'bun' } }),
    'evidence',
    /slot 1: measurement .*: no reference value/,
  ],
  [
    'another measurement',
    () => withFounder(1, { measurement: bytesOf('another') }),
    'evidence',
    /slot 1: measurement .*: is none of the reference values/,
  ],
  [
    'endorsements that expired',
    () => withFounder(1, { device: { validity: { from: 0, until: time - 1 } } }),
    'evidence',
    /slot 1: evidence expired/,
  ],
  ['one chip for two slots', () => withFounder(1, { device: { chip: bytesOf('chip 0') } }), 'caps', /cap:chip/],
  ['a chip that is not shown', () => withFounder(1, { device: { masked: true } }), 'caps', /slot 1: cap:chip/],
  ['one provider for two slots', () => withFounder(1, { device: { provider: 'provider 0' } }), 'caps', /cap:provider/],
  ['one variant for two slots', () => withFounder(1, { claims: { variant: 'v8-a' } }), 'caps', /cap:variant/],
  ['three slots of one engine', () => withFounder(2, { claims: { variant: 'v8-b' } }), 'caps', /cap:engineFamily/],
];

for (const [what, joins, check, reason] of refusals) {
  test(`refuses ${what}`, () => {
    const found = failureOf(joins());
    assert.match(found ?? 'accepted', new RegExp(`^${check}: `));
    assert.match(found!, reason);
  });
}

test('refuses joins that the genesis does not name', () => {
  const joins = joinsOf(constitution, { 3: { claims: { address: '10.0.0.99:7000' } } });
  assert.equal(failure({ ...document, joins }), 'joins-root: is of other joins');
});

test('refuses a configuration that does not follow from the joins', () => {
  const { configuration } = document.genesis;
  const [seat, ...others] = configuration.seats;
  const changes = [
    { ...configuration, slots: 5 },
    { ...configuration, seats: others },
    ...[
      { signingKey: bytesOf('mine') },
      { sealingKey: bytesOf('mine') },
      { instance: bytesOf('mine') },
      { termEnd: seat!.termEnd + 1 },
      { provider: 'another' },
      { address: 'mine' },
    ].map((change) => ({ ...configuration, seats: [{ ...seat!, ...change }, ...others] })),
  ];
  for (const changed of changes) {
    const genesis = { ...document.genesis, configuration: changed };
    const found = failure(signedBy({ ...document, genesis }, members));
    assert.equal(found, 'configuration: is not the one that follows from the joins');
  }
});

test('refuses a time that is no date, without throwing', () => {
  for (const odd of [Number.MAX_SAFE_INTEGER, -1, NaN]) {
    assert.equal(failure({ ...document, genesis: { ...document.genesis, time: odd } }), 'time: is no date');
  }
});

test('refuses a genesis at another time than its members signed', () => {
  const genesis = { ...document.genesis, time: time + 1 };
  assert.match(failure({ ...document, genesis })!, /^configuration: /);
});

test('refuses signatures that are missing, repeated, foreign or false', () => {
  const [ada, bo, cy] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]];
  assert.equal(failure(signedBy(document, [ada, bo])), 'signatures: 2 of 3 members signed');
  assert.equal(failure(signedBy(document, [])), 'signatures: 0 of 3 members signed');
  assert.equal(failure(signedBy(document, [ada, bo, bo])), 'signatures: a member signed twice');
  assert.equal(failure(signedBy(document, [ada, bo, signerNamed('eve')])), 'signatures: a signature is of no member');
  const signed = signedBy(document, [ada, bo, cy]);
  const [first, second, third] = signed.signatures;
  const swapped = [first!, { ...second!, signature: third!.signature }, third!];
  assert.equal(failure({ ...signed, signatures: swapped }), 'signatures: a signature is not valid');
  const earlier = signedBy({ ...document, genesis: { ...document.genesis, time: time - 1 } }, members);
  assert.equal(failure({ ...document, signatures: earlier.signatures }), 'signatures: a signature is not valid');
});

test('a threshold lets members be absent', () => {
  const lenient = constitutionOf((written) => (written.thresholds = { genesis: 2 }));
  const founded = genesisOf(lenient);
  assert.equal(failure(signedBy(founded, members.slice(1))), undefined);
  assert.equal(failure(signedBy(founded, members.slice(2))), 'signatures: 1 of 2 members signed');
});
