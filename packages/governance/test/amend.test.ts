/** Who is in, what is launched, who may do what: each action, what it needs, and what it is refused for. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toHex } from '@coppice/wire';
import { clientRoles, currentRelease, type GovernanceAction, readConstitution, variantOf } from '../src/index.ts';
import { ada, bo, bytesOf, constitutionOf, cy, release, signerNamed, time, weakKey } from './fixtures.ts';
import { Scene } from './scene.ts';

const [dana, eve] = ['dana', 'eve'].map((name) => signerNamed(name).publicKey) as [Uint8Array, Uint8Array];
const inForce = ({ state }: Scene) => readConstitution(state);
const names = (scene: Scene): string[] => inForce(scene).members.map(({ name }) => name);

function refusal(scene: Scene, member: Uint8Array, action: GovernanceAction): [string, string] {
  const { refused, message } = scene.propose(member, action);
  assert.equal(typeof refused, 'string');
  return [refused, message];
}

describe('members', () => {
  const takeIn: GovernanceAction = { kind: 'add-member', member: { name: 'Dana', key: dana, roles: ['auditor'] } };
  const putOut: GovernanceAction = { kind: 'remove-member', key: cy };

  test('come in by a majority, and govern from then on', () => {
    const scene = new Scene();
    const proposed = scene.propose(ada, takeIn);
    assert.deepEqual([proposed['state'], proposed['needed']], ['open', 2]);
    assert.deepEqual(names(scene), ['Ada', 'Bo', 'Cy']);
    assert.equal(scene.propose(dana, { kind: 'early-turn', slot: 0 })['refused'], 'not-a-member');
    assert.deepEqual(scene.ballot(bo, 1)['effects'], [{ kind: 'constitution' }]);
    assert.deepEqual(names(scene), ['Ada', 'Bo', 'Cy', 'Dana']);
    assert.deepEqual(clientRoles(scene.state, dana), ['member', 'client', 'auditor']);
    // A majority of four is three.
    assert.equal(scene.propose(dana, { kind: 'early-turn', slot: 0 })['needed'], 3);
  });

  test('go, and so do their roles and ballots', () => {
    const scene = new Scene();
    scene.propose(cy, { kind: 'early-turn', slot: 1 });
    assert.equal(scene.decide(putOut, ada, bo)['state'], 'accepted');
    assert.deepEqual(names(scene), ['Ada', 'Bo']);
    assert.deepEqual(clientRoles(scene.state, cy), ['client']);
    assert.equal(scene.ballot(cy, 1)['refused'], 'not-a-member');
    assert.equal(scene.propose(cy, takeIn)['refused'], 'not-a-member');
    assert.deepEqual([scene.ballot(ada, 1)['approvals'], scene.ballot(bo, 1)['state']], [1, 'accepted']);
  });

  test('are not so few that a threshold cannot be met', () => {
    const scene = new Scene(constitutionOf((written) => (written.thresholds = { releases: 3 })));
    const [code, message] = refusal(scene, ada, putOut);
    assert.equal(code, 'not-applicable');
    assert.match(message, /thresholds.releases is more than the 2 members/);
  });

  test('are never all bad', () => {
    const scene = new Scene(constitutionOf((written) => (written.badMembersTolerated = 1)));
    assert.equal(scene.decide(putOut, ada, bo, cy)['state'], 'accepted');
    const [code, message] = refusal(scene, ada, { kind: 'remove-member', key: bo });
    assert.deepEqual([code, message], ['not-applicable', 'badMembersTolerated must leave a member']);
  });

  test('are different, known, and have keys of their own', () => {
    const scene = new Scene();
    const member = (name: string, key: Uint8Array): GovernanceAction => ({ kind: 'add-member', member: { name, key } });
    assert.equal(refusal(scene, ada, member('Ada', dana))[1], 'members[3].name is there twice');
    assert.equal(refusal(scene, ada, member('Dana', bo))[0], 'already-so');
    assert.equal(refusal(scene, ada, member('Dana', weakKey))[0], 'weak-key');
    assert.equal(refusal(scene, ada, { kind: 'remove-member', key: dana })[0], 'no-such-member');
  });

  test('may have founded by a number that is theirs no more', () => {
    const scene = new Scene(constitutionOf((written) => (written.thresholds = { genesis: 3 })));
    assert.equal(scene.decide(putOut, ada, bo)['state'], 'accepted');
    assert.equal(inForce(scene).thresholds.genesis, 'all');
  });
});

describe('a key', () => {
  const rotation = (scene: Scene, changes: object = {}): Extract<GovernanceAction, { kind: 'rotate-key' }> => ({
    kind: 'rotate-key',
    key: ada,
    successor: dana,
    proof: scene.possession(dana, ada),
    ...changes,
  });

  test('is given up for another by its holder alone; ballots of the old one stop counting', () => {
    const scene = new Scene();
    scene.propose(ada, { kind: 'early-turn', slot: 1 });
    const rotated = scene.propose(ada, rotation(scene));
    assert.deepEqual([rotated['state'], rotated['needed']], ['accepted', 1]);
    assert.deepEqual(names(scene), ['Ada', 'Bo', 'Cy']);
    assert.deepEqual(clientRoles(scene.state, dana), ['member', 'client']);
    assert.equal(scene.propose(ada, { kind: 'early-turn', slot: 2 })['refused'], 'not-a-member');
    const counted = scene.ballot(bo, 1);
    assert.deepEqual([counted['state'], counted['approvals']], ['open', 1]);
    assert.equal(scene.ballot(dana, 1)['state'], 'accepted');
  });

  test('waits for others where the constitution says so', () => {
    const scene = new Scene(constitutionOf((written) => (written.thresholds = { memberKeys: 2 })));
    assert.equal(scene.propose(ada, rotation(scene))['state'], 'open');
    assert.equal(scene.ballot(bo, 1)['state'], 'accepted');
  });

  test('is not given up for one that does not show itself', () => {
    const scene = new Scene();
    const proofs: [Uint8Array, RegExp][] = [
      [bytesOf('nothing'), /no signed statement/],
      [scene.possession(dana, bo), /for the place of another key/],
      [scene.possession(eve, ada), /of another key/],
      [scene.possession(dana, ada, { service: bytesOf('elsewhere') }), /another service/],
      [scene.possession(dana, ada, { expires: time }), /expired/],
      [scene.proposal(ada, { kind: 'early-turn', slot: 0 }), /signed proposal/],
    ];
    const good = scene.possession(dana, ada);
    proofs.push([good.with(good.length - 1, good.at(-1)! ^ 1), /signature/]);
    for (const [proof, reason] of proofs) {
      const [code, message] = refusal(scene, ada, rotation(scene, { proof }));
      assert.equal(code, 'wrong-key-proof');
      assert.match(message, reason);
    }
    assert.deepEqual(toHex(inForce(scene).members[0]!.key), toHex(ada));
  });

  test('is not given up by another member, or for a key that anybody or somebody has', () => {
    const scene = new Scene();
    assert.equal(refusal(scene, bo, rotation(scene))[0], 'not-the-key-holder');
    assert.equal(refusal(scene, ada, rotation(scene, { successor: weakKey }))[0], 'weak-key');
    const taken = rotation(scene, { successor: bo, proof: scene.possession(bo, ada) });
    assert.deepEqual(refusal(scene, ada, taken), ['not-applicable', 'members[1].key is there twice']);
  });
});

describe('releases', () => {
  const [second, third] = [bytesOf('release 2'), bytesOf('release 3')];
  const values = (measurement: Uint8Array) => [{ platform: 'simulated', measurements: [measurement] }];
  const variants = ['v8-a', 'v8-b', 'jsc-a', 'jsc-b'].map((id) => ({
    id,
    engineFamily: id.split('-')[0]!,
    referenceValues: values(bytesOf('measured')),
  }));
  const approve = (digest: Uint8Array): GovernanceAction => ({
    kind: 'approve-release',
    release: { digest, variants },
  });
  const retire = (digest: Uint8Array): GovernanceAction => ({ kind: 'retire-release', digest });
  const listed = (scene: Scene): string[] => inForce(scene).releases.map(({ digest }) => toHex(digest));

  test('are launched once enough members approve them, the last one', () => {
    const scene = new Scene();
    assert.equal(scene.propose(ada, approve(second))['state'], 'open');
    assert.equal(toHex(currentRelease(inForce(scene))), toHex(release));
    scene.ballot(cy, 1);
    assert.equal(toHex(currentRelease(inForce(scene))), toHex(second));
    assert.deepEqual(listed(scene), [release, second].map(toHex));
    assert.equal(refusal(scene, ada, approve(second))[0], 'already-so');
  });

  test('go back by an approval, and not by taking the newest away', () => {
    const scene = new Scene();
    scene.decide(approve(second), ada, bo);
    assert.deepEqual(refusal(scene, ada, retire(second)), [
      'release-in-use',
      'turns launch this release: approve another first',
    ]);
    assert.equal(scene.decide(approve(release), ada, bo)['state'], 'accepted');
    assert.deepEqual(listed(scene), [second, release].map(toHex));
    assert.equal(scene.decide(retire(second), ada, bo)['state'], 'accepted');
    assert.deepEqual(listed(scene), [toHex(release)]);
    assert.equal(refusal(scene, ada, retire(release))[0], 'release-in-use');
    assert.equal(refusal(scene, ada, retire(third))[0], 'no-such-release');
  });

  test('that were raced are decided as things are then', () => {
    const scene = new Scene();
    scene.decide(approve(second), ada, bo);
    scene.propose(ada, retire(release));
    scene.propose(bo, approve(release));
    scene.ballot(cy, scene.digests.length - 1);
    const failed = scene.ballot(bo, scene.digests.length - 2);
    assert.deepEqual([failed['state'], failed['code'], failed['effects']], ['failed', 'release-in-use', []]);
  });

  test('get other reference values, which are of their variants and of platforms of the policy', () => {
    const scene = new Scene();
    const set = (...changes: [string, string, Uint8Array[]][]): GovernanceAction => ({
      kind: 'set-reference-values',
      release,
      values: changes.map(([variant, platform, measurements]) => ({ variant, platform, measurements })),
    });
    const measured = bytesOf('measured anew');
    assert.equal(scene.decide(set(['v8-b', 'simulated', [measured]]), ada, bo)['state'], 'accepted');
    const after = variantOf(inForce(scene), release, 'v8-b')!.referenceValues;
    assert.deepEqual(
      after.map(({ platform, measurements }) => [platform, measurements.map(toHex)]),
      [['simulated', [toHex(measured)]]],
    );
    assert.equal(refusal(scene, ada, set(['v9', 'simulated', [measured]]))[0], 'no-such-variant');
    assert.match(refusal(scene, ada, set(['v8-a', 'sev-snp', [measured]]))[1], /no platform of the policy/);
    assert.match(refusal(scene, ada, set(['v8-a', 'simulated', []]))[1], /referenceValues must be a list of 1/);
    const twice = ['v8-a', 'simulated', [measured]] satisfies [string, string, Uint8Array[]];
    assert.match(refusal(scene, ada, set(twice, twice))[1], /twice/);
    const other: GovernanceAction = { kind: 'set-reference-values', release: third, values: [] };
    assert.throws(() => scene.propose(ada, other), RangeError);
  });
});

describe('users of the service', () => {
  const closed = constitutionOf((written) => (written.clients = []));
  const takeIn: GovernanceAction = { kind: 'add-client', client: { name: 'Dana', key: dana, roles: ['nurse'] } };

  test('come in, get roles, lose them, and go', () => {
    const scene = new Scene(closed);
    assert.equal(clientRoles(scene.state, dana), undefined);
    scene.decide(takeIn, ada, bo);
    assert.deepEqual(clientRoles(scene.state, dana), ['client', 'nurse']);
    scene.decide({ kind: 'set-roles', key: dana, roles: ['doctor', 'nurse'] }, ada, bo);
    assert.deepEqual(clientRoles(scene.state, dana), ['client', 'doctor', 'nurse']);
    scene.decide({ kind: 'set-roles', key: dana, roles: [] }, ada, bo);
    assert.deepEqual(clientRoles(scene.state, dana), ['client']);
    scene.decide({ kind: 'remove-client', key: dana }, ada, bo);
    assert.equal(clientRoles(scene.state, dana), undefined);
  });

  test('are members, too, whose roles change without their being members less', () => {
    const scene = new Scene();
    scene.decide({ kind: 'set-roles', key: bo, roles: ['auditor'] }, ada, cy);
    assert.deepEqual(clientRoles(scene.state, bo), ['member', 'client', 'auditor']);
  });

  test('are refused by name', () => {
    const scene = new Scene(closed);
    scene.decide(takeIn, ada, bo);
    assert.equal(refusal(scene, ada, takeIn)[0], 'already-so');
    assert.equal(refusal(scene, ada, { kind: 'remove-client', key: eve })[0], 'no-such-client');
    assert.equal(refusal(scene, ada, { kind: 'set-roles', key: eve, roles: [] })[0], 'no-such-client');
    const weak: GovernanceAction = { kind: 'add-client', client: { name: 'Anybody', key: weakKey } };
    assert.equal(refusal(scene, ada, weak)[0], 'weak-key');
    assert.match(refusal(scene, ada, { kind: 'set-roles', key: dana, roles: ['member'] })[1], /is reserved/);
    const open = new Scene();
    assert.equal(refusal(open, ada, takeIn)[0], 'clients-open');
    assert.equal(refusal(open, ada, { kind: 'remove-client', key: dana })[0], 'clients-open');
    assert.equal(refusal(open, ada, { kind: 'set-roles', key: dana, roles: [] })[0], 'clients-open');
  });
});

describe('auditors', () => {
  const [one, other] = [dana, eve].map((key, i) => ({ name: `auditor ${i}`, key }));
  const scene = (): Scene => new Scene(constitutionOf((written) => (written.auditors = [one!])));

  test('are set by as many as members are', () => {
    const consortium = scene();
    assert.equal(consortium.propose(ada, { kind: 'set-auditors', auditors: [other!] })['needed'], 2);
    consortium.ballot(bo, 1);
    assert.deepEqual(inForce(consortium).auditors, [other]);
  });

  test('are each there once, and cannot come to a service without any', () => {
    const twice: GovernanceAction = { kind: 'set-auditors', auditors: [one!, { ...other!, key: one!.key }] };
    assert.match(refusal(scene(), ada, twice)[1], /auditors\[1\]\.key is there twice/);
    const first: GovernanceAction = { kind: 'set-auditors', auditors: [one!] };
    assert.deepEqual(refusal(new Scene(), ada, first), [
      'not-applicable',
      'the service was founded to write in the clear',
    ]);
  });
});

describe('keys of recovery', () => {
  const [x, y, z] = [dana, eve, weakKey];
  const recovery = {
    threshold: 2,
    keys: [
      { member: ada, key: x },
      { member: bo, key: y },
      { member: cy, key: z },
    ],
  };
  const scene = (): Scene => new Scene(constitutionOf((written) => (written.recovery = recovery)));

  test('are set by as many as members are, each of a member, and enough of them', () => {
    const consortium = scene();
    const fewer = { threshold: 2, keys: recovery.keys.slice(0, 2) };
    assert.equal(consortium.propose(ada, { kind: 'set-recovery', recovery: fewer })['needed'], 2);
    consortium.ballot(bo, 1);
    assert.deepEqual(inForce(consortium).recovery, fewer);
    const wrong = (changed: object): string => {
      const action: GovernanceAction = { kind: 'set-recovery', recovery: { ...recovery, ...changed } };
      return refusal(scene(), ada, action)[1];
    };
    assert.match(wrong({ threshold: 4 }), /recovery\.threshold is more than the 3 keys/);
    assert.match(wrong({ keys: [...fewer.keys, { member: dana, key: z }] }), /keys\[2\]\.member is no member’s key/);
    assert.match(wrong({ keys: [...fewer.keys, { member: cy, key: y }] }), /keys\[2\]\.key is there twice/);
    const first: GovernanceAction = { kind: 'set-recovery', recovery };
    assert.match(refusal(new Scene(), ada, first)[1], /in the clear/);
  });

  test('go with the member who is put out, where enough are left', () => {
    const consortium = scene();
    consortium.propose(ada, { kind: 'remove-member', key: cy });
    consortium.ballot(bo, 1);
    assert.deepEqual(inForce(consortium).recovery, { threshold: 2, keys: recovery.keys.slice(0, 2) });
    assert.match(refusal(consortium, ada, { kind: 'remove-member', key: bo })[1], /recovery/);
  });

  test('stay with a member that takes another key', () => {
    const consortium = scene();
    const proof = consortium.possession(dana, ada);
    consortium.propose(ada, { kind: 'rotate-key', key: ada, successor: dana, proof });
    assert.deepEqual(inForce(consortium).recovery?.keys[0], { member: dana, key: x });
  });
});

describe('thresholds', () => {
  const set = (thresholds: object, others: object = {}): GovernanceAction => ({
    kind: 'set-thresholds',
    thresholds,
    ...others,
  });

  test('change by their own, and then count', () => {
    const scene = new Scene(constitutionOf((written) => (written.thresholds = { thresholds: 'all', members: 'all' })));
    const proposed = scene.propose(ada, set({ earlyTurn: 1 }));
    assert.equal(proposed['needed'], 3);
    scene.ballot(bo, 1);
    assert.equal(inForce(scene).thresholds.earlyTurn, 'majority');
    scene.ballot(cy, 1);
    assert.equal(scene.propose(bo, { kind: 'early-turn', slot: 0 })['state'], 'accepted');
  });

  test('are not below what safety needs', () => {
    const scene = new Scene(constitutionOf((written) => (written.badMembersTolerated = 1)));
    assert.match(refusal(scene, ada, set({ releases: 1 }))[1], /releases could be reached by the bad members alone/);
    assert.match(refusal(scene, ada, set({ parameters: 4 }))[1], /is more than the 3 members/);
    assert.match(refusal(scene, ada, set({ thresholds: 2 }))[1], /thresholds.thresholds must not be below that for/);
    assert.match(refusal(scene, ada, set({ members: 2 }))[1], /thresholds.members must not be below that for/);
    assert.match(refusal(scene, ada, set({}, { badMembersTolerated: 3 }))[1], /must leave a member/);
  });

  test('of what founds a service are not changed', () => {
    assert.throws(() => new Scene().propose(ada, set({ genesis: 1 })), RangeError);
  });
});

describe('platforms', () => {
  test('go only when no release is measured on them, and never the last', () => {
    const scene = new Scene();
    const name = 'sev-snp';
    const platform = { name, generations: [{ name: 'Milan' }] };
    assert.equal(scene.decide({ kind: 'set-platform', platform }, ada, bo)['state'], 'accepted');
    const variant = { variant: 'v8-a', platform: name, measurements: [bytesOf('measured')] };
    scene.decide({ kind: 'set-reference-values', release, values: [variant] }, ada, bo);
    assert.match(refusal(scene, ada, { kind: 'remove-platform', name })[1], /is no platform of the policy/);
    scene.decide({ kind: 'set-reference-values', release, values: [{ ...variant, measurements: [] }] }, ada, bo);
    assert.equal(scene.decide({ kind: 'remove-platform', name }, ada, bo)['state'], 'accepted');
    assert.equal(refusal(scene, ada, { kind: 'remove-platform', name })[0], 'no-such-platform');
    assert.equal(refusal(scene, ada, { kind: 'remove-platform', name: 'simulated' })[0], 'not-applicable');
  });
});
