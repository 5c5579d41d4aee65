/**
 * An upgrade certificate proves what it says to whoever knows the service digest, and nothing once any byte of it is another.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toHex } from '@coppice/wire';
import { migrationDigest, type UpgradeCertificate, UpgradeCollector, verifyUpgrade } from '@coppice/upgrade';
import {
  approve,
  certificateOf,
  change,
  encoded,
  manifest,
  migrated,
  names,
  provenanceOf,
  release,
  remembering as cryptography,
  Story,
  upgraded,
  upgradedInSteps,
} from './story.ts';
import { bytesOf, release as founding } from '../../governance/test/fixtures.ts';

const story = upgraded();
const made = certificateOf(story);
assert.ok(typeof made !== 'string');
const certificate: UpgradeCertificate = made;
const bytes = encoded(certificate);

function checkOf(changed: Uint8Array | Partial<UpgradeCertificate>, service = story.service): string {
  const given = changed instanceof Uint8Array ? changed : encoded({ ...certificate, ...changed });
  const verdict = verifyUpgrade(cryptography, given, service);
  return verdict.ok ? 'ok' : `${verdict.check}: ${verdict.reason}`;
}

/** Why there is no certificate. */
function lacking(result: UpgradeCertificate | string): string {
  assert.ok(typeof result === 'string');
  return result;
}

/** The document of a service that goes on from the story's, after its last batch. */
function successorOf({ records, service }: Story) {
  const document = records.find((record) => record.kind === 'genesis')!.document;
  const header = records.findLast((record) => record.kind === 'batch')!.header;
  const { certificate: commit } = records.findLast((record) => record.kind === 'commit')!;
  const { genesis } = document;
  const configuration = { ...genesis.configuration, epoch: header.epoch + 1 };
  const predecessor = {
    ...{ service, header, ledgerRoot: header.previousRoot, stateDigest: header.previousRoot },
    certificate: { subject: commit.subject, votes: [] },
  };
  return { ...document, genesis: { ...genesis, configuration, predecessor } };
}

describe('the ledger of a service that goes on from another', () => {
  const records = [...story.records, { kind: 'genesis' as const, document: successorOf(story) }];
  const collected = (service?: Uint8Array): UpgradeCollector => {
    const collector = new UpgradeCollector(cryptography, service);
    for (const record of records) collector.add(record);
    return collector;
  };
  const files = { manifest, provenance: certificate.provenance };

  it('gives the certificate of an upgrade before, as one of that service', () => {
    const collector = collected(story.service);
    assert.ok(collector.isOf(story.service));
    const before = collector.certificate(release, files);
    assert.ok(typeof before !== 'string');
    assert.deepEqual(encoded(before), bytes);
  });

  it('says of which service that is where another is asked for', () => {
    const collector = collected();
    assert.ok(!collector.isOf(story.service));
    assert.deepEqual(collector.predecessors.map(toHex), [toHex(story.service)]);
    assert.deepEqual(collector.approved, []);
    const why = lacking(collector.certificate(release, files));
    assert.match(why, new RegExp(`in the service ${toHex(story.service)}, which this one goes on from`));
  });
});

describe('an upgrade certificate', () => {
  it('shows who approved what, who sits where, and what became of the state', () => {
    const verdict = verifyUpgrade(cryptography, bytes, story.service);
    assert.ok(verdict.ok, JSON.stringify(verdict));
    const { activation, approval, from, provenance, release: built, slots, to } = verdict.facts;
    assert.deepEqual([toHex(from), toHex(to)], [toHex(founding), toHex(release)]);
    assert.deepEqual(
      approval.votes.map(({ approve: vote, member }) => [member, vote]),
      [
        ['Ada', true],
        ['Cy', false],
        ['Bo', true],
      ],
    );
    assert.deepEqual([approval.approvals, approval.needed, approval.earlier], [2, 2, 1]);
    assert.deepEqual([built.service, built.version, built.variants.length], ['supply-chain', 2, 4]);
    assert.deepEqual(
      provenance.map(({ member }) => member),
      [null],
    );
    assert.deepEqual(
      slots.map(({ epoch, slot, turn, variant }) => [slot, turn, epoch, variant]),
      [
        [0, 1, 1, 'v8-a'],
        [1, 2, 2, 'v8-b'],
        [2, 3, 3, 'jsc-a'],
        [3, 4, 4, 'jsc-b'],
      ],
    );
    assert.deepEqual(activation?.service, { from: 1, to: 2 });
    assert.deepEqual(
      activation.writes.map(({ address }) => address),
      migrated.slice(1).map(({ address }) => address),
    );
    assert.notDeepEqual(activation.stateBefore, activation.stateAfter);
    assert.deepEqual(activation.stateAfter, story.script.state.digest());
  });

  it('shows a migration in steps by their digests, and all of them', () => {
    const stepped = upgradedInSteps();
    const made = certificateOf(stepped);
    assert.ok(typeof made !== 'string');
    const verdict = verifyUpgrade(cryptography, encoded(made), stepped.service);
    assert.ok(verdict.ok);
    const { migration, stateAfter, stateBefore, writeSets } = verdict.facts.activation!;
    assert.equal(writeSets.length, 3);
    assert.deepEqual(migration, migrationDigest(cryptography, writeSets));
    assert.deepEqual(stateAfter, stepped.script.state.digest());
    assert.notDeepEqual(stateBefore, stateAfter);

    const of = made.activation!;
    const refused = (steps: typeof of.steps): string =>
      checkOf(encoded({ ...made, activation: { ...of, steps } }), stepped.service);
    assert.match(refused(of.steps.slice(1)), /^activation: 1 steps before the last, and not those that it took/);
    assert.match(refused(of.steps.toReversed()), /^activation: the step in batch \d+: not one/);
    assert.match(refused([of.steps[0]!, of.steps[0]!]), /^activation: the step in batch \d+: not one/);
    assert.match(refused([made.cleanStarts[0]!, of.steps[1]!]), /^activation: the step in batch \d+: not one/);
  });

  it('with any byte changed, missing or added is none', () => {
    const short = upgraded([]);
    const shortest = certificateOf(short);
    assert.ok(typeof shortest !== 'string');
    const original = encoded(shortest);
    assert.equal(checkOf(original, short.service), 'ok');
    const changed = original.slice();
    for (let at = 0; at < original.length; at++) {
      changed[at] = original[at]! ^ (1 << (at % 8));
      assert.notEqual(checkOf(changed, short.service), 'ok', `byte ${at}`);
      changed[at] = original[at]!;
    }
    for (const length of [0, 1, bytes.length >> 1, bytes.length - 1])
      assert.match(checkOf(bytes.subarray(0, length)), /^format: /);
    assert.match(checkOf(Uint8Array.of(...bytes, 0)), /^format: /);
    assert.match(checkOf(bytes, bytesOf('another service')), /^genesis: /);
  });

  it('is refused with the first check that fails', () => {
    const { activation, cleanStarts, decisions, epochs, provenance } = certificate;
    assert.ok(activation && provenance);
    const [first, second] = decisions;
    const cases: readonly [Partial<UpgradeCertificate>, RegExp][] = [
      [{ version: 3 }, /^format: version 3/],
      [{ constitution: bytesOf('another') }, /^genesis: another constitution/],
      [{ epochs: epochs.slice(1) }, /^epoch-chain: epoch 0: closes epoch 1/],
      [{ epochs: epochs.slice(0, 2) }, /^clean-starts: /],
      [{ decisions: [second!] }, /^decisions: decision 1 of 1: the constitution is not the one that follows/],
      [{ decisions: [second!, first!] }, /^decisions: /],
      [{ decisions: [first!, first!] }, /^decisions: decision 2 of 2: proposal 1: accepted twice/],
      [{ decisions: [first!] }, /^approval: /],
      [{ decisions: [first!, { ...second!, writeSet: first!.writeSet }] }, /^decisions: .*another write set/],
      [{ decisions: [first!, { ...second!, salt: Uint8Array.of(1) }] }, /^decisions: .*another write set/],
      [{ manifest: Buffer.concat([manifest, Buffer.from(' ')]) }, /^release: the manifest is not the one/],
      [{ provenance: provenanceOf('builder', bytesOf('another')) }, /^provenance: the statement is of another release/],
      [
        { provenance: { ...provenance, signatures: [...provenance.signatures, ...provenance.signatures] } },
        /^provenance: .* signed twice/,
      ],
      [{ provenance: { ...provenance, statement: manifest } }, /^provenance: the signature of/],
      [{ cleanStarts: cleanStarts.slice(1) }, /^clean-starts: 3 for 4 slots/],
      [{ cleanStarts: cleanStarts.toReversed() }, /^clean-starts: slot 0: the join of another instance/],
      [{ activation: { ...activation, transaction: { ...second! } } }, /^clean-starts: /],
      [{ activation: { ...activation, before: activation.after } }, /^state: before: after batch/],
      [{ activation: { ...activation, after: activation.before } }, /^state: after: after batch/],
      [{ activation: { ...activation, path: activation.path.slice(1) } }, /^state: after: of a ledger whose last/],
      [
        { activation: { ...activation, before: { ...activation.before, stateDigest: activation.after.stateDigest } } },
        /^state: before: not certified/,
      ],
    ];
    for (const [changed, reason] of cases) assert.match(checkOf(changed), reason);
    // Less is not wrong: it says less.
    assert.equal(checkOf({ provenance: undefined }), 'ok');
    assert.equal(checkOf({ activation: undefined }), 'ok');
  });

  it('is not made of decisions that too few signed, of joins that were refused, of activations that failed', () => {
    const tooFew = new Story();
    tooFew.decide(approve(), (writes) =>
      writes.map(({ address, value }) => ({
        address,
        value: value && address.startsWith('$decisions') ? value.slice(0, -1) : value,
      })),
    );
    assert.match(lacking(certificateOf(tooFew)), /no approval/);

    const refused = new Story();
    refused.decide(approve());
    for (const [slot, name] of names.entries()) refused.turn(slot, name, slot + 1, { admitted: slot !== 2 });
    assert.match(lacking(certificateOf(refused)), /no join of the instance in slot 2/);

    const failed = new Story();
    failed.decide(approve());
    for (const [slot, name] of names.entries()) failed.turn(slot, name, slot + 1);
    failed.activate([], false);
    const without = certificateOf(failed);
    assert.ok(typeof without !== 'string' && without.activation === undefined);

    const stateless = new Story();
    stateless.decide(approve());
    for (const [slot, name] of names.entries()) stateless.turn(slot, name, slot + 1);
    stateless.activate(migrated);
    stateless.script.checkpoint();
    assert.match(lacking(certificateOf(stateless)), /no certificate of the state before/);
  });

  it('is made while slots move only when all have', () => {
    const moving = new Story();
    assert.match(lacking(certificateOf(moving)), /no approval/);
    moving.decide(approve());
    moving.decide(change);
    moving.turn(1, 'n1', 1);
    assert.match(lacking(certificateOf(moving)), /^1 of 4 slots have moved/);
    assert.match(lacking(certificateOf(moving, { manifest: Buffer.from('{}') })), /no approval/);
  });
});
