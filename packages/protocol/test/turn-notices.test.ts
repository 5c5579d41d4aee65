import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MerkleTree } from '@coppice/ledger';
import {
  type FaultProof,
  type Header,
  headerDigest,
  type Subject,
  suspicionStatement,
  type Vote,
  voteStatement,
} from '@coppice/wire';
import { keysIn, type Membership, sealed } from '../src/membership.ts';
import { countErasure, countFault, countSuspicion } from '../src/turn-notices.ts';
import { batch, codeOf, completeTurn, erase, erasureOf, taken } from './turn-driver.ts';
import * as fixture from './turn-fixture.ts';

const { contextAt, cryptography, digestOfText, founded, service, sign } = fixture;

/** Epoch 1: slot 0 changed hands; epoch 0 is sealed but for what `notices` leaves out. */
function epochOne(): Membership {
  const m = completeTurn(batch(founded(), 200), 210, 'new');
  return { ...m, previous: m.previous.map((entry) => ({ ...entry, erased: false })) };
}

describe('erasure', () => {
  const count = (m: Membership, of: ReturnType<typeof erasureOf>) => countErasure(m, contextAt(300), of);

  it('seals an epoch when q of its incumbents gave notice', () => {
    let m = epochOne();
    assert.ok(!sealed(m));
    m = erase(m, 300, [0, 1]);
    assert.ok(!sealed(m));
    assert.ok(sealed(erase(m, 300, [3])));
    assert.ok(sealed(founded()));
  });

  it('counts a slot once', () => {
    const m = erase(epochOne(), 300, [1]);
    assert.equal(codeOf(count(m, { ...erasureOf(m, 1) })), 'already-done');
  });

  it('asks an incumbent that stays for its key of this epoch, one that left for its identity key', () => {
    const m = epochOne();
    const stays = erasureOf(m, 1);
    const statement = { ...stays, signature: sign(digestOfText('g1'), new Uint8Array(0)) };
    assert.equal(codeOf(count(m, statement)), 'invalid');
    const old = keysIn(m.occupants[1]!, 0)!.signingKey;
    assert.equal(codeOf(count(m, { ...stays, signature: sign(old, new Uint8Array(0)) })), 'invalid');
    assert.equal(codeOf(count(m, stays)), 'done');
    assert.equal(codeOf(count(m, erasureOf(m, 0))), 'done');
  });

  it('is refused for another epoch, instance, slot or service', () => {
    const m = epochOne();
    const good = erasureOf(m, 0);
    assert.equal(codeOf(count(m, { ...good, epoch: 1 })), 'stale');
    assert.equal(codeOf(count(founded(), good)), 'stale');
    assert.equal(codeOf(count(m, { ...good, instance: digestOfText('new') })), 'not-seated');
    assert.equal(codeOf(count(m, { ...good, slot: 7 })), 'not-seated');
    assert.equal(codeOf(count(m, { ...good, service: digestOfText('x') })), 'wrong-service');
  });
});

function suspicionOf(m: Membership, slot: number, suspect: number) {
  const unsigned = {
    ...{ service, epoch: m.epoch, slot, suspect, reason: 'silent' as 'silent' | 'refusing' },
    instance: m.occupants[suspect]!.instance,
  };
  return {
    ...unsigned,
    signature: sign(keysIn(m.occupants[slot]!, m.epoch)!.signingKey, suspicionStatement(unsigned)),
  };
}

describe('suspicion', () => {
  const count = (m: Membership, of: ReturnType<typeof suspicionOf>) => countSuspicion(m, contextAt(300), of);

  it('accuses the suspect of f + 1 slots, counting each once', () => {
    let m = taken(count(founded(), suspicionOf(founded(), 2, 1)));
    assert.equal(m.slots[1]!.accused, 'no');
    assert.equal(codeOf(count(m, suspicionOf(m, 2, 1))), 'already-done');
    m = taken(count(m, suspicionOf(m, 0, 1)));
    assert.deepEqual([m.slots[1]!.accused, m.slots[1]!.suspectedBy], ['suspected', [0, 2]]);
    assert.equal(codeOf(count(m, suspicionOf(m, 3, 1))), 'already-done');
    assert.equal(batch(m, 1).open?.slot, 1);
  });

  it('believes an instance that suspects itself', () => {
    assert.equal(taken(count(founded(), suspicionOf(founded(), 2, 2))).slots[2]!.accused, 'suspected');
  });

  it('forgets suspicions at the end of the epoch, but not an accusation of one who stays', () => {
    let m = taken(count(founded(), suspicionOf(founded(), 2, 1)));
    m = taken(count(m, suspicionOf(m, 3, 3)));
    m = completeTurn(batch(m, 200), 210, 'new');
    assert.equal(m.epoch, 1);
    assert.deepEqual(m.slots[1]!.suspectedBy, []);
    // Two are due, and the schedule goes first: the accused one is next.
    assert.deepEqual([m.finished[0]!.slot, m.slots[3]!.accused], [0, 'suspected']);
    m = completeTurn(batch(m, 220), 230, 'newer');
    assert.deepEqual([m.finished[1]!.slot, m.finished[1]!.reason, m.slots[3]!.accused], [3, 'reactive', 'no']);
  });

  it('is refused for other epochs and instances, and invalid with a bad signature', () => {
    const m = founded();
    const good = suspicionOf(m, 2, 1);
    assert.equal(codeOf(count(m, { ...good, epoch: 1 })), 'stale');
    assert.equal(codeOf(count(m, { ...good, instance: digestOfText('g0') })), 'not-seated');
    assert.equal(codeOf(count(m, { ...good, suspect: 9 })), 'not-seated');
    assert.equal(codeOf(count(m, { ...good, slot: 9 })), 'not-seated');
    assert.equal(codeOf(count(m, { ...good, service: digestOfText('x') })), 'wrong-service');
    assert.equal(codeOf(count(m, { ...good, slot: 3 })), 'invalid');
    assert.equal(codeOf(count(m, { ...good, reason: 'refusing' })), 'invalid');
  });
});

describe('fault proof', () => {
  const key = founded().occupants[1]!.keys[0]!.signingKey;

  function vote(subject: Partial<Subject>, signer = key): Vote {
    const full = {
      ...{ epoch: 0, view: 2, sequence: 10, headerDigest: digestOfText('a'), newView: digestOfText('view') },
      ...subject,
    };
    const commitment = digestOfText('nonce');
    return { subject: full, slot: 1, commitment, signature: sign(signer, voteStatement(service, full, commitment)) };
  }

  const proofOf = (first: Vote, second: Vote, fork?: FaultProof['fork']): FaultProof => ({
    ...{ slot: 1, instance: digestOfText('g1'), first, second, fork },
  });
  const count = (proof: FaultProof, m = founded()) => countFault(m, contextAt(300), proof);
  const other = { headerDigest: digestOfText('b') };

  it('accuses the present instance, once', () => {
    const m = taken(count(proofOf(vote({}), vote(other))));
    assert.equal(m.slots[1]!.accused, 'proven');
    assert.equal(codeOf(count(proofOf(vote({}), vote(other)), m)), 'already-done');
  });

  it('counts two new-views in one view', () => {
    assert.equal(codeOf(count(proofOf(vote({}), vote({ newView: digestOfText('other') })))), 'done');
  });

  it('does not count votes of two views, for one header, of another key or slot', () => {
    assert.equal(codeOf(count(proofOf(vote({}), vote({ ...other, view: 3 })))), 'invalid');
    assert.equal(codeOf(count(proofOf(vote({}), vote({})))), 'invalid');
    assert.equal(codeOf(count(proofOf(vote({}), vote(other, digestOfText('x'))))), 'invalid');
    assert.equal(codeOf(count(proofOf(vote({}), { ...vote(other), slot: 2 }))), 'invalid');
    assert.equal(codeOf(count(proofOf(vote({}), vote({ ...other, sequence: 11 })))), 'invalid');
  });

  it('does not count against the one who came after, or for an epoch without a key', () => {
    const m = founded();
    const succeeded = { ...m, occupants: m.occupants.map((one, i) => (i === 1 ? m.occupants[2] : one)) };
    assert.equal(codeOf(count(proofOf(vote({}), vote(other)), succeeded)), 'not-seated');
    assert.equal(codeOf(count(proofOf(vote({ epoch: 1 }), vote({ ...other, epoch: 1 })))), 'stale');
    const later = { ...m, occupants: m.occupants.map((one) => one && { ...one, firstEpoch: 1 }), epoch: 1 };
    assert.equal(codeOf(count(proofOf(vote({}), vote(other)), later)), 'stale');
  });

  /** A later header whose past has `at` in tenth place, with the path that shows it. */
  function fork(at: Uint8Array) {
    const tree = new MerkleTree(cryptography);
    for (let sequence = 1; sequence < 21; sequence++) tree.append(sequence === 10 ? at : digestOfText(`h${sequence}`));
    const header: Header = {
      ...{ protocolVersion: 1, service, epoch: 0, sequence: 21, time: 0, proposer: 0, previousRoot: tree.root() },
      ...{ transactionsRoot: digestOfText('t'), transactions: 0, configuration: digestOfText('c') },
    };
    return { header, headerDigest: at, path: tree.inclusionPath(9, 20) };
  }

  it('counts a later vote on another chain', () => {
    const shown = fork(digestOfText('b'));
    const later = vote({ sequence: 21, headerDigest: headerDigest(cryptography, shown.header) });
    assert.equal(codeOf(count(proofOf(vote({}), later, shown))), 'done');
    assert.equal(codeOf(count(proofOf(vote({}), later, { ...shown, path: shown.path.slice(1) }))), 'invalid');
    assert.equal(codeOf(count(proofOf(vote({ sequence: 9 }), later, shown))), 'invalid');
    assert.equal(codeOf(count(proofOf(later, vote({}), shown))), 'invalid');
    const wrong = { ...shown, header: { ...shown.header, time: 1 } };
    assert.equal(codeOf(count(proofOf(vote({}), later, wrong))), 'invalid');
    const same = fork(digestOfText('a'));
    const extending = vote({ sequence: 21, headerDigest: headerDigest(cryptography, same.header) });
    assert.equal(codeOf(count(proofOf(vote({}), extending, same))), 'invalid');
  });
});
