import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeWriteSet } from '@coppice/state';
import { decodeCbor, encodeCbor, fromHex, sameBytes, toHex } from '@coppice/wire';
import {
  type Action,
  constitutionDigest,
  constitutionWritten,
  currentRelease,
  decodeConstitution,
  encodeConstitution,
  parseConstitution,
  thresholdOf,
  variantOf,
  weakenedCaps,
} from '../src/index.ts';
import { ada, bo, bytesOf, constitutionOf, cryptography, release, source } from './fixtures.ts';

/** What is wrong with the constitution after a change to what was written. */
function problems(change: (written: any) => void): string[] {
  const written = source();
  change(written);
  const parsed = parseConstitution(written);
  return parsed.ok ? [] : parsed.problems.map(({ path, reason }) => `${path} ${reason}`);
}

test('fills in what was left out', () => {
  const { development, thresholds, badMembersTolerated, members, policy } = constitutionOf();
  assert.equal(development, true);
  assert.equal(badMembersTolerated, 0);
  assert.deepEqual(thresholds, {
    genesis: 'all',
    members: 'majority',
    memberKeys: 1,
    releases: 'majority',
    clients: 'majority',
    parameters: 'majority',
    platforms: 'majority',
    thresholds: 'majority',
    earlyTurn: 'majority',
  });
  assert.deepEqual(
    members.map(({ roles }) => roles),
    [[], [], ['auditor']],
  );
  const hour = 3600 * 1000;
  assert.deepEqual(policy.caps, { platform: 4, provider: 1, engineFamily: 2, variant: 1, chip: 1 });
  assert.deepEqual(policy.platforms[0], {
    name: 'simulated',
    generations: [{ name: 'simulated', minimumTcb: [] }],
    statuses: ['up-to-date'],
    advisories: [],
    deniedGenerations: [],
    roots: [],
    collateralAgeMsMax: 0,
  });
  const { platforms: _, caps: __, ...numbers } = policy;
  assert.deepEqual(numbers, {
    recoveryPeriodMs: 24 * hour,
    turnIntervalMs: 4.8 * hour,
    turnIntervalBatches: 0,
    variantDistance: 0,
    waiversMax: 2 ** 32 - 1,
    turnDeadlineMs: 2.4 * hour,
    sealDeadlineMs: 4.8 * hour,
    unsealed: 'wait',
    overdue: 'halt',
    epochKeys: 22,
    clockBoundMs: 5000,
    clientClockBoundMs: 60_000,
    proposalPeriodMs: 336 * hour,
    heartbeatMs: 1000,
    viewTimeoutMs: 4000,
    checkpointInterval: 64,
    window: 8,
    batchBytesMax: 4 * 1024 * 1024,
  });
});

test('every default is consistent, for every number of slots', () => {
  for (let slots = 4; slots <= 64; slots++) {
    const found = problems((written) => {
      written.slots = slots;
      written.policy.caps = { platform: slots, provider: slots, engineFamily: slots, variant: slots };
      written.policy.recoveryPeriodMs = 600_000;
    });
    assert.deepEqual(found, [], `${slots} slots`);
  }
});

test('canonical bytes come back as the same constitution, and no other bytes do', () => {
  const constitution = constitutionOf();
  const bytes = encodeConstitution(constitution);
  const decoded = decodeConstitution(bytes);
  assert.ok(decoded.ok);
  assert.ok(sameBytes(encodeConstitution(decoded.value), bytes));

  const asWritten = decodeConstitution(encodeCbor(source()));
  assert.deepEqual(asWritten, { ok: false, problems: [{ path: '', reason: 'is not in canonical form' }] });
  const value = decodeCbor(bytes);
  assert.ok(value.ok);
  const { service, ...rest } = value.value as any;
  assert.equal(decodeConstitution(encodeCbor({ ...rest, service: { ...service, surplus: 1 } })).ok, false);
  assert.equal(decodeConstitution(bytes.subarray(0, -1)).ok, false);
  assert.equal(decodeConstitution(new Uint8Array(256 * 1024 + 1)).ok, false);
});

test('a majority is more than half, and the bad ones besides; members and thresholds need what needs most', () => {
  const needed = (change: (written: any) => void, ...actions: Action[]): number[] =>
    actions.map((action) => thresholdOf(constitutionOf(change), action));
  const others = (w: any): void => {
    w.members = Array.from({ length: 7 }, (_, i) => ({ name: `${i}`, key: toHex(bytesOf(`${i}`)) }));
    w.badMembersTolerated = 2;
  };
  assert.deepEqual(needed(others, 'releases', 'members', 'memberKeys', 'genesis'), [6, 6, 1, 7]);
  const all = (w: any): void => void (w.thresholds = { earlyTurn: 'all' });
  assert.deepEqual(needed(all, 'releases', 'members', 'thresholds', 'earlyTurn'), [2, 3, 3, 3]);
});

test('the digest is of the complete document: what a default says can be written out', () => {
  const digest = toHex(constitutionDigest(cryptography, constitutionOf()));
  const writtenOut = constitutionOf((written) => {
    written.policy.window = 8;
    written.thresholds = { earlyTurn: 'majority' };
  });
  assert.equal(toHex(constitutionDigest(cryptography, writtenOut)), digest);
  const changed = constitutionOf((written) => (written.policy.window = 9));
  assert.notEqual(toHex(constitutionDigest(cryptography, changed)), digest);
});

test('the canonical bytes are frozen', () => {
  assert.equal(
    toHex(constitutionDigest(cryptography, constitutionOf())),
    '781ea0f0ea8aee911e116c57ab34d834cb07fdf3705387d23b4068312b5bb693',
  );
});

test('refuses a constitution that is too long, although each of its fields is not', () => {
  const found = problems((written) => {
    const roles = Array.from({ length: 16 }, (_, i) => `${i}-${'r'.repeat(100)}`);
    written.clients = Array.from({ length: 1024 }, (_, i) => ({ name: `${i}`, key: toHex(bytesOf(`${i}`)), roles }));
  });
  assert.deepEqual(found, [' is longer than 262144 bytes']);
});

const refusals: [string, (written: any) => void, string][] = [
  ['an unknown field', (w) => (w.policy.turnIntervalms = 1), 'policy.turnIntervalms is not a field'],
  ['a field of no plain name', (w) => (w['a\u0000b'] = 1), '(unknown) is not a field'],
  ['a missing field', (w) => delete w.clients, 'clients is missing'],
  ['another format', (w) => (w.format = 2), 'format must be an integer from 1 to 1'],
  ['too few slots', (w) => (w.slots = 3), 'slots must be an integer from 4 to 64'],
  ['a number as text', (w) => (w.slots = '4'), 'slots must be an integer from 4 to 64'],
  ['a short key', (w) => (w.members[1].key = 'abcd'), 'members[1].key must be 32 bytes in lower-case hexadecimal'],
  [
    'upper case',
    (w) => (w.members[1].key = 'AB'.repeat(32)),
    'members[1].key must be 32 bytes in lower-case hexadecimal',
  ],
  ['no members', (w) => (w.members = []), 'members must be a list of 1 to 256 items'],
  ['an object for a list', (w) => (w.members = {}), 'members must be a list of 1 to 256 items'],
  ['a list for an object', (w) => (w.policy = []), 'policy must be an object'],
  ['another word', (w) => (w.policy.overdue = 'stop'), 'policy.overdue must be "halt" or "continue"'],
  ['a name of two lines', (w) => (w.name = 'a\nb'), 'name must be one line of at most 128 bytes'],
  ['a name that turns around', (w) => (w.name = 'a\u202eb'), 'name must be one line of at most 128 bytes'],
  ['a name with a lone surrogate', (w) => (w.name = 'a\ud800'), 'name must be one line of at most 128 bytes'],
  ['an empty name', (w) => (w.name = ''), 'name must be one line of at most 128 bytes'],
  ['a long name', (w) => (w.name = 'ü'.repeat(65)), 'name must be one line of at most 128 bytes'],
  ['a name twice', (w) => (w.members[1].name = 'Ada'), 'members[1].name is there twice'],
  ['a key twice', (w) => (w.members[2].key = toHex(ada)), 'members[2].key is there twice'],
  ['a member as a client', (w) => (w.clients = [{ name: 'Client', key: toHex(bo) }]), 'clients[0].key is there twice'],
  ['a reserved role', (w) => (w.members[0].roles = ['member']), 'members[0].roles[0] is reserved'],
  ['a role twice', (w) => (w.members[0].roles = ['a', 'a']), 'members[0].roles[1] is there twice'],
  [
    'a threshold of too many',
    (w) => (w.thresholds = { earlyTurn: 4 }),
    'thresholds.earlyTurn is more than the 3 members',
  ],
  [
    'a threshold of the bad members',
    (w) => ((w.badMembersTolerated = 1), (w.thresholds = { parameters: 1 })),
    'thresholds.parameters could be reached by the bad members alone',
  ],
  [
    'members who could be outnumbered by fewer than a release needs',
    (w) => (w.thresholds = { releases: 3, members: 2 }),
    'thresholds.members must not be below that for releases',
  ],
  [
    'thresholds that fewer could lower than are needed',
    (w) => (w.thresholds = { earlyTurn: 'all', thresholds: 2 }),
    'thresholds.thresholds must not be below that for earlyTurn',
  ],
  [
    'a genesis that a half could found twice',
    (w) => ((w.badMembersTolerated = 1), (w.thresholds = { genesis: 2 })),
    'thresholds.genesis must be all, or more than half of the members and the bad ones besides',
  ],
  ['nobody but bad members', (w) => (w.badMembersTolerated = 3), 'badMembersTolerated must leave a member'],
  [
    'simulated evidence in production',
    (w) => (w.development = false),
    'policy.platforms[0].name proves nothing: for constitutions that say "development": true',
  ],
  [
    'a platform that nothing verifies',
    (w) => w.policy.platforms.push({ name: 'abacus', generations: [{ name: 'wood' }] }),
    'policy.platforms[1].name is no platform of this version',
  ],
  [
    'a platform twice',
    (w) => w.policy.platforms.push(w.policy.platforms[0]),
    'policy.platforms[1].name is there twice',
  ],
  [
    'a generation twice',
    (w) => w.policy.platforms[0].generations.push({ name: 'simulated' }),
    'policy.platforms[0].generations[1].name is there twice',
  ],
  [
    'a component twice',
    (w) => {
      const least = { component: 'firmware', version: 1 };
      w.policy.platforms[0].generations[0].minimumTcb = [least, least];
    },
    'policy.platforms[0].generations[0].minimumTcb[1].component is there twice',
  ],
  ['a release twice', (w) => w.releases.push(w.releases[0]), 'releases[1].digest is there twice'],
  [
    'a variant twice',
    (w) => w.releases[0].variants.push(w.releases[0].variants[0]),
    'releases[0].variants[4].id is there twice',
  ],
  [
    'reference values of another platform',
    (w) => (w.releases[0].variants[0].referenceValues[0].platform = 'tdx'),
    'releases[0].variants[0].referenceValues[0].platform is no platform of the policy',
  ],
  [
    'a cap that cannot be met',
    (w) => (w.policy.caps.engineFamily = 1),
    'policy.caps.engineFamily allows 1 of 4 slots each, but 2 can be had: list more, or raise the cap',
  ],
  ['a cap above the slots', (w) => (w.policy.caps.chip = 5), 'policy.caps.chip is more than the 4 slots'],
  [
    'turns too slow for the recovery period',
    (w) => (w.policy.turnIntervalMs = 6 * 3600 * 1000),
    'policy.recoveryPeriodMs must cover a turn of every slot: at least 108000000',
  ],
  [
    'a deadline that leaves no time for a prompt turn',
    (w) => (w.policy.turnDeadlineMs = 3 * 3600 * 1000),
    'policy.turnDeadlineMs must not exceed half of turnIntervalMs',
  ],
  ['too few keys', (w) => (w.policy.epochKeys = 13), 'policy.epochKeys must cover the epochs of a term: at least 14'],
  [
    'turns so fast that no list of keys is long enough',
    (w) => (w.policy.turnIntervalMs = 600_000),
    'policy.turnIntervalMs would need 292 keys an instance: at most 256 can be had',
  ],
  ['a slow heartbeat', (w) => (w.policy.viewTimeoutMs = 1000), 'policy.viewTimeoutMs must exceed heartbeatMs'],
  [
    'a slow view change',
    (w) => (w.policy.viewTimeoutMs = 3 * 3600 * 1000),
    'policy.turnDeadlineMs must exceed viewTimeoutMs',
  ],
];

for (const [what, change, problem] of refusals) {
  test(`refuses ${what}`, () => {
    const found = problems(change);
    assert.ok(found.includes(problem), found.join('\n'));
  });
}

test('names every problem at once', () => {
  const found = problems((written) => {
    written.slots = 2;
    written.members[0].key = '';
    written.policy.window = 0;
  });
  assert.equal(found.length, 3);
});

test('never throws, whatever it is given', () => {
  for (const odd of [undefined, null, 0, 'x', [], [[]], () => {}, new Map(), new Uint8Array(3), Symbol('s'), NaN]) {
    assert.equal(parseConstitution(odd).ok, false);
  }
  const polluted = JSON.parse('{"__proto__": {"format": 1}}');
  assert.equal(parseConstitution(polluted).ok, false);
  assert.equal(parseConstitution(Object.create(source())).ok, false);
});

test('answers what others ask of it', () => {
  const constitution = constitutionOf();
  assert.equal(thresholdOf(constitution, 'genesis'), 3);
  assert.equal(thresholdOf(constitution, 'earlyTurn'), 2);
  assert.ok(sameBytes(currentRelease(constitution), release));
  assert.equal(variantOf(constitution, release, 'jsc-b')?.engineFamily, 'jsc');
  assert.equal(variantOf(constitution, release, 'jsc-c'), undefined);
  assert.equal(variantOf(constitution, bytesOf('another'), 'jsc-b'), undefined);
  assert.deepEqual(weakenedCaps(constitution), ['platform', 'engineFamily']);
  assert.ok(sameBytes(constitution.members[0]!.key, fromHex(toHex(ada))!));
});

test('an auditor finds the constitution in what was written', () => {
  const constitution = constitutionOf((written) => (written.policy.window = 9));
  const value = encodeConstitution(constitution);
  const found = constitutionWritten(encodeWriteSet([{ address: '$constitution\0', value }]));
  assert.deepEqual(found && encodeConstitution(found), value);
  assert.equal(constitutionWritten(encodeWriteSet([{ address: 'service\0$constitution', value }])), undefined);
  assert.equal(constitutionWritten(Uint8Array.of(1)), undefined);
});
