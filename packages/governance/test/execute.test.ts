import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CborValue, encodeCbor, toHex } from '@coppice/wire';
import {
  type GovernanceAction,
  type GovernanceEffect,
  listProposals,
  parameterPaths,
  readConstitution,
  writeConstitution,
} from '../src/index.ts';
import { ada, bo, bytesOf, constitutionOf, cy, signerNamed, time } from './fixtures.ts';
import { decoded, period, Scene } from './scene.ts';

const early: GovernanceAction = { kind: 'early-turn', slot: 2 };
const earlyEffect: GovernanceEffect = { kind: 'early-turn', slot: 2 };
const change = (path: string, value: number | string): GovernanceAction => ({
  kind: 'set-parameters',
  changes: [{ path, value }],
});

const open = ({ state }: Scene): number[] =>
  listProposals(state, readConstitution(state)).flatMap(({ id, state: at }) => (at === 'open' ? [id] : []));

test('an action takes effect with the ballot that reaches the threshold, and once', () => {
  const scene = new Scene();
  const proposed = scene.propose(ada, early);
  assert.deepEqual(proposed, {
    proposal: 1,
    digest: scene.digests[1],
    state: 'open',
    approvals: 1,
    rejections: 0,
    needed: 2,
    expires: time + period,
    effects: [],
  });
  const decided = scene.ballot(cy, 1);
  assert.deepEqual(decided, {
    proposal: 1,
    digest: scene.digests[1],
    state: 'accepted',
    approvals: 2,
    rejections: 0,
    needed: 2,
    effects: [earlyEffect],
  });
  assert.equal(scene.ballot(bo, 1)['refused'], 'proposal-closed');
  assert.deepEqual(open(scene), []);
});

test('an action that needs one member takes effect at once', () => {
  const scene = new Scene(constitutionOf((written) => (written.thresholds = { earlyTurn: 1 })));
  assert.deepEqual(scene.propose(bo, early)['effects'], [earlyEffect]);
  assert.equal(scene.propose(bo, early)['proposal'], 2);
});

test('a threshold of all waits for all', () => {
  const scene = new Scene(constitutionOf((written) => (written.thresholds = { earlyTurn: 'all' })));
  scene.propose(ada, early);
  assert.equal(scene.ballot(bo, 1)['state'], 'open');
  assert.equal(scene.ballot(cy, 1)['state'], 'accepted');
});

test('a proposal is rejected once it cannot be accepted any more', () => {
  const scene = new Scene();
  scene.propose(ada, early);
  assert.equal(scene.ballot(bo, 1, false)['state'], 'open');
  const rejected = scene.ballot(cy, 1, false);
  assert.equal(rejected['state'], 'rejected');
  assert.deepEqual(rejected['effects'], []);
  assert.deepEqual(open(scene), []);
});

test('a member votes once, the proposer by proposing', () => {
  const scene = new Scene(constitutionOf((written) => (written.thresholds = { earlyTurn: 'all' })));
  scene.propose(ada, early);
  assert.equal(scene.ballot(ada, 1)['refused'], 'double-ballot');
  scene.ballot(bo, 1);
  assert.equal(scene.ballot(bo, 1)['refused'], 'double-ballot');
  assert.equal(scene.ballot(bo, 1, false)['refused'], 'double-ballot');
});

test('votes that became enough are counted by the next ballot, also of a member that voted', () => {
  for (const [approve, state] of [
    [true, 'accepted'],
    [false, 'rejected'],
  ] as const) {
    const scene = new Scene(constitutionOf((written) => (written.thresholds = { earlyTurn: approve ? 'all' : 2 })));
    scene.propose(ada, early);
    scene.ballot(bo, 1, approve);
    if (approve) assert.equal(scene.ballot(bo, 1)['refused'], 'double-ballot');
    const falls = approve ? 2 : 'all';
    writeConstitution(
      scene.state,
      constitutionOf((written) => (written.thresholds = { earlyTurn: falls })),
    );
    const decided = scene.ballot(bo, 1, !approve);
    assert.equal(decided['state'], state);
    assert.equal(decided['approvals'], approve ? 2 : 1, 'nobody voted twice');
    assert.equal(scene.ballot(bo, 1)['refused'], 'proposal-closed');
  }
});

test('a vote against is a vote', () => {
  const scene = new Scene(constitutionOf((written) => (written.thresholds = { earlyTurn: 1, parameters: 2 })));
  scene.propose(ada, change('clockBoundMs', 7));
  assert.equal(scene.ballot(bo, 1, false)['rejections'], 1);
  assert.equal(scene.ballot(bo, 1)['refused'], 'double-ballot');
});

test('ballots of keys that are no longer members do not count', () => {
  const scene = new Scene();
  scene.propose(ada, early);
  const successor = { name: 'Dana', key: toHex(signerNamed('dana').publicKey) };
  writeConstitution(
    scene.state,
    constitutionOf((written) => (written.members[0] = successor)),
  );
  assert.equal(scene.ballot(bo, 1)['approvals'], 1);
  assert.equal(scene.ballot(cy, 1)['state'], 'accepted');
});

test('nobody but a member governs, and anybody carries', () => {
  const scene = new Scene();
  const outsider = signerNamed('outsider').publicKey;
  assert.equal(scene.propose(outsider, early)['refused'], 'not-a-member');
  assert.equal(scene.ask(outsider, { kind: 'view' })['refused'], 'not-a-member');
  assert.equal(scene.ask(new Uint8Array(0), { kind: 'view' })['refused'], 'not-a-member');
  assert.equal(scene.propose(ada, early)['state'], 'open');
  assert.equal(scene.ballot(outsider, 1)['refused'], 'not-a-member');
});

test('a proposal expires, keeps a record, and leaves room', () => {
  const scene = new Scene();
  const { expires } = scene.propose(ada, early);
  scene.now = expires - 1;
  assert.equal(scene.ask(ada, { kind: 'view' })['proposals'].length, 1);
  scene.now = expires;
  assert.equal(scene.ballot(bo, 1)['refused'], 'proposal-expired');
  assert.equal(scene.ask(ada, { kind: 'view' })['proposals'].length, 0);
  assert.equal(scene.propose(bo, early)['proposal'], 2);
  assert.equal(scene.ballot(bo, 1)['refused'], 'no-such-proposal');
  assert.equal(scene.ask(ada, { kind: 'view-proposal', proposal: 1 })['state'], 'expired');
  assert.deepEqual(open(scene), [2]);
});

test('what is proposed already is not proposed again', () => {
  const scene = new Scene();
  scene.propose(ada, early);
  assert.equal(scene.propose(ada, early)['refused'], 'duplicate-proposal');
  const same = scene.propose(bo, early);
  assert.equal(same['refused'], 'duplicate-proposal');
  assert.match(same['message'], /proposal 1/);
  assert.equal(scene.propose(bo, { ...early, slot: 3 })['proposal'], 2);
});

test('a member has a few proposals open at a time, and others are not kept from theirs', () => {
  const scene = new Scene();
  for (let i = 0; i < 4; i++) scene.propose(ada, change('clockBoundMs', 1000 + i));
  assert.equal(scene.propose(ada, early)['refused'], 'too-many-proposals');
  assert.equal(scene.propose(bo, early)['state'], 'open');
  scene.withdraw(ada, 1);
  assert.equal(scene.propose(ada, { ...early, slot: 0 })['state'], 'open');
});

test('a proposal is withdrawn by whoever made it', () => {
  const scene = new Scene();
  scene.propose(ada, early);
  assert.equal(scene.withdraw(bo, 1)['refused'], 'not-the-proposer');
  assert.equal(scene.withdraw(ada, 1)['state'], 'withdrawn');
  assert.equal(scene.ballot(bo, 1)['refused'], 'proposal-closed');
  assert.equal(scene.withdraw(ada, 1)['refused'], 'proposal-closed');
});

test('a proposal that never was is not voted on', () => {
  const scene = new Scene();
  assert.equal(scene.ballot(ada, 1)['refused'], 'no-such-proposal');
  assert.equal(scene.withdraw(ada, 7)['refused'], 'no-such-proposal');
  assert.equal(scene.ask(ada, { kind: 'view-proposal', proposal: 7 })['refused'], 'no-such-proposal');
});

test('parameters change together, within their bounds', () => {
  const scene = new Scene();
  const hour = 3600 * 1000;
  const action: GovernanceAction = {
    kind: 'set-parameters',
    changes: [
      { path: 'recoveryPeriodMs', value: 12 * hour },
      { path: 'turnIntervalMs', value: 2 * hour },
      { path: 'turnDeadlineMs', value: hour },
      { path: 'overdue', value: 'continue' },
      { path: 'caps.provider', value: 2 },
    ],
  };
  scene.propose(ada, action);
  assert.equal(readConstitution(scene.state).policy.overdue, 'halt');
  assert.deepEqual(scene.ballot(bo, 1)['effects'], [{ kind: 'constitution' }]);
  const { policy } = readConstitution(scene.state);
  assert.deepEqual(
    [policy.recoveryPeriodMs, policy.turnIntervalMs, policy.turnDeadlineMs, policy.overdue, policy.caps.provider],
    [12 * hour, 2 * hour, hour, 'continue', 2],
  );
  assert.equal(policy.caps.variant, 1);
});

test('what the constitution does not allow is not proposed', () => {
  const scene = new Scene();
  const reason = (action: GovernanceAction): string => {
    const { refused, message } = scene.propose(ada, action);
    assert.equal(refused, 'not-applicable');
    return message;
  };
  assert.equal(reason({ kind: 'early-turn', slot: 4 }), 'there is no slot 4');
  assert.match(reason(change('clockBoundMs', 0)), /^policy.clockBoundMs must be an integer from 1/);
  assert.match(reason(change('overdue', 1)), /^policy.overdue must be "halt" or "continue"/);
  assert.match(reason(change('caps.variant', 5)), /^policy.caps.variant is more than the 4 slots/);
  assert.match(reason(change('recoveryPeriodMs', 1000)), /^policy.recoveryPeriodMs must cover/);
  const once = { path: 'clockBoundMs', value: 7 };
  const twice: GovernanceAction = { kind: 'set-parameters', changes: [once, once] };
  assert.match(reason(twice), /is there twice/);
});

test('what was decided since can make an accepted action fail: once, and without effect', () => {
  const scene = new Scene();
  const minute = 60_000;
  scene.propose(ada, change('turnDeadlineMs', 120 * minute));
  scene.ballot(bo, 1);
  // Each fits what is in force; not both.
  scene.propose(ada, change('recoveryPeriodMs', 1410 * minute));
  scene.propose(bo, change('turnIntervalMs', 295 * minute));
  assert.equal(scene.ballot(cy, 3)['state'], 'accepted');
  const failed = scene.ballot(cy, 2);
  assert.equal(failed['state'], 'failed');
  assert.match(failed['reason'], /recoveryPeriodMs must cover/);
  assert.deepEqual(failed['effects'], []);
  assert.equal(readConstitution(scene.state).policy.recoveryPeriodMs, 1440 * minute);
  assert.equal(scene.ballot(bo, 2)['refused'], 'proposal-closed');
});

test('members see the constitution, and each proposal with its ballots', () => {
  const scene = new Scene();
  scene.propose(ada, early);
  scene.ballot(cy, 1, false);
  const view = scene.ask(bo, { kind: 'view' });
  assert.equal(view['constitution'].name, 'Three hospitals');
  assert.deepEqual(view['proposals'], [1]);
  const {
    effects: _,
    ballots,
    digest,
    statement,
    proposer,
    ...proposal
  } = scene.ask(bo, {
    kind: 'view-proposal',
    proposal: 1,
  });
  assert.deepEqual(proposal, {
    ...{ id: 1, action: early, state: 'open', sequence: 12, expires: time + period },
    ...{ approvals: 1, rejections: 1, needed: 2 },
  });
  assert.deepEqual([proposer, digest, scene.digestOf(statement)].map(toHex), [
    toHex(ada),
    toHex(scene.digests[1]!),
    toHex(scene.digests[1]!),
  ]);
  const signed = ballots.map((one: any) => decoded(one.statement).statement);
  assert.deepEqual(
    signed.map((one: any) => [one.kind, toHex(one.member), toHex(one.proposal), one.approve]),
    [['ballot', toHex(cy), toHex(scene.digests[1]!), false]],
  );
});

test('what was decided stays with all that was signed, the last 64 of it', () => {
  const scene = new Scene(constitutionOf((written) => (written.thresholds = { earlyTurn: 1 })));
  for (let i = 1; i <= 66; i++) scene.propose([ada, bo][i % 2]!, { ...early, slot: i % 4 });
  const listed = listProposals(scene.state, readConstitution(scene.state));
  assert.deepEqual(
    listed.map(({ id }) => id),
    Array.from({ length: 64 }, (_, i) => i + 3),
  );
  assert.ok(listed.every(({ state, approvals, needed }) => state === 'accepted' && approvals === 1 && needed === 1));
  assert.equal(scene.ask(cy, { kind: 'view-proposal', proposal: 2 })['refused'], 'proposal-closed');
  const { statement, decidedTime } = scene.ask(cy, { kind: 'view-proposal', proposal: 66 });
  assert.equal(decoded(statement).statement.kind, 'proposal');
  assert.equal(decidedTime, time);
  // What is forgotten as a record still cannot be handed in again.
  assert.equal(scene.ballot(cy, 1)['refused'], 'proposal-closed');
});

test('every parameter has a change that is well-formed', () => {
  for (const path of parameterPaths) {
    const { refused } = new Scene().propose(ada, change(path, 'no such word'));
    assert.equal(refused, 'not-applicable', path);
  }
  for (const fixed of ['checkpointInterval', 'window', 'batchBytesMax', 'platforms', 'caps', 'slots', '__proto__']) {
    assert.ok(!parameterPaths.includes(fixed), fixed);
    assert.throws(() => new Scene().propose(ada, change(fixed, 1)), RangeError, fixed);
  }
});

test('refuses hostile payloads', () => {
  const scene = new Scene();
  const hostile: CborValue[] = [
    null,
    7,
    'submit',
    [],
    {},
    { kind: 'submit' },
    { kind: 'submit', statement: 1 },
    { kind: 'submit', statement: new Uint8Array(0) },
    { kind: 'submit', statement: new Uint8Array(1), surplus: 1 },
    { kind: 'submit', statement: new Uint8Array(1), ['\u{1f600}'.repeat(40)]: 1 },
    { kind: 'propose', action: early as unknown as CborValue },
    { kind: 'view-proposal', proposal: 0 },
    { kind: 'constructor' },
    new Map<number | string, CborValue>([[1, 2]]),
  ];
  for (const payload of hostile) {
    const { refused } = scene.send(ada, encodeCbor(payload));
    assert.equal(refused, 'malformed-operation', JSON.stringify(payload));
  }
  assert.equal(scene.send(ada, bytesOf('no CBOR'))['refused'], 'malformed-operation');
  assert.equal(scene.send(ada, new Uint8Array(140_000))['refused'], 'malformed-operation');
});
